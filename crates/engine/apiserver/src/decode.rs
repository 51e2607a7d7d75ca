//! From the bytes of a request to an object.

mod repeated;

use bytes::Bytes;
use bythos_yaml::{Limits, RepeatedKey};
use serde_json::{Value, json};

use crate::body::BODY_BYTES_MAX;
use crate::call::Call;
use crate::object;
use crate::protobuf;
use crate::registry::Served;
use crate::status::{Failure, ResourceName};
use crate::write::FieldValidation;

const YAML_LIMITS: Limits = Limits { bytes_max: BODY_BYTES_MAX, depth_max: 100, values_max: 1_000_000 };
const ACCEPTED: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// A body in JSON, YAML or protobuf, by its `Content-Type`; JSON if there is none.
pub(crate) fn value(content_type: &str, body: &Bytes) -> Result<Value, Failure> {
    match content_type {
        "" | "application/json" => json(body),
        "application/yaml" | "application/x-yaml" | "text/yaml" => yaml(body),
        protobuf::CONTENT_TYPE => protobuf::decode(body)
            .map_err(|error| Failure::BadRequest(format!("error decoding protobuf: {error}"))),
        _ => Err(Failure::UnsupportedMediaType(ACCEPTED)),
    }
}

/// What a body names more than once, in upstream's words; looked for only if the client wants to know.
pub(crate) fn repeated(call: &Call, validation: FieldValidation) -> Vec<String> {
    if validation == FieldValidation::Ignore {
        return Vec::new();
    }
    let is_json = matches!(call.body.trim_ascii_start().first(), Some(b'{' | b'['));
    match call.content_type() {
        protobuf::CONTENT_TYPE => Vec::new(),
        content_type if content_type.ends_with("yaml") && !is_json => repeated_keys(&call.body),
        _ => repeated::fields(&call.body),
    }
}

fn repeated_keys(yaml: &Bytes) -> Vec<String> {
    // Reading the body tells what is wrong with it.
    let text = std::str::from_utf8(yaml).unwrap_or_default();
    let keys = bythos_yaml::repeated_keys(text, YAML_LIMITS).unwrap_or_default();
    keys.iter()
        .map(|RepeatedKey { line, key }| format!("line {line}: key {key:?} already set in map"))
        .collect()
}

/// A body that is an object of a built-in kind which is only answered, in one of its versions; the schema of the
/// first is held.
pub(crate) fn of_kind(call: &Call, group: &str, versions: &[&str], kind: &str) -> Result<Value, Failure> {
    let mut object = value(call.content_type(), &call.body)?;
    let accepted: Vec<String> = versions.iter().map(|version| api_version(group, version)).collect();
    let first = accepted.first().map(String::as_str).unwrap_or_default();
    for (field, expected) in [("apiVersion", accepted.as_slice()), ("kind", &[kind.to_owned()])] {
        let found = object::fields_mut(&mut object).entry(field).or_insert_with(|| json!(expected.first()));
        if !found.as_str().is_some_and(|found| expected.iter().any(|expected| expected == found)) {
            return Err(Failure::BadRequest(format!(
                "the {field} in the data ({}) does not match the expected {field} ({})",
                found.as_str().unwrap_or_default(),
                expected.join(" or ")
            )));
        }
    }
    // Clients send the empty form of what they will be answered.
    object::set_field(&mut object, "status", None);
    let version = versions.first().copied().unwrap_or_default();
    let schema = bythos_schema::built_in(group, version, kind)
        .ok_or_else(|| Failure::Internal(format!("{first} {kind} has no schema")))?;
    schema.prune(&mut object);
    let errors = schema.validate(&object);
    if errors.is_empty() {
        return Ok(object);
    }
    Err(Failure::Invalid {
        kind: ResourceName::new(group, kind),
        name: object::name(&object).to_owned(),
        errors,
    })
}

/// A body in JSON.
pub(crate) fn json(body: &Bytes) -> Result<Value, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::BadRequest(format!("the body is not valid JSON: {error}")))
}

/// A body in YAML, and so also in JSON.
pub(crate) fn yaml(body: &Bytes) -> Result<Value, Failure> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Failure::BadRequest(format!("the body is not UTF-8: {error}")))?;
    bythos_yaml::parse(text, YAML_LIMITS)
        .map_err(|error| Failure::BadRequest(format!("error decoding YAML: {error}")))
}

/// Checks that `value` is an object of the kind and the namespace that the request's path names, and fills both in
/// where they are left out.
pub(crate) fn expect_kind(value: &mut Value, served: &Served, namespace: &str) -> Result<(), Failure> {
    let Value::Object(fields) = value else {
        return Err(Failure::BadRequest(format!(
            "the body is not an object of kind {:?}; found {}",
            served.kind.kind,
            type_of(value)
        )));
    };
    let expected = [("apiVersion", served.api_version.as_str()), ("kind", served.kind.kind.as_ref())];
    for (field, expected) in expected {
        let found = fields.entry(field).or_insert_with(|| json!(expected));
        if found.as_str() != Some(expected) {
            return Err(Failure::BadRequest(format!(
                "the {field} in the data ({}) does not match the expected {field} ({expected})",
                found.as_str().unwrap_or_default()
            )));
        }
    }
    if !fields.get("metadata").is_none_or(Value::is_object) {
        return Err(Failure::BadRequest("metadata: expected an object".to_owned()));
    }
    expect_namespace(value, namespace)
}

/// An object of the cluster's scope loses the namespace that many charts give it, as upstream has it.
fn expect_namespace(value: &mut Value, namespace: &str) -> Result<(), Failure> {
    match object::meta(value, "namespace") {
        Some(_) if namespace.is_empty() => object::set_meta(value, "namespace", None),
        Some(found) if found != namespace => {
            return Err(Failure::BadRequest(
                "the namespace of the provided object does not match the namespace sent on the request"
                    .to_owned(),
            ));
        }
        None if !namespace.is_empty() => {
            object::set_meta(value, "namespace", Some(json!(namespace)));
        }
        _ => {}
    }
    Ok(())
}

/// Checks that the object has the name that the request's path names, and fills it in where it is left out.
pub(crate) fn expect_name(value: &mut Value, name: &str) -> Result<(), Failure> {
    match object::meta(value, "name") {
        Some(found) if found != name => Err(Failure::BadRequest(format!(
            "the name of the object ({found}) does not match the name on the URL ({name})"
        ))),
        Some(_) => Ok(()),
        None => {
            object::set_meta(value, "name", Some(json!(name)));
            Ok(())
        }
    }
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
