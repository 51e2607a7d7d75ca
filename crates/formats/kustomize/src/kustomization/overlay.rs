//! What a caller lays over the outermost kustomization.

use super::{Entry, Image, ImageChange, Kustomization, Patch, PatchText};
use crate::origin::Metadata;
use crate::selector::Selector;

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
    /// In place of its `buildMetadata`, where it is not empty.
    pub build_metadata: Vec<String>,
}

/// A patch that a caller adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OverlayPatch {
    /// YAML or JSON: an object, or a list of operations.
    pub patch: String,
    /// What it applies to; needed for a list of operations.
    pub target: Option<Selector>,
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
        self.components.extend(
            overlay.components.iter().enumerate().map(|(index, text)| Entry {
                field: format!("spec.components[{index}]"),
                text: text.clone(),
            }),
        );
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
        if !overlay.build_metadata.is_empty() {
            self.metadata = Metadata::asked(&overlay.build_metadata);
        }
    }

    fn lay_over_image(&mut self, image: &Image) {
        let Some(mine) = self.images.iter_mut().find(|mine| mine.image.name == image.name) else {
            self.images.push(ImageChange { image: image.clone(), tag_suffix: None });
            return;
        };
        let mine = &mut mine.image;
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
