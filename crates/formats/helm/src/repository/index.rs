//! `index.yaml`: which charts a repository has, in which versions, and where.

use std::collections::BTreeMap;

use bythos_yaml::Limits;
use serde_json::{Map, Value};

use super::{RepositoryError, resolve_reference};
use crate::chart::Metadata;
use crate::semver::{Constraint, Version};

/// For the largest repositories that are published.
pub const INDEX_LIMITS: Limits = Limits { bytes_max: 64 << 20, depth_max: 50, values_max: 4_000_000 };

/// Which charts of an index are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection<'s> {
    /// All.
    All,
    /// That of the name. Of a large index little is then built.
    Chart(&'s str),
}

/// The charts of a repository.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// By name; the newest version first.
    pub entries: BTreeMap<String, Vec<IndexEntry>>,
    /// What was passed over, and why.
    pub warnings: Vec<String>,
}

/// One version of a chart.
#[derive(Debug, Clone)]
pub struct IndexEntry {
    /// What its Chart.yaml says.
    pub metadata: Metadata,
    /// Where it is, absolute or as seen from the repository.
    pub urls: Vec<String>,
    /// SHA-256 of its archive; empty if the index does not say.
    pub digest: String,
    /// When it was made, as the index says.
    pub created: String,
}

impl Index {
    /// Reads an index, as YAML or JSON. Versions that are none are passed over.
    ///
    /// # Errors
    /// It is no index, or goes beyond the limits.
    pub fn read(text: &str, selection: Selection<'_>, limits: Limits) -> Result<Index, RepositoryError> {
        let wants = |path: &[String]| match (selection, path) {
            (Selection::Chart(wanted), [first, name, ..]) if first == "entries" => name == wanted,
            (Selection::Chart(_), [first, ..]) => ["entries", "apiVersion"].contains(&first.as_str()),
            _ => true,
        };
        let index = bythos_yaml::parse_only(text, limits, &wants).map_err(RepositoryError::ReadIndex)?;
        let wrong = |field: &str, message: &str| RepositoryError::Index {
            field: field.to_owned(),
            message: message.to_owned(),
        };
        let Value::Object(index) = index else {
            return Err(wrong("", "expected fields (`name: value`), found something else or nothing"));
        };
        if index.get("apiVersion").and_then(Value::as_str).unwrap_or_default().is_empty() {
            return Err(wrong("apiVersion", "no API version specified; expected v1"));
        }
        let mut found = Index::default();
        match index.get("entries") {
            None | Some(Value::Null) => {}
            Some(Value::Object(entries)) => {
                for (name, versions) in entries {
                    found.add(name, versions)?;
                }
            }
            Some(_) => return Err(wrong("entries", "expected charts by name, found something else")),
        }
        Ok(found)
    }

    fn add(&mut self, name: &str, versions: &Value) -> Result<(), RepositoryError> {
        let versions = match versions {
            Value::Null => &Vec::new(),
            Value::Array(versions) => versions,
            other => {
                let message = format!("expected a list of versions, found {other}");
                return Err(RepositoryError::Index { field: format!("entries.{name}"), message });
            }
        };
        let mut read = Vec::with_capacity(versions.len());
        for (index, version) in versions.iter().enumerate() {
            match entry(version) {
                Ok(entry) => read.push((Version::parse(&entry.metadata.version).ok(), entry)),
                Err(why) => self.warnings.push(format!("passed over entries.{name}[{index}]: {why}")),
            }
        }
        read.sort_by(|(left, _), (right, _)| match (left, right) {
            (Some(left), Some(right)) => right.compare(left),
            (left, right) => right.is_some().cmp(&left.is_some()),
        });
        self.entries.insert(name.to_owned(), read.into_iter().map(|(_, entry)| entry).collect());
        Ok(())
    }

    /// The version of a chart that will do: the one that is called so, or else the newest that fits. An empty text is any
    /// release.
    ///
    /// # Errors
    /// There is none, or the text is no constraint.
    pub fn get(&self, name: &str, wanted: &str) -> Result<&IndexEntry, RepositoryError> {
        let versions = self.entries.get(name);
        let versions = versions.ok_or_else(|| RepositoryError::NoChart { name: name.to_owned() })?;
        let constraint = if wanted.is_empty() { "*" } else { wanted };
        let constraint = Constraint::parse(constraint).map_err(|source| RepositoryError::Constraint {
            name: name.to_owned(),
            wanted: wanted.to_owned(),
            source,
        })?;
        let fits = |entry: &&IndexEntry| {
            Version::parse(&entry.metadata.version).is_ok_and(|version| constraint.allows(&version))
        };
        let exact = versions.iter().find(|entry| entry.metadata.version == wanted);
        exact.or_else(|| versions.iter().find(fits)).ok_or_else(|| RepositoryError::NoVersion {
            name: name.to_owned(),
            wanted: wanted.to_owned(),
            count: versions.len(),
            newest: versions.first().map(|entry| entry.metadata.version.clone()).unwrap_or_default(),
        })
    }
}

impl IndexEntry {
    /// Where the archive is, for a repository at that address.
    ///
    /// # Errors
    /// It is nowhere, or the repository's address is not absolute.
    pub fn url(&self, repository: &str) -> Result<String, RepositoryError> {
        let Some(url) = self.urls.first() else {
            let Metadata { name, version, .. } = &self.metadata;
            return Err(RepositoryError::Index {
                field: format!("entries.{name}"),
                message: format!("chart {name:?} version {version:?} has no downloadable URLs"),
            });
        };
        resolve_reference(repository, url)
    }
}

fn entry(value: &Value) -> Result<IndexEntry, String> {
    let Value::Object(fields) = value else { return Err("the entry is empty".to_owned()) };
    let metadata = Metadata::read_listed(fields).map_err(|error| error.to_string())?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(IndexEntry { metadata, urls: urls(fields), digest: text("digest"), created: text("created") })
}

fn urls(fields: &Map<String, Value>) -> Vec<String> {
    let urls = fields.get("urls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    urls.iter().filter_map(|url| url.as_str().map(str::to_owned)).collect()
}
