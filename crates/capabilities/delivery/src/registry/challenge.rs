//! How a registry asks who we are. Pure.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What a registry wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password.
    Basic,
    /// A token, which is had elsewhere.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// The one to follow, of those that the registry offers: tokens first.
    pub(super) fn choose(offered: &[&str]) -> Option<Challenge> {
        let all: Vec<Challenge> = offered.iter().filter_map(|header| Challenge::parse(header)).collect();
        let bearer = all.iter().find(|it| matches!(it, Challenge::Bearer { .. }));
        bearer.or(all.first()).cloned()
    }

    fn parse(header: &str) -> Option<Challenge> {
        let (scheme, parameters) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        for (name, value) in parameters_of(parameters) {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                "scope" => scope = Some(value),
                _ => {}
            }
        }
        Some(Challenge::Bearer { realm: realm?, service, scope })
    }
}

/// `a="b, c",d=e`
fn parameters_of(text: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        parameters.push((name.trim().to_owned(), value.trim().to_owned()));
        rest = after.trim_start().trim_start_matches(',');
    }
    parameters
}

/// Where a token for this scope is had.
pub(super) fn token_url(realm: &str, service: Option<&str>, scope: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let sign = if realm.contains('?') { '&' } else { '?' };
    let service = service.map(|service| format!("service={}&", encoded(service))).unwrap_or_default();
    format!("{realm}{sign}{service}scope={}", encoded(scope))
}

/// The token in an answer, by either of its names.
pub(super) fn token_in(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let named = |name: &str| answer.get(name)?.as_str().filter(|token| !token.is_empty());
    ["token", "access_token"].into_iter().find_map(named).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_chosen_before_passwords() {
        let bearer =
            r#"Bearer realm="https://auth/token?a=b",service="reg, istry",scope="repository:x:pull,push""#;
        let expected = Challenge::Bearer {
            realm: "https://auth/token?a=b".to_owned(),
            service: Some("reg, istry".to_owned()),
            scope: Some("repository:x:pull,push".to_owned()),
        };
        assert_eq!(Challenge::choose(&["Basic realm=\"x\"", bearer]), Some(expected));
        assert_eq!(Challenge::choose(&["basic"]), Some(Challenge::Basic));
        assert_eq!(Challenge::choose(&["Negotiate", "Bearer service=\"x\""]), None);
        let bare = Challenge::Bearer { realm: "r".to_owned(), service: None, scope: None };
        assert_eq!(Challenge::choose(&["bearer realm=r, error=invalid"]), Some(bare));
    }

    #[test]
    fn a_token_is_asked_for_by_service_and_scope() {
        assert_eq!(token_url("https://a/t", Some("r"), "x:pull"), "https://a/t?service=r&scope=x%3Apull");
        assert_eq!(token_url("https://a/t?b=c", None, "x"), "https://a/t?b=c&scope=x");
        assert_eq!(token_in(br#"{"access_token": "t"}"#).as_deref(), Some("t"));
        assert_eq!(token_in(br#"{"token": "", "access_token": ""}"#), None);
        assert_eq!(token_in(b"garbage"), None);
    }
}
