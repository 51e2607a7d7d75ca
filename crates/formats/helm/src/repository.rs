//! Where charts come from: index files, registries, and the charts that a chart needs. The network is the caller's.
//!
//! ```text
//! Metadata, Lock ──wants──> Want, Want, ...              the caller fetches an index or a list of tags for each Source
//! Want + Index, tags or chart ──choose_...──> Choice     and then what was chosen: a URL with its digest, a Reference
//! Chart, fetched charts ──assemble──> Chart              with all that it needs inside
//! ```

mod digest;
mod index;
mod oci;
mod resolve;
mod url;

pub use digest::{DigestError, check_digest, is_in_sync, lock_digest, sha256};
pub use index::{INDEX_LIMITS, Index, IndexEntry, Selection};
pub use oci::{
    ChartManifest, Descriptor, MEDIA_TYPE_CHART, MEDIA_TYPE_CHART_OLD, MEDIA_TYPE_CONFIG,
    MEDIA_TYPE_MANIFEST, MEDIA_TYPE_PROVENANCE, Reference, chart_tag, versions_of_tags,
};
pub use resolve::{
    Choice, Location, Source, Want, assemble, choose_from_chart, choose_from_index, choose_from_tags,
    is_one_version, locked, wants,
};
pub use url::{resolve_reference, same_host};

use crate::semver;

/// What is wrong with a repository, or with what a chart asks of it.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The index is no YAML.
    #[error("failed to read the index")]
    ReadIndex(#[source] bythos_yaml::Error),
    /// The index lacks something.
    #[error("the index: {field}: {message}")]
    Index {
        /// The path of the field.
        field: String,
        /// What was found and expected.
        message: String,
    },
    /// There is no such chart.
    #[error("no chart {name:?} in the index")]
    NoChart {
        /// Its name.
        name: String,
    },
    /// There is no such version.
    #[error("no version of chart {name:?} fits {wanted:?}; the newest of {count} is {newest:?}")]
    NoVersion {
        /// The chart.
        name: String,
        /// What it must be; empty for any release.
        wanted: String,
        /// How many versions there are.
        count: usize,
        /// The newest of them.
        newest: String,
    },
    /// The version of a dependency is no constraint.
    #[error("dependency {name:?} has an invalid version/constraint format: {wanted:?}")]
    Constraint {
        /// The chart.
        name: String,
        /// What it must be.
        wanted: String,
        /// What is wrong with it.
        #[source]
        source: semver::Error,
    },
    /// A reference to a registry is none.
    #[error("invalid reference {reference:?}: {message}")]
    Reference {
        /// The reference.
        reference: String,
        /// What was found and expected.
        message: &'static str,
    },
    /// A manifest of a registry is none, or none of a chart.
    #[error("the manifest: {0}")]
    Manifest(String),
    /// A URL cannot be taken.
    #[error("invalid url {url:?}: {message}")]
    Url {
        /// The URL.
        url: String,
        /// What was found and expected.
        message: &'static str,
    },
    /// Chart.lock was written for other dependencies.
    #[error(
        "the lock file (Chart.lock) of {0:?} is out of sync with the dependencies file (Chart.yaml); update the dependencies"
    )]
    OutOfSync(String),
    /// What was fetched is not what was asked for.
    #[error("dependency {name:?} of chart {chart:?}: expected version {wanted:?}, found chart {found:?}")]
    Mismatch {
        /// The chart.
        chart: String,
        /// The chart that it needs.
        name: String,
        /// What it must be.
        wanted: String,
        /// Name and version of what came.
        found: String,
    },
}

#[cfg(test)]
mod tests;
