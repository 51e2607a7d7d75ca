//! Addresses, as the URL standard reads them.

use url::{ParseError, Position, Url};

use super::{WebError, shown};

/// An address over HTTP, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(super) is_secure: bool,
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as they stand in the address; the scheme's own port is left out.
    pub(super) authority: String,
    /// Path and query.
    pub(super) target: String,
}

impl Address {
    /// # Errors
    /// It is none, or it holds user and password: logs and conditions would show them.
    pub(crate) fn parse(text: &str) -> Result<Address, WebError> {
        let wrong = |message| WebError::Address { url: shown(text), message };
        let url = Url::parse(text).map_err(|error| wrong(expectation(error)))?;
        let is_secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong(SCHEME)),
        };
        if !url.username().is_empty() || url.password().is_some() {
            // Not even the host is shown: what stands in front of it is a password.
            let message = "user and password do not belong into it, but into a Secret or an option";
            return Err(WebError::Address { url: format!("{}://...", url.scheme()), message });
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(wrong(HOST));
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let authority = url[Position::BeforeHost..Position::AfterPort].to_owned();
        let target = url[Position::BeforePath..Position::AfterQuery].to_owned();
        Ok(Address { is_secure, host, port, authority, target })
    }
}

const SCHEME: &str = "expected https:// or http:// in front";
const HOST: &str = "expected a host, or a host and a port";

fn expectation(error: ParseError) -> &'static str {
    match error {
        ParseError::RelativeUrlWithoutBase => SCHEME,
        _ => HOST,
    }
}

/// What `location` means where it stands at `url`.
///
/// # Errors
/// One of them is no address.
pub(crate) fn join(url: &str, location: &str) -> Result<String, WebError> {
    let joined = Url::parse(url).and_then(|url| url.join(location));
    let wrong = |error| WebError::Address { url: shown(location), message: expectation(error) };
    joined.map(String::from).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, host: &str, port: u16, target: &str) {
        let address = Address::parse(url).unwrap();
        assert_eq!((address.host.as_str(), address.port, address.target.as_str()), (host, port, target));
    }

    #[test]
    fn addresses_are_taken_apart() {
        check("https://charts.example", "charts.example", 443, "/");
        check("http://charts.example:8080/a/b?c=d#e", "charts.example", 8080, "/a/b?c=d");
        check("HTTPS://[::1]:5000?x", "::1", 5000, "/?x");
        check("https://charts.example/a b", "charts.example", 443, "/a%20b");
    }

    #[track_caller]
    fn refused(url: &str, expected: &str) {
        let error = Address::parse(url).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        refused("charts.example", "expected https:// or http:// in front");
        refused("ftp://charts.example", "expected https:// or http:// in front");
        refused("https://", "expected a host");
        refused("https://host:99999/", "expected a host, or a host and a port");
        refused("https://me:s3cret@host/", "user and password do not belong into it");
        refused("https://ho st/?token=s3cret", "expected a host");
    }

    #[test]
    fn places_are_seen_from_where_they_are_named() {
        let join = |location| super::join("https://h:1/a/b?c", location).unwrap();
        assert_eq!(join("d"), "https://h:1/a/d");
        assert_eq!(join("/d?e"), "https://h:1/d?e");
        assert_eq!(join("//g/d"), "https://g/d");
        assert_eq!(join("http://g/d"), "http://g/d");
        assert_eq!(super::join("https://h", "d").unwrap(), "https://h/d");
        assert!(super::join("https://h", "http://").is_err());
    }
}
