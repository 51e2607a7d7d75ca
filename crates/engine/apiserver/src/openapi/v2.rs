//! `/openapi/v2`: a document that claims nothing, in JSON and in the protobuf form of gnostic's `openapi_v2`.

use http::{Response, StatusCode};
use prost::Message;
use serde_json::json;

use crate::body::{Body, full};
use crate::call::{self, Call};
use crate::negotiate::accepted;
use crate::status::{Failure, json_response};

/// What clients ask for. It is not a media type by RFC 6838, which knows no `@` ...
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
/// ... so upstream answers with this one, and clients refuse to parse the other.
const PROTOBUF_ANSWER: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const TITLE: &str = "Kubernetes";
const VERSION: &str = "v1.37.0";

/// gnostic's `openapi.v2.Document`, as far as it is used.
#[derive(Clone, PartialEq, Message)]
struct Document {
    #[prost(string, tag = "1")]
    swagger: String,
    #[prost(message, optional, tag = "2")]
    info: Option<Info>,
    #[prost(message, optional, tag = "8")]
    paths: Option<Paths>,
}

/// gnostic's `openapi.v2.Info`, as far as it is used.
#[derive(Clone, PartialEq, Message)]
struct Info {
    #[prost(string, tag = "1")]
    title: String,
    #[prost(string, tag = "2")]
    version: String,
}

/// gnostic's `openapi.v2.Paths`, without any.
#[derive(Clone, PartialEq, Message)]
struct Paths {}

fn protobuf() -> Response<Body> {
    let info = Info { title: TITLE.to_owned(), version: VERSION.to_owned() };
    let document = Document { swagger: "2.0".to_owned(), info: Some(info), paths: Some(Paths {}) };
    call::answer(StatusCode::OK, PROTOBUF_ANSWER, full(document.encode_to_vec()))
}

pub(crate) fn answer(call: &Call) -> Result<Response<Body>, Failure> {
    let form = accepted(&call.headers).into_iter().find_map(|media_type| match media_type.essence {
        PROTOBUF => Some(true),
        "application/json" | "application/*" | "*/*" => Some(false),
        _ => None,
    });
    match form {
        Some(true) => Ok(protobuf()),
        Some(false) => {
            let info = json!({ "title": TITLE, "version": VERSION });
            Ok(json_response(StatusCode::OK, &json!({ "swagger": "2.0", "info": info, "paths": {} })))
        }
        None => Err(Failure::NotAcceptable(
            "application/json, application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        )),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn the_protobuf_form_is_a_document_of_version_2_without_definitions() {
        let bytes = protobuf().into_body().collect().await.unwrap().to_bytes();
        let document = Document::decode(bytes.clone()).unwrap();
        assert_eq!(document.swagger, "2.0");
        assert_eq!(document.info.unwrap().title, "Kubernetes");
        assert!(document.paths.is_some());
        // Field 1, length 3.
        assert_eq!(&bytes[..5], b"\x0a\x032.0");
    }
}
