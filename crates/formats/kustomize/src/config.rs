//! Where in objects names, labels, images and references stand: kustomize's transformer configuration.
//!
//! There is a default for the kinds of Kubernetes; `configurations` and `crds` of a kustomization add to it, and what a
//! base adds holds for those who include it.

mod crds;
mod defaults;
mod read;

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

pub(crate) use crds::from_definitions;
pub(crate) use read::{read, read_specs};

use crate::order;

/// Which kinds are meant; what is empty stands for any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Gvk {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

impl Gvk {
    /// Whether `selector` means this one.
    pub(crate) fn is_selected(&self, selector: &Gvk) -> bool {
        selector.selects(&self.group, &self.version, &self.kind)
    }

    pub(crate) fn selects(&self, group: &str, version: &str, kind: &str) -> bool {
        let holds = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        holds(&self.kind, kind) && holds(&self.group, group) && holds(&self.version, version)
    }

    /// Group and version out of an `apiVersion`.
    pub(crate) fn of(api_version: &str, kind: &str) -> Gvk {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Gvk { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }
}

/// One step of a [`FieldSpec`]'s path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// Written `name[]`: a list stands there, which is never made.
    pub(crate) is_list: bool,
}

/// A field of some kinds. Lists on the way stand for each of their items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldSpec {
    pub(crate) gvk: Gvk,
    pub(crate) path: String,
    pub(crate) steps: Vec<Step>,
    /// Whether it is made where it is missing.
    pub(crate) create: bool,
}

impl FieldSpec {
    pub(crate) fn new(gvk: Gvk, path: &str, create: bool) -> Self {
        let step = |part: String| match part.strip_suffix("[]") {
            Some(name) => Step { name: name.to_owned(), is_list: true },
            None => Step { name: part, is_list: false },
        };
        let steps = split_path(path, '/').into_iter().map(step).collect();
        FieldSpec { gvk, path: path.to_owned(), steps, create }
    }

    /// A field of every kind, made where it is missing.
    pub(crate) fn everywhere(path: &str) -> Self {
        FieldSpec::new(Gvk::default(), path, true)
    }
}

/// The parts of a path; a backslash keeps the delimiter after it.
pub(crate) fn split_path(path: &str, delimiter: char) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let path = path.strip_prefix(delimiter).unwrap_or(path);
    for part in path.split(delimiter) {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

/// Who refers to objects of a kind by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameReference {
    pub(crate) referred: Gvk,
    pub(crate) referrers: Vec<FieldSpec>,
}

/// A transformer configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) name_reference: Vec<NameReference>,
    pub(crate) var_reference: Vec<FieldSpec>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

/// Two configurations say of one field that it is made, and that it is not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) path: String,
}

static DEFAULT: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(defaults::config()));

impl Config {
    /// The configuration for Kubernetes' own kinds, made on first use.
    pub(crate) fn standard() -> Arc<Config> {
        Arc::clone(&DEFAULT)
    }

    pub(crate) fn merge(&mut self, other: &Config) -> Result<(), Conflict> {
        merge_specs(&mut self.name_prefix, &other.name_prefix)?;
        merge_specs(&mut self.name_suffix, &other.name_suffix)?;
        merge_specs(&mut self.namespace, &other.namespace)?;
        merge_specs(&mut self.common_labels, &other.common_labels)?;
        merge_specs(&mut self.labels, &other.labels)?;
        merge_specs(&mut self.template_labels, &other.template_labels)?;
        merge_specs(&mut self.common_annotations, &other.common_annotations)?;
        merge_specs(&mut self.var_reference, &other.var_reference)?;
        merge_specs(&mut self.images, &other.images)?;
        merge_specs(&mut self.replicas, &other.replicas)?;
        other.name_reference.iter().try_for_each(|reference| self.add_reference(reference))?;
        self.sort();
        Ok(())
    }

    fn add_reference(&mut self, reference: &NameReference) -> Result<(), Conflict> {
        match self.name_reference.iter_mut().find(|known| known.referred == reference.referred) {
            Some(known) => merge_specs(&mut known.referrers, &reference.referrers),
            None => {
                self.name_reference.push(reference.clone());
                Ok(())
            }
        }
    }

    fn sort(&mut self) {
        for specs in [
            &mut self.name_prefix,
            &mut self.name_suffix,
            &mut self.namespace,
            &mut self.common_labels,
            &mut self.labels,
            &mut self.template_labels,
            &mut self.common_annotations,
            &mut self.var_reference,
            &mut self.images,
            &mut self.replicas,
        ] {
            specs.sort_by(|one, other| compare(&one.gvk, &other.gvk));
        }
        self.name_reference.sort_by(|one, other| compare(&one.referred, &other.referred));
    }
}

/// Two configurations as one; where they are the same value, nothing is copied.
pub(crate) fn merged(one: &Arc<Config>, other: &Arc<Config>) -> Result<Arc<Config>, Conflict> {
    if Arc::ptr_eq(one, other) {
        return Ok(Arc::clone(one));
    }
    let mut merged = Config::clone(one);
    merged.merge(other)?;
    Ok(Arc::new(merged))
}

pub(crate) fn merge_specs(into: &mut Vec<FieldSpec>, specs: &[FieldSpec]) -> Result<(), Conflict> {
    for spec in specs {
        let same = |known: &&FieldSpec| known.path == spec.path && known.gvk.is_selected(&spec.gvk);
        match into.iter().find(same) {
            None => into.push(spec.clone()),
            Some(known) if known.create == spec.create => {}
            Some(_) => return Err(Conflict { path: spec.path.clone() }),
        }
    }
    Ok(())
}

fn compare(one: &Gvk, other: &Gvk) -> Ordering {
    order::compare_kinds(one, other, &order::Ranks::standard())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_keeps_the_slash_after_it() {
        assert_eq!(split_path(r"a/b\/c/d", '/'), ["a", "b/c", "d"]);
        assert_eq!(split_path("/a.b", '/'), ["a.b"]);
        assert_eq!(split_path(r"a\/b\/c", '/'), ["a/b/c"]);
    }

    #[test]
    fn a_field_is_merged_once_and_conflicts_are_named() {
        let spec = |create| FieldSpec::new(Gvk::default(), "spec/a", create);
        let mut specs = vec![spec(true)];
        assert_eq!(merge_specs(&mut specs, &[spec(true)]), Ok(()));
        assert_eq!(specs.len(), 1);
        assert_eq!(merge_specs(&mut specs, &[spec(false)]), Err(Conflict { path: "spec/a".to_owned() }));
    }
}
