//! `index`, `slice` and `len`.

use crate::execute::Found;
use crate::function::Failure;
use crate::value::{List, Value};

pub(super) fn length(found: Found) -> Result<Value, Failure> {
    let value = match found {
        Found::Nothing => {
            return Err(Failure::new("reflect: call of reflect.Value.Type on zero Value"));
        }
        Found::Boxed(Value::Nil) => return Err(Failure::new("len of nil pointer")),
        Found::Boxed(value) | Found::Plain(value) => value,
    };
    let length = match &value {
        Value::String(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.items().len(),
        Value::Map(map) => map.len(),
        other => return Err(Failure::new(format!("len of type {}", other.type_name()))),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

pub(super) fn index(found: Found, indexes: &[Found]) -> Result<Found, Failure> {
    let mut found = found.unboxed();
    if matches!(found, Found::Nothing) {
        return Err(Failure::new("index of untyped nil"));
    }
    for index in indexes {
        found = step(&found, index)?;
    }
    Ok(found)
}

fn step(found: &Found, index: &Found) -> Result<Found, Failure> {
    let Some(value) = found.value() else { return Err(Failure::new("index of nil pointer")) };
    match value {
        Value::List(list) => {
            let index = position(index, list.items().len())?;
            let item =
                list.items().get(index).cloned().ok_or_else(|| out_of_range(index, list.items().len()))?;
            Ok(Found::item(list.shape(), item))
        }
        Value::String(text) | Value::Bytes(text) => {
            let index = position(index, text.len())?;
            let byte = text.as_bytes().get(index).copied().ok_or_else(|| out_of_range(index, text.len()))?;
            Ok(Found::Plain(Value::Byte(byte)))
        }
        Value::Map(map) => match index.value() {
            None => Err(Failure::new("value is nil; should be of type string")),
            Some(Value::String(name)) => {
                let field = map.get(name.as_bytes()).unwrap_or_else(|| map.shape().element.zero());
                Ok(Found::item(map.shape(), field))
            }
            Some(other) => {
                Err(Failure::new(format!("value has type {}; should be string", other.type_name())))
            }
        },
        other => Err(Failure::new(format!("can't index item of type {}", other.type_name()))),
    }
}

/// Go lets the length itself pass, and then stops at the item.
fn out_of_range(index: usize, length: usize) -> Failure {
    let _ = length;
    Failure::new(format!("error calling index: reflect: slice index out of range: {index}"))
}

fn position(index: &Found, length: usize) -> Result<usize, Failure> {
    let Some(value) = index.value() else {
        return Err(Failure::new("cannot index slice/array with nil"));
    };
    let whole = value.signed().map(i128::from).or(value.unsigned().map(i128::from));
    let Some(whole) = whole else {
        return Err(Failure::new(format!("cannot index slice/array with type {}", value.type_name())));
    };
    let position = usize::try_from(whole).ok().filter(|position| *position <= length);
    position.ok_or_else(|| Failure::new(format!("index out of range: {whole}")))
}

pub(super) fn slice(found: Found, indexes: &[Found]) -> Result<Value, Failure> {
    let Some(value) = found.unboxed().value().cloned() else {
        return Err(Failure::new("slice of untyped nil"));
    };
    if indexes.len() > 3 {
        return Err(Failure::new(format!("too many slice indexes: {}", indexes.len())));
    }
    let length = match &value {
        Value::String(_) if indexes.len() == 3 => {
            return Err(Failure::new("cannot 3-index slice a string"));
        }
        Value::String(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.items().len(),
        other => return Err(Failure::new(format!("can't slice item of type {}", other.type_name()))),
    };
    let positions = indexes.iter().map(|index| position(index, length)).collect::<Result<Vec<_>, _>>()?;
    let start = positions.first().copied().unwrap_or(0);
    let end = positions.get(1).copied().unwrap_or(length);
    let capacity = positions.get(2).copied().unwrap_or(length);
    for (low, high) in [(start, end), (end, capacity)] {
        if low > high {
            return Err(Failure::new(format!("invalid slice index: {low} > {high}")));
        }
    }
    Ok(match &value {
        Value::String(text) => Value::String(text.as_bytes().get(start..end).unwrap_or_default().into()),
        Value::Bytes(text) => Value::Bytes(text.as_bytes().get(start..end).unwrap_or_default().into()),
        Value::List(list) => {
            let items = list.items().get(start..end).unwrap_or_default().to_vec();
            Value::List(List::of(list.shape(), items))
        }
        _ => Value::Nil,
    })
}
