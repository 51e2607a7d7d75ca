//! What a scalar means to Go.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use saphyr_parser::{ScalarStyle, Tag};
use serde_json::Value;

use crate::number::{self, Number};
use crate::{Rules, timestamp};

/// A scalar that was resolved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Value(Value),
    /// The merge key, if it stands where a key stands.
    Merge,
}

/// What an unquoted text is without a tag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Number(Number),
    /// Read as its text; other readers take it for a date.
    Timestamp,
    Merge,
    Text,
}

/// # Errors
/// The text is not what its tag says, or has no form in JSON.
pub(crate) fn resolve(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    rules: Rules,
) -> Result<Scalar, String> {
    let is_plain = style == ScalarStyle::Plain;
    let Some(tag) = tag else {
        let found = if is_plain { plain_by(text, rules) } else { Plain::Text };
        return to_scalar(found, text, rules);
    };
    let name = format!("{}{}", tag.handle, tag.suffix);
    match name.strip_prefix("tag:yaml.org,2002:") {
        Some("binary") => binary(text),
        Some("merge") if text == "<<" => Ok(Scalar::Merge),
        Some(kind @ ("null" | "bool" | "int" | "float" | "timestamp")) => tagged(kind, text, rules),
        // `!!str`, and tags of applications, which Go drops.
        _ => to_scalar(Plain::Text, text, rules),
    }
}

/// The form of an unquoted text.
pub(crate) fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Plain::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Plain::Bool(false)
        }
        "<<" => Plain::Merge,
        _ if timestamp::is_timestamp(text) => Plain::Timestamp,
        _ => number::parse(text).map_or(Plain::Text, Plain::Number),
    }
}

/// The form of an unquoted text by the rules of one of Go's libraries.
fn plain_by(text: &str, rules: Rules) -> Plain {
    match (plain(text), rules) {
        (Plain::Bool(_), Rules::Go3) if !matches!(text.as_bytes(), [b't' | b'T' | b'f' | b'F', ..]) => {
            Plain::Text
        }
        (found, _) => found,
    }
}

/// What an unquoted text means by the rules of Go's third library; the text itself where JSON has no such value.
pub fn plain_value(text: &str) -> Value {
    match to_scalar(plain_by(text, Rules::Go3), text, Rules::Go3) {
        Ok(Scalar::Value(value)) => value,
        Ok(Scalar::Merge) | Err(_) => Value::String(text.to_owned()),
    }
}

/// The name of a field, as `sigs.k8s.io/yaml` makes it out of a key.
///
/// # Errors
/// The key has no form as a name.
pub(crate) fn key(value: Value) -> Result<String, String> {
    let found = match value {
        Value::String(name) => return Ok(name),
        Value::Bool(name) => return Ok(name.to_string()),
        Value::Number(name) => return Ok(number::key(&name)),
        Value::Null => "null",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    };
    Err(format!("expected a string, a number or a boolean as the key, found {found}"))
}

fn to_scalar(found: Plain, text: &str, rules: Rules) -> Result<Scalar, String> {
    Ok(Scalar::Value(match found {
        Plain::Null => Value::Null,
        Plain::Bool(value) => Value::Bool(value),
        Plain::Number(number) => {
            Value::Number(number.to_json().ok_or_else(|| format!("{text:?} is a number that JSON has not"))?)
        }
        Plain::Timestamp if rules == Rules::Go3 => {
            Value::String(timestamp::rfc3339(text).unwrap_or_else(|| text.to_owned()))
        }
        Plain::Timestamp | Plain::Text => Value::String(text.to_owned()),
        Plain::Merge => return Ok(Scalar::Merge),
    }))
}

fn tagged(kind: &str, text: &str, rules: Rules) -> Result<Scalar, String> {
    let found = plain(text);
    match (kind, found) {
        ("null", Plain::Null)
        | ("bool", Plain::Bool(_))
        | ("int", Plain::Number(Number::Whole(_) | Number::Large(_)))
        | ("float", Plain::Number(_))
        | ("timestamp", Plain::Timestamp) => to_scalar(found, text, rules),
        _ => Err(format!("expected a value of type !!{kind}, found {text:?}")),
    }
}

fn binary(text: &str) -> Result<Scalar, String> {
    let joined: String = text.chars().filter(|character| !matches!(character, '\n' | '\r')).collect();
    let bytes =
        STANDARD.decode(joined).map_err(|error| format!("expected base64 after !!binary: {error}"))?;
    Ok(Scalar::Value(Value::String(String::from_utf8_lossy(&bytes).into_owned())))
}
