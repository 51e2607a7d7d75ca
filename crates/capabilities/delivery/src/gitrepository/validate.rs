//! What a source asks for, held against what can be done. Pure.

use bythos_api::gitrepository::GitRepositorySpec;

use super::reference::Reference;
use super::report::Failure;

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Ssh,
}

/// A source that can be worked on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Address without user and password.
    pub(crate) url: String,
    pub(crate) scheme: Scheme,
    /// Whether the address names the user, as it may for SSH.
    pub(crate) has_user: bool,
    /// `scheme://host:port`
    pub(crate) origin: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) reference: Reference,
}

/// Holds a source's spec against what can be done.
pub(crate) fn wanted(spec: &GitRepositorySpec) -> Result<Wanted, Failure> {
    refuse_what_is_not_built(spec)?;
    let invalid = |message: &str| Failure::Url { message: format!("spec.url: {message}") };
    let (scheme, rest) = spec
        .url
        .split_once("://")
        .ok_or_else(|| invalid(&format!("expected an https:// address, found {:?}", spec.url)))?;
    let (reached, default_port) = match scheme {
        "https" => (Scheme::Http, 443),
        "http" => (Scheme::Http, 80),
        "ssh" => (Scheme::Ssh, 22),
        other => return Err(invalid(&format!("expected https://, http:// or ssh://, found {other:?}"))),
    };
    let (authority, path) =
        rest.split_once('/').ok_or_else(|| invalid("there is no path to a repository"))?;
    let (user, authority) = match authority.split_once('@') {
        Some((user, authority)) => (Some(user), authority),
        None => (None, authority),
    };
    if user.is_some_and(|user| reached != Scheme::Ssh || !is_user(user)) {
        return Err(invalid(
            "user and password do not belong into the address; put them into spec.secretRef",
        ));
    }
    if reached == Scheme::Ssh && spec.secret_ref.is_none() {
        return Err(Failure::Reference {
            message: "spec.secretRef: ssh:// needs a Secret with \"identity\" and \"known_hosts\"".to_owned(),
        });
    }
    if reached == Scheme::Ssh && spec.proxy_secret_ref.is_some() {
        let message = "proxies are not supported yet for ssh://";
        return Err(Failure::Unsupported { field: "spec.proxySecretRef", message });
    }
    if path.chars().any(|it| it.is_control() || it.is_whitespace()) {
        return Err(invalid("the path holds white space"));
    }
    let (host, port) = host_and_port(authority, default_port)
        .ok_or_else(|| invalid(&format!("{authority:?} is not a host, or a host and a port")))?;
    Ok(Wanted {
        url: spec.url.clone(),
        scheme: reached,
        has_user: user.is_some(),
        origin: format!("{scheme}://{authority}"),
        host,
        port,
        reference: Reference::of(spec.reference.as_ref())?,
    })
}

fn is_user(user: &str) -> bool {
    let good = |it: char| it.is_ascii_alphanumeric() || "-._".contains(it);
    !user.is_empty() && !user.starts_with('-') && user.chars().all(good)
}

fn host_and_port(authority: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, default_port),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let good = |it: char| it.is_ascii_alphanumeric() || "-._:".contains(it);
    (!bare.is_empty() && !bare.starts_with('-') && bare.chars().all(good)).then(|| (bare.to_owned(), port))
}

/// A wish that cannot be met is refused: ignored, it would look as if it were.
fn refuse_what_is_not_built(spec: &GitRepositorySpec) -> Result<(), Failure> {
    let asked = [
        (spec.verify.is_some(), "spec.verify", "signatures are not checked yet"),
        (
            spec.provider.as_deref().is_some_and(|provider| provider != "generic"),
            "spec.provider",
            "only \"generic\" is supported yet",
        ),
    ];
    match asked.into_iter().find(|(asked, ..)| *asked) {
        Some((_, field, message)) => Err(Failure::Unsupported { field, message }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(fields: &Value) -> GitRepositorySpec {
        let mut spec = json!({ "url": "https://git.example/team/app.git", "interval": "1m" });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn host_and_port_are_told_apart() {
        let cases = [
            ("https://git.example/app.git", "git.example", 443),
            ("http://git.example/app.git", "git.example", 80),
            ("https://forge.bythos-system.svc:9443/platform.git", "forge.bythos-system.svc", 9443),
            ("https://[::1]:8080/app.git", "::1", 8080),
            ("ssh://git@git.example/app.git", "git.example", 22),
            ("ssh://git.example:2222/app.git", "git.example", 2222),
        ];
        for (url, host, port) in cases {
            let wanted = wanted(&spec(&json!({ "url": url, "secretRef": { "name": "git" } }))).unwrap();
            assert_eq!((wanted.host.as_str(), wanted.port), (host, port), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_field() {
        let cases = [
            (json!({ "url": "ssh://git@git.example/app.git" }), "spec.secretRef: ssh:// needs a Secret"),
            (json!({ "url": "ssh://me:pass@git.example/app.git" }), "put them into spec.secretRef"),
            (json!({ "url": "file:///etc" }), "expected https://, http:// or ssh://, found \"file\""),
            (
                json!({ "url": "/srv/app.git" }),
                "spec.url: expected an https:// address, found \"/srv/app.git\"",
            ),
            (json!({ "url": "https://git.example" }), "spec.url: there is no path to a repository"),
            (json!({ "url": "https://me:secret@git.example/a" }), "put them into spec.secretRef"),
            (json!({ "url": "https://--upload-pack=x/a" }), "is not a host"),
            (json!({ "verify": { "secretRef": { "name": "keys" } } }), "spec.verify: signatures are not"),
            (json!({ "provider": "aws" }), "spec.provider: only \"generic\""),
            (json!({ "ref": { "semver": "new" } }), "spec.ref.semver: \"new\" is no range"),
            (json!({ "ref": { "branch": "-x" } }), "spec.ref.branch: \"-x\" is not a name"),
            (json!({ "ref": { "commit": "abc" } }), "spec.ref.commit: "),
        ];
        for (fields, expected) in cases {
            let text = wanted(&spec(&fields)).unwrap_err().to_string();
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("secret@"), "{text}");
        }
    }
}
