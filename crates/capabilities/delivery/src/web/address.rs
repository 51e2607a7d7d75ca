//! Addresses. Pure.

use super::{WebError, shown};

/// An address over HTTP, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(super) is_secure: bool,
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as they stand in the address.
    pub(super) authority: String,
    /// Path and query.
    pub(super) target: String,
}

impl Address {
    /// # Errors
    /// It is none, or it holds user and password: logs and conditions would show them.
    pub(crate) fn parse(url: &str) -> Result<Address, WebError> {
        let wrong = |message| WebError::Address { url: shown(url), message };
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| wrong("expected https:// or http:// in front"))?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("expected https:// or http:// in front")),
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            // Not even the host is shown: what stands in front of it is a password.
            let message = "user and password do not belong into it, but into a Secret or an option";
            return Err(WebError::Address { url: format!("{scheme}://..."), message });
        }
        let (host, port) = host_and_port(authority, if is_secure { 443 } else { 80 })
            .ok_or_else(|| wrong("expected a host, or a host and a port"))?;
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Address { is_secure, host, port, authority: authority.to_owned(), target })
    }
}

fn host_and_port(authority: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, default_port),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let good = |it: char| it.is_ascii_alphanumeric() || "-._:".contains(it);
    (!bare.is_empty() && bare.chars().all(good)).then(|| (bare.to_owned(), port))
}

/// What `location` means where it stands at `url`.
pub(crate) fn join(url: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let Some((scheme, rest)) = url.split_once("://") else { return location.to_owned() };
    if let Some(rest) = location.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if location.starts_with('/') {
        return format!("{scheme}://{authority}{location}");
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{scheme}://{authority}{folder}/{location}")
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
        let join = |location| super::join("https://h:1/a/b?c", location);
        assert_eq!(join("d"), "https://h:1/a/d");
        assert_eq!(join("/d?e"), "https://h:1/d?e");
        assert_eq!(join("//g/d"), "https://g/d");
        assert_eq!(join("http://g/d"), "http://g/d");
        assert_eq!(super::join("https://h", "d"), "https://h/d");
    }
}
