//! Objects in Kubernetes' protobuf form, in which kubectl (from 1.32 on) and typed Go clients send built-in kinds.
//!
//! Only requests: answers are JSON, which those clients accept as well. A body is `k8s\0` and an `Unknown` message
//! (`apimachinery/pkg/runtime/generated.proto`) that holds `apiVersion`, `kind` and the object's own message. Which
//! fields a message has stands in a table; a field that the table does not have is refused, never dropped.

mod messages;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use messages::{Field, Message, Type, message};
use wire::{Content, Malformed, fields};

/// The `Content-Type` of such a body.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

const MAGIC: &[u8] = b"k8s\0";
const DEPTH_MAX: usize = 64;

/// A body that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the body does not begin with the four bytes \"k8s\\0\"")]
    NoMagic,
    #[error("{kind:?} cannot be read in protobuf form; send JSON")]
    UnknownKind { kind: String },
    #[error("field {number} of {message} is not known; send JSON")]
    UnknownField { message: &'static str, number: u32 },
    #[error("field {number} of {message} holds another type than expected")]
    WrongType { message: &'static str, number: u32 },
    #[error("messages are nested too deeply")]
    TooDeep,
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// The object in a body.
pub(crate) fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for field in fields(body.strip_prefix(MAGIC).ok_or(DecodeError::NoMagic)?) {
        match field? {
            (1, Content::Bytes(type_meta)) => {
                for field in fields(type_meta) {
                    match field? {
                        (1, Content::Bytes(text)) => api_version = String::from_utf8_lossy(text).into_owned(),
                        (2, Content::Bytes(text)) => kind = String::from_utf8_lossy(text).into_owned(),
                        _ => {}
                    }
                }
            }
            (2, Content::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let root = message(&root_name(&api_version, &kind))
        .ok_or_else(|| DecodeError::UnknownKind { kind: kind.clone() })?;
    let mut object = decode_message(root, raw, 0)?;
    object.insert("apiVersion".to_owned(), json!(api_version));
    object.insert("kind".to_owned(), json!(kind));
    Ok(Value::Object(object))
}

/// The table's name of a kind's message. Where the versions of a kind differ, theirs is part of it; so is the group where
/// messages of two groups have one name.
fn root_name(api_version: &str, kind: &str) -> String {
    match (api_version, kind) {
        ("autoscaling/v2", "HorizontalPodAutoscaler") => format!("{kind}V2"),
        ("events.k8s.io/v1", "Event") => format!("events.{kind}"),
        ("resource.k8s.io/v1", "ResourceClaim") => format!("resource.{kind}"),
        _ => kind.to_owned(),
    }
}

fn decode_message(of: &Message, bytes: &[u8], depth: usize) -> Result<Map<String, Value>, DecodeError> {
    if depth > DEPTH_MAX {
        return Err(DecodeError::TooDeep);
    }
    let mut object = Map::new();
    for entry in fields(bytes) {
        let (number, content) = entry?;
        let field = of.fields.get(&number).ok_or(DecodeError::UnknownField { message: of.name, number })?;
        add_field(&mut object, of, field, content, depth)?;
    }
    Ok(object)
}

fn add_field(
    object: &mut Map<String, Value>,
    of: &Message,
    field: &Field,
    content: Content<'_>,
    depth: usize,
) -> Result<(), DecodeError> {
    let wrong = || DecodeError::WrongType { message: of.name, number: field.number };
    match &field.type_ {
        Type::List(items) => {
            let item = decode_value(items, content, depth)?.ok_or_else(wrong)?;
            let list = object.entry(field.name).or_insert_with(|| json!([]));
            list.as_array_mut().ok_or_else(wrong)?.push(item);
        }
        Type::Map(values) => {
            let Content::Bytes(entry) = content else { return Err(wrong()) };
            let (key, value) = decode_entry(values, entry, depth)?.ok_or_else(wrong)?;
            let map = object.entry(field.name).or_insert_with(|| json!({}));
            map.as_object_mut().ok_or_else(wrong)?.insert(key, value);
        }
        single => {
            let value = decode_value(single, content, depth)?.ok_or_else(wrong)?;
            match value {
                Value::Object(inner) if field.name == messages::INLINE => object.extend(inner),
                // Go writes the zero of a field that is no pointer, where JSON leaves it out.
                value if !field.is_pointer && is_zero(&value) => {}
                value => {
                    object.insert(field.name.to_owned(), value);
                }
            }
        }
    }
    Ok(())
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn decode_entry(values: &Type, entry: &[u8], depth: usize) -> Result<Option<(String, Value)>, DecodeError> {
    let (mut key, mut value) = (String::new(), values.zero());
    for field in fields(entry) {
        match field? {
            (1, Content::Bytes(text)) => key = String::from_utf8_lossy(text).into_owned(),
            (2, content) => match decode_value(values, content, depth)? {
                Some(found) => value = found,
                None => return Ok(None),
            },
            _ => {}
        }
    }
    Ok(Some((key, value)))
}

/// The value of one occurrence of a field; `None` if it is of another type.
fn decode_value(type_: &Type, content: Content<'_>, depth: usize) -> Result<Option<Value>, DecodeError> {
    Ok(match (type_, content) {
        (Type::Integer, Content::Number(number)) => Some(json!(number)),
        (Type::Boolean, Content::Number(number)) => Some(json!(number != 0)),
        (Type::String, Content::Bytes(bytes)) => std::str::from_utf8(bytes).ok().map(|text| json!(text)),
        (Type::Bytes, Content::Bytes(bytes)) => Some(json!(STANDARD.encode(bytes))),
        (Type::Time, Content::Bytes(bytes)) => Some(time(bytes, "%Y-%m-%dT%H:%M:%SZ")?),
        (Type::MicroTime, Content::Bytes(bytes)) => Some(time(bytes, "%Y-%m-%dT%H:%M:%S.%6fZ")?),
        (Type::IntOrString, Content::Bytes(bytes)) => Some(int_or_string(bytes)?),
        (Type::Quantity, Content::Bytes(bytes)) => Some(json!(first_text(bytes)?)),
        // What stands in it is JSON.
        (Type::Raw, Content::Bytes(bytes)) => serde_json::from_str(&first_text(bytes)?).ok(),
        (Type::Items, Content::Bytes(bytes)) => Some(items(bytes)?),
        (Type::Message(name), Content::Bytes(bytes)) => {
            let of = message(name).ok_or_else(|| DecodeError::UnknownKind { kind: (*name).to_owned() })?;
            Some(Value::Object(decode_message(of, bytes, depth + 1)?))
        }
        _ => None,
    })
}

/// `Time` and `MicroTime`: seconds and nanoseconds; empty for no time.
fn time(bytes: &[u8], format: &str) -> Result<Value, DecodeError> {
    let (mut seconds, mut nanoseconds) = (0, 0);
    for field in fields(bytes) {
        match field? {
            (1, Content::Number(number)) => seconds = number,
            (2, Content::Number(number)) => nanoseconds = number,
            _ => {}
        }
    }
    let nanoseconds = i32::try_from(nanoseconds).unwrap_or(0);
    match jiff::Timestamp::new(seconds, nanoseconds) {
        Ok(time) if !bytes.is_empty() => Ok(json!(time.strftime(format).to_string())),
        _ => Ok(Value::Null),
    }
}

/// `IntOrString`: which of the two, the number, the text.
fn int_or_string(bytes: &[u8]) -> Result<Value, DecodeError> {
    let (mut is_text, mut number, mut text) = (false, 0, String::new());
    for field in fields(bytes) {
        match field? {
            (1, Content::Number(which)) => is_text = which == 1,
            (2, Content::Number(found)) => number = found,
            (3, Content::Bytes(found)) => text = String::from_utf8_lossy(found).into_owned(),
            _ => {}
        }
    }
    Ok(if is_text { json!(text) } else { json!(number) })
}

/// The text in a message whose only field it is.
fn first_text(bytes: &[u8]) -> Result<String, DecodeError> {
    Ok(texts(bytes)?.into_iter().next().unwrap_or_default())
}

fn items(bytes: &[u8]) -> Result<Value, DecodeError> {
    Ok(json!(texts(bytes)?))
}

fn texts(bytes: &[u8]) -> Result<Vec<String>, DecodeError> {
    let mut texts = Vec::new();
    for field in fields(bytes) {
        if let (1, Content::Bytes(text)) = field? {
            texts.push(String::from_utf8_lossy(text).into_owned());
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests;
