//! The charts that a chart needs: what to look for, what to choose, and the whole put together.

use super::oci::{Reference, best_version, chart_tag, versions_of_tags};
use super::{Index, RepositoryError, is_in_sync};
use crate::chart::{Chart, Dependency, Lock};
use crate::semver::{Constraint, Version};

/// Where a chart is to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the chart itself, below `charts/`.
    Inside,
    /// In a folder, as seen from the chart's.
    Folder(String),
    /// In the repository at this address.
    Index(String),
    /// In a registry, without a tag.
    Registry(Reference),
    /// In a repository that the user has given a name (`@name`, `alias:name`): the caller knows its address.
    Named(String),
}

/// A chart that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// As Chart.yaml asks for it; with the version of Chart.lock, if that counts.
    pub dependency: Dependency,
    /// Where it is to be looked for.
    pub source: Source,
}

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The version that was chosen.
    pub version: String,
    /// Where it is.
    pub location: Location,
}

/// Where the version that was chosen is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An archive.
    Url {
        /// Its address.
        url: String,
        /// Its SHA-256; empty if nobody says.
        digest: String,
    },
    /// In a registry, with the tag.
    Registry(Reference),
    /// It was read already.
    Here,
}

/// What a chart needs. With `follow_lock`, the versions are those of its Chart.lock, as `helm dependency build` has it;
/// otherwise, or without a lock, they are chosen anew.
///
/// # Errors
/// A version is no constraint, a registry's address is none, or the lock was written for something else.
pub fn wants(chart: &Chart, follow_lock: bool) -> Result<Vec<Want>, RepositoryError> {
    let lock = chart.lock.as_ref().filter(|_| follow_lock);
    if lock.is_some_and(|lock| !is_in_sync(chart, lock)) {
        return Err(RepositoryError::OutOfSync(chart.name().to_owned()));
    }
    let dependencies = chart.metadata.dependencies.iter().enumerate();
    let wants = dependencies.map(|(index, dependency)| {
        let mut dependency = dependency.clone();
        if let Some(locked) = lock.and_then(|lock| lock.dependencies.get(index)) {
            dependency.version.clone_from(&locked.version);
        }
        constraint(&dependency)?;
        Ok(Want { source: source(&dependency)?, dependency })
    });
    wants.collect()
}

fn constraint(dependency: &Dependency) -> Result<Constraint, RepositoryError> {
    let text = if dependency.version.is_empty() { "*" } else { &dependency.version };
    Constraint::parse(text).map_err(|source| RepositoryError::Constraint {
        name: dependency.name.clone(),
        wanted: dependency.version.clone(),
        source,
    })
}

fn source(dependency: &Dependency) -> Result<Source, RepositoryError> {
    let repository = dependency.repository.as_str();
    let named = repository.strip_prefix('@').or_else(|| repository.strip_prefix("alias:"));
    Ok(match (repository, named) {
        ("", _) => Source::Inside,
        (_, Some(name)) => Source::Named(name.to_owned()),
        (repository, _) if repository.starts_with("oci://") => {
            let base = repository.trim_end_matches('/');
            Source::Registry(Reference::parse(&format!("{base}/{}", dependency.name))?)
        }
        (repository, _) => match repository.strip_prefix("file://") {
            Some(folder) => Source::Folder(folder.to_owned()),
            None => Source::Index(repository.to_owned()),
        },
    })
}

/// What to fetch of a repository at that address.
///
/// # Errors
/// It has no such chart, or no version that fits.
pub fn choose_from_index(
    dependency: &Dependency,
    index: &Index,
    repository: &str,
) -> Result<Choice, RepositoryError> {
    let entry = index.get(&dependency.name, &dependency.version)?;
    let location = Location::Url { url: entry.url(repository)?, digest: entry.digest.clone() };
    Ok(Choice { version: entry.metadata.version.clone(), location })
}

/// What to fetch of a registry that has these tags. If one version alone will do, no tags need be asked for.
///
/// # Errors
/// No version fits.
pub fn choose_from_tags(
    dependency: &Dependency,
    repository: &Reference,
    tags: &[String],
) -> Result<Choice, RepositoryError> {
    let wanted = &dependency.version;
    let version = if is_one_version(wanted) { Some(wanted.clone()) } else { best_version(tags, wanted) };
    let version = version.ok_or_else(|| {
        let versions = versions_of_tags(tags);
        RepositoryError::NoVersion {
            name: dependency.name.clone(),
            wanted: wanted.clone(),
            count: versions.len(),
            newest: versions.first().cloned().unwrap_or_default(),
        }
    })?;
    let reference = Reference { tag: Some(chart_tag(&version)), digest: None, ..repository.clone() };
    Ok(Choice { version, location: Location::Registry(reference) })
}

/// Whether one version alone will do, so that no tags need be asked for.
pub fn is_one_version(wanted: &str) -> bool {
    let numbers = wanted.split(['-', '+']).next().unwrap_or(wanted);
    Version::parse(wanted).is_ok() && numbers.split('.').count() == 3
}

/// A chart that was read from a folder, or that lies inside already.
///
/// # Errors
/// It is another one, or its version does not fit.
pub fn choose_from_chart(
    outer: &str,
    dependency: &Dependency,
    chart: &Chart,
) -> Result<Choice, RepositoryError> {
    if !is_wanted(dependency, chart)? {
        return Err(mismatch(outer, dependency, chart));
    }
    Ok(Choice { version: chart.metadata.version.clone(), location: Location::Here })
}

fn is_wanted(dependency: &Dependency, chart: &Chart) -> Result<bool, RepositoryError> {
    let constraint = constraint(dependency)?;
    let version = Version::parse(&chart.metadata.version);
    let fits = version.is_ok_and(|version| constraint.allows(&version))
        || dependency.version == chart.metadata.version;
    Ok(fits && chart.name() == dependency.name)
}

fn mismatch(outer: &str, dependency: &Dependency, chart: &Chart) -> RepositoryError {
    RepositoryError::Mismatch {
        chart: outer.to_owned(),
        name: dependency.name.clone(),
        wanted: dependency.version.clone(),
        found: format!("{} {}", chart.name(), chart.metadata.version),
    }
}

/// The lock that says what was chosen. `generated` is the time, as RFC 3339.
pub fn locked(chart: &Chart, choices: &[Choice], generated: String) -> Lock {
    let asked = &chart.metadata.dependencies;
    let chosen = asked.iter().zip(choices).map(|(dependency, choice)| Dependency {
        name: dependency.name.clone(),
        version: choice.version.clone(),
        repository: dependency.repository.clone(),
        ..Dependency::default()
    });
    let chosen: Vec<Dependency> = chosen.collect();
    Lock { generated, digest: super::lock_digest(asked, &chosen), dependencies: chosen }
}

/// The chart with the charts that were fetched for its wants, in their order. What lies inside already and is fetched
/// anew gives way.
///
/// # Errors
/// One of them is not what was asked for.
pub fn assemble(chart: &Chart, fetched: Vec<(Want, Chart)>) -> Result<Chart, RepositoryError> {
    let mut whole = chart.clone();
    for (want, inner) in fetched {
        if !is_wanted(&want.dependency, &inner)? {
            return Err(mismatch(chart.name(), &want.dependency, &inner));
        }
        let is_same =
            |there: &Chart| there.name() == inner.name() && there.metadata.version == inner.metadata.version;
        whole.dependencies.retain(|there| !is_same(there));
        whole.dependencies.push(inner);
    }
    Ok(whole)
}
