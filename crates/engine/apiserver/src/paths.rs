//! What is served besides resources: health, version, discovery, OpenAPI.

use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::body::{Body, full};
use crate::call::{Call, answer as answer_with};
use crate::status::{Failure, json_response};
use crate::{discovery, health, openapi};

/// The version that clients see: the Kubernetes minor that is followed.
pub(crate) const GIT_VERSION: &str = "v1.37.0+bythos";
const MAJOR: &str = "1";
const MINOR: &str = "37";

/// Answers a path that is no resource.
pub(crate) async fn answer(call: &Call) -> Result<Response<Body>, Failure> {
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return Err(Failure::MethodNotAllowed);
    }
    let segments: Vec<&str> = call.path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        [] => Ok(json_response(StatusCode::OK, &root(call))),
        ["version"] => Ok(json_response(StatusCode::OK, &version())),
        ["healthz" | "livez"] => Ok(health::alive(call)),
        ["healthz" | "livez", "ping"] => Ok(health::ping()),
        ["readyz"] => Ok(health::ready(call)),
        ["readyz", name @ ..] => health::check(call, &name.join("/")),
        ["api"] => discovery::core(call),
        ["apis"] => discovery::groups(call),
        ["api", version] => discovery::version(call, "", version),
        ["apis", group] => discovery::group(call, group),
        ["apis", group, version] => discovery::version(call, group, version),
        ["openapi", "v2"] => openapi::v2::answer(call).await,
        ["openapi", "v3"] => Ok(openapi::v3::index(call)),
        ["openapi", "v3", path @ ..] => openapi::v3::document(call, path).await,
        [".well-known", "openid-configuration"] => {
            public_document("application/json", &call.state.tokens.discovery())
        }
        ["openid", "v1", "jwks"] => public_document("application/jwk-set+json", call.state.tokens.key_set()),
        _ => Err(Failure::UnknownPath),
    }
}

/// By which others verify the tokens of service accounts. It changes only with the signing key.
fn public_document(content_type: &'static str, document: &Value) -> Result<Response<Body>, Failure> {
    let mut response = answer_with(StatusCode::OK, content_type, full(document.to_string()));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    Ok(response)
}

fn version() -> Value {
    json!({
        "major": MAJOR,
        "minor": MINOR,
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, architecture()),
    })
}

/// The processor by the name that Go and container images use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn root(call: &Call) -> Value {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for served in call.state.registry().kinds().iter().filter(|served| !served.kind.group.is_empty()) {
        let group = format!("/apis/{}", served.kind.group);
        let version = format!("/apis/{}", served.api_version);
        for path in [group, version] {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    let others = [
        "/.well-known/openid-configuration",
        "/healthz",
        "/livez",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        "/openid/v1/jwks",
        "/version",
    ];
    paths.extend(others.map(str::to_owned));
    json!({ "paths": paths })
}
