//! A value together with its place in the object: what validation walks on.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use bythos_schema::{FieldError, FieldPath, Refusal};
use serde_json::Value;

use crate::names::Rule;

/// A value and its place. Places form a chain on the stack of the walk; a [`FieldPath`] is made only for a finding,
/// so that a valid object costs no allocation.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'v, 's> {
    value: &'v Value,
    above: Option<&'s Spot<'v, 's>>,
    step: Place<'s>,
}

#[derive(Clone, Copy)]
enum Place<'s> {
    Root,
    Field(&'s str),
    Key(&'s str),
    Index(usize),
}

impl<'v, 's> Spot<'v, 's> {
    pub(crate) fn root(value: &'v Value) -> Self {
        Spot { value, above: None, step: Place::Root }
    }

    /// The field of this name; its value is `null` if it is not there.
    pub(crate) fn field<'t>(&'t self, name: &'t str) -> Spot<'v, 't> {
        Spot { value: &self.value[name], above: Some(self), step: Place::Field(name) }
    }

    /// The items of this list; none if it is no list.
    pub(crate) fn items<'t>(&'t self) -> impl Iterator<Item = Spot<'v, 't>> {
        let items = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        let spot = move |(index, value)| Spot { value, above: Some(self), step: Place::Index(index) };
        items.iter().enumerate().map(spot)
    }

    /// The entries of this map; none if it is no map.
    pub(crate) fn entries<'t>(&'t self) -> impl Iterator<Item = (&'v str, Spot<'v, 't>)>
    where
        'v: 't,
    {
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .map(move |(key, value)| (key.as_str(), Spot { value, above: Some(self), step: Place::Key(key) }))
    }

    pub(crate) fn value(&self) -> &'v Value {
        self.value
    }

    /// The text of this value; empty if it is none.
    pub(crate) fn text(&self) -> &'v str {
        self.value.as_str().unwrap_or_default()
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        self.value.as_i64()
    }

    pub(crate) fn is_true(&self) -> bool {
        self.value.as_bool().unwrap_or_default()
    }

    /// Whether something is there.
    pub(crate) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether nothing is there that upstream could see: `null`, an empty text, list or map.
    pub(crate) fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        }
    }

    pub(crate) fn path(&self) -> FieldPath {
        let above = || self.above.map_or_else(FieldPath::root, Spot::path);
        match self.step {
            Place::Root => FieldPath::root(),
            Place::Field(name) => above().field(name),
            Place::Key(key) => above().key(key),
            Place::Index(index) => above().index(index),
        }
    }

    pub(crate) fn invalid(&self, detail: impl Into<String>) -> FieldError {
        FieldError::of(self.path(), Refusal::Invalid, self.value, detail)
    }

    /// An invalid value that is not the one at this place, for example a key of this map.
    pub(crate) fn invalid_value(&self, value: impl Into<Value>, detail: impl Into<String>) -> FieldError {
        FieldError::of(self.path(), Refusal::Invalid, &value.into(), detail)
    }

    pub(crate) fn required(&self, detail: &str) -> FieldError {
        FieldError::required(self.path(), detail)
    }

    pub(crate) fn forbidden(&self, detail: impl Into<String>) -> FieldError {
        FieldError::forbidden(self.path(), detail)
    }

    pub(crate) fn duplicate(&self) -> FieldError {
        FieldError::of(self.path(), Refusal::Duplicate, self.value, "")
    }

    /// A name that refers to nothing. Upstream prints `Not found: "x"`.
    pub(crate) fn not_found(&self) -> FieldError {
        FieldError::of(self.path(), Refusal::Invalid, self.value, "not found")
    }

    pub(crate) fn too_long(&self, bytes_max: usize) -> FieldError {
        let detail = format!("may not be more than {bytes_max} bytes");
        FieldError { path: self.path(), refusal: Refusal::TooLong, value: None, detail }
    }

    /// A list that is longer than it may be.
    pub(crate) fn too_many(&self, count: usize, count_max: usize) -> FieldError {
        let detail = format!("must have at most {count_max} items");
        FieldError::of(self.path(), Refusal::TooMany, &count.into(), detail)
    }

    /// A text that is none of `supported`.
    pub(crate) fn unsupported(&self, supported: &[&str]) -> FieldError {
        let quoted: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        let detail = format!("supported values: {}", quoted.join(", "));
        FieldError::of(self.path(), Refusal::NotSupported, self.value, detail)
    }

    /// Adds an error if nothing is here; returns whether something is.
    pub(crate) fn check_given(&self, detail: &str, errors: &mut Vec<FieldError>) -> bool {
        let is_given = !self.is_empty();
        if !is_given {
            errors.push(self.required(detail));
        }
        is_given
    }

    /// Adds an error if a number is here that is not one of `range`.
    pub(crate) fn check_range(&self, range: RangeInclusive<i64>, errors: &mut Vec<FieldError>) {
        if self.integer().is_some_and(|number| !range.contains(&number)) {
            let (least, most) = range.into_inner();
            errors.push(self.invalid(format!("must be between {least} and {most}, inclusive")));
        }
    }

    /// Adds an error for each item of this list that an earlier one has the same `field` as.
    pub(crate) fn check_unique(&self, field: &str, errors: &mut Vec<FieldError>) {
        let mut known = BTreeSet::new();
        for item in self.items() {
            if !known.insert(item.field(field).text()) {
                errors.push(item.field(field).duplicate());
            }
        }
    }

    /// Adds an error unless this is one of `supported`, or nothing.
    pub(crate) fn check_supported(&self, supported: &[&str], errors: &mut Vec<FieldError>) {
        if self.is_set() && !supported.contains(&self.text()) {
            errors.push(self.unsupported(supported));
        }
    }

    /// Adds an error for each complaint that `rule` has about this text.
    pub(crate) fn check_text(&self, rule: Rule, errors: &mut Vec<FieldError>) {
        errors.extend(rule(self.text()).into_iter().map(|complaint| self.invalid(complaint)));
    }

    /// Adds an error if this number is there and below 0.
    pub(crate) fn check_not_negative(&self, errors: &mut Vec<FieldError>) {
        if self.integer().is_some_and(|number| number < 0) {
            errors.push(self.invalid("must be greater than or equal to 0"));
        }
    }
}
