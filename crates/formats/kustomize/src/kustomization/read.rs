//! From the text of a kustomization file to its value; every field that is not known is refused with its path.

use std::collections::BTreeMap;

use bythos_yaml::Limits;
use serde_json::Value;

use super::{
    Behavior, Generated, Generator, GeneratorOptions, Image, Kustomization, LabelReach, Labels, Patch,
    PatchText, Replicas,
};
use crate::Error;
use crate::reader::Reader;
use crate::selector::Selector;

/// Fields of kustomize that are not built yet: each would change what is built.
const LATER: [&str; 15] = [
    "buildMetadata",
    "configurations",
    "crds",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "imageTags",
    "inventory",
    "openapi",
    "replacements",
    "transformers",
    "validators",
    "validate",
    "vars",
];

impl Kustomization {
    /// Reads a kustomization file.
    pub(crate) fn read(file: &str, text: &str, limits: Limits, component: bool) -> Result<Self, Error> {
        let value = bythos_yaml::parse(text, limits)
            .map_err(|source| Error::Yaml { file: file.to_owned(), source })?;
        let empty = Value::Object(serde_json::Map::new());
        let value = if value.is_null() { &empty } else { &value };
        let reader = Reader::new(file, String::new(), value)?;
        check_kind(&reader, component)?;
        reader.accept("metadata");
        reader.accept("sortOptions");
        reader.refuse_later(&LATER)?;
        let kustomization = Kustomization {
            file: file.to_owned(),
            resources: [reader.texts("resources")?, reader.texts("bases")?].concat(),
            components: reader.texts("components")?,
            namespace: reader.text("namespace")?,
            name_prefix: reader.text("namePrefix")?,
            name_suffix: reader.text("nameSuffix")?,
            labels: read_labels(&reader)?,
            common_annotations: reader.text_map("commonAnnotations")?,
            images: read_all(&reader, "images", read_image)?,
            replicas: read_all(&reader, "replicas", read_replicas)?,
            patches: [read_merge_patches(&reader)?, read_all(&reader, "patches", read_patch)?]
                .into_iter()
                .flatten()
                .collect(),
            late_patches: read_all(&reader, "patchesJson6902", read_patch)?,
            generators: read_generators(&reader)?,
        };
        reader.finish()?;
        Ok(kustomization)
    }
}

fn check_kind(reader: &Reader<'_>, component: bool) -> Result<(), Error> {
    let expected = if component { "Component" } else { "Kustomization" };
    match reader.text("kind")? {
        Some(kind) if kind != expected => {
            return Err(reader.refuse("kind", format!("expected {expected:?}, found {kind:?}")));
        }
        None if component => return Err(reader.refuse("kind", "is missing; expected \"Component\"")),
        _ => {}
    }
    match reader.text("apiVersion")? {
        Some(version) if !version.starts_with("kustomize.config.k8s.io/") => Err(reader.refuse(
            "apiVersion",
            format!("expected \"kustomize.config.k8s.io/v1beta1\" or \"…/v1alpha1\", found {version:?}"),
        )),
        _ => Ok(()),
    }
}

fn read_all<'a, T>(
    reader: &Reader<'a>,
    field: &'static str,
    read: impl Fn(&Reader<'a>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let one = |child: Reader<'a>| {
        let item = read(&child)?;
        child.finish()?;
        Ok(item)
    };
    reader.children(field)?.into_iter().map(one).collect()
}

fn read_labels(reader: &Reader<'_>) -> Result<Vec<Labels>, Error> {
    let mut labels = read_all(reader, "labels", |one| {
        one.refuse_later(&["fields", "includeVolumeClaimTemplates"])?;
        let selectors = one.flag("includeSelectors")?;
        let templates = one.flag("includeTemplates")?;
        let reach = match (selectors, templates) {
            (true, _) => LabelReach::Selectors,
            (false, true) => LabelReach::Templates,
            (false, false) => LabelReach::Metadata,
        };
        Ok(Labels { pairs: one.text_map("pairs")?, reach })
    })?;
    labels.push(Labels { pairs: reader.text_map("commonLabels")?, reach: LabelReach::Selectors });
    Ok(labels)
}

fn read_image(reader: &Reader<'_>) -> Result<Image, Error> {
    reader.refuse_later(&["tagSuffix"])?;
    Ok(Image {
        name: reader.required_text("name")?,
        new_name: reader.text("newName")?,
        new_tag: reader.text("newTag")?,
        digest: reader.text("digest")?,
    })
}

fn read_replicas(reader: &Reader<'_>) -> Result<Replicas, Error> {
    Ok(Replicas {
        field: reader.path_of("name"),
        name: reader.required_text("name")?,
        count: reader.count("count")?,
    })
}

fn read_patch(reader: &Reader<'_>) -> Result<Patch, Error> {
    let text = match (reader.text("patch")?, reader.text("path")?) {
        (Some(text), None) => PatchText::Inline(text),
        (None, Some(path)) => PatchText::File(path),
        (Some(_), Some(_)) => {
            return Err(reader.refuse("path", "\"patch\" is there too; only one may be given"));
        }
        (None, None) => return Err(reader.refuse("patch", "is missing; give \"patch\" or \"path\"")),
    };
    let options = reader.child("options")?;
    let option = |name| options.as_ref().map_or(Ok(false), |options| options.flag(name));
    let patch = Patch {
        field: reader.path_of(if matches!(text, PatchText::File(_)) { "path" } else { "patch" }),
        text,
        target: reader.child("target")?.map(Selector::read).transpose()?,
        allow_name_change: option("allowNameChange")?,
        allow_kind_change: option("allowKindChange")?,
    };
    options.map_or(Ok(()), Reader::finish)?;
    Ok(patch)
}

/// `patchesStrategicMerge`: each a file, or the patch itself.
fn read_merge_patches(reader: &Reader<'_>) -> Result<Vec<Patch>, Error> {
    let patch = |(index, text): (usize, String)| Patch {
        field: format!("patchesStrategicMerge[{index}]"),
        text: if text.contains('\n') { PatchText::Inline(text) } else { PatchText::File(text) },
        target: None,
        allow_name_change: false,
        allow_kind_change: false,
    };
    Ok(reader.texts("patchesStrategicMerge")?.into_iter().enumerate().map(patch).collect())
}

fn read_generators(reader: &Reader<'_>) -> Result<Vec<Generator>, Error> {
    let common = match reader.child("generatorOptions")? {
        Some(child) => read_options(child)?,
        None => GeneratorOptions::default(),
    };
    let maps =
        read_all(reader, "configMapGenerator", |one| read_generator(one, Generated::ConfigMap, &common))?;
    let secrets = read_all(reader, "secretGenerator", |one| read_generator(one, Generated::Secret, &common))?;
    Ok(maps.into_iter().chain(secrets).collect())
}

fn read_generator(
    reader: &Reader<'_>,
    kind: Generated,
    common: &GeneratorOptions,
) -> Result<Generator, Error> {
    let own = match reader.child("options")? {
        Some(child) => read_options(child)?,
        None => GeneratorOptions::default(),
    };
    let mut envs = reader.texts("envs")?;
    envs.extend(reader.text("env")?);
    let type_ = match kind {
        Generated::Secret => reader.text("type")?,
        Generated::ConfigMap => None,
    };
    Ok(Generator {
        field: reader.path_of("name"),
        kind,
        name: reader.required_text("name")?,
        namespace: reader.text("namespace")?,
        behavior: read_behavior(reader)?,
        type_,
        literals: reader.texts("literals")?,
        files: reader.texts("files")?,
        envs,
        options: own.over(common),
    })
}

fn read_behavior(reader: &Reader<'_>) -> Result<Behavior, Error> {
    match reader.text("behavior")?.as_deref() {
        None | Some("create" | "unspecified") => Ok(Behavior::Create),
        Some("merge") => Ok(Behavior::Merge),
        Some("replace") => Ok(Behavior::Replace),
        Some(other) => {
            Err(reader.refuse("behavior", format!("expected create, merge or replace, found {other:?}")))
        }
    }
}

fn read_options(reader: Reader<'_>) -> Result<GeneratorOptions, Error> {
    let options = GeneratorOptions {
        labels: reader.text_map("labels")?,
        annotations: reader.text_map("annotations")?,
        disable_name_suffix_hash: reader.flag("disableNameSuffixHash")?,
        immutable: reader.flag("immutable")?,
    };
    reader.finish()?;
    Ok(options)
}

impl GeneratorOptions {
    /// These options, with `common` where they say nothing.
    fn over(self, common: &GeneratorOptions) -> GeneratorOptions {
        let merged = |common: &BTreeMap<String, String>, own: BTreeMap<String, String>| {
            common.clone().into_iter().chain(own).collect()
        };
        GeneratorOptions {
            labels: merged(&common.labels, self.labels),
            annotations: merged(&common.annotations, self.annotations),
            disable_name_suffix_hash: self.disable_name_suffix_hash || common.disable_name_suffix_hash,
            immutable: self.immutable || common.immutable,
        }
    }
}
