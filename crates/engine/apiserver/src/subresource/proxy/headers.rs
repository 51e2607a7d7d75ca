//! What of the headers is passed on.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::body::Body;

/// They are about one connection, not about the request.
const OF_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
/// They are meant for the API.
const OF_API: [HeaderName; 3] = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::HOST];

/// The client's headers as the object gets them.
pub(super) fn of_request(headers: &HeaderMap, upgrades: bool) -> HeaderMap {
    let is_kept = |name: &HeaderName| {
        !OF_API.contains(name) && (!OF_CONNECTION.contains(name) || stays(name, upgrades))
    };
    headers
        .iter()
        .filter(|(name, _)| is_kept(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn stays(name: &HeaderName, upgrades: bool) -> bool {
    upgrades && [header::CONNECTION, header::UPGRADE].contains(name)
}

/// The object's headers as the client gets them: below `prefix`, the object is at `/`.
pub(super) fn of_answer(response: &mut Response<Body>, prefix: &str) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        for name in &OF_CONNECTION {
            response.headers_mut().remove(name);
        }
    }
    let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    let below = location.filter(|location| location.starts_with('/') && !location.starts_with("//"));
    if let Some(Ok(moved)) = below.map(|location| HeaderValue::try_from(format!("{prefix}{location}"))) {
        response.headers_mut().insert(header::LOCATION, moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::full;

    #[test]
    fn credentials_and_the_words_of_one_connection_are_not_passed_on() {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "connection", "upgrade", "host", "accept", "transfer-encoding"] {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        let names = |headers: HeaderMap| {
            let mut names: Vec<_> = headers.keys().map(|name| name.to_string()).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(of_request(&headers, false)), ["accept"]);
        assert_eq!(names(of_request(&headers, true)), ["accept", "connection", "upgrade"]);
    }

    #[track_caller]
    fn check(location: &str, expected: &str) {
        let mut response = Response::new(full(""));
        response.headers_mut().insert(header::LOCATION, location.parse().unwrap());
        of_answer(&mut response, "/api/v1/nodes/a/proxy");
        assert_eq!(response.headers()[header::LOCATION], expected);
    }

    #[test]
    fn a_redirect_stays_below_the_object() {
        check("/login", "/api/v1/nodes/a/proxy/login");
        check("next", "next");
        check("https://example.org/", "https://example.org/");
        check("//example.org/", "//example.org/");
    }
}
