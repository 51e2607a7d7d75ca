//! `/openapi/v2`: one document of all kinds, in JSON and in the protobuf form of gnostic's `openapi.v2`.

mod gnostic;

use std::io;

use bythos_schema::{Definitions, Dialect};
use http::Response;
use serde_json::json;

use super::document::{self, Members, Name, Page};
use super::{definitions, info, operations, parameters};
use crate::body::Body;
use crate::call::Call;
use crate::negotiate::accepted;
use crate::state::State;
use crate::status::Failure;

/// What clients ask for. It is not a media type by RFC 6838, which knows no `@` ...
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
/// ... so upstream answers with this one, and clients refuse to parse the other.
const PROTOBUF_ANSWER: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

pub(crate) async fn answer(call: &Call) -> Result<Response<Body>, Failure> {
    let registry = call.state.registry();
    let wants_protobuf =
        accepted(&call.headers).into_iter().find_map(|media_type| match media_type.essence {
            PROTOBUF | PROTOBUF_ANSWER => Some(true),
            "application/json" | "application/*" | "*/*" => Some(false),
            _ => None,
        });
    match wants_protobuf {
        Some(true) => {
            document::answer(call, Name::V2Protobuf, &registry, PROTOBUF_ANSWER, gnostic::write).await
        }
        Some(false) => document::answer(call, Name::V2Json, &registry, "application/json", write_json).await,
        None => Err(Failure::NotAcceptable(
            "application/json, application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        )),
    }
}

fn write_json(state: &State, page: &mut Page) -> io::Result<()> {
    let registry = state.registry();
    let mut document = Members::begin(page)?;
    document.add("swagger", &json!("2.0"))?;
    document.add("info", &info())?;

    let mut members = Members::begin(document.open("paths")?)?;
    for served in registry.kinds() {
        for (path, item) in operations::paths(served, Dialect::V2) {
            members.add(&path, &item)?;
        }
    }
    members.end()?;

    let mut handed_out = Definitions::new(Dialect::V2);
    let mut members = Members::begin(document.open("definitions")?)?;
    for (name, definition) in handed_out.of_requests() {
        members.add(&name, &definition)?;
    }
    for served in registry.kinds() {
        for (name, definition) in definitions::of_kind(state, &mut handed_out, served, Dialect::V2) {
            members.add(&name, &definition)?;
        }
    }
    members.end()?;

    let mut members = Members::begin(document.open("parameters")?)?;
    for parameter in parameters::ALL {
        members.add(parameter.name, &parameter.to_value(Dialect::V2))?;
    }
    members.end()?;
    document.end()
}
