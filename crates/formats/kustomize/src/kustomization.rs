//! A kustomization file as a value, and what a caller may lay over the outermost one.

mod read;

use std::collections::BTreeMap;

use crate::selector::Selector;

/// A `kustomization.yaml`.
#[derive(Debug, Default)]
pub(crate) struct Kustomization {
    pub(crate) file: String,
    pub(crate) resources: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) name_prefix: Option<String>,
    pub(crate) name_suffix: Option<String>,
    pub(crate) labels: Vec<Labels>,
    pub(crate) common_annotations: BTreeMap<String, String>,
    pub(crate) images: Vec<Image>,
    pub(crate) replicas: Vec<Replicas>,
    pub(crate) patches: Vec<Patch>,
    /// `patchesJson6902`, which kustomize applies after names and labels are set.
    pub(crate) late_patches: Vec<Patch>,
    pub(crate) generators: Vec<Generator>,
}

/// What a caller adds to the outermost kustomization, as Flux does with the fields of its own kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlay {
    /// In place of its `namespace`.
    pub namespace: Option<String>,
    /// In place of its `namePrefix`.
    pub name_prefix: Option<String>,
    /// In place of its `nameSuffix`.
    pub name_suffix: Option<String>,
    /// After its `patches`: text and target.
    pub patches: Vec<OverlayPatch>,
    /// Over its `images`, field by field.
    pub images: Vec<Image>,
    /// After its `components`.
    pub components: Vec<String>,
}

/// A patch that a caller adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OverlayPatch {
    /// YAML or JSON: an object, or a list of operations.
    pub patch: String,
    /// What it applies to; needed for a list of operations.
    pub target: Option<Selector>,
}

/// An image to replace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Which image, without tag.
    pub name: String,
    /// Name in its place.
    pub new_name: Option<String>,
    /// Tag in place of its tag and digest.
    pub new_tag: Option<String>,
    /// Digest in place of its tag and digest.
    pub digest: Option<String>,
}

/// Labels and how far they reach.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) reach: LabelReach,
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
    pub(crate) count: u64,
}

#[derive(Debug)]
pub(crate) struct Patch {
    pub(crate) field: String,
    pub(crate) text: PatchText,
    pub(crate) target: Option<Selector>,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}

#[derive(Debug)]
pub(crate) enum PatchText {
    Inline(String),
    File(String),
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

impl Kustomization {
    /// Lays the caller's wishes over this kustomization.
    pub(crate) fn lay_over(&mut self, overlay: &Overlay) {
        let replace = |mine: &mut Option<String>, theirs: &Option<String>| {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        };
        replace(&mut self.namespace, &overlay.namespace);
        replace(&mut self.name_prefix, &overlay.name_prefix);
        replace(&mut self.name_suffix, &overlay.name_suffix);
        self.components.extend(overlay.components.iter().cloned());
        self.patches.extend(overlay.patches.iter().enumerate().map(|(index, patch)| Patch {
            field: format!("spec.patches[{index}]"),
            text: PatchText::Inline(patch.patch.clone()),
            target: patch.target.clone(),
            allow_name_change: false,
            allow_kind_change: false,
        }));
        for image in &overlay.images {
            self.lay_over_image(image);
        }
    }

    fn lay_over_image(&mut self, image: &Image) {
        let Some(mine) = self.images.iter_mut().find(|mine| mine.name == image.name) else {
            self.images.push(image.clone());
            return;
        };
        if image.new_name.is_some() {
            mine.new_name.clone_from(&image.new_name);
        }
        // Tag and digest choose the version together: a digest left beside a new tag would silently win.
        if image.new_tag.is_some() || image.digest.is_some() {
            mine.new_tag.clone_from(&image.new_tag);
            mine.digest.clone_from(&image.digest);
        }
    }
}
