//! In which form a client wants its answer: JSON or YAML; the object, a table, or its metadata alone.

use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT;
use serde_json::Value;

use crate::request::Query;
use crate::status::Failure;

/// What every object can be answered as.
pub(crate) const OBJECT_TYPES: &str = "application/json, application/yaml";

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Json,
    PrettyJson,
    Yaml,
}

/// What of an object is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// All of it.
    Object,
    /// A row of a `Table`.
    Table(Include),
    /// A `PartialObjectMetadata`.
    Metadata,
}

/// What a table's row holds besides its cells: `includeObject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Include {
    Nothing,
    Metadata,
    Object,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) syntax: Syntax,
    pub(crate) shape: Shape,
}

impl Form {
    /// Whether stored bytes are the answer as they are.
    pub(crate) fn is_stored(self) -> bool {
        self == Form { syntax: Syntax::Json, shape: Shape::Object }
    }

    /// The `Content-Type` of an answer in this form.
    pub(crate) fn content_type(self) -> &'static str {
        match self.syntax {
            Syntax::Json | Syntax::PrettyJson => "application/json",
            Syntax::Yaml => "application/yaml",
        }
    }

    /// The value in this form's syntax.
    pub(crate) fn write(self, value: &Value) -> Result<Bytes, Failure> {
        Ok(match self.syntax {
            Syntax::Json => serde_json::to_vec(value)?.into(),
            Syntax::PrettyJson => serde_json::to_vec_pretty(value)?.into(),
            Syntax::Yaml => bythos_yaml::to_string(value).into(),
        })
    }
}

/// One entry of an `Accept` header.
#[derive(Debug)]
pub(crate) struct MediaType<'a> {
    pub(crate) essence: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> MediaType<'a> {
    /// Reads `type/subtype;name=value`.
    pub(crate) fn parse(text: &'a str) -> MediaType<'a> {
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let parameters = parts.filter_map(|part| part.split_once('=')).collect();
        MediaType { essence, parameters }
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// The media types that a client accepts, in its order; `*/*` if it says nothing.
pub(crate) fn accepted(headers: &HeaderMap) -> Vec<MediaType<'_>> {
    let types: Vec<_> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|text| MediaType::parse(text.trim()))
        .filter(|media_type| !media_type.essence.is_empty())
        .collect();
    if types.is_empty() { vec![MediaType::parse("*/*")] } else { types }
}

/// The first form that the client accepts and that objects can be answered in.
pub(crate) fn form(headers: &HeaderMap, query: &Query) -> Result<Form, Failure> {
    let include = match query.get("includeObject") {
        None | Some("Metadata") => Include::Metadata,
        Some("None") => Include::Nothing,
        Some("Object") => Include::Object,
        Some(other) => {
            return Err(Failure::BadRequest(format!(
                "unsupported includeObject value {other:?}, expected \"None\", \"Metadata\" or \"Object\""
            )));
        }
    };
    let json = if query.is_true("pretty") { Syntax::PrettyJson } else { Syntax::Json };
    let of_type = |media_type: &MediaType<'_>| {
        let syntax = match media_type.essence {
            "application/json" | "application/*" | "*/*" => json,
            "application/yaml" => Syntax::Yaml,
            _ => return None,
        };
        let shape = match (media_type.parameter("as"), media_type.parameter("g")) {
            (None, _) => Shape::Object,
            (Some("Table"), Some("meta.k8s.io")) => Shape::Table(include),
            (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some("meta.k8s.io")) => {
                Shape::Metadata
            }
            _ => return None,
        };
        Some(Form { syntax, shape })
    };
    accepted(headers).iter().find_map(of_type).ok_or(Failure::NotAcceptable(OBJECT_TYPES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, query: &str, expect: Option<(Syntax, Shape)>) {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(ACCEPT, accept.parse().unwrap());
        }
        let form = form(&headers, &Query::parse(query)).ok();
        assert_eq!(form, expect.map(|(syntax, shape)| Form { syntax, shape }), "{accept}");
    }

    #[test]
    fn the_first_acceptable_form_is_taken() {
        check("", "", Some((Syntax::Json, Shape::Object)));
        check(
            "application/vnd.kubernetes.protobuf, */*",
            "pretty=true",
            Some((Syntax::PrettyJson, Shape::Object)),
        );
        check("application/yaml", "", Some((Syntax::Yaml, Shape::Object)));
        check(
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            "includeObject=Object",
            Some((Syntax::Json, Shape::Table(Include::Object))),
        );
        check(
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            "",
            Some((Syntax::Json, Shape::Metadata)),
        );
        check("application/json;as=Unheard;g=x,application/json", "", Some((Syntax::Json, Shape::Object)));
        check("application/cbor", "", None);
        check("", "includeObject=All", None);
    }
}
