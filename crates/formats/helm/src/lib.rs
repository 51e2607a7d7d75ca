//! Helm charts: bytes in, manifests out, with the result that Helm 4 gives.
//!
//! ```text
//! files or .tgz ──chart──> Chart ─┐
//! values of the user ─────────────┴─values──> .Values ──render, functions──> texts ──manifest──> Hook, Manifest
//!
//! lines of `--set` and files of values ──set──> values of the user
//! Hook, Manifest ──release──> ReleaseRecord ──plan, with the records before──> Step, Step, ...
//! ```
//!
//! [`functions`](crate) holds every function of Helm and Sprig on top of Go's templates (`bythos-gotemplate`). What
//! charts may ask of the world, the time, chance, the cluster, schemas of other places, they ask the caller's [`World`];
//! nothing here does I/O. All work is bounded: templates by [`Limits`], charts by [`ArchiveLimits`], values and manifests
//! by those of the YAML reader.
//!
//! Left out: `genPrivateKey "dsa"`, provenance, post-renderers, records in SQL.

mod capabilities;
mod cast;
mod chart;
mod error;
mod files;
mod functions;
pub mod lint;
mod manifest;
pub mod plan;
mod record;
pub mod release;
mod render;
pub mod repository;
mod semver;
pub mod set;
mod show;
mod time;
mod values;
mod world;

pub use bythos_gotemplate::Limits;

pub use capabilities::Capabilities;
pub use chart::{
    ApiVersion, ArchiveLimits, Chart, ChartType, Dependency, File, Ignore, ImportValues, Lock, Maintainer,
    Metadata, path_matches, unpack,
};
pub use error::Error;
pub use functions::generate_key;
pub use manifest::{
    DeletePolicy, Hook, HookEvent, LogPolicy, Manifest, Manifests, install_order, split, uninstall_order,
};
pub use render::{Notes, Release, Rendered, Request, render, used_chart};
pub use semver::{Constraint, Error as VersionError, Version};
pub use time::format_time;
pub use values::{Schemas, Unfit};
pub use world::{KeyAlgorithm, Wanted, World};

#[cfg(test)]
mod tests;
