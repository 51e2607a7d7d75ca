//! Strategic merge as kustomize does it, which is not quite the API server's.
//!
//! Lists that merge may have several keys, what a patch adds comes before what is there, `$patch` is the only
//! directive, and every field of the object goes through the merge: a `null` that a patch adds is not kept.

mod list;
mod schema;

use serde_json::{Map, Value};

pub(crate) use schema::{Definitions, Shape};

use crate::reader::kind_of;

const DIRECTIVE: &str = "$patch";

/// What is left of a value.
#[derive(Debug)]
enum Merged {
    /// The value is gone.
    Nothing,
    /// What was there, changed.
    There(Value),
    /// What the patch has, in place of what was there.
    Patch(Value),
}

impl Merged {
    fn into_value(self) -> Option<Value> {
        match self {
            Merged::Nothing => None,
            Merged::There(value) | Merged::Patch(value) => Some(value),
        }
    }
}

/// A message with the step before the path in it.
fn at(step: &str, message: &str) -> String {
    let separator = if message.starts_with(':') { "" } else { "." };
    format!("{step}{separator}{message}")
}

/// What a patch says of a whole map or list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

impl Directive {
    fn of(text: &Value) -> Result<Directive, String> {
        match text.as_str() {
            Some("merge") => Ok(Directive::Merge),
            Some("replace") => Ok(Directive::Replace),
            Some("delete") => Ok(Directive::Delete),
            _ => Err(format!("$patch: expected merge, replace or delete, found {}", kind_of(text))),
        }
    }
}

/// Lays a patch over an object; `None` if the patch deletes it. The error names the field.
pub(crate) fn merge(object: Value, patch: Value, shape: Shape<'_>) -> Result<Option<Value>, String> {
    Ok(walk(Some(object), Some(patch), shape)?.into_value())
}

/// Merges one value. What only the object has is walked too: that is how kustomize comes to drop repeated items.
fn walk(there: Option<Value>, patch: Option<Value>, shape: Shape<'_>) -> Result<Merged, String> {
    let is_something = |value: &&Value| !value.is_null();
    let Some(leading) = there.as_ref().filter(is_something).or(patch.as_ref().filter(is_something)) else {
        // A null that is there stays unless the patch speaks of the field; one that the patch brings is dropped.
        let kept = if patch.is_none() { there } else { None };
        return Ok(kept.map_or(Merged::Nothing, Merged::There));
    };
    for other in [&there, &patch].into_iter().flatten() {
        if !other.is_null()
            && std::mem::discriminant(&family(other)) != std::mem::discriminant(&family(leading))
        {
            return Err(format!(": expected {} in the patch, found {}", kind_of(leading), kind_of(other)));
        }
    }
    match family(leading) {
        Family::Map => walk_map(there, patch, shape),
        Family::List if shape.merges() => list::walk(there, patch, shape),
        Family::List | Family::Scalar => Ok(match (there, patch) {
            (_, Some(Value::Null)) => Merged::Nothing,
            (_, Some(patch)) => Merged::Patch(patch),
            (Some(there), None) => Merged::There(there),
            (None, None) => Merged::Nothing,
        }),
    }
}

enum Family {
    Map,
    List,
    Scalar,
}

fn family(value: &Value) -> Family {
    match value {
        Value::Object(_) => Family::Map,
        Value::Array(_) => Family::List,
        _ => Family::Scalar,
    }
}

fn walk_map(there: Option<Value>, patch: Option<Value>, shape: Shape<'_>) -> Result<Merged, String> {
    if patch.as_ref().is_some_and(Value::is_null) {
        return Ok(Merged::Nothing);
    }
    let (patch, directive) = match patch {
        Some(Value::Object(mut patch)) => {
            let directive =
                patch.remove(DIRECTIVE).map_or(Ok(Directive::Merge), |text| Directive::of(&text))?;
            (Some(patch), directive)
        }
        _ => (None, Directive::Merge),
    };
    let there = match there {
        Some(Value::Object(there)) => Some(there),
        _ => None,
    };
    match (directive, there, patch) {
        (Directive::Delete, _, _) | (_, None, None) => Ok(Merged::Nothing),
        // What is new is merged into itself: directives in it are carried out, nulls in it go.
        (Directive::Replace, _, Some(patch)) | (_, None, Some(patch)) => {
            Ok(Merged::Patch(Value::Object(walk_fields(patch.clone(), patch, shape)?)))
        }
        (_, Some(there), patch) => {
            Ok(Merged::There(Value::Object(walk_fields(there, patch.unwrap_or_default(), shape)?)))
        }
    }
}

fn walk_fields(
    there: Map<String, Value>,
    mut patch: Map<String, Value>,
    shape: Shape<'_>,
) -> Result<Map<String, Value>, String> {
    let mut merged = Map::new();
    let mut one = |name: String, there: Option<Value>, patch: Option<Value>| {
        let walked = walk(there, patch, shape.field(&name)).map_err(|message| at(&name, &message))?;
        if let Some(value) = walked.into_value() {
            merged.insert(name, value);
        }
        Ok::<(), String>(())
    };
    for (name, value) in there {
        let patch = patch.remove(&name);
        one(name, Some(value), patch)?;
    }
    for (name, value) in patch {
        one(name, None, Some(value))?;
    }
    Ok(merged)
}
