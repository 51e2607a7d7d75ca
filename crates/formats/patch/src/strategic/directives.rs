//! What a strategic merge patch says besides values.

use std::collections::{BTreeMap, BTreeSet};

use bythos_schema::FieldPath;
use serde_json::{Map, Value};

use crate::PatchError;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";

/// `$patch`: what becomes of the object or list that the patch stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Merge,
    Replace,
    Delete,
}

impl Mode {
    /// The mode that an object of a patch asks for.
    ///
    /// # Errors
    /// It asks for one that is not known.
    pub(super) fn of(patch: &Map<String, Value>, at: &FieldPath) -> Result<Mode, PatchError> {
        match patch.get(PATCH).map(Value::as_str) {
            None | Some(Some("merge")) => Ok(Mode::Merge),
            Some(Some("replace")) => Ok(Mode::Replace),
            Some(Some("delete")) => Ok(Mode::Delete),
            Some(_) => {
                let found = patch.get(PATCH).unwrap_or(&Value::Null);
                let message = format!(r#"expected "merge", "replace" or "delete", found {found}"#);
                Err(PatchError::new(&at.field(PATCH), message))
            }
        }
    }
}

/// An object of a patch, its directives told from its fields.
pub(super) struct PatchObject<'a> {
    pub(super) mode: Mode,
    /// The only fields that may remain.
    pub(super) retain_keys: Option<BTreeSet<&'a str>>,
    /// The order of a list, by field.
    pub(super) orders: BTreeMap<&'a str, &'a [Value]>,
    /// Scalars that leave a list, by field.
    pub(super) deletions: BTreeMap<&'a str, &'a [Value]>,
    pub(super) fields: BTreeMap<&'a str, &'a Value>,
}

impl<'a> PatchObject<'a> {
    pub(super) fn parse(patch: &'a Map<String, Value>, at: &FieldPath) -> Result<Self, PatchError> {
        let mode = Mode::of(patch, at)?;
        let mut parsed = PatchObject {
            mode,
            retain_keys: None,
            orders: BTreeMap::new(),
            deletions: BTreeMap::new(),
            fields: BTreeMap::new(),
        };
        for (name, value) in patch {
            if let Some(field) = name.strip_prefix(SET_ELEMENT_ORDER) {
                parsed.orders.insert(field, list(value, &at.field(name))?);
            } else if let Some(field) = name.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
                parsed.deletions.insert(field, list(value, &at.field(name))?);
            } else if name == RETAIN_KEYS {
                let keys = list(value, &at.field(name))?;
                parsed.retain_keys = Some(keys.iter().filter_map(Value::as_str).collect());
            } else if name != PATCH {
                parsed.fields.insert(name, value);
            }
        }
        parsed.check_retained(at)?;
        Ok(parsed)
    }

    fn check_retained(&self, at: &FieldPath) -> Result<(), PatchError> {
        let Some(kept) = &self.retain_keys else { return Ok(()) };
        match self.fields.iter().find(|(name, value)| !value.is_null() && !kept.contains(*name)) {
            None => Ok(()),
            Some((name, _)) => Err(PatchError::new(
                &at.field(name),
                format!("is set by the patch and missing from its {RETAIN_KEYS}"),
            )),
        }
    }

    /// The fields as values, for an object that is not merged with anything.
    pub(super) fn plain_fields(&self) -> Map<String, Value> {
        let present = self.fields.iter().filter(|(_, value)| !value.is_null());
        present.filter_map(|(name, value)| Some(((*name).to_owned(), plain(value)?))).collect()
    }
}

fn list<'a>(value: &'a Value, at: &FieldPath) -> Result<&'a [Value], PatchError> {
    let list =
        value.as_array().ok_or_else(|| PatchError::new(at, format!("expected a list, found {value}")))?;
    Ok(list)
}

/// A patch where there is nothing to merge with: without directives, and without the `null`s that would delete.
/// `None` if all it does is delete.
pub(super) fn plain(patch: &Value) -> Option<Value> {
    match patch {
        Value::Object(fields) => {
            if fields.get(PATCH).and_then(Value::as_str) == Some("delete") {
                return None;
            }
            let kept = fields.iter().filter(|(name, value)| !value.is_null() && !is_directive(name));
            Some(Value::Object(
                kept.filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect(),
            ))
        }
        Value::Array(items) => Some(Value::Array(
            items.iter().filter(|item| !is_bare_directive(item)).filter_map(plain).collect(),
        )),
        scalar => Some(scalar.clone()),
    }
}

fn is_directive(name: &str) -> bool {
    name == PATCH
        || name == RETAIN_KEYS
        || name.starts_with(SET_ELEMENT_ORDER)
        || name.starts_with(DELETE_FROM_PRIMITIVE_LIST)
}

/// `{"$patch": "replace"}` in a list is no item.
fn is_bare_directive(item: &Value) -> bool {
    item.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key(PATCH))
}
