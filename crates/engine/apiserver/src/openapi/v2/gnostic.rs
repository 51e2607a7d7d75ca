//! The protobuf form of a version 2 document: the messages of gnostic's `OpenAPIv2.proto`, by a table.
//!
//! A message field that is itself a message may be sent in parts, which readers join. So paths and definitions are
//! written one by one, as in JSON, and the document is never in memory as a whole.

use std::io::{self, Write as _};

use bythos_schema::{Definitions, Dialect};
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::{Map, Value};

use super::super::document::Page;
use super::super::{definitions, info, operations, parameters};
use crate::state::State;

/// Tags of `Document`.
const SWAGGER: u32 = 1;
const INFO: u32 = 2;
const PATHS: u32 = 8;
const DEFINITIONS: u32 = 9;
const PARAMETERS: u32 = 10;

/// How a member of a JSON object is written.
enum Shape {
    Text,
    Texts,
    Flag,
    Integer,
    Number,
    /// `Any`: YAML in a text, and JSON is YAML.
    Yaml,
    Yamls,
    Message(&'static Message),
    /// A message of named entries: what is an object in JSON.
    Named(&'static Message),
    /// A message whose only field, a list of texts, JSON may shorten to one text.
    Type,
    /// A message with the real one in its field 1.
    Wrapped(&'static Message),
    /// A schema, or a yes or no.
    SchemaOrFlag,
    /// Each is one of several messages, told apart by what it contains.
    Parameters,
    /// Named responses, below a field for responses and another one for references.
    Responses,
}

struct Field {
    name: &'static str,
    tag: u32,
    shape: Shape,
}

/// A message: its fields, and the tag of the list that holds members whose names begin with `x-`.
struct Message {
    fields: &'static [Field],
    extensions: u32,
}

const fn field(name: &'static str, tag: u32, shape: Shape) -> Field {
    Field { name, tag, shape }
}

static INFO_MESSAGE: Message =
    Message { fields: &[field("title", 1, Shape::Text), field("version", 2, Shape::Text)], extensions: 7 };

static REFERENCE: Message =
    Message { fields: &[field("$ref", 1, Shape::Text), field("description", 2, Shape::Text)], extensions: 0 };

static SCHEMA: Message = Message {
    fields: &[
        field("$ref", 1, Shape::Text),
        field("format", 2, Shape::Text),
        field("title", 3, Shape::Text),
        field("description", 4, Shape::Text),
        field("default", 5, Shape::Yaml),
        field("multipleOf", 6, Shape::Number),
        field("maximum", 7, Shape::Number),
        field("exclusiveMaximum", 8, Shape::Flag),
        field("minimum", 9, Shape::Number),
        field("exclusiveMinimum", 10, Shape::Flag),
        field("maxLength", 11, Shape::Integer),
        field("minLength", 12, Shape::Integer),
        field("pattern", 13, Shape::Text),
        field("maxItems", 14, Shape::Integer),
        field("minItems", 15, Shape::Integer),
        field("uniqueItems", 16, Shape::Flag),
        field("maxProperties", 17, Shape::Integer),
        field("minProperties", 18, Shape::Integer),
        field("required", 19, Shape::Texts),
        field("enum", 20, Shape::Yamls),
        field("additionalProperties", 21, Shape::SchemaOrFlag),
        field("type", 22, Shape::Type),
        field("items", 23, Shape::Wrapped(&SCHEMA)),
        field("properties", 25, Shape::Named(&SCHEMA)),
    ],
    extensions: 31,
};

static BODY_PARAMETER: Message = Message {
    fields: &[
        field("description", 1, Shape::Text),
        field("name", 2, Shape::Text),
        field("in", 3, Shape::Text),
        field("required", 4, Shape::Flag),
        field("schema", 5, Shape::Message(&SCHEMA)),
    ],
    extensions: 6,
};

static QUERY_PARAMETER: Message = Message {
    fields: &[
        field("required", 1, Shape::Flag),
        field("in", 2, Shape::Text),
        field("description", 3, Shape::Text),
        field("name", 4, Shape::Text),
        field("type", 6, Shape::Text),
        field("uniqueItems", 20, Shape::Flag),
    ],
    extensions: 23,
};

static PATH_PARAMETER: Message = Message {
    fields: &[
        field("required", 1, Shape::Flag),
        field("in", 2, Shape::Text),
        field("description", 3, Shape::Text),
        field("name", 4, Shape::Text),
        field("type", 5, Shape::Text),
        field("uniqueItems", 19, Shape::Flag),
    ],
    extensions: 22,
};

static RESPONSE: Message = Message {
    fields: &[field("description", 1, Shape::Text), field("schema", 2, Shape::Wrapped(&SCHEMA))],
    extensions: 5,
};

static OPERATION: Message = Message {
    fields: &[
        field("tags", 1, Shape::Texts),
        field("description", 3, Shape::Text),
        field("operationId", 5, Shape::Text),
        field("produces", 6, Shape::Texts),
        field("consumes", 7, Shape::Texts),
        field("parameters", 8, Shape::Parameters),
        field("responses", 9, Shape::Responses),
        field("schemes", 10, Shape::Texts),
    ],
    extensions: 13,
};

static PATH_ITEM: Message = Message {
    fields: &[
        field("get", 2, Shape::Message(&OPERATION)),
        field("put", 3, Shape::Message(&OPERATION)),
        field("post", 4, Shape::Message(&OPERATION)),
        field("delete", 5, Shape::Message(&OPERATION)),
        field("patch", 8, Shape::Message(&OPERATION)),
        field("parameters", 9, Shape::Parameters),
    ],
    extensions: 10,
};

pub(super) fn write(state: &State, page: &mut Page) -> io::Result<()> {
    let registry = state.registry();
    let mut head = Vec::new();
    put_text(&mut head, SWAGGER, "2.0");
    put_bytes(&mut head, INFO, &message(&INFO_MESSAGE, &info()));
    page.write_all(&head)?;
    for served in registry.kinds() {
        for (path, item) in operations::paths(served, Dialect::V2) {
            // In `Paths`, unlike elsewhere, the named ones are field 2.
            write_part(page, PATHS, 2, &entry(&path, &message(&PATH_ITEM, &item)))?;
        }
    }
    let mut handed_out = Definitions::new(Dialect::V2);
    for (name, definition) in handed_out.of_requests() {
        write_part(page, DEFINITIONS, 1, &entry(&name, &message(&SCHEMA, &definition)))?;
    }
    for served in registry.kinds() {
        for (name, definition) in definitions::of_kind(state, &mut handed_out, served, Dialect::V2) {
            write_part(page, DEFINITIONS, 1, &entry(&name, &message(&SCHEMA, &definition)))?;
        }
    }
    for parameter in parameters::ALL {
        let (tag, value) = parameter_message(&parameter.to_value(Dialect::V2));
        let mut wrapped = Vec::new();
        put_bytes(&mut wrapped, tag, &value);
        write_part(page, PARAMETERS, 1, &entry(parameter.name, &wrapped))?;
    }
    Ok(())
}

/// One entry of a field of the document.
fn write_part(page: &mut Page, field: u32, tag: u32, entry: &[u8]) -> io::Result<()> {
    let (mut part, mut whole) = (Vec::with_capacity(entry.len() + 8), Vec::with_capacity(entry.len() + 16));
    put_bytes(&mut part, tag, entry);
    put_bytes(&mut whole, field, &part);
    page.write_all(&whole)
}

/// A JSON object as a message.
fn message(of: &Message, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(members) = value.as_object() else { return bytes };
    for Field { name, tag, shape } in of.fields {
        if let Some(value) = members.get(*name) {
            put(&mut bytes, *tag, shape, value);
        }
    }
    for (name, value) in members.iter().filter(|(name, _)| of.extensions != 0 && name.starts_with("x-")) {
        put_bytes(&mut bytes, of.extensions, &entry(name, &yaml(value)));
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, tag: u32, shape: &Shape, value: &Value) {
    match shape {
        Shape::Text => put_text(bytes, tag, value.as_str().unwrap_or_default()),
        Shape::Texts => items(value).for_each(|item| put_text(bytes, tag, item.as_str().unwrap_or_default())),
        Shape::Flag => put_varint(bytes, tag, u64::from(value == true)),
        Shape::Integer => put_varint(bytes, tag, value.as_u64().unwrap_or_default()),
        Shape::Number => {
            encode_key(tag, WireType::SixtyFourBit, bytes);
            bytes.extend_from_slice(&value.as_f64().unwrap_or_default().to_le_bytes());
        }
        Shape::Yaml => put_bytes(bytes, tag, &yaml(value)),
        Shape::Yamls => items(value).for_each(|item| put_bytes(bytes, tag, &yaml(item))),
        Shape::Message(of) => put_bytes(bytes, tag, &message(of, value)),
        Shape::Named(of) => {
            let named = members(value).map(|(name, value)| entry(name, &message(of, value)));
            put_bytes(bytes, tag, &repeated(1, named));
        }
        Shape::Type => put_bytes(bytes, tag, &type_item(value)),
        Shape::Wrapped(of) => put_bytes(bytes, tag, &wrapped(1, &message(of, value))),
        Shape::SchemaOrFlag => put_bytes(bytes, tag, &schema_or_flag(value)),
        Shape::Parameters => items(value).for_each(|item| put_bytes(bytes, tag, &parameters_item(item))),
        Shape::Responses => {
            let responses = members(value)
                .map(|(code, response)| entry(code, &wrapped(1, &message(&RESPONSE, response))));
            put_bytes(bytes, tag, &repeated(1, responses));
        }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// `TypeItem`: `"string"` and `["string"]` are the same.
fn type_item(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    match value {
        Value::String(text) => put_text(&mut bytes, 1, text),
        other => put(&mut bytes, 1, &Shape::Texts, other),
    }
    bytes
}

fn schema_or_flag(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    match value {
        Value::Bool(flag) => put_varint(&mut bytes, 2, u64::from(*flag)),
        schema => put_bytes(&mut bytes, 1, &message(&SCHEMA, schema)),
    }
    bytes
}

/// `ParametersItem`: a parameter, or a reference to one.
fn parameters_item(value: &Value) -> Vec<u8> {
    if value.get("$ref").is_some() {
        return wrapped(2, &message(&REFERENCE, value));
    }
    let (tag, parameter) = parameter_message(value);
    wrapped(1, &wrapped(tag, &parameter))
}

/// A parameter, and the tag in `Parameter` that says which one it is.
fn parameter_message(value: &Value) -> (u32, Vec<u8>) {
    match value.get("in").and_then(Value::as_str) {
        Some("body") => (1, message(&BODY_PARAMETER, value)),
        Some("path") => (2, wrapped(4, &message(&PATH_PARAMETER, value))),
        _ => (2, wrapped(3, &message(&QUERY_PARAMETER, value))),
    }
}

fn yaml(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_text(&mut bytes, 2, &value.to_string());
    bytes
}

/// `NamedX`: a name and what it stands for.
fn entry(name: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_text(&mut bytes, 1, name);
    put_bytes(&mut bytes, 2, value);
    bytes
}

fn repeated(tag: u32, entries: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    entries.for_each(|entry| put_bytes(&mut bytes, tag, &entry));
    bytes
}

fn wrapped(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 6);
    put_bytes(&mut bytes, tag, value);
    bytes
}

fn put_text(bytes: &mut Vec<u8>, tag: u32, text: &str) {
    put_bytes(bytes, tag, text.as_bytes());
}

fn put_bytes(bytes: &mut Vec<u8>, tag: u32, value: &[u8]) {
    encode_key(tag, WireType::LengthDelimited, bytes);
    encode_varint(value.len() as u64, bytes);
    bytes.extend_from_slice(value);
}

fn put_varint(bytes: &mut Vec<u8>, tag: u32, value: u64) {
    encode_key(tag, WireType::Varint, bytes);
    encode_varint(value, bytes);
}
