//! Objects in plans: manifests, read and marked.

use std::fmt;
use std::sync::Arc;

use bythos_yaml::Limits;
use serde_json::{Map, Value};

use super::PlanError;
use super::ownership::mark;
use crate::manifest::split;

/// Which object. Its version is left out: an object is the same in all versions of its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    /// `apps/v1`, to ask with; objects are compared by the group alone ([`ObjectKey::is_same`]).
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// Where it lies, if its kind has namespaces.
    pub namespace: String,
    /// Its name; empty if the server is to give it one.
    pub name: String,
}

/// An object as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Which.
    pub key: ObjectKey,
    /// All of it.
    pub value: Arc<Value>,
}

impl ObjectKey {
    /// Of an object; in the release's namespace if it does not name one.
    pub fn of(value: &Value, namespace: &str) -> ObjectKey {
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let own = text("/metadata/namespace");
        ObjectKey {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            namespace: if own.is_empty() { namespace.to_owned() } else { own },
            name: text("/metadata/name"),
        }
    }

    /// `apps`; empty for the oldest kinds.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether both name the same object, whatever version of its kind they speak.
    pub fn is_same(&self, other: &ObjectKey) -> bool {
        let parts = |key: &ObjectKey| (key.kind.clone(), key.namespace.clone(), key.name.clone());
        self.group() == other.group() && parts(self) == parts(other)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?} in namespace {:?}", self.kind, self.name, self.namespace)
    }
}

/// Where the manifests belong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Home<'h> {
    pub(super) release: &'h str,
    pub(super) namespace: &'h str,
}

/// The objects of a text, as they stand there; lists are taken apart.
pub(super) fn read(text: &str, place: &str, home: Home<'_>) -> Result<Vec<Object>, PlanError> {
    let mut objects = Vec::new();
    for document in split(text) {
        let wrong = |message: String| PlanError::Manifest { place: place.to_owned(), message };
        let parsed =
            bythos_yaml::parse_all(document, Limits::MANIFESTS).map_err(|error| wrong(error.to_string()))?;
        for value in parsed {
            flatten(value, &mut |value| {
                let key = ObjectKey::of(&value, home.namespace);
                let has_name = !key.name.is_empty() || value.pointer("/metadata/generateName").is_some();
                if key.api_version.is_empty() || key.kind.is_empty() || !has_name {
                    return Err(wrong(format!(
                        "expected apiVersion, kind and metadata.name, found {:?}, {:?} and {:?}",
                        key.api_version, key.kind, key.name
                    )));
                }
                objects.push(Object { key, value: Arc::new(value) });
                Ok(())
            })?;
        }
    }
    Ok(objects)
}

/// The objects of a record, with the marks of the release.
pub(super) fn read_marked(manifest: &str, home: Home<'_>) -> Result<Vec<Object>, PlanError> {
    let place = format!("the manifest of release {:?}", home.release);
    let mut objects = read(manifest, &place, home)?;
    for object in &mut objects {
        let value = mark((*object.value).clone(), home);
        object.value =
            Arc::new(value.map_err(|message| PlanError::Manifest {
                place: format!("{place}: {}", object.key),
                message,
            })?);
    }
    Ok(objects)
}

/// A list of objects stands for the objects in it. Nothing stands for nothing.
fn flatten(value: Value, take: &mut impl FnMut(Value) -> Result<(), PlanError>) -> Result<(), PlanError> {
    let is_list = |fields: &Map<String, Value>| {
        let kind = fields.get("kind").and_then(Value::as_str);
        kind.is_some_and(|kind| kind.ends_with("List")) && fields.get("items").is_some_and(Value::is_array)
    };
    match value {
        Value::Null => Ok(()),
        Value::Object(mut fields) if is_list(&fields) => match fields.remove("items") {
            Some(Value::Array(items)) => items.into_iter().try_for_each(|item| flatten(item, take)),
            _ => Ok(()),
        },
        value => take(value),
    }
}

/// The keys of objects that have a name.
pub(super) fn keys(objects: &[Object]) -> Vec<ObjectKey> {
    let named = objects.iter().map(|object| &object.key).filter(|key| !key.name.is_empty());
    named.cloned().collect()
}
