//! Values that may not be there.

use std::rc::Rc;

use super::{Function, global, method, mismatch};
use crate::price::Price;
use crate::types::Pattern::{A, Bool, Dyn, Optional};
use crate::value::Value;
use crate::{Fault, Meter};

const ONE: Price = Price::Fixed(1);

pub(super) const FUNCTIONS: &[Function] = &[
    global("optional.of", &[A], Optional(&A), ONE, of),
    global("optional.ofNonZeroValue", &[A], Optional(&A), ONE, of_non_zero),
    global("optional.none", &[], Optional(&Dyn), ONE, |_, _| Ok(Value::Optional(None))),
    method("hasValue", &[Optional(&A)], Bool, ONE, has_value),
    method("value", &[Optional(&A)], A, ONE, value),
    method("or", &[Optional(&A), Optional(&A)], Optional(&A), ONE, or),
    method("orValue", &[Optional(&A), A], A, ONE, or_value),
];

fn of<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    arguments.first().cloned().map(Value::some).ok_or_else(|| mismatch("optional.of", arguments))
}

fn of_non_zero<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [value] = arguments else { return Err(mismatch("optional.ofNonZeroValue", arguments)) };
    Ok(if is_zero(value) { Value::Optional(None) } else { Value::some(value.clone()) })
}

fn is_zero(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Int(number) => *number == 0,
        Value::Uint(number) => *number == 0,
        Value::Double(number) => *number == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(list) => list.len() == 0,
        Value::Map(map) => map.len() == 0,
        Value::Duration(span) => span.is_zero(),
        Value::Optional(inner) => inner.is_none(),
        Value::Timestamp(_) | Value::Type(_) | Value::Library(_) => false,
    }
}

fn has_value<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::Optional(inner)] = arguments else { return Err(mismatch("hasValue", arguments)) };
    Ok(Value::Bool(inner.is_some()))
}

fn value<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Optional(Some(inner))] => Ok(Rc::unwrap_or_clone(inner.clone())),
        [Value::Optional(None)] => Err(Fault::failed("optional.none() dereference")),
        _ => Err(mismatch("value", arguments)),
    }
}

fn or<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Optional(None), other] => Ok(other.clone()),
        [first @ Value::Optional(Some(_)), _] => Ok(first.clone()),
        _ => Err(mismatch("or", arguments)),
    }
}

fn or_value<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Optional(Some(inner)), _] => Ok(Rc::unwrap_or_clone(inner.clone())),
        [Value::Optional(None), other] => Ok(other.clone()),
        _ => Err(mismatch("orValue", arguments)),
    }
}
