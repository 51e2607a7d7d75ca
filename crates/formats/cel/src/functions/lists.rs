//! Lists: Kubernetes' own library, and the lists extension in its third version.

use std::cmp::Ordering;

use super::strings::count;
use super::{Function, global, method, mismatch};
use crate::price::Price;
use crate::types::Pattern::{A, Bool, Bytes, Double, Duration, Dyn, Int, List, String, Timestamp, Uint};
use crate::value::{List as Items, Value, compare, equal, identity};
use crate::{Fault, Meter};

const ITEMS: Price = Price::Items;
const REARRANGED: Price = Price::Rearranged;

macro_rules! comparable {
    ($($item:expr),*) => {
        &[$(
            method("isSorted", &[List(&$item)], Bool, ITEMS, is_sorted),
            method("min", &[List(&$item)], $item, ITEMS, |arguments, _| extreme("min", arguments, Ordering::Less)),
            method("max", &[List(&$item)], $item, ITEMS, |arguments, _| extreme("max", arguments, Ordering::Greater)),
            method("sort", &[List(&$item)], List(&$item), REARRANGED, sort),
        )*
            method("sum", &[List(&Int)], Int, ITEMS, sum),
            method("sum", &[List(&Uint)], Uint, ITEMS, sum),
            method("sum", &[List(&Double)], Double, ITEMS, sum),
            method("sum", &[List(&Duration)], Duration, ITEMS, sum),
            method("indexOf", &[List(&A), A], Int, ITEMS, index_of),
            method("lastIndexOf", &[List(&A), A], Int, ITEMS, last_index_of),
            method("includes", &[Dyn, Dyn], Bool, ITEMS, includes),
            method("slice", &[List(&A), Int, Int], List(&A), REARRANGED, slice),
            method("flatten", &[List(&List(&A))], List(&A), REARRANGED, flatten),
            method("flatten", &[List(&Dyn), Int], List(&Dyn), REARRANGED, flatten),
            method("distinct", &[List(&A)], List(&A), REARRANGED, distinct),
            method("reverse", &[List(&A)], List(&A), REARRANGED, reverse),
            global("lists.range", &[Int], List(&Int), Price::Fixed(1), range),
        ]
    };
}

pub(super) const FUNCTIONS: &[Function] =
    comparable!(Int, Uint, Double, Bool, Duration, Timestamp, String, Bytes);

/// How deep lists in lists are made flat.
const DEPTH_MAX: i64 = 32;

fn items<'a>(name: &str, arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Vec<Value<'a>>, Fault> {
    let Some(Value::List(list)) = arguments.first() else { return Err(mismatch(name, arguments)) };
    meter.work(list.len())?;
    list.iter().collect()
}

fn order(one: &Value<'_>, two: &Value<'_>) -> Result<Ordering, Fault> {
    let same = std::mem::discriminant(one) == std::mem::discriminant(two);
    let incomparable = || Fault::failed("list elements must have the same type");
    if same { compare(one, two).ok_or_else(incomparable) } else { Err(incomparable()) }
}

fn is_sorted<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let items = items("isSorted", arguments, meter)?;
    for pair in items.windows(2) {
        if let [one, two] = pair
            && order(one, two)?.is_gt()
        {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

fn extreme<'a>(name: &str, arguments: &[Value<'a>], wanted: Ordering) -> Result<Value<'a>, Fault> {
    let Some(Value::List(list)) = arguments.first() else { return Err(mismatch(name, arguments)) };
    let mut best: Option<Value<'a>> = None;
    for item in list.iter() {
        let item = item?;
        let is_better =
            best.as_ref().map_or(Ok(true), |best| order(&item, best).map(|order| order == wanted))?;
        if is_better {
            best = Some(item);
        }
    }
    best.ok_or_else(|| Fault::failed(format!("{name} called on empty list")))
}

fn sum<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let items = items("sum", arguments, meter)?;
    let mut items = items.into_iter();
    // An empty list does not say of what it is a list.
    let Some(mut sum) = items.next() else { return Ok(Value::Int(0)) };
    for item in items {
        sum = match (&sum, &item) {
            (Value::Int(one), Value::Int(two)) => {
                Value::Int(one.checked_add(*two).ok_or(Fault::Overflow("integer"))?)
            }
            (Value::Uint(one), Value::Uint(two)) => {
                Value::Uint(one.checked_add(*two).ok_or(Fault::Overflow("unsigned integer"))?)
            }
            (Value::Double(one), Value::Double(two)) => Value::Double(one + two),
            (Value::Duration(one), Value::Duration(two)) => {
                Value::Duration(one.checked_add(*two).ok_or(Fault::Overflow("duration"))?)
            }
            _ => return Err(mismatch("sum", arguments)),
        };
    }
    Ok(sum)
}

fn index_of<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::List(list), wanted] = arguments else { return Err(mismatch("indexOf", arguments)) };
    for (index, item) in list.iter().enumerate() {
        if equal(&item?, wanted, meter)? {
            return Ok(count(index));
        }
    }
    Ok(Value::Int(-1))
}

fn last_index_of<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [_, wanted] = arguments else { return Err(mismatch("lastIndexOf", arguments)) };
    let items = items("lastIndexOf", arguments, meter)?;
    for (index, item) in items.iter().enumerate().rev() {
        if equal(item, wanted, meter)? {
            return Ok(count(index));
        }
    }
    Ok(Value::Int(-1))
}

/// Whether a list has an item, or a single value is it.
fn includes<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::List(list), wanted] => {
            for item in list.iter() {
                if equal(&item?, wanted, meter)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        [single, wanted] => equal(single, wanted, meter).map(Value::Bool),
        _ => Err(mismatch("includes", arguments)),
    }
}

fn sort<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let items = items("sort", arguments, meter)?;
    let keyed = items.into_iter().map(|item| (item.clone(), item)).collect();
    sorted_by_keys(keyed, meter).map(Value::list)
}

/// The values in the order of their keys.
pub(crate) fn sorted_by_keys<'a>(
    mut keyed: Vec<(Value<'a>, Value<'a>)>,
    meter: &mut Meter<'_>,
) -> Result<Vec<Value<'a>>, Fault> {
    let rounds = usize::try_from(keyed.len().checked_ilog2().unwrap_or(0)).unwrap_or_default();
    meter.work(keyed.len().saturating_mul(rounds + 1))?;
    if let Some((first, _)) = keyed.first() {
        // A sort needs an order between all of them.
        for (key, _) in &keyed {
            order(first, key)?;
        }
    }
    keyed.sort_by(|(one, _), (two, _)| compare(one, two).unwrap_or(Ordering::Equal));
    Ok(keyed.into_iter().map(|(_, value)| value).collect())
}

fn slice<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::List(list), Value::Int(start), Value::Int(end)] = arguments else {
        return Err(mismatch("slice", arguments));
    };
    let place = |index: i64| {
        let place = usize::try_from(index).ok().filter(|place| *place <= list.len());
        place.ok_or_else(|| {
            Fault::failed(format!("cannot slice({start}, {end}), list is length {}", list.len()))
        })
    };
    let (first, last) = (place(*start)?, place(*end)?);
    if first > last {
        let message =
            format!("cannot slice({start}, {end}), start index must be less than or equal to end index");
        return Err(Fault::Failed(message));
    }
    meter.work(last - first)?;
    let items = (first..last).map_while(|index| list.get(index).transpose());
    Ok(Value::list(items.collect::<Result<Vec<_>, Fault>>()?))
}

fn flatten<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let depth = match arguments.get(1) {
        Some(Value::Int(depth)) => *depth,
        _ => 1,
    };
    if depth < 0 {
        return Err(Fault::failed("level must be non-negative"));
    }
    let Some(Value::List(list)) = arguments.first() else { return Err(mismatch("flatten", arguments)) };
    let mut flat = Vec::new();
    flatten_into(list, depth.min(DEPTH_MAX), &mut flat, meter)?;
    Ok(Value::list(flat))
}

fn flatten_into<'a>(
    list: &Items<'a>,
    depth: i64,
    flat: &mut Vec<Value<'a>>,
    meter: &mut Meter<'_>,
) -> Result<(), Fault> {
    meter.work(list.len() + 1)?;
    for item in list.iter() {
        match item? {
            Value::List(inner) if depth > 0 => flatten_into(&inner, depth - 1, flat, meter)?,
            other => flat.push(other),
        }
    }
    Ok(())
}

fn distinct<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let items = items("distinct", arguments, meter)?;
    let mut seen = std::collections::BTreeSet::new();
    let mut kept = Vec::new();
    for item in items {
        if seen.insert(identity(&item, &bythos_schema::ListType::Set, meter)?) {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn reverse<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let mut items = items("reverse", arguments, meter)?;
    items.reverse();
    Ok(Value::list(items))
}

fn range<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::Int(end)] = arguments else { return Err(mismatch("lists.range", arguments)) };
    meter.work(usize::try_from(*end).unwrap_or_default())?;
    Ok(Value::list((0..*end).map(Value::Int).collect()))
}
