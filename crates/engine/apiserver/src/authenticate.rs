//! Who asks: whom the client certificate names, or the bearer token stands for.
//!
//! A token is good as long as the account that it stands for, and the object to which it is bound, are the ones that
//! it names, by their uid.

use bythos_access::User;
use bythos_access::token::{Claims, ISSUER, Reference, TokenError};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::object;
use crate::state::State;
use crate::status::Failure;

/// What is being deleted for longer than this ends its tokens.
const DELETION_LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// A token that is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("service account {namespace}/{name} is not there any more")]
    AccountGone { namespace: String, name: String },
    #[error("service account token has been invalidated: {resource} {name:?} is not there any more")]
    Unbound { resource: &'static str, name: String },
}

/// The audiences that stand for this API.
pub(crate) fn own_audiences() -> Vec<String> {
    vec![ISSUER.to_owned()]
}

/// The user that asks: the one whom its client certificate names, or else whom its bearer token stands for, or
/// `system:anonymous`. As upstream, other schemes of `Authorization` are not looked at. The header does not go further
/// than here, so that nobody behind the API sees a token that was meant for it.
pub(crate) fn user(
    state: &State,
    of_certificate: Option<User>,
    headers: &mut HeaderMap,
) -> Result<User, Failure> {
    let header = headers.remove(AUTHORIZATION);
    if let Some(user) = of_certificate {
        return Ok(user);
    }
    let Some(header) = header else { return Ok(User::anonymous()) };
    let Some(token) = header.to_str().ok().and_then(bearer_token) else { return Ok(User::anonymous()) };
    match verify(state, token, &own_audiences()) {
        Ok(claims) => Ok(claims.user()),
        Err(refused) => {
            tracing::debug!(error = %bythos_operator::error_chain(&refused), "a bearer token is not accepted");
            Err(Failure::Unauthorized)
        }
    }
}

fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// What a token says, if it is accepted for one of `audiences`.
pub(crate) fn verify(state: &State, token: &str, audiences: &[String]) -> Result<Claims, Refused> {
    let claims = state.tokens.verify(token, audiences)?;
    let bound = &claims.bound;
    let is_there = |resource: &str, namespace: &str, reference: &Reference| {
        state
            .object(resource, namespace, &reference.name)
            .is_some_and(|object| is_the_one(&object, reference))
    };
    if !is_there("serviceaccounts", &bound.namespace, &bound.account) {
        let name = bound.account.name.clone();
        return Err(Refused::AccountGone { namespace: bound.namespace.clone(), name });
    }
    // Of a pod's node only the name is told; the token's life is the pod's.
    let node = bound.node.as_ref().filter(|_| bound.pod.is_none());
    let bindings = [
        ("pods", bound.namespace.as_str(), bound.pod.as_ref()),
        ("secrets", bound.namespace.as_str(), bound.secret.as_ref()),
        ("nodes", "", node),
    ];
    for (resource, namespace, reference) in bindings {
        if let Some(reference) = reference.filter(|reference| !is_there(resource, namespace, reference)) {
            return Err(Refused::Unbound { resource, name: reference.name.clone() });
        }
    }
    Ok(claims)
}

/// Whether it is the object that was meant, and not being deleted for long.
fn is_the_one(object: &Value, reference: &Reference) -> bool {
    let deleted: Option<Timestamp> =
        object::meta(object, "deletionTimestamp").and_then(|time| time.parse().ok());
    object::meta(object, "uid") == Some(&reference.uid)
        && deleted.is_none_or(|deleted| Timestamp::now().duration_since(deleted) <= DELETION_LEEWAY)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_bearer_tokens_are_looked_at() {
        let cases = [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("Bearer ", None),
        ];
        for (header, expected) in cases {
            assert_eq!(bearer_token(header), expected, "{header:?}");
        }
    }

    #[test]
    fn an_object_of_the_same_name_or_one_that_ended_is_another() {
        let reference = Reference { name: "a".to_owned(), uid: "u-1".to_owned() };
        let object = |uid: &str, deleted: Option<Timestamp>| json!({"metadata": {"uid": uid, "deletionTimestamp": deleted.map(object::timestamp)}});
        let ago = |seconds| Some(Timestamp::now() - SignedDuration::from_secs(seconds));
        let cases = [
            ("u-1", None, true),
            ("u-2", None, false),
            ("", None, false),
            ("u-1", ago(10), true),
            ("u-1", ago(-30), true),
            ("u-1", ago(90), false),
        ];
        for (uid, deleted, expected) in cases {
            assert_eq!(is_the_one(&object(uid, deleted), &reference), expected, "{uid} {deleted:?}");
        }
    }
}
