//! `/openapi/v3`: an index of group versions, and one document for each, made from the table of kinds when asked.

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::schema::component;
use crate::body::Body;
use crate::call::Call;
use crate::registry::Served;
use crate::status::{Failure, json_response};

/// The query parameters of a patch by which clients find out what the server can do.
const PATCH_PARAMETERS: [(&str, &str); 4] =
    [("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("force", "boolean")];

/// `/openapi/v3`
pub(crate) fn index(call: &Call) -> Response<Body> {
    let registry = call.state.registry();
    let mut paths = Map::new();
    for served in registry.kinds() {
        let path = group_version_path(served);
        // The hash lets clients keep a document until a definition changes.
        let url = format!("/openapi/v3/{path}?hash={}", registry.fingerprint());
        paths.insert(path, json!({ "serverRelativeURL": url }));
    }
    json_response(StatusCode::OK, &json!({ "paths": paths }))
}

/// `/openapi/v3/api/v1`, `/openapi/v3/apis/apps/v1`
pub(crate) fn document(call: &Call, path: &[&str]) -> Result<Response<Body>, Failure> {
    let registry = call.state.registry();
    let path = path.join("/");
    let kinds: Vec<&Arc<Served>> =
        registry.kinds().iter().filter(|served| group_version_path(served) == path).collect();
    if kinds.is_empty() {
        return Err(Failure::UnknownPath);
    }
    let paths: Map<String, Value> =
        kinds.iter().filter(|served| served.kind.stored).map(|served| object_path(served)).collect();
    let schemas: Map<String, Value> =
        kinds.iter().map(|served| (component_name(served), component(served))).collect();
    let document = json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": "v1.37.0" },
        "paths": paths,
        "components": { "schemas": schemas },
    });
    Ok(json_response(StatusCode::OK, &document))
}

/// `api/v1`, `apis/apps/v1`
fn group_version_path(served: &Served) -> String {
    let root = if served.kind.group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", served.api_version)
}

/// `io.k8s.api.apps.v1.Deployment`, or the group turned round for kinds of others: `com.example.v1.Thing`.
fn component_name(served: &Served) -> String {
    let kind = &served.kind;
    let group = match kind.group.as_ref() {
        "" => "io.k8s.api.core".to_owned(),
        group if served.is_custom() => Vec::from_iter(group.rsplit('.')).join("."),
        group => {
            format!("io.k8s.api.{}", group.trim_end_matches(".k8s.io").split('.').next().unwrap_or(group))
        }
    };
    format!("{group}.{}.{}", kind.version, kind.kind)
}

/// The path of one object, with the operations that clients look at.
fn object_path(served: &Served) -> (String, Value) {
    let kind = &served.kind;
    let place = if kind.namespaced { "namespaces/{namespace}/" } else { "" };
    let path = format!("/{}/{place}{}/{{name}}", group_version_path(served), kind.plural);
    let own = json!({ "group": kind.group, "version": kind.version, "kind": kind.kind });
    let schema = json!({ "$ref": format!("#/components/schemas/{}", component_name(served)) });
    let answer =
        json!({ "200": { "description": "OK", "content": { "application/json": { "schema": schema } } } });
    let parameters: Vec<Value> = PATCH_PARAMETERS
        .iter()
        .map(|(name, type_)| json!({ "name": name, "in": "query", "schema": { "type": type_, "uniqueItems": true } }))
        .collect();
    let operation = |action: &str, parameters: &[Value]| {
        json!({
            "responses": answer,
            "parameters": parameters,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": own,
        })
    };
    let operations = json!({
        "get": operation("get", &[]),
        "put": operation("put", &parameters[..3]),
        "patch": operation("patch", &parameters),
    });
    (path, operations)
}
