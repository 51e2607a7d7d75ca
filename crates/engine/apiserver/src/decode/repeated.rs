//! Fields that a body in JSON names more than once. Reading takes the last of them; `fieldValidation` tells.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// More of them are not told, as upstream has it.
const TOLD_MAX: usize = 100;

/// The paths of fields that are named again, in upstream's words. What is no JSON has none.
pub(super) fn fields(json: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    // Reading the body tells what is wrong with it.
    let read = Walk { at: &Place::Root, found: &mut found }.deserialize(&mut deserializer);
    if read.is_ok() { found } else { Vec::new() }
}

/// A place in the body. Places form a chain on the stack of the walk.
enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Field(Place::Root, name) => f.write_str(name),
            Place::Field(above, name) => write!(f, "{above}.{name}"),
            Place::Item(above, index) => write!(f, "{above}[{index}]"),
        }
    }
}

/// Walks over one value without keeping it.
struct Walk<'a> {
    at: &'a Place<'a>,
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Walk { at, found } = self;
        let mut known = HashSet::new();
        while let Some(name) = fields.next_key_seed(Name)? {
            let place = Place::Field(at, &name);
            fields.next_value_seed(Walk { at: &place, found: &mut *found })?;
            if known.contains(&name) && found.len() < TOLD_MAX {
                found.push(format!("duplicate field \"{place}\""));
            }
            known.insert(name);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Walk { at, found } = self;
        let mut index = 0;
        while items.next_element_seed(Walk { at: &Place::Item(at, index), found: &mut *found })?.is_some() {
            index += 1;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A field's name, borrowed from the body unless it is written with escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &[&str]) {
        let expected: Vec<String> =
            expected.iter().map(|path| format!("duplicate field \"{path}\"")).collect();
        assert_eq!(fields(json.as_bytes()), expected, "{json}");
    }

    #[test]
    fn a_field_is_repeated_only_within_its_object() {
        check(r#"{"a": 1, "b": {"a": null}, "c": [{"a": "x"}, {"a": true}, 1.5, -1]}"#, &[]);
        check(
            r#"{"spec": {"replicas": 1, "replicas": 2, "replicas": 3}}"#,
            &["spec.replicas", "spec.replicas"],
        );
        check(r#"{"a": [0, {"b": {}, "b": {"c": 1, "\u0063": 2}}]}"#, &["a[1].b.c", "a[1].b"]);
        check("[{", &[]);
    }
}
