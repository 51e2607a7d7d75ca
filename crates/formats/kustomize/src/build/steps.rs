//! From the fields of a kustomization to the steps that change its objects, in kustomize's order.

use std::collections::BTreeMap;

use super::{At, Build, Gathered};
use crate::Error;
use crate::config::{Config, FieldSpec, merge_specs};
use crate::kustomization::{LabelReach, Labels, Patch, PatchText, Replacement, ReplacementField};
use crate::origin::{self, ConfiguredBy};
use crate::reader::Reader;
use crate::resource::Resource;
use crate::selector::{Compiled, Selector};
use crate::transform::patches::{self, Allowed, Operations, TextPatch};
use crate::transform::{Action, Context, Subjects, Transformer};

impl Build<'_> {
    /// Changes the gathered objects.
    pub(super) fn transform(&mut self, at: At<'_>, gathered: &mut Gathered) -> Result<(), Error> {
        let config = gathered.config.clone().unwrap_or_default();
        let steps = self.steps(at, &config)?;
        for step in &steps {
            self.run(step, &mut gathered.resources)?;
            if let Some(origin) = self.configured(at, &step.by) {
                origin::note(&mut gathered.resources, &origin);
            }
        }
        self.run_transformer_plugins(at, gathered)?;
        self.run_validators(at, gathered)
    }

    pub(super) fn run(&mut self, step: &Transformer, resources: &mut Vec<Resource>) -> Result<(), Error> {
        self.meter.spend_steps(resources.len() * step.action.passes())?;
        step.run(resources, &Context { definitions: self.definitions.as_ref() })
    }

    fn steps(&mut self, at: At<'_>, config: &Config) -> Result<Vec<Transformer>, Error> {
        let kustomization = at.kustomization;
        let mut steps = Vec::new();
        let mut add = |field: &str, kind: &str, action| steps.push(step(at, field, kind, action));
        if !kustomization.merge_patches.is_empty() {
            let action = Action::MergePatches(self.merge_patches(at)?);
            add("patchesStrategicMerge", "PatchStrategicMergeTransformer", action);
        }
        for patch in &kustomization.patches {
            add(&patch.field, "PatchTransformer", Action::Patch(self.text_patch(at, patch)?));
        }
        if let Some(namespace) = &kustomization.namespace {
            let (namespace, specs) = (namespace.clone(), config.namespace.clone());
            let action =
                Action::Namespace { namespace, specs, only_unset: false, subjects: Subjects::Default };
            add("namespace", "NamespaceTransformer", action);
        }
        if let Some(prefix) = &kustomization.name_prefix {
            let action = Action::Prefix { prefix: prefix.clone(), specs: config.name_prefix.clone() };
            add("namePrefix", "PrefixTransformer", action);
        }
        if let Some(suffix) = &kustomization.name_suffix {
            let action = Action::Suffix { suffix: suffix.clone(), specs: config.name_suffix.clone() };
            add("nameSuffix", "SuffixTransformer", action);
        }
        for LabelStep { field, pairs, specs } in label_steps(at, config)? {
            add(&field, "LabelTransformer", Action::Labels { pairs, specs });
        }
        if !kustomization.common_annotations.is_empty() {
            let pairs = kustomization.common_annotations.clone();
            let action = Action::Labels { pairs, specs: config.common_annotations.clone() };
            add("commonAnnotations", "AnnotationsTransformer", action);
        }
        for patch in &kustomization.late_patches {
            add(&patch.field, "PatchJson6902Transformer", Action::Operations(self.operations(at, patch)?));
        }
        for replicas in &kustomization.replicas {
            let (name, count, specs) = (replicas.name.clone(), replicas.count, config.replicas.clone());
            add(&replicas.field, "ReplicaCountTransformer", Action::Replicas { name, count, specs });
        }
        for (index, image) in kustomization.images.iter().enumerate() {
            let action = Action::Image { change: image.clone(), specs: config.images.clone() };
            add(&format!("images[{index}]"), "ImageTagTransformer", action);
        }
        if !kustomization.replacements.is_empty() {
            let all = self.replacements(at, &kustomization.replacements)?;
            add("replacements", "ReplacementTransformer", Action::Replacements(all));
        }
        Ok(steps)
    }

    /// `patchesStrategicMerge`: each the patch itself, or a file of it.
    fn merge_patches(&mut self, at: At<'_>) -> Result<Vec<patches::MergePatch>, Error> {
        let mut all = Vec::new();
        for entry in &at.kustomization.merge_patches {
            all.extend(self.merge_patch(at, &entry.field, &entry.text)?);
        }
        Ok(all)
    }

    pub(super) fn merge_patch(
        &mut self,
        at: At<'_>,
        field: &str,
        text: &str,
    ) -> Result<Vec<patches::MergePatch>, Error> {
        let limits = self.meter.budget.yaml_limits();
        let read = |text: &str| patches::read_merges(text, field, Allowed::default(), limits);
        let looks_like_path = !text.contains('\n') && !text.contains('{');
        let found = if looks_like_path {
            let content = self.text(at, field, text)?;
            read(&content).map_err(|message| format!("{text}: {message}"))
        } else {
            read(text)
        };
        found.map_err(|message| at.refuse(field, message))
    }

    pub(super) fn text_patch(&mut self, at: At<'_>, patch: &Patch) -> Result<TextPatch, Error> {
        let text = self.patch_text(at, patch)?;
        let allowed = Allowed { name_change: patch.allow_name_change, kind_change: patch.allow_kind_change };
        let target = compile(at, patch)?;
        let limits = self.meter.budget.yaml_limits();
        TextPatch::read(&text, &patch.field, target, allowed, limits)
            .map_err(|message| refusal(at, patch, &message))
    }

    pub(super) fn operations(&mut self, at: At<'_>, patch: &Patch) -> Result<Operations, Error> {
        if patch.target.as_ref().is_none_or(|target| target.name.is_none()) {
            let message = "needs a \"target\" with a \"name\"".to_owned();
            return Err(at.refuse(&patch.field, message));
        }
        let text = self.patch_text(at, patch)?;
        let operations = patches::read_operations(&text, self.meter.budget.yaml_limits());
        let operations = operations.map_err(|message| refusal(at, patch, &message))?;
        if operations.as_array().is_some_and(Vec::is_empty) {
            return Err(refusal(at, patch, "the patch is empty"));
        }
        Ok(Operations { target: compile(at, patch)?, operations })
    }

    fn patch_text(&mut self, at: At<'_>, patch: &Patch) -> Result<String, Error> {
        match &patch.text {
            PatchText::Inline(text) => Ok(text.clone()),
            PatchText::File(path) => self.text(at, &patch.field, path),
        }
    }

    pub(super) fn replacements(
        &mut self,
        at: At<'_>,
        fields: &[ReplacementField],
    ) -> Result<Vec<Replacement>, Error> {
        let mut all = Vec::new();
        for field in fields {
            match field {
                ReplacementField::Here(replacement) => all.push((**replacement).clone()),
                ReplacementField::File(entry) => {
                    let document = self.document(at, entry)?;
                    let file = self.name_of(at, &entry.text);
                    all.extend(crate::kustomization::read_replacement_file(&file, &document)?);
                }
            }
        }
        Ok(all)
    }
}

/// A step that the kustomization itself asks for.
pub(super) fn step(at: At<'_>, field: &str, kind: &str, action: Action) -> Transformer {
    Transformer {
        file: at.kustomization.file.clone(),
        field: field.to_owned(),
        by: ConfiguredBy { kind: kind.to_owned(), name: None },
        action,
    }
}

fn refusal(at: At<'_>, patch: &Patch, message: &str) -> Error {
    let message = match &patch.text {
        PatchText::Inline(_) => message.to_owned(),
        PatchText::File(path) => format!("{path}: {message}"),
    };
    at.refuse(&patch.field, message)
}

fn compile(at: At<'_>, patch: &Patch) -> Result<Option<Compiled>, Error> {
    let compiled = patch.target.as_ref().map(Selector::compile).transpose();
    compiled.map_err(|(name, message)| {
        let entry = patch.field.trim_end_matches(".patch").trim_end_matches(".path");
        at.refuse(&format!("{entry}.target.{name}"), message)
    })
}

/// Labels and where they go, for one step.
struct LabelStep {
    field: String,
    pairs: BTreeMap<String, String>,
    specs: Vec<FieldSpec>,
}

/// Each entry of `labels`, then `commonLabels`, which counts as a step as soon as either is there.
fn label_steps(at: At<'_>, config: &Config) -> Result<Vec<LabelStep>, Error> {
    let kustomization = at.kustomization;
    if kustomization.labels.is_empty() && kustomization.common_labels.is_empty() {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    for labels in &kustomization.labels {
        let specs = label_specs(labels, config);
        let specs = specs.map_err(|conflict| at.conflict(&labels.field, &conflict))?;
        steps.push(LabelStep { field: labels.field.clone(), pairs: labels.pairs.clone(), specs });
    }
    steps.push(LabelStep {
        field: "commonLabels".to_owned(),
        pairs: kustomization.common_labels.clone(),
        specs: config.common_labels.clone(),
    });
    Ok(steps)
}

fn label_specs(labels: &Labels, config: &Config) -> Result<Vec<FieldSpec>, crate::config::Conflict> {
    let mut specs = labels.specs.clone();
    merge_specs(&mut specs, &config.labels)?;
    if labels.reach == LabelReach::Selectors {
        merge_specs(&mut specs, &config.common_labels)?;
        return Ok(specs);
    }
    if labels.reach == LabelReach::Templates {
        merge_specs(&mut specs, &config.template_labels)?;
    }
    merge_specs(&mut specs, &[FieldSpec::everywhere("metadata/labels")])?;
    Ok(specs)
}

impl Reader<'_> {
    /// The error of a plugin that asks for what is not there.
    pub(super) fn missing(&self, field: &str) -> Error {
        self.refuse(field, "is missing")
    }
}
