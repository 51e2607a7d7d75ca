//! Gathers the objects of a kustomization: files, folders, generators, components.

use std::borrow::Cow;
use std::sync::Arc;

use super::load::Led;
use super::{At, Build, Gathered};
use crate::config::{self, Config};
use crate::files;
use crate::kustomization::{Entry, Kustomization, Role};
use crate::origin::{ConfiguredBy, Origin};
use crate::reader::Reader;
use crate::resource::Resource;
use crate::transform::refuse_duplicates;
use crate::{Error, generator, manifest};

impl Build<'_> {
    /// What Flux puts in place of a kustomization that is not there: all manifests, and all folders below that hold
    /// a kustomization of their own.
    pub(super) fn generate(&self, folder: &str) -> Kustomization {
        let mut resources: Vec<String> = Vec::new();
        for path in files::below(&self.files, folder) {
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
        let entry = |(index, text)| Entry { field: format!("resources[{index}]"), text };
        Kustomization {
            file: files::join(folder, files::KUSTOMIZATION_FILES[0]),
            resources: resources.into_iter().enumerate().map(entry).collect(),
            ..Kustomization::default()
        }
    }

    /// The first folder on the way from `folder` to the file `within` that holds a kustomization.
    fn outermost_kustomization(&self, folder: &str, within: &str) -> Option<String> {
        within
            .match_indices('/')
            .map(|(end, _)| &within[..end])
            .find(|inner| !files::kustomizations_in(&self.files, &files::join(folder, inner)).is_empty())
            .map(str::to_owned)
    }

    pub(super) fn gather(&mut self, at: At<'_>, inherited: Gathered) -> Result<Gathered, Error> {
        let mut gathered = inherited;
        for entry in &at.kustomization.resources {
            let inner = self.resource(at, entry)?;
            gathered.join(inner, &at, &entry.field)?;
            self.meter.allow_objects(gathered.resources.len())?;
        }
        refuse_duplicates(&gathered.resources)?;
        self.configure(at, &mut gathered)?;
        self.generate_objects(at, &mut gathered)?;
        for entry in &at.kustomization.components {
            gathered = self.component(at, entry, gathered)?;
            self.meter.allow_objects(gathered.resources.len())?;
        }
        refuse_duplicates(&gathered.resources)?;
        Ok(gathered)
    }

    /// The objects behind one entry of `resources`.
    pub(super) fn resource(&mut self, at: At<'_>, entry: &Entry) -> Result<Gathered, Error> {
        let origin = files::join_as_written(at.origin, &entry.text);
        match self.lead(at, entry)? {
            Led::File { path, text } => {
                let mut resources = manifest::read(&path, &text, self.meter.budget.yaml_limits())?;
                self.note_origin(&mut resources, &origin);
                Ok(Gathered { resources, ..Gathered::default() })
            }
            Led::Folder(folder) => {
                let inner = self.kustomization_of(&folder, Role::Alone)?;
                let inner = inner.ok_or_else(|| no_kustomization(at, entry))?;
                self.enter(
                    At { folder: &folder, kustomization: &inner, origin: &origin },
                    Gathered::default(),
                )
            }
            Led::Remote { files, path } => self.elsewhere(at, entry, files, &path, None),
        }
    }

    fn component(&mut self, at: At<'_>, entry: &Entry, gathered: Gathered) -> Result<Gathered, Error> {
        let origin = files::join_as_written(at.origin, &entry.text);
        match self.lead(at, entry)? {
            Led::File { .. } => {
                Err(at.refuse(&entry.field, format!("{:?} is a file; a component is a folder", entry.text)))
            }
            Led::Folder(folder) => {
                let inner = self.kustomization_of(&folder, Role::Component)?;
                let inner = inner.ok_or_else(|| no_kustomization(at, entry))?;
                self.enter(At { folder: &folder, kustomization: &inner, origin: &origin }, gathered)
            }
            Led::Remote { files, path } => self.elsewhere(at, entry, files, &path, Some(gathered)),
        }
    }

    /// Builds a folder of another source: for as long, its files are the source.
    fn elsewhere(
        &mut self,
        at: At<'_>,
        entry: &Entry,
        files: files::Files,
        path: &str,
        component_of: Option<Gathered>,
    ) -> Result<Gathered, Error> {
        let refuse = || at.refuse(&entry.field, format!("{:?} holds no folder {path:?}", entry.text));
        let folder = files::resolve("", path).ok_or_else(refuse)?;
        let role = if component_of.is_some() { Role::Component } else { Role::Alone };
        let home = std::mem::replace(&mut self.files, Cow::Owned(files));
        let depth = self.chain.len();
        // Paths of one source say nothing of another; only the depth goes on to count.
        let chain = std::mem::replace(&mut self.chain, vec!["\0".to_owned(); depth]);
        let built = match self.kustomization_of(&folder, role) {
            Ok(Some(inner)) => {
                let at = At { folder: &folder, kustomization: &inner, origin: &entry.text };
                self.enter(at, component_of.unwrap_or_default())
            }
            Ok(None) => Err(no_kustomization(at, entry)),
            Err(error) => Err(error),
        };
        self.files = home;
        self.chain = chain;
        built
    }

    fn note_origin(&self, resources: &mut [Resource], path: &str) {
        if self.follows_origins {
            for resource in resources {
                resource.origin = Some(Origin::File { path: path.to_owned() });
            }
        }
    }

    /// The origin of what an entry of this kustomization makes or changes.
    pub(super) fn configured(&self, at: At<'_>, by: &ConfiguredBy) -> Option<Origin> {
        let file = at.kustomization.file.rsplit('/').next().unwrap_or_default();
        let file = files::join_as_written(at.origin, file);
        self.follows_origins.then(|| Origin::Configured { file, by: by.clone() })
    }

    /// Adds this kustomization's configurations to those of its bases.
    fn configure(&mut self, at: At<'_>, gathered: &mut Gathered) -> Result<(), Error> {
        let mut own = Config::standard();
        for entry in &at.kustomization.configurations {
            let document = self.document(at, entry)?;
            let file = self.name_of(at, &entry.text);
            let read = config::read(Reader::new(&file, String::new(), &document)?)?;
            own = config::merged(&own, &Arc::new(read)).map_err(|it| at.conflict(&entry.field, &it))?;
        }
        gathered.configure(&own).map_err(|it| at.conflict("configurations", &it))?;
        for entry in &at.kustomization.crds {
            let document = self.document(at, entry)?;
            let read = config::from_definitions(&document).map_err(|it| at.conflict(&entry.field, &it))?;
            gathered.configure(&Arc::new(read)).map_err(|it| at.conflict(&entry.field, &it))?;
        }
        Ok(())
    }

    fn generate_objects(&mut self, at: At<'_>, gathered: &mut Gathered) -> Result<(), Error> {
        for generator in &at.kustomization.builders {
            let kind = match generator.kind {
                crate::kustomization::Generated::ConfigMap => "ConfigMapGenerator",
                crate::kustomization::Generated::Secret => "SecretGenerator",
            };
            let by = ConfiguredBy { kind: kind.to_owned(), name: None };
            let origin = self.configured(at, &by);
            self.run_generator(at, generator, origin, gathered)?;
        }
        self.run_generator_plugins(at, gathered)
    }

    pub(super) fn run_generator(
        &mut self,
        at: At<'_>,
        generator: &crate::kustomization::Generator,
        origin: Option<Origin>,
        gathered: &mut Gathered,
    ) -> Result<(), Error> {
        let file = &at.kustomization.file;
        let data = generator::gather(generator, file, |path| self.bytes(at, &generator.field, path))?;
        let mut made = generator::make(generator, &data, file);
        made.origin = origin;
        generator::place(&mut gathered.resources, made, generator, file)?;
        self.meter.spend_steps(gathered.resources.len())?;
        self.meter.allow_objects(gathered.resources.len())
    }
}

fn no_kustomization(at: At<'_>, entry: &Entry) -> Error {
    let names = files::KUSTOMIZATION_FILES.join(", ");
    at.refuse(&entry.field, format!("the folder {:?} holds none of {names}", entry.text))
}
