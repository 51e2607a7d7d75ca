//! `patches`: strategic merge and JSON 6902.

use std::sync::Arc;

use bythos_patch::{PatchError, json_patch, strategic_merge};
use bythos_schema::{Schema, built_in};
use bythos_yaml::Limits;
use serde_json::Value;

use crate::Error;
use crate::kustomization::Patch;
use crate::reader::kind_of;
use crate::resource::{Resource, effective, map_in};
use crate::selector::Compiled;

/// A patch whose text is read.
struct Prepared<'a> {
    patch: &'a Patch,
    file: &'a str,
    target: Option<Compiled>,
}

/// Applies one patch to every object that it selects.
pub(crate) fn apply(
    resources: &mut Vec<Resource>,
    patch: &Patch,
    text: &str,
    file: &str,
    limits: Limits,
) -> Result<(), Error> {
    let target = match patch.target.as_ref().map(|target| target.compile()).transpose() {
        Ok(target) => target,
        Err((name, message)) => {
            let field =
                format!("{}.target.{name}", patch.field.trim_end_matches(".patch").trim_end_matches(".path"));
            return Err(Error::Field { file: file.to_owned(), field, message });
        }
    };
    let prepared = Prepared { patch, file, target };
    let documents =
        bythos_yaml::parse_all(text, limits).map_err(|error| prepared.refuse(format!("{error}")))?;
    match documents.as_slice() {
        [] => Err(prepared.refuse("the patch is empty".to_owned())),
        [operations @ Value::Array(_)] => prepared.operations(resources, operations),
        merges => prepared.merges(resources, merges),
    }
}

impl Prepared<'_> {
    fn refuse(&self, message: String) -> Error {
        Error::Field { file: self.file.to_owned(), field: self.patch.field.clone(), message }
    }

    fn failed(&self, object: String, source: PatchError) -> Error {
        Error::Patch { file: self.file.to_owned(), field: self.patch.field.clone(), object, source }
    }

    fn operations(&self, resources: &mut [Resource], operations: &Value) -> Result<(), Error> {
        let Some(target) = &self.target else {
            return Err(self.refuse("a list of JSON 6902 operations needs a \"target\"".to_owned()));
        };
        for resource in resources.iter_mut().filter(|resource| target.selects(resource)) {
            resource.remember();
            let object = resource.label();
            json_patch(&mut resource.value, operations)
                .map_err(|source| self.failed(object.clone(), source))?;
            self.check_still_an_object(resource, &object)?;
        }
        Ok(())
    }

    fn merges(&self, resources: &mut Vec<Resource>, merges: &[Value]) -> Result<(), Error> {
        if self.target.is_some() && merges.len() > 1 {
            return Err(
                self.refuse("several merge patches in one entry cannot share a \"target\"".to_owned())
            );
        }
        for merge in merges {
            if !merge.is_object() {
                let found = kind_of(merge);
                return Err(self.refuse(format!("expected an object or a list of operations, found {found}")));
            }
            self.merge(resources, merge)?;
        }
        Ok(())
    }

    fn merge(&self, resources: &mut Vec<Resource>, merge: &Value) -> Result<(), Error> {
        let selected: Vec<usize> = match &self.target {
            Some(target) => indices(resources, |resource| target.selects(resource)),
            None => {
                let named = Named::of(merge).ok_or_else(|| {
                    self.refuse(
                        "without a \"target\" the patch needs apiVersion, kind and metadata.name".to_owned(),
                    )
                })?;
                let found = indices(resources, |resource| named.is(resource));
                if found.is_empty() {
                    return Err(self.refuse(format!("no object matches the patch of {named}")));
                }
                found
            }
        };
        if merge["$patch"] == "delete" {
            let mut index = 0;
            resources.retain(|_| {
                index += 1;
                !selected.contains(&(index - 1))
            });
            return Ok(());
        }
        let chosen = resources.iter_mut().enumerate().filter(|(index, _)| selected.contains(index));
        chosen.into_iter().try_for_each(|(_, resource)| self.merge_into(resource, merge))
    }

    /// The patch may be written for another name: the object keeps its own, unless the patch may change it.
    fn merge_into(&self, resource: &mut Resource, merge: &Value) -> Result<(), Error> {
        let object = resource.label();
        let mut merge = merge.clone();
        if !self.patch.allow_kind_change {
            for field in ["apiVersion", "kind"] {
                merge[field] = resource.value[field].clone();
            }
        }
        let metadata = map_in(&mut merge, "metadata");
        metadata.remove("namespace");
        if !self.patch.allow_name_change {
            metadata.insert("name".to_owned(), Value::String(resource.name().to_owned()));
        }
        resource.remember();
        let schema = built_in(resource.group(), resource.version(), resource.kind())
            .unwrap_or_else(|| Arc::clone(Schema::anything()));
        strategic_merge(&mut resource.value, &merge, &schema)
            .map_err(|source| self.failed(object.clone(), source))?;
        self.check_still_an_object(resource, &object)
    }

    fn check_still_an_object(&self, resource: &Resource, object: &str) -> Result<(), Error> {
        for (field, pointer) in
            [("apiVersion", "/apiVersion"), ("kind", "/kind"), ("metadata.name", "/metadata/name")]
        {
            let text = resource.value.pointer(pointer).and_then(Value::as_str);
            if text.is_none_or(str::is_empty) {
                return Err(self.refuse(format!("takes {field} away from {object}")));
            }
        }
        Ok(())
    }
}

fn indices(resources: &[Resource], chosen: impl Fn(&Resource) -> bool) -> Vec<usize> {
    resources.iter().enumerate().filter(|(_, resource)| chosen(resource)).map(|(index, _)| index).collect()
}

/// The object that a merge patch names by itself.
struct Named<'a> {
    api_version: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Named<'a> {
    fn of(patch: &'a Value) -> Option<Self> {
        Some(Named {
            api_version: patch["apiVersion"].as_str()?,
            kind: patch["kind"].as_str()?,
            namespace: patch["metadata"]["namespace"].as_str().unwrap_or_default(),
            name: patch["metadata"]["name"].as_str()?,
        })
    }

    /// Whether the object is, or was at any time, called so.
    fn is(&self, resource: &Resource) -> bool {
        resource.value["apiVersion"] == self.api_version
            && resource.kind() == self.kind
            && resource.identities().any(|identity| {
                identity.name == self.name && effective(&identity.namespace) == effective(self.namespace)
            })
    }
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {}/{} in namespace {:?}",
            self.api_version,
            self.kind,
            self.name,
            effective(self.namespace)
        )
    }
}
