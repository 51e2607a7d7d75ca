//! Goes through kustomizations from the inside out: gathers objects, then changes them.

mod finish;
mod gather;
mod load;
mod plugins;
mod steps;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

pub use load::{Fetch, Fetched};

use crate::budget::{Budget, Meter};
use crate::config::{self, Config, Conflict};
use crate::files::{self, Files};
use crate::kustomization::{Kustomization, Overlay, Role};
use crate::merge::Definitions;
use crate::resource::Resource;
use crate::vars::{self, Vars};
use crate::{Error, merge};

/// Whose manners a build has where kustomize's command and Flux differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Manner {
    /// A folder has a kustomization, and reads only files in and below it.
    #[default]
    Kustomize,
    /// A folder without a kustomization stands for all manifests in it and below; files may stand anywhere in the
    /// source, and the outermost kustomization may name nothing. Base64 is handed out in one line, and every object has an `apiVersion`: so the API wants it.
    Flux,
}

/// How to build.
pub struct Options<'a> {
    /// Whose manners.
    pub manner: Manner,
    /// What is laid over the outermost kustomization.
    pub overlay: Overlay,
    /// Gets what kustomizations name by address; without it, addresses are refused.
    pub fetch: Option<&'a Fetch<'a>>,
    /// How much the build may ask for.
    pub budget: Budget,
}

/// Builds the folder `path` of `files` as `kustomize build` does. The objects stand in the order in which it prints them.
///
/// # Errors
/// The first thing that is wrong, with file and field or document; and whatever goes beyond the budget.
pub fn kustomize(files: &Files, path: &str, options: &Options<'_>) -> Result<Vec<Value>, Error> {
    let no_such_folder = || Error::NoSuchFolder { path: path.to_owned() };
    let folder = files::resolve("", path).ok_or_else(no_such_folder)?;
    if !files::is_folder(files, &folder) {
        return Err(no_such_folder());
    }
    let mut build = Build {
        files: Cow::Borrowed(files),
        manner: options.manner,
        fetch: options.fetch,
        meter: Meter::new(options.budget),
        chain: Vec::new(),
        definitions: None,
        follows_origins: false,
    };
    build.root(&folder, &options.overlay)
}

/// Builds the folder `path` of `files` as Flux does.
///
/// # Errors
/// As [`kustomize`].
pub fn build(files: &Files, path: &str, budget: Budget) -> Result<Vec<Value>, Error> {
    build_with(files, path, &Overlay::default(), budget)
}

/// As [`build`], with `overlay` laid over the outermost kustomization.
///
/// # Errors
/// As [`kustomize`].
pub fn build_with(files: &Files, path: &str, overlay: &Overlay, budget: Budget) -> Result<Vec<Value>, Error> {
    kustomize(files, path, &Options { manner: Manner::Flux, overlay: overlay.clone(), fetch: None, budget })
}

/// The objects as `kustomize build` prints them.
pub fn to_yaml(objects: &[Value]) -> String {
    objects.iter().map(bythos_yaml::to_string).collect::<Vec<_>>().join("---\n")
}

struct Build<'a> {
    files: Cow<'a, Files>,
    manner: Manner,
    fetch: Option<&'a Fetch<'a>>,
    meter: Meter,
    /// Folders that are being built, outermost first.
    chain: Vec<String>,
    /// What the first kustomization that has an `openapi` says of kinds.
    definitions: Option<Definitions>,
    follows_origins: bool,
}

/// What a kustomization has gathered so far.
#[derive(Default)]
struct Gathered {
    resources: Vec<Resource>,
    config: Option<Arc<Config>>,
    vars: Vars,
}

impl Gathered {
    /// Takes in what an inner kustomization made.
    fn join(&mut self, inner: Gathered, at: &At<'_>, field: &str) -> Result<(), Error> {
        self.resources.extend(inner.resources);
        if let Some(config) = inner.config {
            self.configure(&config).map_err(|conflict| at.conflict(field, &conflict))?;
        }
        vars::join(&mut self.vars, inner.vars)
    }

    fn configure(&mut self, config: &Arc<Config>) -> Result<(), Conflict> {
        self.config = Some(match &self.config {
            Some(known) => config::merged(known, config)?,
            None => Arc::clone(config),
        });
        Ok(())
    }
}

/// Which kustomization is being built.
#[derive(Clone, Copy)]
struct At<'a> {
    folder: &'a str,
    kustomization: &'a Kustomization,
    /// The folder as seen from the outermost one, for origins.
    origin: &'a str,
}

impl At<'_> {
    fn refuse(&self, field: &str, message: String) -> Error {
        Error::Field { file: self.kustomization.file.clone(), field: field.to_owned(), message }
    }

    fn conflict(&self, field: &str, conflict: &Conflict) -> Error {
        let message = format!("one configuration makes the field {:?}, another one does not", conflict.path);
        self.refuse(field, message)
    }
}

impl Build<'_> {
    fn root(&mut self, folder: &str, overlay: &Overlay) -> Result<Vec<Value>, Error> {
        let role = if self.manner == Manner::Flux { Role::Overlaid } else { Role::Alone };
        let found = self.kustomization_of(folder, role)?;
        let mut kustomization = match (found, self.manner) {
            (Some(kustomization), _) => kustomization,
            (None, Manner::Flux) => self.generate(folder),
            (None, Manner::Kustomize) => return Err(Error::NoKustomization { path: folder.to_owned() }),
        };
        kustomization.lay_over(overlay);
        self.follows_origins = kustomization.metadata.follows_origins();
        let at = At { folder, kustomization: &kustomization, origin: "" };
        let gathered = self.enter(at, Gathered::default())?;
        finish::finish(gathered, &kustomization, self.manner)
    }

    /// Builds one kustomization. A component starts with the objects of the kustomization that includes it.
    fn enter(&mut self, at: At<'_>, inherited: Gathered) -> Result<Gathered, Error> {
        self.chain.push(at.folder.to_owned());
        self.meter.allow_depth(self.chain.len())?;
        self.meter.spend_kustomization()?;
        self.read_definitions(at)?;
        let mut gathered = self.gather(at, inherited)?;
        self.transform(at, &mut gathered)?;
        vars::add(&mut gathered.vars, &at.kustomization.vars, &mut gathered.resources)?;
        self.chain.pop();
        Ok(gathered)
    }

    fn read_definitions(&mut self, at: At<'_>) -> Result<(), Error> {
        let Some(entry) = at.kustomization.openapi.as_ref().filter(|_| self.definitions.is_none()) else {
            return Ok(());
        };
        let document = self.document(at, entry)?;
        self.definitions = Some(merge::Definitions::of(document));
        Ok(())
    }
}
