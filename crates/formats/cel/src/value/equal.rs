//! Equality: across number types, deep, and along list types.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bythos_schema::ListType;

use super::{Key, List, Map, Value};
use crate::Fault;
use crate::meter::Meter;

/// Whether two values are equal. Values of different types are not; numbers are compared by what they are.
pub(crate) fn equal<'a>(one: &Value<'a>, two: &Value<'a>, meter: &mut Meter<'_>) -> Result<bool, Fault> {
    meter.work(1)?;
    Ok(match (one, two) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(one), Value::Bool(two)) => one == two,
        (Value::String(one), Value::String(two)) => **one == **two,
        (Value::Bytes(one), Value::Bytes(two)) => one == two,
        (Value::Timestamp(one), Value::Timestamp(two)) => one == two,
        (Value::Duration(one), Value::Duration(two)) => one == two,
        (Value::Type(one), Value::Type(two)) => one == two,
        (Value::Library(one), Value::Library(two)) => one == two,
        (Value::Optional(None), Value::Optional(None)) => true,
        (Value::Optional(Some(one)), Value::Optional(Some(two))) => equal(one, two, meter)?,
        (Value::List(one), Value::List(two)) => lists(one, two, meter)?,
        (Value::Map(one), Value::Map(two)) => maps(one, two, meter)?,
        _ if is_number(one) && is_number(two) => {
            super::compare(one, two).is_some_and(std::cmp::Ordering::is_eq)
        }
        _ => false,
    })
}

fn is_number(value: &Value<'_>) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}

/// Sets, and lists of maps with keys, are equal in any order: the list on the left says what they are.
fn lists<'a>(one: &List<'a>, two: &List<'a>, meter: &mut Meter<'_>) -> Result<bool, Fault> {
    if one.len() != two.len() {
        return Ok(false);
    }
    if *one.list_type() != ListType::Atomic {
        let (one, two) = (whole_identities(one, meter)?, whole_identities(two, meter)?);
        return Ok(one == two);
    }
    for (one, two) in one.iter().zip(two.iter()) {
        if !equal(&one?, &two?, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn whole_identities(list: &List<'_>, meter: &mut Meter<'_>) -> Result<BTreeSet<String>, Fault> {
    list.iter().map(|item| identity(&item?, &ListType::Set, meter)).collect()
}

fn maps<'a>(one: &Map<'a>, two: &Map<'a>, meter: &mut Meter<'_>) -> Result<bool, Fault> {
    if one.len() != two.len() {
        return Ok(false);
    }
    for entry in one.iter() {
        let (key, value) = entry?;
        match two.get(&key)? {
            Some(other) if equal(&value, &other, meter)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// What tells an item of a list of this type apart from others: its keys, or all of it.
pub(crate) fn identity(
    item: &Value<'_>,
    list_type: &ListType,
    meter: &mut Meter<'_>,
) -> Result<String, Fault> {
    let mut text = String::new();
    match (list_type, item) {
        (ListType::Map(keys), Value::Map(map)) => {
            for key in keys {
                match map.field(key)? {
                    Some(value) => write_identity(&value, &mut text, meter)?,
                    None => text.push('-'),
                }
                text.push(';');
            }
        }
        _ => write_identity(item, &mut text, meter)?,
    }
    Ok(text)
}

fn write_identity(value: &Value<'_>, text: &mut String, meter: &mut Meter<'_>) -> Result<(), Fault> {
    meter.work(1)?;
    match value {
        Value::String(found) => {
            meter.work(found.len())?;
            write(text, format_args!("{:?}", &**found));
        }
        Value::List(list) => {
            text.push('[');
            for item in list.iter() {
                write_identity(&item?, text, meter)?;
                text.push(',');
            }
            text.push(']');
        }
        Value::Map(map) => {
            text.push('{');
            let mut entries = map.iter().collect::<Result<Vec<(Key<'_>, Value<'_>)>, Fault>>()?;
            entries.sort_by(|one, two| one.0.cmp(&two.0));
            for (key, value) in entries {
                write_identity(&key.value(), text, meter)?;
                text.push(':');
                write_identity(&value, text, meter)?;
                text.push(',');
            }
            text.push('}');
        }
        // Numbers are the same whatever their type.
        Value::Int(number) => write(text, format_args!("{number}")),
        Value::Uint(number) => write(text, format_args!("{number}")),
        Value::Double(number) => write(text, format_args!("{number}")),
        other => write(text, format_args!("{other:?}")),
    }
    Ok(())
}

/// Writing to a string cannot fail.
fn write(text: &mut String, words: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(words);
    debug_assert!(written.is_ok());
}
