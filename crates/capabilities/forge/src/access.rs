//! Who may come in: the owner by the owner's token, and others each by a token of their own.
//!
//! Another person is a Secret `git-user-<name>` in `bythos-system`: `password`, and `access` (`read`, where it is not
//! given, or `write`). Whoever may make that Secret lets people in; taking it away takes the access away at once. The owner
//! needs no object: whatever is broken in the cluster, the owner can still push what repairs it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_api::names::BYTHOS_NAMESPACE;
use bythos_operator::error_chain;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use tracing::warn;

use crate::token::{OWNER, Token};

/// Secrets of people's tokens begin so.
const USER_PREFIX: &str = "git-user-";
/// A token that can be guessed lets everybody in.
const PASSWORD_BYTES_MIN: usize = 20;
const NAME_BYTES_MAX: usize = 63;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Knows who may do what.
#[derive(Clone)]
pub(crate) struct People {
    owner: Token,
    client: Client,
}

impl People {
    pub(crate) fn new(owner: Token, client: Client) -> Self {
        People { owner, client }
    }

    /// What the one who sends these headers may do; `None` for a stranger.
    pub(crate) async fn access(&self, headers: &HeaderMap) -> Option<Access> {
        let (user, password) = basic(headers)?;
        if user == OWNER {
            return self.owner.is(&password).then_some(Access::Write);
        }
        if !is_name(&user) {
            return None;
        }
        let name = format!("{USER_PREFIX}{user}");
        let secrets = Api::<Secret>::namespaced(self.client.clone(), BYTHOS_NAMESPACE);
        match secrets.get_opt(&name).await {
            Ok(secret) => access_of(&user, secret?, &password),
            Err(error) => {
                warn!(user, error = %error_chain(&error), "failed to look up a token");
                None
            }
        }
    }
}

fn access_of(user: &str, secret: Secret, password: &str) -> Option<Access> {
    if secret.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let mut data = secret.data.unwrap_or_default();
    let mut text = |key: &str| String::from_utf8(data.remove(key)?.0).ok();
    let token = text("password")?;
    if token.len() < PASSWORD_BYTES_MIN {
        warn!(user, "the token is shorter than {PASSWORD_BYTES_MIN} bytes, and is not taken");
        return None;
    }
    if !Token::of(token).is(password) {
        return None;
    }
    match text("access").as_deref().map(str::trim) {
        None | Some("read") => Some(Access::Read),
        Some("write") => Some(Access::Write),
        Some(other) => {
            warn!(user, access = other, "expected \"read\" or \"write\"");
            None
        }
    }
}

fn is_name(name: &str) -> bool {
    let good = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(good)
}

/// User and password of Basic authentication (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[track_caller]
    fn check(data: &[(&str, &str)], password: &str, expected: Option<Access>) {
        let bytes = |(key, value): &(&str, &str)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec()));
        let secret = Secret { data: Some(data.iter().map(bytes).collect()), ..Secret::default() };
        assert_eq!(access_of("anna", secret, password), expected);
    }

    #[test]
    fn a_token_gives_what_its_secret_says() {
        let token = "a-token-that-is-long-enough";
        check(&[("password", token)], token, Some(Access::Read));
        check(&[("password", token), ("access", "write")], token, Some(Access::Write));
        check(&[("password", token), ("access", "admin")], token, None);
        check(&[("password", token)], "another", None);
        check(&[("password", "short")], "short", None);
        check(&[], "", None);
    }
}
