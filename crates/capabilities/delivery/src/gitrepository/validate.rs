//! What a source asks for, held against what can be done. Pure.

use bythos_api::gitrepository::GitRepositorySpec;

use super::reference::Reference;
use super::report::Failure;

/// A source that can be worked on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Address without user and password.
    pub(crate) url: String,
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
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        "ssh" => {
            return Err(Failure::Unsupported {
                field: "spec.url",
                message: "ssh:// is not supported yet; use https://",
            });
        }
        other => return Err(invalid(&format!("expected https:// or http://, found {other:?}"))),
    };
    let (authority, path) =
        rest.split_once('/').ok_or_else(|| invalid("there is no path to a repository"))?;
    if authority.contains('@') {
        return Err(invalid(
            "user and password do not belong into the address; put them into spec.secretRef",
        ));
    }
    if path.chars().any(|it| it.is_control() || it.is_whitespace()) {
        return Err(invalid("the path holds white space"));
    }
    let (host, port) = host_and_port(authority, default_port)
        .ok_or_else(|| invalid(&format!("{authority:?} is not a host, or a host and a port")))?;
    Ok(Wanted {
        url: spec.url.clone(),
        origin: format!("{scheme}://{authority}"),
        host,
        port,
        reference: Reference::of(spec.reference.as_ref())?,
    })
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
        (spec.proxy_secret_ref.is_some(), "spec.proxySecretRef", "proxies are not supported yet"),
        (spec.recurse_submodules, "spec.recurseSubmodules", "submodules are not supported yet"),
        (!spec.include.is_empty(), "spec.include", "including other sources is not supported yet"),
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
        ];
        for (url, host, port) in cases {
            let wanted = wanted(&spec(&json!({ "url": url }))).unwrap();
            assert_eq!((wanted.host.as_str(), wanted.port), (host, port), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_field() {
        let cases = [
            (json!({ "url": "ssh://git@git.example/app.git" }), "spec.url: ssh:// is not supported yet"),
            (json!({ "url": "file:///etc" }), "spec.url: expected https:// or http://, found \"file\""),
            (
                json!({ "url": "/srv/app.git" }),
                "spec.url: expected an https:// address, found \"/srv/app.git\"",
            ),
            (json!({ "url": "https://git.example" }), "spec.url: there is no path to a repository"),
            (json!({ "url": "https://me:secret@git.example/a" }), "put them into spec.secretRef"),
            (json!({ "url": "https://--upload-pack=x/a" }), "is not a host"),
            (
                json!({ "recurseSubmodules": true }),
                "spec.recurseSubmodules: submodules are not supported yet",
            ),
            (json!({ "provider": "aws" }), "spec.provider: only \"generic\""),
            (json!({ "ref": { "semver": ">=1" } }), "spec.ref.semver: "),
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
