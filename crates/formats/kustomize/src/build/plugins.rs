//! `generators`, `transformers` and `validators`: files that configure the built-in plugins. Others would be programs,
//! and nothing here runs programs.

use serde_json::Value;

use super::{At, Build, Gathered};
use crate::Error;
use crate::config::{FieldSpec, read_specs};
use crate::files;
use crate::kustomization::{
    Entry, Generated, GeneratorOptions, read_generator, read_image, read_patch, read_replacements,
};
use crate::manifest;
use crate::order::Order;
use crate::origin::{self, ConfiguredBy, Origin};
use crate::reader::Reader;
use crate::resource::Resource;
use crate::selector::Selector;
use crate::transform::patches::{self, Allowed};
use crate::transform::{Action, Subjects, Transformer, ValueAdd, ValueTarget};

/// A label that a validator may put on what it looked at.
const VALIDATED_BY: &str = "validated-by";

impl Build<'_> {
    pub(super) fn run_generator_plugins(&mut self, at: At<'_>, gathered: &mut Gathered) -> Result<(), Error> {
        for plugin in self.plugins(at, &at.kustomization.generators)? {
            let reader = reader_of(&plugin)?;
            let kind = match plugin.kind() {
                "ConfigMapGenerator" => Generated::ConfigMap,
                "SecretGenerator" => Generated::Secret,
                other => return Err(unknown(&plugin, other, "ConfigMapGenerator and SecretGenerator")),
            };
            let mut value = plugin.value.clone();
            for field in ["name", "namespace"] {
                if value[field].is_null() && !value["metadata"][field].is_null() {
                    value[field] = value["metadata"][field].clone();
                }
            }
            let reader = Reader::new(reader.file(), String::new(), &value)?;
            let generator = read_generator(&reader, kind, &GeneratorOptions::default())?;
            let origin = self.plugin_origin(&plugin);
            self.run_generator(at, &generator, origin, gathered)?;
        }
        Ok(())
    }

    pub(super) fn run_transformer_plugins(
        &mut self,
        at: At<'_>,
        gathered: &mut Gathered,
    ) -> Result<(), Error> {
        for plugin in self.plugins(at, &at.kustomization.transformers)? {
            let step = self.plugin_step(at, &plugin)?;
            self.run(&step, &mut gathered.resources)?;
            if let Some(origin) = self.plugin_origin(&plugin) {
                origin::note(&mut gathered.resources, &origin);
            }
        }
        Ok(())
    }

    /// A validator sees all objects and may refuse them, but must leave them as they are.
    pub(super) fn run_validators(&mut self, at: At<'_>, gathered: &mut Gathered) -> Result<(), Error> {
        for plugin in self.plugins(at, &at.kustomization.validators)? {
            let step = self.plugin_step(at, &plugin)?;
            let mut seen = gathered.resources.clone();
            self.run(&step, &mut seen)?;
            for resource in &mut seen {
                if let Some(labels) =
                    resource.value.pointer_mut("/metadata/labels").and_then(Value::as_object_mut)
                {
                    labels.remove(VALIDATED_BY);
                }
            }
            let values = |all: &[Resource]| all.iter().map(|it| it.value.clone()).collect::<Vec<_>>();
            if values(&seen) != values(&gathered.resources) {
                return Err(step.refuse(
                    "a validator must not change objects; name it under \"transformers\"".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// The configurations of plugins: texts, files and folders.
    fn plugins(&mut self, at: At<'_>, entries: &[Entry]) -> Result<Vec<Resource>, Error> {
        let limits = self.meter.budget.yaml_limits();
        let (mut inline, mut others) = (Vec::new(), Vec::new());
        for entry in entries {
            let name = format!("{}: {}", at.kustomization.file, entry.field);
            match manifest::read(&name, &entry.text, limits) {
                Ok(mut found) => {
                    let file = at.kustomization.file.rsplit('/').next().unwrap_or_default();
                    for plugin in found.iter_mut().filter(|_| self.follows_origins) {
                        plugin.origin = Some(Origin::File { path: files::join_as_written(at.origin, file) });
                    }
                    inline.extend(found);
                }
                Err(error) if entry.text.contains('\n') => return Err(error),
                Err(_) => others.extend(self.resource(at, entry)?.resources),
            }
        }
        inline.extend(others);
        Ok(inline)
    }

    fn plugin_origin(&self, plugin: &Resource) -> Option<Origin> {
        let Some(Origin::File { path }) = &plugin.origin else { return None };
        let by = ConfiguredBy { kind: plugin.kind().to_owned(), name: Some(plugin.name().to_owned()) };
        Some(Origin::Configured { file: path.clone(), by })
    }

    fn plugin_step(&mut self, at: At<'_>, plugin: &Resource) -> Result<Transformer, Error> {
        let reader = reader_of(plugin)?;
        let specs = || read_specs(&reader, "fieldSpecs");
        let action = match plugin.kind() {
            "AnnotationsTransformer" => {
                Action::Labels { pairs: reader.text_map("annotations")?, specs: specs()? }
            }
            "LabelTransformer" => Action::Labels { pairs: reader.text_map("labels")?, specs: specs()? },
            "HashTransformer" => Action::Hashes,
            "ImageTagTransformer" => {
                let image = reader.child("imageTag")?.ok_or_else(|| reader.missing("imageTag"))?;
                Action::Image { change: read_image(&image)?, specs: specs()? }
            }
            "NamespaceTransformer" => namespace(plugin, &reader, specs()?)?,
            "PrefixTransformer" => Action::Prefix {
                prefix: reader.text("prefix")?.unwrap_or_default(),
                specs: needed(&reader, specs()?)?,
            },
            "SuffixTransformer" => Action::Suffix {
                suffix: reader.text("suffix")?.unwrap_or_default(),
                specs: needed(&reader, specs()?)?,
            },
            "ReplicaCountTransformer" => {
                let replica = reader.child("replica")?.ok_or_else(|| reader.missing("replica"))?;
                let (name, count) = (replica.required_text("name")?, replica.number("count")?);
                Action::Replicas { name, count, specs: specs()? }
            }
            "ReplacementTransformer" => {
                let fields = read_replacements(&reader)?;
                Action::Replacements(self.replacements(at, &fields)?)
            }
            "SortOrderTransformer" => {
                let order = crate::kustomization::read_order(&reader)?;
                Action::Order(order.unwrap_or(Order::Gathered))
            }
            "PatchTransformer" => Action::Patch(self.text_patch(at, &read_patch(&reader)?)?),
            "PatchJson6902Transformer" => self.json_plugin(at, plugin)?,
            "PatchStrategicMergeTransformer" => self.merge_plugin(at, &reader)?,
            "ValueAddTransformer" => self.value_plugin(at, &reader)?,
            other => return Err(unknown(plugin, other, "kustomize's own, such as PrefixTransformer")),
        };
        let by = ConfiguredBy { kind: plugin.kind().to_owned(), name: Some(plugin.name().to_owned()) };
        Ok(Transformer { file: plugin.place.file.clone(), field: plugin.label(), by, action })
    }

    /// `jsonOp` is what `patch` is elsewhere.
    fn json_plugin(&mut self, at: At<'_>, plugin: &Resource) -> Result<Action, Error> {
        let mut value = plugin.value.clone();
        value["patch"] = value["jsonOp"].take();
        let patch = read_patch(&Reader::new(&plugin.place.file, String::new(), &value)?)?;
        Ok(Action::Operations(self.operations(at, &patch)?))
    }

    fn merge_plugin(&mut self, at: At<'_>, reader: &Reader<'_>) -> Result<Action, Error> {
        let mut all = Vec::new();
        for (index, path) in reader.texts("paths")?.iter().enumerate() {
            all.extend(self.merge_patch(at, &reader.path_of(&format!("paths[{index}]")), path)?);
        }
        if let Some(text) = reader.text("patches")? {
            let limits = self.meter.budget.yaml_limits();
            let read = patches::read_merges(&text, reader.file(), Allowed::default(), limits);
            all.extend(read.map_err(|message| reader.refuse("patches", message))?);
        }
        if all.is_empty() {
            return Err(reader.refuse("paths", "the patch is empty; give \"paths\" or \"patches\""));
        }
        Ok(Action::MergePatches(all))
    }

    fn value_plugin(&mut self, at: At<'_>, reader: &Reader<'_>) -> Result<Action, Error> {
        let value = reader.text("value")?.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let folder = at.folder.rsplit('/').next().unwrap_or_default();
        let mut targets = read_value_targets(reader)?;
        if let Some(path) = reader.text("targetFilePath")? {
            let entry = Entry { field: reader.path_of("targetFilePath"), text: path };
            let document = self.document(at, &entry)?;
            let file = self.name_of(at, &entry.text);
            targets.extend(read_value_targets(&Reader::new(&file, String::new(), &document)?)?);
        }
        if targets.is_empty() {
            return Err(reader.missing("targets"));
        }
        Ok(Action::ValueAdd(ValueAdd { value: value.unwrap_or_else(|| folder.to_owned()), targets }))
    }
}

fn read_value_targets(reader: &Reader<'_>) -> Result<Vec<ValueTarget>, Error> {
    let target = |one: Reader<'_>| {
        let select = one.child("selector")?.map(Selector::read).transpose()?;
        let select = select.map(|selector| selector.compile()).transpose();
        let select = select.map_err(|(field, message)| one.refuse(&format!("selector.{field}"), message))?;
        let position = usize::try_from(one.number("filePathPosition")?)
            .map_err(|_| one.refuse("filePathPosition", "expected a number from 0"))?;
        Ok(ValueTarget { select, path: one.required_text("fieldPath")?, position })
    };
    reader.children("targets")?.into_iter().map(target).collect()
}

fn namespace(plugin: &Resource, reader: &Reader<'_>, specs: Vec<FieldSpec>) -> Result<Action, Error> {
    let subjects = match reader.text("setRoleBindingSubjects")?.as_deref() {
        None | Some("defaultOnly") => Subjects::Default,
        Some("allServiceAccounts") => Subjects::Accounts,
        Some("none") => Subjects::None,
        Some(other) => {
            let message = format!("expected defaultOnly, allServiceAccounts or none, found {other:?}");
            return Err(reader.refuse("setRoleBindingSubjects", message));
        }
    };
    let namespace = plugin.namespace().to_owned();
    Ok(Action::Namespace { namespace, specs, only_unset: reader.flag("unsetOnly")?, subjects })
}

fn needed(reader: &Reader<'_>, specs: Vec<FieldSpec>) -> Result<Vec<FieldSpec>, Error> {
    if specs.is_empty() { Err(reader.missing("fieldSpecs")) } else { Ok(specs) }
}

fn reader_of(plugin: &Resource) -> Result<Reader<'_>, Error> {
    let reader = Reader::new(&plugin.place.file, String::new(), &plugin.value)?;
    match reader.text("apiVersion")?.as_deref() {
        Some("builtin") => Ok(reader),
        _ => Err(unknown(plugin, plugin.kind(), "those of apiVersion \"builtin\"")),
    }
}

fn unknown(plugin: &Resource, kind: &str, known: &str) -> Error {
    Error::Manifest {
        place: plugin.place.clone(),
        message: format!("the plugin {kind:?} would be a program, and none is run here; known are {known}"),
    }
}
