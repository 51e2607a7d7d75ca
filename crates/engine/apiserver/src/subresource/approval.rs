//! `certificatesigningrequests/approval`: whether a request for a certificate is approved or denied.

use bythos_access::Request;
use bythos_schema::{FieldError, FieldPath};
use http::Response;
use serde_json::{Value, json};

use crate::authorize::decide;
use crate::body::Body;
use crate::object;
use crate::resources::Target;
use crate::status::Failure;
use crate::subresource::status;
use crate::write::Writing;

pub(crate) async fn update(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    status::replace(target, approved).await
}

/// What was said of a request is not taken back, and not contradicted.
fn approved(writing: &Writing<'_>, old: &Value, new: &Value) -> Result<Value, Failure> {
    expect_approver(writing, old)?;
    let approved = with_conditions_of(old, new);
    let mut errors = (writing.served.kind.rules.validate)(&approved);
    let path = FieldPath::root().field("status").field("conditions");
    let taken_back = said(old).into_iter().filter(|type_| !said(&approved).contains(type_));
    errors.extend(taken_back.map(|type_| {
        FieldError::forbidden(path.clone(), format!("updates may not remove a condition of type {type_:?}"))
    }));
    if errors.is_empty() { Ok(approved) } else { Err(writing.invalid(object::name(old), errors)) }
}

/// Refuses who may not `approve` for the signer, by its name or by `example.com/*`.
fn expect_approver(writing: &Writing<'_>, request: &Value) -> Result<(), Failure> {
    let signer = object::text_at(request, "/spec/signerName").unwrap_or_default();
    let domain = signer.split_once('/').map_or(signer, |(domain, _)| domain);
    let may_approve_for = |name: &str| {
        let asked = Request::Resource {
            verb: "approve",
            group: "certificates.k8s.io",
            resource: "signers",
            subresource: "",
            namespace: "",
            name,
        };
        decide(writing.state, writing.user, &asked).allowed
    };
    if may_approve_for(signer) || may_approve_for(&format!("{domain}/*")) {
        return Ok(());
    }
    let reason = format!("user not permitted to approve requests with signerName {signer:?}");
    Err(writing.forbidden(request, &reason))
}

fn said(request: &Value) -> Vec<&str> {
    let conditions = request.pointer("/status/conditions").and_then(Value::as_array);
    let types = conditions.into_iter().flatten().filter_map(|condition| object::text_at(condition, "/type"));
    types.collect()
}

/// `old`, with the conditions of `new`, each with the times at which it was said.
fn with_conditions_of(old: &Value, new: &Value) -> Value {
    let mut conditions = new.pointer("/status/conditions").cloned().unwrap_or_else(|| json!([]));
    for condition in conditions.as_array_mut().into_iter().flatten() {
        for time in ["lastUpdateTime", "lastTransitionTime"] {
            if object::text_at(condition, &format!("/{time}")).is_none() {
                object::set_field(condition, time, Some(json!(object::now())));
            }
        }
    }
    let mut approved = old.clone();
    object::field_mut(&mut approved, "status").insert("conditions".to_owned(), conditions);
    approved
}
