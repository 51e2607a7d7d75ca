//! From the text of a kustomization file to its value; every field that is not known is refused with its path.

mod generators;
mod replacements;

use bythos_yaml::Limits;
use serde_json::Value;

pub(crate) use generators::read_generator;
pub(crate) use replacements::{read_replacement_file, read_replacements};

use super::{
    Entry, Image, ImageChange, Kustomization, LabelReach, Labels, Patch, PatchText, Replicas, Role, Var,
};
use crate::Error;
use crate::config::{self, Gvk};
use crate::order::{Order, Ranks};
use crate::origin::Metadata;
use crate::reader::Reader;
use crate::selector::Selector;

/// Fields that would run Helm.
const HELM: [&str; 3] = ["helmCharts", "helmChartInflationGenerator", "helmGlobals"];

impl Kustomization {
    /// Reads a kustomization file.
    pub(crate) fn read(file: &str, text: &str, limits: Limits, role: Role) -> Result<Self, Error> {
        let value = bythos_yaml::parse(text, limits)
            .map_err(|source| Error::Yaml { file: file.to_owned(), source })?;
        let empty = Value::Object(serde_json::Map::new());
        let value = if value.is_null() { &empty } else { &value };
        let reader = Reader::new(file, String::new(), value)?;
        check_kind(&reader, role)?;
        if role != Role::Overlaid {
            refuse_empty(&reader, value)?;
        }
        refuse_helm(&reader)?;
        reader.accept("metadata");
        let kustomization = Kustomization {
            file: file.to_owned(),
            resources: [entries(&reader, "resources")?, entries(&reader, "bases")?].concat(),
            components: entries(&reader, "components")?,
            crds: entries(&reader, "crds")?,
            configurations: entries(&reader, "configurations")?,
            namespace: reader.text("namespace")?,
            name_prefix: reader.text("namePrefix")?,
            name_suffix: reader.text("nameSuffix")?,
            labels: read_all(&reader, "labels", read_labels)?,
            common_labels: reader.text_map("commonLabels")?,
            common_annotations: reader.text_map("commonAnnotations")?,
            images: [read_all(&reader, "images", read_image)?, read_all(&reader, "imageTags", read_image)?]
                .concat(),
            replicas: read_all(&reader, "replicas", read_replicas)?,
            merge_patches: entries(&reader, "patchesStrategicMerge")?,
            patches: read_all(&reader, "patches", read_patch)?,
            late_patches: read_all(&reader, "patchesJson6902", read_patch)?,
            replacements: read_replacements(&reader)?,
            vars: read_all(&reader, "vars", read_var)?,
            builders: generators::read_builders(&reader)?,
            generators: entries(&reader, "generators")?,
            transformers: entries(&reader, "transformers")?,
            validators: entries(&reader, "validators")?,
            order: read_order(&reader)?,
            metadata: read_metadata(&reader)?,
            openapi: read_openapi(&reader)?,
        };
        reader.finish()?;
        Ok(kustomization)
    }
}

fn check_kind(reader: &Reader<'_>, role: Role) -> Result<(), Error> {
    let kind = reader.text("kind")?.unwrap_or_else(|| "Kustomization".to_owned());
    let (expected, wanted) = match role {
        Role::Component => ("Component", "kustomize.config.k8s.io/v1alpha1"),
        Role::Alone | Role::Overlaid => ("Kustomization", "kustomize.config.k8s.io/v1beta1"),
    };
    if kind != expected {
        let hint = match kind.as_str() {
            "Component" => "; a component is named under \"components\"",
            _ => "",
        };
        return Err(reader.refuse("kind", format!("expected {expected:?}, found {kind:?}{hint}")));
    }
    match reader.text("apiVersion")? {
        Some(version) if version != wanted => {
            Err(reader.refuse("apiVersion", format!("expected {wanted:?}, found {version:?}")))
        }
        _ => Ok(()),
    }
}

/// A file that says nothing is a mistake: nobody writes one to get nothing.
fn refuse_empty(reader: &Reader<'_>, value: &Value) -> Result<(), Error> {
    let says_something = |(name, value): (&String, &Value)| {
        !matches!(name.as_str(), "kind" | "apiVersion") && !value.is_null()
    };
    if value.as_object().is_some_and(|map| map.iter().any(says_something)) {
        return Ok(());
    }
    Err(reader.refuse("kustomization", "is empty; name at least the \"resources\" that it is made of"))
}

fn refuse_helm(reader: &Reader<'_>) -> Result<(), Error> {
    match HELM.into_iter().find(|field| reader.has(field)) {
        Some(field) => Err(reader.refuse(
            field,
            "charts are not built here, as in kustomize without --enable-helm; use a HelmRelease, or put the output \
             of \"helm template\" under \"resources\"",
        )),
        None => Ok(()),
    }
}

/// A list of texts with the path of each.
pub(crate) fn entries(reader: &Reader<'_>, field: &'static str) -> Result<Vec<Entry>, Error> {
    let entry =
        |(index, text): (usize, String)| Entry { field: reader.path_of(&format!("{field}[{index}]")), text };
    Ok(reader.texts(field)?.into_iter().enumerate().map(entry).collect())
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

fn read_labels(reader: &Reader<'_>) -> Result<Labels, Error> {
    let reach = match (reader.flag("includeSelectors")?, reader.flag("includeTemplates")?) {
        (true, _) => LabelReach::Selectors,
        (false, true) => LabelReach::Templates,
        (false, false) => LabelReach::Metadata,
    };
    let pairs = reader.text_map("pairs")?;
    Ok(Labels { field: reader.path_of("pairs"), pairs, reach, specs: config::read_specs(reader, "fields")? })
}

/// Reads one image.
pub(crate) fn read_image(reader: &Reader<'_>) -> Result<ImageChange, Error> {
    let image = Image {
        name: reader.text("name")?.unwrap_or_default(),
        new_name: reader.text("newName")?,
        new_tag: reader.text("newTag")?,
        digest: reader.text("digest")?,
    };
    Ok(ImageChange { image, tag_suffix: reader.text("tagSuffix")? })
}

fn read_replicas(reader: &Reader<'_>) -> Result<Replicas, Error> {
    Ok(Replicas {
        field: reader.path_of("name"),
        name: reader.required_text("name")?,
        count: reader.number("count")?,
    })
}

/// Reads one entry of `patches`.
pub(crate) fn read_patch(reader: &Reader<'_>) -> Result<Patch, Error> {
    let inline = reader.text("patch")?.filter(|text| !text.trim().is_empty());
    let text = match (inline, reader.text("path")?) {
        (Some(text), None) => PatchText::Inline(text),
        (None, Some(path)) => PatchText::File(path),
        (Some(_), Some(_)) => {
            return Err(reader.refuse("path", "\"patch\" is there too; only one may be given"));
        }
        (None, None) => return Err(reader.refuse("patch", "is missing; give \"patch\" or \"path\"")),
    };
    let options = reader.child("options")?;
    let option = |name| options.as_ref().map_or(Ok(false), |options| options.flag(name));
    Ok(Patch {
        field: reader.path_of(if matches!(text, PatchText::File(_)) { "path" } else { "patch" }),
        text,
        target: reader.child("target")?.map(Selector::read).transpose()?,
        allow_name_change: option("allowNameChange")?,
        allow_kind_change: option("allowKindChange")?,
    })
}

fn read_var(reader: &Reader<'_>) -> Result<Var, Error> {
    let name = reader.required_text("name")?;
    let target = reader.child("objref")?.ok_or_else(|| reader.refuse("objref", "is missing"))?;
    let text = |field| target.text(field).map(Option::unwrap_or_default);
    let mut gvk = Gvk { group: text("group")?, version: text("version")?, kind: text("kind")? };
    if let Some(version) = target.text("apiVersion")? {
        let parts = Gvk::of(&version, "");
        gvk.version = parts.version;
        if !parts.group.is_empty() {
            gvk.group = parts.group;
        }
    }
    let (target_name, target_namespace) = (text("name")?, text("namespace")?);
    target.finish()?;
    let path = match reader.child("fieldref")? {
        Some(child) => {
            let path = child.text("fieldPath")?;
            child.finish()?;
            path
        }
        None => None,
    };
    Ok(Var {
        file: reader.file().to_owned(),
        field: reader.path_of("name"),
        name,
        target: gvk,
        target_name,
        target_namespace,
        path: path.unwrap_or_else(|| "metadata.name".to_owned()),
    })
}

/// Reads `sortOptions`.
pub(crate) fn read_order(reader: &Reader<'_>) -> Result<Option<Order>, Error> {
    let Some(options) = reader.child("sortOptions")? else { return Ok(None) };
    let ranks = options.child("legacySortOptions")?;
    let order = match (options.text("order")?.as_deref(), ranks) {
        (Some("fifo"), None) => Order::Gathered,
        (Some("fifo"), Some(_)) => {
            return Err(options.refuse("legacySortOptions", "has no meaning where \"order\" is \"fifo\""));
        }
        (Some("legacy"), None) => Order::Kinds(Ranks::standard()),
        (Some("legacy"), Some(ranks)) => {
            let order = Order::Kinds(Ranks::of(&ranks.texts("orderFirst")?, &ranks.texts("orderLast")?));
            ranks.finish()?;
            order
        }
        (found, _) => {
            let found = found.unwrap_or_default();
            return Err(options.refuse("order", format!("expected \"fifo\" or \"legacy\", found {found:?}")));
        }
    };
    options.finish()?;
    Ok(Some(order))
}

fn read_metadata(reader: &Reader<'_>) -> Result<Metadata, Error> {
    Ok(Metadata::asked(&reader.texts("buildMetadata")?))
}

fn read_openapi(reader: &Reader<'_>) -> Result<Option<Entry>, Error> {
    /// The version that kustomize carries.
    const KNOWN: &str = "v1.21.2";
    let fields = reader.text_map("openapi")?;
    match (fields.get("version"), fields.get("path")) {
        (Some(_), Some(_)) => {
            Err(reader.refuse("openapi", "only one of \"version\" and \"path\" may be given"))
        }
        (Some(version), None) if version != KNOWN => Err(reader.refuse(
            "openapi.version",
            format!("expected {KNOWN:?}, the one that is built in, found {version:?}"),
        )),
        (_, path) => Ok(path.map(|path| Entry { field: reader.path_of("openapi.path"), text: path.clone() })),
    }
}
