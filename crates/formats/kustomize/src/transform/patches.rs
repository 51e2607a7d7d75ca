//! `patches`: strategic merge and JSON 6902.

use std::sync::Arc;

use bythos_patch::{PatchError, json_patch};
use bythos_schema::{Schema, built_in};
use bythos_yaml::Limits;
use serde_json::Value;

use super::{Context, Transformer, refuse_duplicates};
use crate::Error;
use crate::config::Gvk;
use crate::manifest;
use crate::merge::{self, Shape};
use crate::reader::kind_of;
use crate::resource::{Key, Resource, effective, map_in};
use crate::selector::Compiled;

/// A patch that is an object.
#[derive(Debug)]
pub(crate) struct MergePatch {
    object: Resource,
    allow_name_change: bool,
    allow_kind_change: bool,
}

/// A patch that is a list of operations.
#[derive(Debug)]
pub(crate) struct Operations {
    pub(crate) target: Option<Compiled>,
    pub(crate) operations: Value,
}

/// An entry of `patches`.
#[derive(Debug)]
pub(crate) enum TextPatch {
    Operations(Operations),
    Merges { target: Option<Compiled>, patches: Vec<MergePatch> },
}

/// What a patch may change beside the fields of the object.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowed {
    pub(crate) name_change: bool,
    pub(crate) kind_change: bool,
}

impl TextPatch {
    /// Reads the text of a patch; `name` is where it stands. The error says what it is instead.
    pub(crate) fn read(
        text: &str,
        name: &str,
        target: Option<Compiled>,
        allowed: Allowed,
        limits: Limits,
    ) -> Result<TextPatch, String> {
        match read_operations(text, limits) {
            Ok(operations) => Ok(TextPatch::Operations(Operations { target, operations })),
            Err(not_operations) => match read_merges(text, name, allowed, limits) {
                Ok(patches) if patches.is_empty() => Err("the patch is empty".to_owned()),
                Ok(patches) if patches.len() > 1 && target.is_some() => {
                    Err("several merge patches in one entry cannot share a \"target\"".to_owned())
                }
                Ok(patches) => Ok(TextPatch::Merges { target, patches }),
                Err(_) if text.trim_start().starts_with(['-', '[']) => Err(not_operations),
                Err(not_merges) => Err(not_merges),
            },
        }
    }

    pub(super) fn apply(
        &self,
        step: &Transformer,
        resources: &mut Vec<Resource>,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        match self {
            TextPatch::Operations(operations) => operations.apply(step, resources, true),
            TextPatch::Merges { target: None, patches } => {
                patches.iter().try_for_each(|patch| patch.apply_by_name(step, resources, context))
            }
            TextPatch::Merges { target: Some(target), patches } => {
                let chosen: Vec<bool> = resources.iter().map(|resource| target.selects(resource)).collect();
                patches.iter().try_for_each(|patch| patch.apply_to(step, resources, &chosen, context))?;
                refuse_duplicates(resources)
            }
        }
    }
}

/// Reads a list of operations. The error says what the text is instead.
pub(crate) fn read_operations(text: &str, limits: Limits) -> Result<Value, String> {
    let value = bythos_yaml::parse(text, limits).map_err(|error| error.to_string())?;
    match &value {
        Value::Array(items) if items.iter().all(Value::is_object) => Ok(value),
        Value::Array(_) => {
            Err("expected a list of operations such as {op: add, path: /a, value: 1}".to_owned())
        }
        other => Err(format!("expected a list of operations, found {}", kind_of(other))),
    }
}

/// Reads patches that are objects.
pub(crate) fn read_merges(
    text: &str,
    name: &str,
    allowed: Allowed,
    limits: Limits,
) -> Result<Vec<MergePatch>, String> {
    let objects = manifest::read(name, text, limits).map_err(|error| match error {
        Error::Yaml { source, .. } => source.to_string(),
        Error::Manifest { message, .. } => message,
        other => other.to_string(),
    })?;
    let patch = |object| MergePatch {
        object,
        allow_name_change: allowed.name_change,
        allow_kind_change: allowed.kind_change,
    };
    Ok(objects.into_iter().map(patch).collect())
}

impl Operations {
    /// Applies them to every selected object. `patches` keeps note of the objects' names before.
    pub(super) fn apply(
        &self,
        step: &Transformer,
        resources: &mut [Resource],
        remembers: bool,
    ) -> Result<(), Error> {
        let Some(target) = &self.target else {
            return Err(step.refuse("a list of JSON 6902 operations needs a \"target\"".to_owned()));
        };
        for resource in resources.iter_mut().filter(|resource| target.selects(resource)) {
            if remembers {
                resource.remember();
            }
            let object = resource.label();
            if resource.noted {
                // kustomize keeps its notes in annotations, so that there is a map of them.
                map_in(&mut resource.value["metadata"], "annotations");
            }
            json_patch(&mut resource.value, &self.operations)
                .map_err(|source| failed(step, &object, source))?;
            check_still_an_object(step, resource, &object)?;
        }
        Ok(())
    }
}

fn failed(step: &Transformer, object: &str, source: PatchError) -> Error {
    Error::Patch { file: step.file.clone(), field: step.field.clone(), object: object.to_owned(), source }
}

fn check_still_an_object(step: &Transformer, resource: &Resource, object: &str) -> Result<(), Error> {
    for (field, pointer) in [("kind", "/kind"), ("metadata.name", "/metadata/name")] {
        let text = resource.value.pointer(pointer).and_then(Value::as_str);
        if text.is_none_or(str::is_empty) {
            return Err(step.refuse(format!("takes {field} away from {object}")));
        }
    }
    Ok(())
}

impl MergePatch {
    /// Applies it to the one object that is, or was, called as the patch is.
    pub(super) fn apply_by_name(
        &self,
        step: &Transformer,
        resources: &mut Vec<Resource>,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let key = self.object.key();
        let chosen: Vec<bool> = resources.iter().map(|resource| key.is_of(resource)).collect();
        match chosen.iter().filter(|it| **it).count() {
            1 => self.apply_to(step, resources, &chosen, context),
            0 => Err(step.refuse(format!("no object matches the patch of {}", in_words(&self.object, &key)))),
            _ => {
                Err(step
                    .refuse(format!("several objects match the patch of {}", in_words(&self.object, &key))))
            }
        }
    }

    fn apply_to(
        &self,
        step: &Transformer,
        resources: &mut Vec<Resource>,
        chosen: &[bool],
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let all = std::mem::take(resources);
        for (resource, is_chosen) in all.into_iter().zip(chosen) {
            if *is_chosen {
                resources.extend(self.merge_into(step, resource, context)?);
            } else {
                resources.push(resource);
            }
        }
        Ok(())
    }

    /// The patch may be written for another name: the object keeps its own, unless the patch may change it. `None` if
    /// the patch deletes it.
    fn merge_into(
        &self,
        step: &Transformer,
        mut resource: Resource,
        context: &Context<'_>,
    ) -> Result<Option<Resource>, Error> {
        let object = resource.label();
        if self.allow_name_change || self.allow_kind_change {
            resource.remember();
        }
        let (kind, name) = (resource.value["kind"].clone(), resource.name().to_owned());
        let namespace = resource.namespace().to_owned();
        let mut patch = self.object.value.clone();
        patch["apiVersion"] = resource.value["apiVersion"].clone();
        let old = std::mem::take(&mut resource.value);
        let merged = merged(old, patch, &kind, context);
        let merged = merged.map_err(|message| step.refuse(format!("failed to patch {object}: {message}")))?;
        let Some(merged) = merged else { return Ok(None) };
        resource.value = merged;
        if !self.allow_kind_change {
            resource.value["kind"] = kind;
        }
        if !self.allow_name_change {
            resource.set_name(&name);
        }
        resource.set_namespace(&namespace);
        check_still_an_object(step, &resource, &object)?;
        Ok(Some(resource))
    }
}

fn merged(object: Value, patch: Value, kind: &Value, context: &Context<'_>) -> Result<Option<Value>, String> {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let Gvk { group, version, kind } = Gvk::of(api_version, kind.as_str().unwrap_or_default());
    match context.definitions {
        Some(definitions) => merge::merge(object, patch, definitions.shape(&group, &version, &kind)),
        None => {
            let schema: Option<Arc<Schema>> = built_in(&group, &version, &kind);
            merge::merge(object, patch, schema.as_deref().map_or(Shape::Unknown, Shape::BuiltIn))
        }
    }
}

fn in_words(object: &Resource, key: &Key) -> String {
    let api_version = object.value["apiVersion"].as_str().unwrap_or_default();
    let namespace = effective(object.namespace());
    format!("{api_version} {}/{} in namespace {namespace:?}", key.gvk.kind, key.name)
}
