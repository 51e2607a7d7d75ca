//! Kinds that are only answered: may I, may they, what may I, who am I, whose token is this.

use std::collections::BTreeMap;

use bythos_access::{Request, User};
use bythos_operator::error_chain;
use bythos_schema::{FieldError, FieldPath, Refusal};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::authenticate::{own_audiences, verify};
use crate::authorize::decide;
use crate::body::Body;
use crate::call::Call;
use crate::request::{ResourceRequest, Verb};
use crate::resources::Target;
use crate::status::Failure;
use crate::{decode, object, subresource};

/// Answers a `create` of a kind that is not stored.
pub(crate) async fn answer(
    target: &Target<'_>,
    request: &ResourceRequest,
) -> Result<Response<Body>, Failure> {
    if request.verb != Verb::Create || !request.name.is_empty() {
        return Err(Failure::MethodNotAllowed);
    }
    let mut review = decode::value(target.call.content_type(), &target.call.body)?;
    decode::expect_kind(&mut review, &target.served, target.namespace)?;
    // Clients in Go send `null` for what they leave empty.
    target.served.schema().prune(&mut review);
    if target.served.kind.kind == "Binding" {
        return subresource::binding::create(target, object::name(&review)).await;
    }
    let errors = [target.served.schema().validate(&review), contradictions(target, &review)].concat();
    if !errors.is_empty() {
        let kind = target.served.kind_name();
        return Err(Failure::Invalid { kind, name: object::name(&review).to_owned(), errors });
    }
    let (call, user) = (target.call, target.call.user());
    let status = match target.served.kind.kind.as_ref() {
        "SelfSubjectAccessReview" => access(call, user, &review),
        "SubjectAccessReview" | "LocalSubjectAccessReview" => access(call, &reviewed_user(&review), &review),
        "SelfSubjectRulesReview" => rules(call, user, &review),
        "SelfSubjectReview" => json!({ "userInfo": user_info(user) }),
        "TokenReview" => token(call, &review),
        _ => return Err(Failure::MethodNotAllowed),
    };
    object::set_field(&mut review, "status", Some(status));
    target.call.answer_value(StatusCode::CREATED, &review)
}

/// What the schema cannot say: upstream's `pkg/apis/authorization/validation` and `.../authentication/validation`.
fn contradictions(target: &Target<'_>, review: &Value) -> Vec<FieldError> {
    let spec = FieldPath::root().field("spec");
    let given = |field: &str| review["spec"].get(field).is_some_and(|given| !given.is_null());
    let mut errors = Vec::new();
    let kind = target.served.kind.kind.as_ref();
    let asks_for_others = matches!(kind, "SubjectAccessReview" | "LocalSubjectAccessReview");
    if asks_for_others || kind == "SelfSubjectAccessReview" {
        match (given("resourceAttributes"), given("nonResourceAttributes")) {
            (true, true) => errors.push(FieldError::of(
                spec.field("nonResourceAttributes"),
                Refusal::Invalid,
                &review["spec"]["nonResourceAttributes"],
                "cannot be specified in combination with resourceAttributes",
            )),
            (false, false) => errors.push(FieldError::of(
                spec.field("resourceAttributes"),
                Refusal::Invalid,
                &Value::Null,
                "exactly one of nonResourceAttributes or resourceAttributes must be specified",
            )),
            _ => {}
        }
    }
    let user = object::text_at(review, "/spec/user").unwrap_or_default();
    if asks_for_others && user.is_empty() && object::strings(review.pointer("/spec/groups")).is_empty() {
        let detail = "at least one of user or group must be specified";
        errors.push(FieldError::of(spec.field("user"), Refusal::Invalid, &json!(user), detail));
    }
    if kind == "LocalSubjectAccessReview" {
        let attributes = spec.field("resourceAttributes");
        let namespace = object::text_at(review, "/spec/resourceAttributes/namespace").unwrap_or_default();
        if given("nonResourceAttributes") {
            errors.push(FieldError::forbidden(
                spec.field("nonResourceAttributes"),
                "disallowed on this kind of request",
            ));
        } else if namespace != target.namespace {
            let detail = "must match metadata.namespace";
            errors.push(FieldError::of(
                attributes.field("namespace"),
                Refusal::Invalid,
                &json!(namespace),
                detail,
            ));
        }
    }
    if kind == "TokenReview" && object::text_at(review, "/spec/token").is_none() {
        errors.push(FieldError::required(spec.field("token"), "the token to review"));
    }
    errors
}

fn access(call: &Call, user: &User, review: &Value) -> Value {
    let text = |pointer: &str| object::text_at(review, pointer).unwrap_or_default();
    let of_path = review.pointer("/spec/nonResourceAttributes").is_some_and(|given| !given.is_null());
    let request = if of_path {
        Request::Path {
            verb: text("/spec/nonResourceAttributes/verb"),
            path: text("/spec/nonResourceAttributes/path"),
        }
    } else {
        Request::Resource {
            verb: text("/spec/resourceAttributes/verb"),
            group: text("/spec/resourceAttributes/group"),
            resource: text("/spec/resourceAttributes/resource"),
            subresource: text("/spec/resourceAttributes/subresource"),
            namespace: text("/spec/resourceAttributes/namespace"),
            name: text("/spec/resourceAttributes/name"),
        }
    };
    let decision = decide(&call.state, user, &request);
    let mut status = json!({ "allowed": decision.allowed });
    if !decision.reason.is_empty() {
        status["reason"] = json!(decision.reason);
    }
    status
}

fn reviewed_user(review: &Value) -> User {
    let text = |pointer: &str| object::text_at(review, pointer).unwrap_or_default().to_owned();
    let strings = |list: Option<&Value>| object::strings(list).into_iter().map(str::to_owned).collect();
    let extra = review.pointer("/spec/extra").and_then(Value::as_object);
    User {
        name: text("/spec/user"),
        uid: text("/spec/uid"),
        groups: strings(review.pointer("/spec/groups")),
        extra: extra
            .into_iter()
            .flatten()
            .map(|(key, values)| (key.to_lowercase(), strings(Some(values))))
            .collect::<BTreeMap<String, Vec<String>>>(),
    }
}

fn rules(call: &Call, user: &User, review: &Value) -> Value {
    let namespace = object::text_at(review, "/spec/namespace").unwrap_or_default();
    let rules = call.state.policy.current(&call.state.store).rules_of(user, namespace);
    let (of_paths, of_resources): (Vec<Value>, Vec<Value>) =
        rules.into_iter().partition(|rule| rule.get("nonResourceURLs").is_some_and(|urls| !urls.is_null()));
    json!({ "resourceRules": of_resources, "nonResourceRules": of_paths, "incomplete": false })
}

/// Whose token it is, and for which of the audiences that are asked for.
fn token(call: &Call, review: &Value) -> Value {
    let token = object::text_at(review, "/spec/token").unwrap_or_default();
    let wanted = object::strings(review.pointer("/spec/audiences"));
    let wanted =
        if wanted.is_empty() { own_audiences() } else { wanted.into_iter().map(str::to_owned).collect() };
    match verify(&call.state, token, &wanted) {
        Ok(claims) => {
            let audiences: Vec<&String> =
                wanted.iter().filter(|audience| claims.audiences.contains(audience)).collect();
            json!({ "authenticated": true, "user": user_info(&claims.user()), "audiences": audiences })
        }
        Err(refused) => json!({ "user": {}, "error": error_chain(&refused) }),
    }
}

/// Who somebody is, as others are told.
pub(crate) fn user_info(user: &User) -> Value {
    let mut info = json!({ "username": user.name, "groups": user.groups });
    if !user.uid.is_empty() {
        info["uid"] = json!(user.uid);
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}
