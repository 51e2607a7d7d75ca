//! YAML, as Helm writes and reads it.

use bythos_gotemplate::{Failure, Function, List, Map, Scope, Text, Value};
use bythos_yaml::Limits;
use serde_json::Value as Json;

use super::json::{cannot_unmarshal, to_json_value, to_json_value_with_floats};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("toYaml", |scope: &mut Scope<'_>, value: Value| quiet(to_yaml(scope, &value))),
        Function::new("mustToYaml", |scope: &mut Scope<'_>, value: Value| to_yaml(scope, &value)),
        Function::new("toYamlPretty", |scope: &mut Scope<'_>, value: Value| quiet(pretty(scope, &value))),
        Function::new("fromYaml", |scope: &mut Scope<'_>, text: Text| from_yaml(scope, &text)),
        Function::new("fromYamlArray", |scope: &mut Scope<'_>, text: Text| from_yaml_array(scope, &text)),
    ]
}

fn quiet(result: Result<String, Failure>) -> Result<String, Failure> {
    match result {
        Err(Failure::Message(_)) => Ok(String::new()),
        other => other,
    }
}

/// Without the line break at the end.
pub(crate) fn to_yaml(scope: &Scope<'_>, value: &Value) -> Result<String, Failure> {
    let text = bythos_yaml::to_string(&to_json_value(value, scope.budget())?);
    Ok(without_line_break(text))
}

fn pretty(scope: &Scope<'_>, value: &Value) -> Result<String, Failure> {
    let text = bythos_yaml::to_string_pretty(&to_json_value_with_floats(value, scope.budget())?);
    Ok(without_line_break(text))
}

fn without_line_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

/// What the reader may take for lines in brackets that it moves to the right, each at the cost of reading the text again:
/// so often the text's length, and so many bytes, for a short text has as many such lines as bytes.
const MOVED_TIMES: usize = 3;
const MOVED_BYTES: usize = 4 << 10;

/// The first document.
fn decode(scope: &Scope<'_>, text: &Text) -> Result<Result<Json, String>, Failure> {
    let bytes_max = text.len().saturating_mul(MOVED_TIMES).saturating_add(MOVED_BYTES);
    scope.budget().spend_bytes(text.len().saturating_add(bytes_max))?;
    let documents = bythos_yaml::parse_all(&text.to_str(), Limits { bytes_max, ..Limits::MANIFESTS });
    Ok(match documents {
        Ok(documents) => Ok(documents.into_iter().next().unwrap_or(Json::Null)),
        Err(error) => Err(format!("error converting YAML to JSON: yaml: {error}")),
    })
}

fn wrong_type(found: &Json, wanted: &str) -> String {
    let message = cannot_unmarshal(found, wanted);
    format!("error unmarshaling JSON: while decoding JSON: {message}")
}

fn from_yaml(scope: &Scope<'_>, text: &Text) -> Result<Value, Failure> {
    let message = match decode(scope, text)? {
        Ok(value @ Json::Object(_)) => return Ok(value.into()),
        Ok(Json::Null) => return Ok(Value::Map(Map::new())),
        Ok(other) => wrong_type(&other, "map[string]interface {}"),
        Err(message) => message,
    };
    Ok(Value::map([("Error", Value::from(message))]))
}

fn from_yaml_array(scope: &Scope<'_>, text: &Text) -> Result<Value, Failure> {
    let message = match decode(scope, text)? {
        Ok(value @ Json::Array(_)) => return Ok(value.into()),
        Ok(Json::Null) => return Ok(Value::List(List::new(Vec::new()))),
        Ok(other) => wrong_type(&other, "[]interface {}"),
        Err(message) => message,
    };
    Ok(Value::list(vec![Value::from(message)]))
}
