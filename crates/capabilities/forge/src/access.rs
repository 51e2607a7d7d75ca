//! Who may come in: the owner, by the token, for reading and for writing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::token::{OWNER, Token};

/// Whether the request carries the owner's name and token.
pub(crate) fn is_owner(headers: &HeaderMap, token: &Token) -> bool {
    basic(headers).is_some_and(|(user, password)| user == OWNER && token.is(&password))
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
