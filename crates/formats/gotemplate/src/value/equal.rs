//! `reflect.DeepEqual`.

use std::rc::Rc;

use super::{List, Map, Value};
use crate::budget::{Budget, Spent, deeper};

/// Whether both are of the same type and hold the same, all the way down. `1` and `1.0` differ.
///
/// # Errors
/// They are nested too deep, or hold too much.
pub fn deep_equal(left: &Value, right: &Value, budget: &Budget) -> Result<bool, Spent> {
    equal(left, right, Walk { budget, depth: 0 })
}

/// How far in a comparison is.
#[derive(Clone, Copy)]
struct Walk<'b> {
    budget: &'b Budget,
    depth: usize,
}

impl Walk<'_> {
    fn deeper(self) -> Result<Self, Spent> {
        Ok(Walk { depth: deeper(self.depth)?, ..self })
    }
}

fn equal(left: &Value, right: &Value, walk: Walk<'_>) -> Result<bool, Spent> {
    walk.budget.spend_steps(1)?;
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) | (Value::Int64(left), Value::Int64(right)) => left == right,
        (Value::Uint64(left), Value::Uint64(right)) => left == right,
        (Value::Byte(left), Value::Byte(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::String(left), Value::String(right)) | (Value::Bytes(left), Value::Bytes(right)) => {
            left == right
        }
        (Value::List(left), Value::List(right)) => lists(left, right, walk.deeper()?)?,
        (Value::Map(left), Value::Map(right)) => maps(left, right, walk.deeper()?)?,
        (Value::Object(left), Value::Object(right)) => {
            Rc::ptr_eq(left, right)
                || (left.type_name() == right.type_name()
                    && left.text() == right.text()
                    && equal_fields(&left.fields(), &right.fields(), walk.deeper()?)?)
        }
        _ => false,
    })
}

fn lists(left: &List, right: &List, walk: Walk<'_>) -> Result<bool, Spent> {
    if left.is_same(right) {
        return Ok(true);
    }
    let (left_items, right_items) = (left.items(), right.items());
    let is_alike = left.shape().is_same(right.shape())
        && left.is_nil() == right.is_nil()
        && left_items.len() == right_items.len();
    all(is_alike, left_items.iter().zip(right_items), walk)
}

fn maps(left: &Map, right: &Map, walk: Walk<'_>) -> Result<bool, Spent> {
    if left.is_same(right) {
        return Ok(true);
    }
    let (left_fields, right_fields) = (left.fields(), right.fields());
    let is_alike = left.shape().is_same(right.shape())
        && left.is_nil() == right.is_nil()
        && left_fields.keys().eq(right_fields.keys());
    all(is_alike, left_fields.values().zip(right_fields.values()), walk)
}

fn equal_fields(left: &[(&str, Value)], right: &[(&str, Value)], walk: Walk<'_>) -> Result<bool, Spent> {
    let pairs = left.iter().map(|(_, field)| field).zip(right.iter().map(|(_, field)| field));
    all(left.len() == right.len(), pairs, walk)
}

fn all<'v>(
    is_alike: bool,
    mut pairs: impl Iterator<Item = (&'v Value, &'v Value)>,
    walk: Walk<'_>,
) -> Result<bool, Spent> {
    if !is_alike {
        return Ok(false);
    }
    // Stops at the first that differs or fails.
    let differing = pairs.find_map(|(left, right)| match equal(left, right, walk) {
        Ok(true) => None,
        other => Some(other),
    });
    differing.unwrap_or(Ok(true))
}
