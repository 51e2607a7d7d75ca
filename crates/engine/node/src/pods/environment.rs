//! The environment of a container: literal, from objects, from the pod's own fields, and of Services.

mod expansion;
mod services;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVarSource, Pod};

pub(crate) use self::expansion::expand;
use super::fields::{self, Addresses, UnknownField};
use super::objects::Objects;
use super::resource_field::{self, ResourceFieldError};

/// A variable cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvironmentError {
    #[error("{kind} {name:?} not found")]
    NoObject { kind: &'static str, name: String },
    #[error("couldn't find key {key:?} in {kind} {name:?}")]
    NoKey { kind: &'static str, name: String, key: String },
    #[error("the value of key {key:?} in {kind} {name:?} is not UTF-8")]
    NotText { kind: &'static str, name: String, key: String },
    #[error("env {name:?}")]
    Field {
        name: String,
        #[source]
        source: UnknownField,
    },
    #[error("env {name:?}")]
    Resource {
        name: String,
        #[source]
        source: ResourceFieldError,
    },
    #[error(
        "env {name:?}: expected valueFrom with fieldRef, resourceFieldRef, configMapKeyRef or secretKeyRef; this node \
         knows no other"
    )]
    Unknown { name: String },
}

/// All variables of a container.
pub(crate) fn build(
    pod: &Pod,
    container: &Container,
    objects: &Objects,
    addresses: &Addresses,
) -> Result<BTreeMap<String, String>, EnvironmentError> {
    let mut variables = services::variables(objects);
    for source in container.env_from.iter().flatten() {
        add_all(source, objects, &mut variables)?;
    }
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value_from, &variable.value) {
            (Some(source), _) => from_elsewhere(&variable.name, source, container, pod, objects, addresses)?,
            (None, value) => Some(expand(value.as_deref().unwrap_or_default(), &variables)),
        };
        if let Some(value) = value {
            variables.insert(variable.name.clone(), value);
        }
    }
    Ok(variables)
}

fn add_all(
    source: &EnvFromSource,
    objects: &Objects,
    variables: &mut BTreeMap<String, String>,
) -> Result<(), EnvironmentError> {
    let prefix = source.prefix.as_deref().unwrap_or_default();
    if let Some(reference) = &source.config_map_ref {
        match objects.config_maps.get(&reference.name) {
            Some(found) => {
                let data = found.data.iter().flatten();
                variables.extend(data.map(|(key, value)| (format!("{prefix}{key}"), value.clone())));
            }
            None => unless_optional(reference.optional, "configmap", &reference.name)?,
        }
    }
    if let Some(reference) = &source.secret_ref {
        match objects.secrets.get(&reference.name) {
            Some(found) => {
                for (key, value) in found.data.iter().flatten() {
                    let value = utf8(&value.0, "secret", &reference.name, key)?;
                    variables.insert(format!("{prefix}{key}"), value);
                }
            }
            None => unless_optional(reference.optional, "secret", &reference.name)?,
        }
    }
    Ok(())
}

/// `None` if the source is optional and not there.
fn from_elsewhere(
    variable: &str,
    source: &EnvVarSource,
    container: &Container,
    pod: &Pod,
    objects: &Objects,
    addresses: &Addresses,
) -> Result<Option<String>, EnvironmentError> {
    if let Some(field) = &source.field_ref {
        let read = fields::text(pod, addresses, &field.field_path);
        return read
            .map(Some)
            .map_err(|source| EnvironmentError::Field { name: variable.to_owned(), source });
    }
    if let Some(reference) = &source.config_map_key_ref {
        let (name, key) = (&reference.name, &reference.key);
        let Some(found) = objects.config_maps.get(name) else {
            return unless_optional(reference.optional, "configmap", name).map(|()| None);
        };
        return match found.data.as_ref().and_then(|data| data.get(key)) {
            Some(value) => Ok(Some(value.clone())),
            None => unless_key_optional(reference.optional, "configmap", name, key).map(|()| None),
        };
    }
    if let Some(reference) = &source.secret_key_ref {
        let (name, key) = (&reference.name, &reference.key);
        let Some(found) = objects.secrets.get(name) else {
            return unless_optional(reference.optional, "secret", name).map(|()| None);
        };
        return match found.data.as_ref().and_then(|data| data.get(key)) {
            Some(value) => utf8(&value.0, "secret", name, key).map(Some),
            None => unless_key_optional(reference.optional, "secret", name, key).map(|()| None),
        };
    }
    let name = variable.to_owned();
    match (&source.resource_field_ref, &pod.spec) {
        (Some(selector), Some(spec)) => {
            resource_field::text(spec, Some(container), selector, &objects.capacity)
                .map(Some)
                .map_err(|source| EnvironmentError::Resource { name, source })
        }
        _ => Err(EnvironmentError::Unknown { name }),
    }
}

fn unless_optional(optional: Option<bool>, kind: &'static str, name: &str) -> Result<(), EnvironmentError> {
    if optional == Some(true) {
        return Ok(());
    }
    Err(EnvironmentError::NoObject { kind, name: name.to_owned() })
}

fn unless_key_optional(
    optional: Option<bool>,
    kind: &'static str,
    name: &str,
    key: &str,
) -> Result<(), EnvironmentError> {
    if optional == Some(true) {
        return Ok(());
    }
    Err(EnvironmentError::NoKey { kind, name: name.to_owned(), key: key.to_owned() })
}

fn utf8(bytes: &[u8], kind: &'static str, name: &str, key: &str) -> Result<String, EnvironmentError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| EnvironmentError::NotText {
        kind,
        name: name.to_owned(),
        key: key.to_owned(),
    })
}

#[cfg(test)]
mod tests;
