//! Kinds that are only answered: may I, may they, what may I, who am I.

use bythos_access::{Request, User};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::authorize::decide;
use crate::body::Body;
use crate::decode;
use crate::object;
use crate::request::{ResourceRequest, Verb};
use crate::resources::Target;
use crate::status::Failure;

/// Answers a `create` of a kind that is not stored.
pub(crate) fn answer(target: &Target<'_>, request: &ResourceRequest) -> Result<Response<Body>, Failure> {
    if request.verb != Verb::Create || !request.name.is_empty() {
        return Err(Failure::MethodNotAllowed);
    }
    let mut review = decode::value(target.call.content_type(), &target.call.body)?;
    decode::expect_kind(&mut review, &target.served, target.namespace)?;
    let user = target.call.user();
    let status = match target.served.kind.kind.as_ref() {
        "SelfSubjectAccessReview" => access(target, user, &review)?,
        "SubjectAccessReview" | "LocalSubjectAccessReview" => {
            access(target, &reviewed_user(&review), &review)?
        }
        "SelfSubjectRulesReview" => rules(target, user, &review),
        "SelfSubjectReview" => json!({ "userInfo": user_info(user) }),
        _ => return Err(Failure::MethodNotAllowed),
    };
    object::set_field(&mut review, "status", Some(status));
    target.call.answer_value(StatusCode::CREATED, &review)
}

fn access(target: &Target<'_>, user: &User, review: &Value) -> Result<Value, Failure> {
    let text = |pointer: &str| object::text_at(review, pointer).unwrap_or_default();
    let of_resource = review.pointer("/spec/resourceAttributes").is_some_and(|given| !given.is_null());
    let of_path = review.pointer("/spec/nonResourceAttributes").is_some_and(|given| !given.is_null());
    let request = match (of_resource, of_path) {
        (true, false) => Request::Resource {
            verb: text("/spec/resourceAttributes/verb"),
            group: text("/spec/resourceAttributes/group"),
            resource: text("/spec/resourceAttributes/resource"),
            subresource: text("/spec/resourceAttributes/subresource"),
            namespace: text("/spec/resourceAttributes/namespace"),
            name: text("/spec/resourceAttributes/name"),
        },
        (false, true) => Request::Path {
            verb: text("/spec/nonResourceAttributes/verb"),
            path: text("/spec/nonResourceAttributes/path"),
        },
        _ => {
            return Err(Failure::BadRequest(
                "spec: exactly one of resourceAttributes and nonResourceAttributes must be given".to_owned(),
            ));
        }
    };
    let decision = decide(&target.call.state, user, &request);
    let mut status = json!({ "allowed": decision.allowed });
    if !decision.reason.is_empty() {
        status["reason"] = json!(decision.reason);
    }
    Ok(status)
}

fn reviewed_user(review: &Value) -> User {
    let text = |pointer: &str| object::text_at(review, pointer).unwrap_or_default().to_owned();
    User {
        name: text("/spec/user"),
        uid: text("/spec/uid"),
        groups: object::strings(review.pointer("/spec/groups")).into_iter().map(str::to_owned).collect(),
        ..User::default()
    }
}

fn rules(target: &Target<'_>, user: &User, review: &Value) -> Value {
    let namespace = object::text_at(review, "/spec/namespace").unwrap_or_default();
    let state = &target.call.state;
    let rules = state.policy.current(&state.store).rules_of(user, namespace);
    let (of_paths, of_resources): (Vec<Value>, Vec<Value>) =
        rules.into_iter().partition(|rule| rule.get("nonResourceURLs").is_some_and(|urls| !urls.is_null()));
    json!({ "resourceRules": of_resources, "nonResourceRules": of_paths, "incomplete": false })
}

fn user_info(user: &User) -> Value {
    let mut info = json!({ "username": user.name, "groups": user.groups });
    if !user.uid.is_empty() {
        info["uid"] = json!(user.uid);
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}
