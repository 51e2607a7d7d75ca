//! What a kustomization does to the objects that it gathers; one file per field.

mod images;
mod labels;
mod names;
mod namespace;
pub(crate) mod patches;
mod replacements;
mod replicas;
mod values;

use std::collections::{BTreeMap, HashMap};

pub(crate) use namespace::Subjects;
pub(crate) use values::{ValueAdd, ValueTarget};

use crate::config::FieldSpec;
use crate::kustomization::{ImageChange, Replacement};
use crate::merge::Definitions;
use crate::order::{self, Order};
use crate::origin::ConfiguredBy;
use crate::resource::{Key, Resource};
use crate::{Error, hash};
use patches::{MergePatch, Operations, TextPatch};

/// One step over all objects of a kustomization.
#[derive(Debug)]
pub(crate) struct Transformer {
    /// Which kustomization file asks for it, and in which field.
    pub(crate) file: String,
    pub(crate) field: String,
    pub(crate) by: ConfiguredBy,
    pub(crate) action: Action,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Action {
    MergePatches(Vec<MergePatch>),
    Patch(TextPatch),
    Operations(Operations),
    Namespace { namespace: String, specs: Vec<FieldSpec>, only_unset: bool, subjects: Subjects },
    Prefix { prefix: String, specs: Vec<FieldSpec> },
    Suffix { suffix: String, specs: Vec<FieldSpec> },
    Labels { pairs: BTreeMap<String, String>, specs: Vec<FieldSpec> },
    Replicas { name: String, count: i64, specs: Vec<FieldSpec> },
    Image { change: ImageChange, specs: Vec<FieldSpec> },
    Replacements(Vec<Replacement>),
    ValueAdd(ValueAdd),
    Order(Order),
    Hashes,
}

/// What steps need beside the objects.
pub(crate) struct Context<'a> {
    pub(crate) definitions: Option<&'a Definitions>,
}

impl Action {
    /// How often it goes over all objects.
    pub(crate) fn passes(&self) -> usize {
        match self {
            Action::MergePatches(all) => all.len(),
            Action::Patch(TextPatch::Merges { patches, .. }) => patches.len(),
            Action::Replacements(all) => all.iter().map(|it| 1 + it.targets.len()).sum(),
            Action::ValueAdd(value) => value.targets.len(),
            _ => 1,
        }
    }
}

impl Transformer {
    /// Changes the objects.
    pub(crate) fn run(&self, resources: &mut Vec<Resource>, context: &Context<'_>) -> Result<(), Error> {
        let done = match &self.action {
            Action::MergePatches(all) => return self.run_merges(resources, all, context),
            Action::Patch(patch) => return patch.apply(self, resources, context),
            Action::Operations(operations) => return operations.apply(self, resources, false),
            Action::Replacements(all) => {
                return all.iter().try_for_each(|it| replacements::replace(resources, it));
            }
            Action::Namespace { namespace, specs, only_unset, subjects } => {
                namespace::Change { namespace, specs, only_unset: *only_unset, subjects: *subjects }
                    .apply(resources)
            }
            Action::Prefix { prefix, specs } => names::put_before(resources, prefix, specs),
            Action::Suffix { suffix, specs } => names::put_after(resources, suffix, specs),
            Action::Labels { pairs, specs } => labels::set(resources, pairs, specs),
            Action::Replicas { name, count, specs } => replicas::set(resources, name, *count, specs),
            Action::Image { change, specs } => images::replace(resources, change, specs),
            Action::ValueAdd(value) => value.add(resources),
            Action::Order(order) => {
                order::sort(resources, order);
                Ok(())
            }
            Action::Hashes => {
                put_hashes(resources);
                Ok(())
            }
        };
        done.map_err(|message| self.refuse(message))?;
        match self.action {
            Action::Namespace { .. } => refuse_duplicates(resources),
            _ => Ok(()),
        }
    }

    fn run_merges(
        &self,
        resources: &mut Vec<Resource>,
        all: &[MergePatch],
        context: &Context<'_>,
    ) -> Result<(), Error> {
        all.iter().try_for_each(|patch| patch.apply_by_name(self, resources, context))
    }

    pub(crate) fn refuse(&self, message: String) -> Error {
        Error::Field { file: self.file.clone(), field: self.field.clone(), message }
    }
}

/// Puts hashes of their contents after the names of generated objects.
pub(crate) fn put_hashes(resources: &mut [Resource]) {
    for resource in resources.iter_mut().filter(|resource| resource.hashed) {
        let name = format!("{}-{}", resource.name(), hash::of(resource));
        resource.remember();
        resource.set_name(&name);
    }
}

/// No two objects may be the same to a cluster.
pub(crate) fn refuse_duplicates(resources: &[Resource]) -> Result<(), Error> {
    let mut known: HashMap<Key, &Resource> = HashMap::with_capacity(resources.len());
    for resource in resources {
        if let Some(first) = known.insert(resource.key(), resource) {
            return Err(Error::Duplicate {
                object: resource.label(),
                first: first.place.clone(),
                second: resource.place.clone(),
            });
        }
    }
    Ok(())
}
