//! Reads what kustomizations name: files, folders and, through the caller, addresses.

use serde_json::Value;

use super::{At, Build, Manner};
use crate::Error;
use crate::files::{self, Files};
use crate::kustomization::{Entry, Kustomization, Role};

/// What stands at an address.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// A file of manifests.
    File(Vec<u8>),
    /// Files, and the folder among them that is meant.
    Folder {
        /// All files of the repository.
        files: Files,
        /// From its root.
        path: String,
    },
}

/// Gets what stands at an address such as `https://example.org/a.yaml` or `github.com/owner/name//path?ref=v1`. The
/// error says why that is not possible, in words for the owner.
pub type Fetch<'a> = dyn Fn(&str) -> Result<Fetched, String> + 'a;

/// What an entry of `resources` leads to.
pub(super) enum Led {
    File {
        path: String,
        text: String,
    },
    Folder(String),
    /// A folder of another source.
    Remote {
        files: Files,
        path: String,
    },
}

impl Build<'_> {
    /// The kustomization that stands in `folder`.
    pub(super) fn kustomization_of(
        &mut self,
        folder: &str,
        role: Role,
    ) -> Result<Option<Kustomization>, Error> {
        let found = files::kustomizations_in(&self.files, folder);
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
        let bytes = self.files.get(file).cloned().unwrap_or_default();
        let text = self.text_of(file, bytes)?;
        Kustomization::read(file, &text, self.meter.budget.yaml_limits(), role).map(Some)
    }

    fn text_of(&mut self, file: &str, bytes: Vec<u8>) -> Result<String, Error> {
        self.meter.spend_bytes(bytes.len())?;
        String::from_utf8(bytes).map_err(|error| Error::NotText {
            file: file.to_owned(),
            offset: error.utf8_error().valid_up_to(),
        })
    }

    /// The bytes of a file that a field names.
    pub(super) fn bytes(&mut self, at: At<'_>, field: &str, path: &str) -> Result<Vec<u8>, Error> {
        let bytes = if files::is_remote(path) {
            match self.fetched(at, field, path)? {
                Fetched::File(bytes) => bytes,
                Fetched::Folder { .. } => {
                    return Err(at.refuse(field, format!("{path:?} is a folder; a file is needed here")));
                }
            }
        } else {
            let file = self.inside(at, field, path)?;
            self.check_reach(at, field, path, &file)?;
            match self.files.get(&file) {
                Some(bytes) => bytes.clone(),
                None if files::is_folder(&self.files, &file) => {
                    return Err(at.refuse(field, format!("{path:?} is a folder; a file is needed here")));
                }
                None => return Err(at.refuse(field, format!("{path:?} is not in the source"))),
            }
        };
        self.meter.spend_bytes(bytes.len())?;
        Ok(bytes)
    }

    /// The text of a file that a field names.
    pub(super) fn text(&mut self, at: At<'_>, field: &str, path: &str) -> Result<String, Error> {
        let bytes = self.bytes(at, field, path)?;
        String::from_utf8(bytes).map_err(|error| Error::NotText {
            file: files::resolve(at.folder, path).unwrap_or_else(|| path.to_owned()),
            offset: error.utf8_error().valid_up_to(),
        })
    }

    /// The one YAML or JSON document of a file that a field names.
    pub(super) fn document(&mut self, at: At<'_>, entry: &Entry) -> Result<Value, Error> {
        let text = self.text(at, &entry.field, &entry.text)?;
        bythos_yaml::parse(&text, self.meter.budget.yaml_limits())
            .map_err(|source| Error::Yaml { file: self.name_of(at, &entry.text), source })
    }

    /// What a file is called in messages.
    pub(super) fn name_of(&self, at: At<'_>, path: &str) -> String {
        files::resolve(at.folder, path).unwrap_or_else(|| path.to_owned())
    }

    /// Where an entry of `resources` or `components` leads.
    pub(super) fn lead(&mut self, at: At<'_>, entry: &Entry) -> Result<Led, Error> {
        let Entry { field, text: path } = entry;
        if files::is_remote(path) {
            return Ok(match self.fetched(at, field, path)? {
                Fetched::File(bytes) => Led::File { path: path.clone(), text: self.text_of(path, bytes)? },
                Fetched::Folder { files, path } => Led::Remote { files, path },
            });
        }
        let file = self.inside(at, field, path)?;
        if let Some(bytes) = self.files.get(&file).cloned() {
            self.check_reach(at, field, path, &file)?;
            return Ok(Led::File { text: self.text_of(&file, bytes)?, path: file });
        }
        if !files::is_folder(&self.files, &file) {
            return Err(at.refuse(field, format!("{path:?} is not in the source")));
        }
        self.refuse_cycle(at, field, &file)?;
        Ok(Led::Folder(file))
    }

    fn fetched(&self, at: At<'_>, field: &str, address: &str) -> Result<Fetched, Error> {
        let Some(fetch) = self.fetch else {
            let message = format!("{address:?} is not in the source; copy what you need from there into it");
            return Err(at.refuse(field, message));
        };
        fetch(address).map_err(|message| at.refuse(field, format!("failed to get {address:?}: {message}")))
    }

    /// The path that an entry means, if it is one within the source.
    fn inside(&self, at: At<'_>, field: &str, path: &str) -> Result<String, Error> {
        if path.is_empty() {
            return Err(at.refuse(field, "is empty; name a file or a folder".to_owned()));
        }
        if path.starts_with('/') {
            return Err(at.refuse(field, format!("{path:?} is absolute; give it as seen from this file")));
        }
        files::resolve(at.folder, path)
            .ok_or_else(|| at.refuse(field, format!("{path:?} leads out of the source")))
    }

    /// kustomize reads no files outside of a kustomization's folder, so that nobody is made to read theirs.
    fn check_reach(&self, at: At<'_>, field: &str, path: &str, file: &str) -> Result<(), Error> {
        if self.manner == Manner::Flux || files::is_within(file, at.folder) {
            return Ok(());
        }
        let message = format!(
            "{path:?} is not in or below the folder of this kustomization; make a kustomization of the folder that \
             holds it, and name that"
        );
        Err(at.refuse(field, message))
    }

    /// A folder that holds one that is being built leads back to it, or soon will.
    fn refuse_cycle(&self, at: At<'_>, field: &str, folder: &str) -> Result<(), Error> {
        if !self.chain.iter().any(|visited| files::is_within(visited, folder)) {
            return Ok(());
        }
        let chain = self.chain.iter().map(String::as_str).chain([folder]);
        Err(Error::Cycle {
            file: at.kustomization.file.clone(),
            field: field.to_owned(),
            chain: chain.map(|it| format!("{it:?}")).collect(),
        })
    }
}
