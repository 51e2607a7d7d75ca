//! Goes through kustomizations from the inside out: gathers objects, then changes them.

use serde_json::Value;

use crate::budget::{Budget, Meter};
use crate::files::{self, Files};
use crate::kustomization::{Kustomization, Overlay, PatchText};
use crate::resource::Resource;
use crate::transform::{images, labels, names, namespace, patches, replicas};
use crate::{Error, generator, hash, manifest, reference};

/// Builds the folder `path` of `files`: what `kustomize build` makes of its kustomization, or, where it has none, all
/// manifests in it and below.
///
/// The order of the objects means nothing: who applies them sorts them.
///
/// # Errors
/// The first thing that is wrong, with file and field or document; and whatever goes beyond `budget`.
pub fn build(files: &Files, path: &str, budget: Budget) -> Result<Vec<Value>, Error> {
    build_with(files, path, &Overlay::default(), budget)
}

/// As [`build`], with `overlay` laid over the outermost kustomization.
///
/// # Errors
/// As [`build`].
pub fn build_with(files: &Files, path: &str, overlay: &Overlay, budget: Budget) -> Result<Vec<Value>, Error> {
    let no_such_folder = || Error::NoSuchFolder { path: path.to_owned() };
    let folder = files::resolve("", path).ok_or_else(no_such_folder)?;
    if !files::is_folder(files, &folder) {
        return Err(no_such_folder());
    }
    let mut build = Build { files, meter: Meter::new(budget), chain: Vec::new() };
    let mut kustomization = match build.kustomization_of(&folder, false)? {
        Some(kustomization) => kustomization,
        None => build.generate(&folder),
    };
    kustomization.lay_over(overlay);
    let mut resources = build.enter(&folder, &kustomization, Vec::new())?;
    finish(&mut resources)?;
    Ok(resources.into_iter().map(|resource| resource.value).collect())
}

/// Names get their hashes once, at the very end, when the contents are what they will be.
fn finish(resources: &mut [Resource]) -> Result<(), Error> {
    for resource in resources.iter_mut().filter(|resource| resource.hashed) {
        let name = format!("{}-{}", resource.name(), hash::of(resource));
        resource.set_name(name);
    }
    reference::follow(resources)?;
    resources
        .iter_mut()
        .filter(|it| matches!(it.kind(), "ConfigMap" | "Secret"))
        .for_each(generator::join_base64_lines);
    refuse_duplicates(resources)
}

struct Build<'a> {
    files: &'a Files,
    meter: Meter,
    /// Folders that are being built, outermost first.
    chain: Vec<String>,
}

impl<'a> Build<'a> {
    fn text_of(&mut self, file: &str) -> Result<&'a str, Error> {
        let text = manifest::text_of(self.files, file)?;
        self.meter.spend_bytes(text.len())?;
        Ok(text)
    }

    /// The kustomization that stands in `folder`.
    fn kustomization_of(&mut self, folder: &str, component: bool) -> Result<Option<Kustomization>, Error> {
        let found = files::kustomizations_in(self.files, folder);
        let [file] = found.as_slice() else {
            return match found.first() {
                None => Ok(None),
                Some(file) => Err(Error::Field {
                    file: file.clone(),
                    field: "kustomization".to_owned(),
                    message: format!("a folder may hold one kustomization file; found {}", found.join(", ")),
                }),
            };
        };
        let text = self.text_of(file)?;
        Kustomization::read(file, text, self.meter.budget.yaml_limits(), component).map(Some)
    }

    /// What Flux puts in place of a kustomization that is not there: all manifests, and all folders below that hold
    /// a kustomization of their own.
    fn generate(&self, folder: &str) -> Kustomization {
        let mut resources: Vec<String> = Vec::new();
        for path in files::below(self.files, folder) {
            let within = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
            if resources.last().is_some_and(|last| within.starts_with(&format!("{last}/"))) {
                continue;
            }
            if let Some(inner) = self.outermost_kustomization(folder, within) {
                resources.push(inner);
            } else if within.ends_with(".yaml") || within.ends_with(".yml") {
                resources.push(within.to_owned());
            }
        }
        resources.dedup();
        Kustomization {
            file: files::join(folder, files::KUSTOMIZATION_FILES[0]),
            resources,
            ..Kustomization::default()
        }
    }

    /// The first folder on the way from `folder` to the file `within` that holds a kustomization.
    fn outermost_kustomization(&self, folder: &str, within: &str) -> Option<String> {
        within
            .match_indices('/')
            .map(|(end, _)| &within[..end])
            .find(|inner| !files::kustomizations_in(self.files, &files::join(folder, inner)).is_empty())
            .map(str::to_owned)
    }

    /// Builds one kustomization. A component starts with the objects of the kustomization that includes it.
    fn enter(
        &mut self,
        folder: &str,
        kustomization: &Kustomization,
        inherited: Vec<Resource>,
    ) -> Result<Vec<Resource>, Error> {
        if self.chain.iter().any(|outer| outer == folder) {
            let chain = self.chain.iter().map(String::as_str).chain([folder]);
            return Err(Error::Cycle { chain: chain.map(|it| format!("{it:?}")).collect() });
        }
        self.chain.push(folder.to_owned());
        self.meter.allow_depth(self.chain.len())?;
        let mut resources = self.gather(folder, kustomization, inherited)?;
        self.transform(folder, kustomization, &mut resources)?;
        refuse_duplicates(&resources)?;
        self.chain.pop();
        Ok(resources)
    }

    fn gather(
        &mut self,
        folder: &str,
        kustomization: &Kustomization,
        inherited: Vec<Resource>,
    ) -> Result<Vec<Resource>, Error> {
        let mut resources = inherited;
        for (index, entry) in kustomization.resources.iter().enumerate() {
            let field = format!("resources[{index}]");
            resources.extend(self.resource(folder, kustomization, &field, entry)?);
            self.meter.allow_objects(resources.len())?;
        }
        refuse_duplicates(&resources)?;
        for generator in &kustomization.generators {
            let data = generator::gather(generator, &kustomization.file, |path| {
                let file = self.file(folder, kustomization, &generator.field, path)?;
                let bytes = self.files.get(&file).cloned().unwrap_or_default();
                self.meter.spend_bytes(bytes.len())?;
                Ok(bytes)
            })?;
            generator::place(&mut resources, generator, &data, &kustomization.file)?;
        }
        for (index, entry) in kustomization.components.iter().enumerate() {
            let field = format!("components[{index}]");
            let component = self.folder(folder, kustomization, &field, entry)?;
            let inner = self.kustomization_of(&component, true)?;
            let inner = inner.ok_or_else(|| no_kustomization(kustomization, &field, entry))?;
            resources = self.enter(&component, &inner, resources)?;
        }
        Ok(resources)
    }

    /// The objects behind one entry of `resources`.
    fn resource(
        &mut self,
        folder: &str,
        kustomization: &Kustomization,
        field: &str,
        entry: &str,
    ) -> Result<Vec<Resource>, Error> {
        let path = inside(folder, kustomization, field, entry)?;
        if self.files.contains_key(&path) {
            let text = self.text_of(&path)?;
            return manifest::read(&path, text, self.meter.budget.yaml_limits());
        }
        let inner_folder = self.folder(folder, kustomization, field, entry)?;
        let inner = self.kustomization_of(&inner_folder, false)?;
        let inner = inner.ok_or_else(|| no_kustomization(kustomization, field, entry))?;
        self.enter(&inner_folder, &inner, Vec::new())
    }

    /// A folder that must be there.
    fn folder(
        &self,
        folder: &str,
        kustomization: &Kustomization,
        field: &str,
        entry: &str,
    ) -> Result<String, Error> {
        let path = inside(folder, kustomization, field, entry)?;
        if files::is_folder(self.files, &path) { Ok(path) } else { Err(missing(kustomization, field, entry)) }
    }

    /// A file that must be there.
    fn file(
        &self,
        folder: &str,
        kustomization: &Kustomization,
        field: &str,
        entry: &str,
    ) -> Result<String, Error> {
        let path = inside(folder, kustomization, field, entry)?;
        if self.files.contains_key(&path) { Ok(path) } else { Err(missing(kustomization, field, entry)) }
    }

    /// Changes the gathered objects, in the order of kustomize.
    fn transform(
        &mut self,
        folder: &str,
        kustomization: &Kustomization,
        resources: &mut Vec<Resource>,
    ) -> Result<(), Error> {
        self.patch(folder, kustomization, &kustomization.patches, resources)?;
        if let Some(namespace) = &kustomization.namespace {
            namespace::set(resources, namespace);
        }
        let or_empty = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        names::wrap(resources, &or_empty(&kustomization.name_prefix), &or_empty(&kustomization.name_suffix));
        kustomization.labels.iter().for_each(|it| labels::set_labels(resources, it));
        labels::set_annotations(resources, &kustomization.common_annotations);
        self.patch(folder, kustomization, &kustomization.late_patches, resources)?;
        kustomization.replicas.iter().try_for_each(|it| replicas::set(resources, it, &kustomization.file))?;
        kustomization.images.iter().for_each(|it| images::replace(resources, it));
        Ok(())
    }

    fn patch(
        &mut self,
        folder: &str,
        kustomization: &Kustomization,
        all: &[crate::kustomization::Patch],
        resources: &mut Vec<Resource>,
    ) -> Result<(), Error> {
        for patch in all {
            let text = match &patch.text {
                PatchText::Inline(text) => text.as_str(),
                PatchText::File(path) => {
                    let file = self.file(folder, kustomization, &patch.field, path)?;
                    self.text_of(&file)?
                }
            };
            let limits = self.meter.budget.yaml_limits();
            patches::apply(resources, patch, text, &kustomization.file, limits)?;
        }
        Ok(())
    }
}

/// The path that an entry means, if it is one within the source.
fn inside(folder: &str, kustomization: &Kustomization, field: &str, entry: &str) -> Result<String, Error> {
    let refuse = |message| refusal(kustomization, field, message);
    if files::is_remote(entry) {
        return Err(refuse(format!("{entry:?} is not in the source; copy what you need from there into it")));
    }
    if entry.starts_with('/') {
        return Err(refuse(format!("{entry:?} is absolute; give it as seen from this file")));
    }
    files::resolve(folder, entry).ok_or_else(|| refuse(format!("{entry:?} leads out of the source")))
}

fn refusal(kustomization: &Kustomization, field: &str, message: String) -> Error {
    Error::Field { file: kustomization.file.clone(), field: field.to_owned(), message }
}

fn missing(kustomization: &Kustomization, field: &str, entry: &str) -> Error {
    refusal(kustomization, field, format!("{entry:?} is not in the source"))
}

fn no_kustomization(kustomization: &Kustomization, field: &str, entry: &str) -> Error {
    let names = files::KUSTOMIZATION_FILES.join(", ");
    refusal(kustomization, field, format!("the folder {entry:?} holds none of {names}"))
}

fn refuse_duplicates(resources: &[Resource]) -> Result<(), Error> {
    let mut sorted: Vec<&Resource> = resources.iter().collect();
    let key = |it: &Resource| {
        let namespace = crate::resource::effective(it.namespace()).to_owned();
        (it.group().to_owned(), it.kind().to_owned(), namespace, it.name().to_owned())
    };
    sorted.sort_by_cached_key(|resource| key(resource));
    match sorted.windows(2).find(|pair| pair[0].is_same_object(pair[1])) {
        Some(pair) => Err(Error::Duplicate {
            object: pair[0].label(),
            first: pair[0].place.clone(),
            second: pair[1].place.clone(),
        }),
        None => Ok(()),
    }
}
