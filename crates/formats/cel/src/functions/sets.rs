//! Lists as sets.

use super::{Function, global, mismatch};
use crate::price::Price;
use crate::types::Pattern::{A, Bool, List};
use crate::value::{List as Items, Value, equal};
use crate::{Fault, Meter};

pub(super) const FUNCTIONS: &[Function] = &[
    global("sets.contains", &[List(&A), List(&A)], Bool, Price::Product, contains),
    global("sets.equivalent", &[List(&A), List(&A)], Bool, Price::Product, equivalent),
    global("sets.intersects", &[List(&A), List(&A)], Bool, Price::Product, intersects),
];

fn has<'a>(list: &Items<'a>, wanted: &Value<'a>, meter: &mut Meter<'_>) -> Result<bool, Fault> {
    for item in list.iter() {
        if equal(&item?, wanted, meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_all<'a>(list: &Items<'a>, wanted: &Items<'a>, meter: &mut Meter<'_>) -> Result<bool, Fault> {
    for item in wanted.iter() {
        if !has(list, &item?, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn contains<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::List(one), Value::List(two)] = arguments else {
        return Err(mismatch("sets.contains", arguments));
    };
    has_all(one, two, meter).map(Value::Bool)
}

fn equivalent<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::List(one), Value::List(two)] = arguments else {
        return Err(mismatch("sets.equivalent", arguments));
    };
    Ok(Value::Bool(has_all(one, two, meter)? && has_all(two, one, meter)?))
}

fn intersects<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::List(one), Value::List(two)] = arguments else {
        return Err(mismatch("sets.intersects", arguments));
    };
    for item in two.iter() {
        if has(one, &item?, meter)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}
