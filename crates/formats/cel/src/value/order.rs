//! Which of two values is less.

use std::cmp::Ordering;

use super::{LibraryValue, Value};

/// How two values compare; `None` if they do not, as with `NaN`. Numbers compare whatever their types.
pub(crate) fn compare(one: &Value<'_>, two: &Value<'_>) -> Option<Ordering> {
    Some(match (one, two) {
        (Value::Bool(one), Value::Bool(two)) => one.cmp(two),
        (Value::Int(one), Value::Int(two)) => one.cmp(two),
        (Value::Uint(one), Value::Uint(two)) => one.cmp(two),
        (Value::Int(one), Value::Uint(two)) => i128::from(*one).cmp(&i128::from(*two)),
        (Value::Uint(one), Value::Int(two)) => i128::from(*one).cmp(&i128::from(*two)),
        (Value::Double(one), Value::Double(two)) => return one.partial_cmp(two),
        (Value::Double(one), Value::Int(two)) => {
            return with_double(i128::from(*two), *one).map(Ordering::reverse);
        }
        (Value::Double(one), Value::Uint(two)) => {
            return with_double(i128::from(*two), *one).map(Ordering::reverse);
        }
        (Value::Int(one), Value::Double(two)) => return with_double(i128::from(*one), *two),
        (Value::Uint(one), Value::Double(two)) => return with_double(i128::from(*one), *two),
        (Value::String(one), Value::String(two)) => (**one).cmp(&**two),
        (Value::Bytes(one), Value::Bytes(two)) => one.cmp(two),
        (Value::Timestamp(one), Value::Timestamp(two)) => one.cmp(two),
        (Value::Duration(one), Value::Duration(two)) => one.cmp(two),
        (Value::Library(LibraryValue::Quantity(one)), Value::Library(LibraryValue::Quantity(two))) => {
            one.cmp(two)
        }
        _ => return None,
    })
}

/// Exact, where a cast of a large integer to a double would round it.
#[allow(clippy::cast_possible_truncation, reason = "a cast from a float saturates, which keeps the order")]
fn with_double(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    let floor = double.floor();
    let order = whole.cmp(&(floor as i128));
    Some(if order.is_eq() && double > floor { Ordering::Less } else { order })
}
