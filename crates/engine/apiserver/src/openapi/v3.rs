//! `/openapi/v3`: an index of group versions, and one document for each.

use std::io;
use std::sync::Arc;

use bythos_schema::{Definitions, Dialect};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::document::{self, Members, Name, Page};
use super::{definitions, info, operations, parameters};
use crate::body::Body;
use crate::call::Call;
use crate::registry::{Registry, Served};
use crate::state::State;
use crate::status::{Failure, json_response};

/// `/openapi/v3`
pub(crate) fn index(call: &Call) -> Response<Body> {
    let registry = call.state.registry();
    let mut paths = Map::new();
    for served in registry.kinds() {
        let path = path(served);
        // Another one whenever a definition changes, so that clients ask again.
        let url = format!("/openapi/v3/{path}?hash={}", registry.fingerprint());
        paths.insert(path, json!({ "serverRelativeURL": url }));
    }
    json_response(StatusCode::OK, &json!({ "paths": paths }))
}

/// `/openapi/v3/api/v1`, `/openapi/v3/apis/apps/v1`
pub(crate) async fn document(call: &Call, path: &[&str]) -> Result<Response<Body>, Failure> {
    let registry = call.state.registry();
    let path = path.join("/");
    if kinds_of(&registry, &path).next().is_none() {
        return Err(Failure::UnknownPath);
    }
    let write = {
        let path = path.clone();
        move |state: &State, page: &mut Page| write(state, &path, page)
    };
    document::answer(call, Name::V3(path), &registry, "application/json", write).await
}

fn write(state: &State, path: &str, page: &mut Page) -> io::Result<()> {
    let registry = state.registry();
    let mut document = Members::begin(page)?;
    document.add("openapi", &json!("3.0.0"))?;
    document.add("info", &info())?;

    let mut members = Members::begin(document.open("paths")?)?;
    for served in kinds_of(&registry, path) {
        for (path, item) in operations::paths(served, Dialect::V3) {
            members.add(&path, &item)?;
        }
    }
    members.end()?;

    let mut components = Members::begin(document.open("components")?)?;
    let mut handed_out = Definitions::new(Dialect::V3);
    let mut members = Members::begin(components.open("schemas")?)?;
    for (name, definition) in handed_out.of_requests() {
        members.add(&name, &definition)?;
    }
    for served in kinds_of(&registry, path) {
        for (name, definition) in definitions::of_kind(state, &mut handed_out, served, Dialect::V3) {
            members.add(&name, &definition)?;
        }
    }
    members.end()?;
    let shared: Map<String, Value> = parameters::ALL
        .iter()
        .map(|parameter| (parameter.name.to_owned(), parameter.to_value(Dialect::V3)))
        .collect();
    components.add("parameters", &Value::Object(shared))?;
    components.end()?;
    document.end()
}

fn kinds_of<'a>(registry: &'a Registry, wanted: &'a str) -> impl Iterator<Item = &'a Arc<Served>> {
    registry.kinds().iter().filter(move |served| path(served) == wanted)
}

/// `api/v1`, `apis/apps/v1`
fn path(served: &Served) -> String {
    served.root().trim_start_matches('/').to_owned()
}
