//! A kustomization file as a value, and what a caller may lay over the outermost one.

mod overlay;
mod read;

use std::collections::BTreeMap;

pub use overlay::{Overlay, OverlayPatch};
pub(crate) use read::{
    read_generator, read_image, read_order, read_patch, read_replacement_file, read_replacements,
};

use crate::config::FieldSpec;
use crate::order::Order;
use crate::origin::Metadata;
use crate::selector::Selector;

/// A `kustomization.yaml`.
#[derive(Debug, Default)]
pub(crate) struct Kustomization {
    pub(crate) file: String,
    pub(crate) resources: Vec<Entry>,
    pub(crate) components: Vec<Entry>,
    pub(crate) crds: Vec<Entry>,
    pub(crate) configurations: Vec<Entry>,
    pub(crate) namespace: Option<String>,
    pub(crate) name_prefix: Option<String>,
    pub(crate) name_suffix: Option<String>,
    pub(crate) labels: Vec<Labels>,
    pub(crate) common_labels: BTreeMap<String, String>,
    pub(crate) common_annotations: BTreeMap<String, String>,
    pub(crate) images: Vec<ImageChange>,
    pub(crate) replicas: Vec<Replicas>,
    pub(crate) merge_patches: Vec<Entry>,
    pub(crate) patches: Vec<Patch>,
    /// `patchesJson6902`, which kustomize applies after names and labels are set.
    pub(crate) late_patches: Vec<Patch>,
    pub(crate) replacements: Vec<ReplacementField>,
    pub(crate) vars: Vec<Var>,
    pub(crate) builders: Vec<Generator>,
    /// `generators`, `transformers` and `validators`: files that configure a plugin, or the plugin's text itself.
    pub(crate) generators: Vec<Entry>,
    pub(crate) transformers: Vec<Entry>,
    pub(crate) validators: Vec<Entry>,
    pub(crate) order: Option<Order>,
    pub(crate) metadata: Metadata,
    /// Path of the file of OpenAPI definitions.
    pub(crate) openapi: Option<Entry>,
}

/// As what a kustomization file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// As one that says by itself what it is made of.
    Alone,
    /// As the outermost one of Flux: it may leave all there is to what is laid over it.
    Overlaid,
    /// As a part of the one that names it under `components`.
    Component,
}

/// A text of a list, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) field: String,
    pub(crate) text: String,
}

/// An image to replace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Which image, without tag; a regular expression, as in kustomize.
    pub name: String,
    /// Name in its place.
    pub new_name: Option<String>,
    /// Tag in place of its tag and digest.
    pub new_tag: Option<String>,
    /// Digest in place of its tag and digest.
    pub digest: Option<String>,
}

/// An entry of `images`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImageChange {
    pub(crate) image: Image,
    /// What is put after its tag, where neither a tag nor a digest is given.
    pub(crate) tag_suffix: Option<String>,
}

/// Labels and how far they reach.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) field: String,
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) reach: LabelReach,
    pub(crate) specs: Vec<FieldSpec>,
}

/// How far labels reach, each further than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LabelReach {
    Metadata,
    Templates,
    Selectors,
}

#[derive(Debug)]
pub(crate) struct Replicas {
    pub(crate) field: String,
    pub(crate) name: String,
    pub(crate) count: i64,
}

#[derive(Debug)]
pub(crate) struct Patch {
    pub(crate) field: String,
    pub(crate) text: PatchText,
    pub(crate) target: Option<Selector>,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum PatchText {
    Inline(String),
    File(String),
}

/// An entry of `replacements`: written there, or in a file.
#[derive(Debug, Clone)]
pub(crate) enum ReplacementField {
    Here(Box<Replacement>),
    File(Entry),
}

/// A value for fields of objects.
#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    pub(crate) file: String,
    pub(crate) field: String,
    pub(crate) source: ReplacementSource,
    pub(crate) targets: Vec<ReplacementTarget>,
}

/// Where the value of a replacement comes from.
#[derive(Debug, Clone)]
pub(crate) enum ReplacementSource {
    Field {
        object: Box<Selector>,
        path: String,
        options: Part,
    },
    /// It stands there: `sourceValue`.
    Value(String),
}

#[derive(Debug, Clone)]
pub(crate) struct ReplacementTarget {
    pub(crate) field: String,
    pub(crate) select: Selector,
    pub(crate) reject: Vec<Selector>,
    pub(crate) paths: Vec<String>,
    pub(crate) options: Part,
}

/// Which part of a text is meant, and whether a field is made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) delimiter: Option<String>,
    pub(crate) index: i64,
    pub(crate) create: bool,
}

/// A variable, the elder sister of replacements.
#[derive(Debug, Clone)]
pub(crate) struct Var {
    pub(crate) file: String,
    pub(crate) field: String,
    pub(crate) name: String,
    pub(crate) target: crate::config::Gvk,
    pub(crate) target_name: String,
    pub(crate) target_namespace: String,
    pub(crate) path: String,
}

/// What to do where the generated object is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behavior {
    Create,
    Merge,
    Replace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generated {
    ConfigMap,
    Secret,
}

#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) field: String,
    pub(crate) kind: Generated,
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) behavior: Behavior,
    /// Type of a Secret.
    pub(crate) type_: Option<String>,
    pub(crate) literals: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) envs: Vec<String>,
    pub(crate) options: GeneratorOptions,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}
