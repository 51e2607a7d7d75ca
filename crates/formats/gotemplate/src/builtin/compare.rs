//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`: by kind, signed and unsigned integers together, nothing else mixed.

use std::cmp::Ordering;
use std::rc::Rc;

use super::Builtin;
use crate::budget::Budget;
use crate::execute::Found;
use crate::function::Failure;
use crate::print;
use crate::text::Text;
use crate::value::Value;

const NOT_COMPARABLE: &str = "invalid type for comparison";

/// What of a value takes part in a comparison.
enum Basic {
    Bool(bool),
    /// Of either sign.
    Whole(i128),
    Float(f64),
    Text(Text),
    Other,
}

fn basic(value: Option<&Value>) -> Basic {
    match value {
        Some(Value::Bool(value)) => Basic::Bool(*value),
        Some(Value::Float(number)) => Basic::Float(*number),
        Some(Value::String(text)) => Basic::Text(text.clone()),
        Some(value) => {
            let whole = value.signed().map(i128::from).or(value.unsigned().map(i128::from));
            whole.map_or(Basic::Other, Basic::Whole)
        }
        None => Basic::Other,
    }
}

pub(super) fn compare(
    builtin: Builtin,
    left: &Found,
    rest: &[Found],
    budget: &Budget,
) -> Result<bool, Failure> {
    if builtin == Builtin::Eq && rest.is_empty() {
        return Err(Failure::new("missing argument for comparison"));
    }
    let right = rest.first().unwrap_or(&Found::Nothing);
    match builtin {
        Builtin::Eq => {
            let equal = rest.iter().map(|right| equal(left, right, budget));
            equal.into_iter().find(|equal| !matches!(equal, Ok(false))).unwrap_or(Ok(false))
        }
        Builtin::Ne => equal(left, right, budget).map(|equal| !equal),
        Builtin::Lt => less(left, right),
        Builtin::Ge => less(left, right).map(|less| !less),
        Builtin::Le => Ok(less(left, right)? || equal(left, right, budget)?),
        _ => Ok(!(less(left, right)? || equal(left, right, budget)?)),
    }
}

fn incompatible(left: &Value, right: &Value) -> Failure {
    let (left, right) = (left.type_name(), right.type_name());
    Failure::new(format!("incompatible types for comparison: {left} and {right}"))
}

fn equal(left: &Found, right: &Found, budget: &Budget) -> Result<bool, Failure> {
    let (left, right) = (left.value(), right.value());
    match (basic(left), basic(right)) {
        (Basic::Bool(left), Basic::Bool(right)) => Ok(left == right),
        (Basic::Whole(left), Basic::Whole(right)) => Ok(left == right),
        (Basic::Float(left), Basic::Float(right)) => Ok(left == right),
        (Basic::Text(left), Basic::Text(right)) => Ok(left == right),
        (Basic::Other, Basic::Other) => others(left, right, budget),
        _ => match (left, right) {
            (Some(left), Some(right)) => Err(incompatible(left, right)),
            _ => Ok(false),
        },
    }
}

fn others(left: Option<&Value>, right: Option<&Value>, budget: &Budget) -> Result<bool, Failure> {
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(is_nil(left) && is_nil(right));
    };
    // Go prints them as strings here, whatever they are.
    let shown = |value: &Value| print::sprintf(b"%s", std::slice::from_ref(value), budget);
    if left.kind() != right.kind() {
        let message = format!(
            "non-comparable types {}: {}, {}: {}",
            shown(left)?,
            left.type_name(),
            right.type_name(),
            shown(right)?
        );
        return Err(Failure::new(message));
    }
    if is_nil(Some(left)) || is_nil(Some(right)) {
        return Ok(is_nil(Some(left)) == is_nil(Some(right)));
    }
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => Ok(Rc::ptr_eq(left, right)
            || (left.type_name() == right.type_name()
                && crate::deep_equal(
                    &Value::Object(Rc::clone(left)),
                    &Value::Object(Rc::clone(right)),
                    budget,
                )?)),
        _ => Err(Failure::new(format!("non-comparable type {}: {}", shown(right)?, right.type_name()))),
    }
}

fn is_nil(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Nil) => true,
        Some(Value::List(list)) => list.is_nil(),
        Some(Value::Map(map)) => map.is_nil(),
        _ => false,
    }
}

fn less(left: &Found, right: &Found) -> Result<bool, Failure> {
    let not_comparable = || Failure::new(NOT_COMPARABLE);
    let (Some(left), Some(right)) = (left.value(), right.value()) else { return Err(not_comparable()) };
    let ordering = match (basic(Some(left)), basic(Some(right))) {
        (Basic::Other, _) | (_, Basic::Other) | (Basic::Bool(_), Basic::Bool(_)) => {
            return Err(not_comparable());
        }
        (Basic::Whole(left), Basic::Whole(right)) => Some(left.cmp(&right)),
        (Basic::Float(left), Basic::Float(right)) => left.partial_cmp(&right),
        (Basic::Text(left), Basic::Text(right)) => Some(left.cmp(&right)),
        _ => return Err(incompatible(left, right)),
    };
    Ok(ordering == Some(Ordering::Less))
}
