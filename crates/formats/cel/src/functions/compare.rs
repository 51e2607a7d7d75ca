//! Equality, order, `in`, indices and the negation.

use super::{Function, global, mismatch};
use crate::price::Price;
use crate::types::Library::{Ip, Quantity};
use crate::types::Pattern::{
    self, A, B, Bool, Bytes, Double, Duration, Dyn, Int, List, Map, String, Timestamp, Uint,
};
use crate::value::{Key, Value, compare, equal};
use crate::{Fault, Meter};

const ONE: Price = Price::Fixed(1);

macro_rules! ordered {
    ($($name:literal, $run:expr;)*) => {
        &[$(
            global($name, &[Bool, Bool], Bool, ONE, $run),
            global($name, &[Int, Int], Bool, ONE, $run),
            global($name, &[Int, Uint], Bool, ONE, $run),
            global($name, &[Int, Double], Bool, ONE, $run),
            global($name, &[Uint, Uint], Bool, ONE, $run),
            global($name, &[Uint, Int], Bool, ONE, $run),
            global($name, &[Uint, Double], Bool, ONE, $run),
            global($name, &[Double, Double], Bool, ONE, $run),
            global($name, &[Double, Int], Bool, ONE, $run),
            global($name, &[Double, Uint], Bool, ONE, $run),
            global($name, &[String, String], Bool, Price::Smaller, $run),
            global($name, &[Bytes, Bytes], Bool, Price::Smaller, $run),
            global($name, &[Timestamp, Timestamp], Bool, ONE, $run),
            global($name, &[Duration, Duration], Bool, ONE, $run),
        )*
            global("_==_", &[Pattern::Library(Quantity), Pattern::Library(Quantity)], Bool, ONE, equals),
            global("_==_", &[Pattern::Library(Ip), Pattern::Library(Ip)], Bool, ONE, equals),
            global("_==_", &[A, A], Bool, Price::Smaller, equals),
            global("_!=_", &[A, A], Bool, Price::Smaller, differs),
            global("!_", &[Bool], Bool, ONE, not),
            global("@in", &[A, List(&A)], Bool, Price::Member, in_list),
            global("@in", &[A, Map(&A, &B)], Bool, ONE, in_map),
            global("_[_]", &[List(&A), Int], A, ONE, item),
            global("_[_]", &[Map(&A, &B), A], B, ONE, entry),
            global("_[?_]", &[List(&A), Int], Pattern::Optional(&A), ONE, optional_item),
            global("_[?_]", &[Map(&A, &B), A], Pattern::Optional(&B), ONE, optional_entry),
            global("_[?_]", &[Pattern::Optional(&List(&A)), Int], Pattern::Optional(&A), ONE, optional_item),
            global("_[?_]", &[Pattern::Optional(&Map(&A, &B)), A], Pattern::Optional(&B), ONE, optional_entry),
            global("_[_]", &[Pattern::Optional(&List(&A)), Int], Pattern::Optional(&A), ONE, optional_item),
            global("_[_]", &[Pattern::Optional(&Map(&A, &B)), A], Pattern::Optional(&B), ONE, optional_entry),
            global("dyn", &[A], Dyn, ONE, same),
        ]
    };
}

pub(super) const FUNCTIONS: &[Function] = ordered! {
    "_<_", |arguments, _| order("_<_", arguments, std::cmp::Ordering::is_lt);
    "_<=_", |arguments, _| order("_<=_", arguments, std::cmp::Ordering::is_le);
    "_>_", |arguments, _| order("_>_", arguments, std::cmp::Ordering::is_gt);
    "_>=_", |arguments, _| order("_>=_", arguments, std::cmp::Ordering::is_ge);
};

fn order<'a>(
    name: &str,
    arguments: &[Value<'a>],
    holds: fn(std::cmp::Ordering) -> bool,
) -> Result<Value<'a>, Fault> {
    match arguments {
        // What does not compare, as NaN, is neither less nor more.
        [Value::Double(one), Value::Double(two)] => Ok(Value::Bool(one.partial_cmp(two).is_some_and(holds))),
        [one, two] => Ok(Value::Bool(compare(one, two).is_some_and(holds))),
        _ => Err(mismatch(name, arguments)),
    }
}

fn equals<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [one, two] = arguments else { return Err(mismatch("_==_", arguments)) };
    equal(one, two, meter).map(Value::Bool)
}

fn differs<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [one, two] = arguments else { return Err(mismatch("_!=_", arguments)) };
    equal(one, two, meter).map(|same| Value::Bool(!same))
}

fn not<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Bool(flag)] => Ok(Value::Bool(!flag)),
        _ => Err(mismatch("!_", arguments)),
    }
}

fn same<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    arguments.first().cloned().ok_or_else(|| mismatch("dyn", arguments))
}

fn in_list<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [wanted, Value::List(list)] = arguments else { return Err(mismatch("@in", arguments)) };
    for item in list.iter() {
        if equal(&item?, wanted, meter)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn in_map<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [wanted, Value::Map(map)] = arguments else { return Err(mismatch("@in", arguments)) };
    let found = Key::of(wanted).map(|key| map.get(&key)).transpose()?.flatten();
    Ok(Value::Bool(found.is_some()))
}

/// The value of a place or a key, if there is one.
fn look_up<'a>(arguments: &[Value<'a>]) -> Result<Option<Value<'a>>, Fault> {
    match arguments {
        [Value::List(list), index] => match Key::of(index) {
            Some(Key::Int(place)) => usize::try_from(place).map_or(Ok(None), |place| list.get(place)),
            Some(Key::Uint(place)) => usize::try_from(place).map_or(Ok(None), |place| list.get(place)),
            _ => Err(mismatch("_[_]", arguments)),
        },
        [Value::Map(map), key] => Key::of(key).map(|key| map.get(&key)).transpose().map(Option::flatten),
        [Value::Optional(None), _] => Ok(None),
        [Value::Optional(Some(inner)), index] => look_up(&[(**inner).clone(), index.clone()]),
        _ => Err(mismatch("_[_]", arguments)),
    }
}

fn item<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    look_up(arguments)?.ok_or_else(|| match arguments.get(1).and_then(Key::of) {
        Some(Key::Int(place)) => Fault::OutOfBounds(place),
        _ => mismatch("_[_]", arguments),
    })
}

fn entry<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    look_up(arguments)?.ok_or_else(|| match arguments.get(1) {
        Some(Value::String(key)) => Fault::NoSuchKey(key.to_string()),
        Some(other) => Fault::NoSuchKey(super::convert::to_text(other).unwrap_or_default()),
        None => mismatch("_[_]", arguments),
    })
}

fn optional_item<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    Ok(look_up(arguments)?.map_or(Value::Optional(None), Value::some))
}

fn optional_entry<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    optional_item(arguments, meter)
}
