//! `+ - * / %` and the sign, with an error where a result does not fit.

use jiff::SignedDuration;

use super::{Function, global, mismatch};
use crate::price::Price;
use crate::types::Pattern::{A, Bytes, Double, Duration, Int, List, String, Timestamp, Uint};
use crate::value::{List as Items, Text, Value, identity};
use crate::{Fault, Meter};

const ONE: Price = Price::Fixed(1);

pub(super) const FUNCTIONS: &[Function] = &[
    global("_+_", &[Int, Int], Int, ONE, add),
    global("_+_", &[Uint, Uint], Uint, ONE, add),
    global("_+_", &[Double, Double], Double, ONE, add),
    global("_+_", &[String, String], String, Price::Texts, concatenate),
    global("_+_", &[Bytes, Bytes], Bytes, Price::Texts, concatenate),
    global("_+_", &[List(&A), List(&A)], List(&A), Price::Lists, append),
    global("_+_", &[Timestamp, Duration], Timestamp, ONE, add_time),
    global("_+_", &[Duration, Timestamp], Timestamp, ONE, add_time),
    global("_+_", &[Duration, Duration], Duration, ONE, add_time),
    global("_-_", &[Int, Int], Int, ONE, subtract),
    global("_-_", &[Uint, Uint], Uint, ONE, subtract),
    global("_-_", &[Double, Double], Double, ONE, subtract),
    global("_-_", &[Timestamp, Timestamp], Duration, ONE, subtract_time),
    global("_-_", &[Timestamp, Duration], Timestamp, ONE, subtract_time),
    global("_-_", &[Duration, Duration], Duration, ONE, subtract_time),
    global("_*_", &[Int, Int], Int, ONE, multiply),
    global("_*_", &[Uint, Uint], Uint, ONE, multiply),
    global("_*_", &[Double, Double], Double, ONE, multiply),
    global("_/_", &[Int, Int], Int, ONE, divide),
    global("_/_", &[Uint, Uint], Uint, ONE, divide),
    global("_/_", &[Double, Double], Double, ONE, divide),
    global("_%_", &[Int, Int], Int, ONE, remainder),
    global("_%_", &[Uint, Uint], Uint, ONE, remainder),
    global("-_", &[Int], Int, ONE, negate),
    global("-_", &[Double], Double, ONE, negate),
];

const INTEGER: &str = "integer";
const UNSIGNED: &str = "unsigned integer";

fn whole<'a>(result: Option<i64>) -> Result<Value<'a>, Fault> {
    result.map(Value::Int).ok_or(Fault::Overflow(INTEGER))
}

fn natural<'a>(result: Option<u64>) -> Result<Value<'a>, Fault> {
    result.map(Value::Uint).ok_or(Fault::Overflow(UNSIGNED))
}

fn add<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Int(one), Value::Int(two)] => whole(one.checked_add(*two)),
        [Value::Uint(one), Value::Uint(two)] => natural(one.checked_add(*two)),
        [Value::Double(one), Value::Double(two)] => Ok(Value::Double(one + two)),
        _ => Err(mismatch("_+_", arguments)),
    }
}

fn subtract<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Int(one), Value::Int(two)] => whole(one.checked_sub(*two)),
        [Value::Uint(one), Value::Uint(two)] => natural(one.checked_sub(*two)),
        [Value::Double(one), Value::Double(two)] => Ok(Value::Double(one - two)),
        _ => Err(mismatch("_-_", arguments)),
    }
}

fn multiply<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Int(one), Value::Int(two)] => whole(one.checked_mul(*two)),
        [Value::Uint(one), Value::Uint(two)] => natural(one.checked_mul(*two)),
        [Value::Double(one), Value::Double(two)] => Ok(Value::Double(one * two)),
        _ => Err(mismatch("_*_", arguments)),
    }
}

fn divide<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => Err(Fault::ByZero("division")),
        [Value::Int(one), Value::Int(two)] => whole(one.checked_div(*two)),
        [Value::Uint(one), Value::Uint(two)] => natural(one.checked_div(*two)),
        [Value::Double(one), Value::Double(two)] => Ok(Value::Double(one / two)),
        _ => Err(mismatch("_/_", arguments)),
    }
}

fn remainder<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => Err(Fault::ByZero("modulus")),
        [Value::Int(one), Value::Int(two)] => whole(one.checked_rem(*two)),
        [Value::Uint(one), Value::Uint(two)] => natural(one.checked_rem(*two)),
        _ => Err(mismatch("_%_", arguments)),
    }
}

fn negate<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Int(number)] => whole(number.checked_neg()),
        [Value::Double(number)] => Ok(Value::Double(-number)),
        _ => Err(mismatch("-_", arguments)),
    }
}

fn concatenate<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::String(one), Value::String(two)] => {
            Ok(Value::String(Text::Shared([&**one, &**two].concat().into())))
        }
        [Value::Bytes(one), Value::Bytes(two)] => Ok(Value::Bytes([&**one, &**two].concat().into())),
        _ => Err(mismatch("_+_", arguments)),
    }
}

/// Sets stay sets, and what has the keys of an item of a list of maps takes its place.
fn append<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::List(one), Value::List(two)] = arguments else { return Err(mismatch("_+_", arguments)) };
    meter.work(one.len() + two.len())?;
    let list_type = one.list_type();
    if *list_type == bythos_schema::ListType::Atomic {
        let items = one.iter().chain(two.iter()).collect::<Result<Vec<_>, Fault>>()?;
        return Ok(Value::list(items));
    }
    let mut places = std::collections::BTreeMap::new();
    let mut items: Vec<Value<'a>> = Vec::new();
    for item in one.iter().chain(two.iter()) {
        let item = item?;
        let place = *places.entry(identity(&item, list_type, meter)?).or_insert(items.len());
        match items.get_mut(place) {
            Some(known) => *known = item,
            None => items.push(item),
        }
    }
    Ok(Value::List(Items::made_like(items, one)))
}

fn add_time<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Timestamp(time), Value::Duration(span)] | [Value::Duration(span), Value::Timestamp(time)] => {
            time.checked_add(*span).map(Value::Timestamp).map_err(|_| Fault::Overflow("timestamp"))
        }
        [Value::Duration(one), Value::Duration(two)] => duration(one.checked_add(*two)),
        _ => Err(mismatch("_+_", arguments)),
    }
}

fn subtract_time<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Timestamp(one), Value::Timestamp(two)] => Ok(Value::Duration(one.duration_since(*two))),
        [Value::Timestamp(time), Value::Duration(span)] => {
            time.checked_sub(*span).map(Value::Timestamp).map_err(|_| Fault::Overflow("timestamp"))
        }
        [Value::Duration(one), Value::Duration(two)] => duration(one.checked_sub(*two)),
        _ => Err(mismatch("_-_", arguments)),
    }
}

/// A duration counts nanoseconds in 64 bits upstream.
fn duration<'a>(span: Option<SignedDuration>) -> Result<Value<'a>, Fault> {
    let fits = |span: &SignedDuration| i64::try_from(span.as_nanos()).is_ok();
    span.filter(fits).map(Value::Duration).ok_or(Fault::Overflow("duration"))
}
