//! `serviceaccounts/token`: a token that stands for the account, and ends with the object that it is bound to.

use std::time::{SystemTime, UNIX_EPOCH};

use bythos_access::token::{Bound, Claims, Reference};
use bythos_schema::{FieldError, FieldPath, Refusal};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::authenticate::own_audiences;
use crate::body::Body;
use crate::resources::Target;
use crate::status::{Failure, ResourceName};
use crate::{decode, object};

const LIFETIME_SECONDS: u64 = 60 * 60;
const LIFETIME_SECONDS_MIN: u64 = 10 * 60;
const LIFETIME_SECONDS_MAX: u64 = 1 << 32;
/// A pod's own token, as it is asked for by the volume that each pod gets, is good for a year, so that programs which
/// read it once go on. Its holder is expected to ask for another one after this time all the same.
const POD_LIFETIME_SECONDS: u64 = 60 * 60 + 7;
const EXTENDED_LIFETIME_SECONDS: u64 = 365 * 24 * 60 * 60;

pub(crate) fn create(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let mut request = decode::of_kind(target.call, "authentication.k8s.io", &["v1"], "TokenRequest")?;
    let account = target.object()?;
    let lifetime = lifetime(&request)?;
    let audiences = audiences(&request);
    let mut bound = Bound {
        namespace: target.namespace.to_owned(),
        account: reference(&account),
        pod: None,
        secret: None,
        node: None,
        warn_after: None,
    };
    if let Some(wanted) = request.pointer("/spec/boundObjectRef").filter(|wanted| !wanted.is_null()) {
        bind(target, wanted, &mut bound)?;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let is_extended = bound.pod.is_some() && lifetime == POD_LIFETIME_SECONDS && audiences == own_audiences();
    let signed_lifetime = if is_extended { EXTENDED_LIFETIME_SECONDS } else { lifetime };
    bound.warn_after = is_extended.then(|| now.saturating_add(lifetime));
    let claims = Claims::new(uuid::Uuid::new_v4().to_string(), bound, audiences, now, signed_lifetime);
    let token =
        target.call.state.tokens.sign(&claims).map_err(|error| Failure::Internal(error.to_string()))?;
    let spec = object::field_mut(&mut request, "spec");
    spec.insert("expirationSeconds".to_owned(), json!(lifetime));
    spec.insert("audiences".to_owned(), json!(claims.audiences));
    request["metadata"] = json!({
        "name": target.name,
        "namespace": target.namespace,
        "creationTimestamp": time(now),
    });
    request["status"] = json!({ "token": token, "expirationTimestamp": time(now.saturating_add(lifetime)) });
    target.call.answer_value(StatusCode::CREATED, &request)
}

fn lifetime(request: &Value) -> Result<u64, Failure> {
    let Some(wanted) = request.pointer("/spec/expirationSeconds").filter(|wanted| !wanted.is_null()) else {
        return Ok(LIFETIME_SECONDS);
    };
    let refused = match wanted.as_u64().unwrap_or(0) {
        ..LIFETIME_SECONDS_MIN => "may not specify a duration less than 10 minutes",
        seconds if seconds > LIFETIME_SECONDS_MAX => "may not specify a duration larger than 2^32 seconds",
        seconds => return Ok(seconds),
    };
    let path = FieldPath::root().field("spec").field("expirationSeconds");
    let errors = vec![FieldError::of(path, Refusal::Invalid, wanted, refused)];
    let kind = ResourceName::new("authentication.k8s.io", "TokenRequest");
    Err(Failure::Invalid { kind, name: String::new(), errors })
}

fn audiences(request: &Value) -> Vec<String> {
    let wanted = object::strings(request.pointer("/spec/audiences"));
    if wanted.is_empty() { own_audiences() } else { wanted.into_iter().map(str::to_owned).collect() }
}

/// Binds the token's life to the pod, secret or node that is wanted.
fn bind(target: &Target<'_>, wanted: &Value, bound: &mut Bound) -> Result<(), Failure> {
    let text = |field: &str| wanted.get(field).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind, name) = (text("apiVersion"), text("kind"), text("name"));
    let (resource, namespace) = match (api_version, kind) {
        ("v1", "Pod") => ("pods", target.namespace),
        ("v1", "Secret") => ("secrets", target.namespace),
        ("v1", "Node") => ("nodes", ""),
        _ => {
            let message = format!(
                "cannot bind token to object of type {api_version}, Kind={kind}: expected a v1 Pod, Secret or Node"
            );
            return Err(Failure::BadRequest(message));
        }
    };
    let resource_name = ResourceName::new("", resource);
    let state = &target.call.state;
    let found = state
        .object(resource, namespace, name)
        .ok_or_else(|| Failure::NotFound { resource: resource_name.clone(), name: name.to_owned() })?;
    let reference = reference(&found);
    if !text("uid").is_empty() && text("uid") != reference.uid {
        let message = format!(
            "the UID in the bound object reference ({}) does not match the UID in record. The object might have been \
             deleted and then recreated",
            text("uid")
        );
        return Err(Failure::Conflict { resource: resource_name, name: name.to_owned(), message });
    }
    match resource {
        "pods" => {
            let account = object::text_at(&found, "/spec/serviceAccountName").unwrap_or_default();
            if account != target.name {
                let message = format!(
                    "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
                    target.name
                );
                return Err(Failure::BadRequest(message));
            }
            bound.node = object::text_at(&found, "/spec/nodeName").map(|node| node_reference(target, node));
            bound.pod = Some(reference);
        }
        "secrets" => bound.secret = Some(reference),
        _ => bound.node = Some(reference),
    }
    Ok(())
}

fn node_reference(target: &Target<'_>, name: &str) -> Reference {
    let node = target.call.state.object("nodes", "", name);
    node.map_or_else(|| Reference { name: name.to_owned(), uid: String::new() }, |node| reference(&node))
}

fn reference(object: &Value) -> Reference {
    let text = |field| object::meta(object, field).unwrap_or_default().to_owned();
    Reference { name: text("name"), uid: text("uid") }
}

fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    object::timestamp(jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX))
}
