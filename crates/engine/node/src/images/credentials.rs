//! Credentials for pulling an image, from a pod's pull secrets, by upstream's rules: which entry of which secret is
//! meant for a registry, and in which order they are tried.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Map, Value};

use crate::cri::v1::AuthConfig;

/// How Docker names its own registry in these files.
const DEFAULT_REGISTRY: &str = "index.docker.io";
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent),
);

/// Those of `secrets` that are meant for `image`, the most specific first. A secret that cannot be read holds none.
pub(crate) fn for_image<'a>(secrets: impl IntoIterator<Item = &'a Secret>, image: &str) -> Vec<AuthConfig> {
    let mut by_place = BTreeMap::<String, Vec<AuthConfig>>::new();
    for (place, entry) in secrets.into_iter().flat_map(entries) {
        if let Some(credentials) = credentials(&entry) {
            by_place.entry(normal_place(&place)).or_default().push(credentials);
        }
    }
    let repository = repository(image);
    let is_default = repository.starts_with("docker.io/");
    let mut found: Vec<AuthConfig> = Vec::new();
    // In reverse: longer places come before their beginnings.
    for (place, credentials) in by_place.iter().rev() {
        let is_meant = matches(place, &repository) || is_default && place == DEFAULT_REGISTRY;
        for one in credentials.iter().filter(|_| is_meant) {
            if !found.contains(one) {
                found.push(one.clone());
            }
        }
    }
    found
}

/// Places and what is said of them, of either kind of secret.
fn entries(secret: &Secret) -> Map<String, Value> {
    let data = |key: &str| secret.data.as_ref().and_then(|data| data.get(key));
    let parsed = |key: &str| data(key).and_then(|bytes| serde_json::from_slice::<Value>(&bytes.0).ok());
    let found = match secret.type_.as_deref() {
        Some("kubernetes.io/dockerconfigjson") => {
            parsed(".dockerconfigjson").and_then(|mut config| Some(config.get_mut("auths")?.take()))
        }
        Some("kubernetes.io/dockercfg") => parsed(".dockercfg"),
        _ => None,
    };
    match found {
        Some(Value::Object(entries)) => entries,
        _ => Map::new(),
    }
}

/// `auth` holds name and password in one, and goes over both.
fn credentials(entry: &Value) -> Option<AuthConfig> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let auth = text("auth");
    let (username, password) = if auth.is_empty() {
        (text("username"), text("password"))
    } else {
        let decoded = String::from_utf8(BASE64.decode(auth.trim()).ok()?).ok()?;
        let (username, password) = decoded.split_once(':')?;
        (username.to_owned(), password.trim_matches('\0').to_owned())
    };
    Some(AuthConfig { username, password, ..AuthConfig::default() })
}

/// Host and path without the scheme and the version of Docker's API.
fn normal_place(place: &str) -> String {
    let bare = place.strip_prefix("https://").or_else(|| place.strip_prefix("http://")).unwrap_or(place);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let path = path.strip_prefix("v1/").or_else(|| path.strip_prefix("v2/")).unwrap_or(path);
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    match path.trim_end_matches('/') {
        "" => host.to_owned(),
        path => format!("{host}/{path}"),
    }
}

/// The image's registry and path, without tag and digest, in full.
fn repository(image: &str) -> String {
    let image = image.split('@').next().unwrap_or_default();
    let image = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => image.to_owned(),
        Some(_) => format!("docker.io/{image}"),
        None => format!("docker.io/library/{image}"),
    }
}

/// Whether a place, whose host may hold patterns, covers a repository.
fn matches(place: &str, repository: &str) -> bool {
    let split = |url: &str| {
        let (host, path) = url.split_once('/').unwrap_or((url, ""));
        let (host, port) = host.split_once(':').unwrap_or((host, ""));
        (host.to_owned(), port.to_owned(), path.to_owned())
    };
    let ((host_pattern, port, path), (host, port_asked, path_asked)) = (split(place), split(repository));
    let (patterns, parts) = (host_pattern.split('.'), host.split('.'));
    port == port_asked
        && path_asked.starts_with(&path)
        && patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| is_like(pattern.as_bytes(), part.as_bytes()))
}

/// `*` stands for any characters, `?` for one.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            // Each star takes as little as it can; what is left is shorter in each step.
            is_like(rest, text) || text.split_first().is_some_and(|(_, shorter)| is_like(pattern, shorter))
        }
        (Some((b'?', rest)), Some((_, text))) => is_like(rest, text),
        (Some((one, rest)), Some((other, text))) => one == other && is_like(rest, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(type_: &str, key: &str, value: &Value) -> Secret {
        let data = json!({ key: BASE64.encode(value.to_string()) });
        serde_json::from_value(json!({"type": type_, "data": data})).unwrap()
    }

    fn config(auths: &Value) -> Secret {
        secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &json!({"auths": auths}))
    }

    /// Names of those that are found, in order.
    #[track_caller]
    fn check(secrets: &[Secret], image: &str, expected: &[&str]) {
        let found = for_image(secrets, image);
        let names: Vec<_> = found.iter().map(|credentials| credentials.username.as_str()).collect();
        assert_eq!(names, expected, "{image}");
    }

    #[test]
    fn both_kinds_of_secret_are_read() {
        let auth = BASE64.encode("ann:se:cret");
        let modern = config(&json!({"registry.example.org": {"auth": auth}}));
        let found = for_image([&modern], "registry.example.org/web:1");
        assert_eq!((found[0].username.as_str(), found[0].password.as_str()), ("ann", "se:cret"));
        let plain = json!({"registry.example.org": {"username": "bob", "password": "p"}});
        let old = secret("kubernetes.io/dockercfg", ".dockercfg", &plain);
        check(&[old], "registry.example.org/web", &["bob"]);
        check(&[secret("Opaque", ".dockerconfigjson", &json!({}))], "registry.example.org/web", &[]);
        check(&[config(&json!({"registry.example.org": {"auth": "?"}}))], "registry.example.org/web", &[]);
    }

    #[test]
    fn a_place_covers_the_images_that_begin_with_it() {
        let named = |places: &[&str]| {
            let auths: Map<_, _> = places
                .iter()
                .map(|place| ((*place).to_owned(), json!({"username": place, "password": "p"})))
                .collect();
            [config(&Value::Object(auths))]
        };
        let nested = named(&["quay.io", "quay.io/team", "https://quay.io/v2/team/app", "other.io"]);
        let expected = ["https://quay.io/v2/team/app", "quay.io/team", "quay.io"];
        check(&nested, "quay.io/team/app:1", &expected);
        check(&nested, "quay.io/else@sha256:00", &["quay.io"]);
        check(&named(&["*.example.org"]), "registry.example.org/a", &["*.example.org"]);
        check(&named(&["*.example.org"]), "example.org/a", &[]);
        check(&named(&["*.example.org"]), "a.b.example.org/a", &[]);
        check(&named(&["registry:5000"]), "registry:5000/a:1", &["registry:5000"]);
        check(&named(&["registry"]), "registry:5000/a:1", &[]);
        check(&named(&["localhost:5000"]), "localhost:5000/a", &["localhost:5000"]);
    }

    #[test]
    fn short_names_are_those_of_dockers_own_registry() {
        let docker = config(&json!({"https://index.docker.io/v1/": {"username": "ann", "password": "p"}}));
        let secrets = [docker];
        check(&secrets, "nginx", &["ann"]);
        check(&secrets, "team/app:1", &["ann"]);
        check(&secrets, "docker.io/team/app:1", &["ann"]);
        check(&secrets, "quay.io/team/app:1", &[]);
    }

    #[test]
    fn the_same_credentials_are_tried_once() {
        let one = || config(&json!({"quay.io": {"username": "ann", "password": "p"}}));
        check(&[one(), one()], "quay.io/app", &["ann"]);
    }
}
