//! Helm charts: bytes in, manifests out, with the result that Helm 4 gives.
//!
//! ```text
//! files or .tgz ──chart──> Chart ─┐
//! values of the user ─────────────┴─values──> .Values ──render, functions──> texts ──manifest──> Hook, Manifest
//! ```
//!
//! [`functions`](crate) holds every function of Helm and Sprig on top of Go's templates (`bythos-gotemplate`). What
//! templates may ask of the world, the time, chance, the cluster, they ask the caller's [`World`]; nothing here does I/O.
//! All work is bounded: templates by [`Limits`], charts by [`ArchiveLimits`], values and manifests by those of the YAML
//! reader.
//!
//! Left out: `genPrivateKey "dsa"`, schemas that refer to other documents, repositories, provenance, and what comes after
//! rendering: release records and plans.

mod capabilities;
mod cast;
mod chart;
mod error;
mod files;
mod functions;
mod manifest;
mod record;
mod render;
mod semver;
mod values;
mod world;

pub use bythos_gotemplate::Limits;

pub use capabilities::Capabilities;
pub use chart::{
    ApiVersion, ArchiveLimits, Chart, ChartType, Dependency, File, ImportValues, Maintainer, Metadata,
};
pub use error::Error;
pub use functions::generate_key;
pub use manifest::{Hook, HookEvent, Manifest, Manifests, install_order, split, uninstall_order};
pub use render::{Release, Rendered, Request, render};
pub use semver::{Constraint, Error as VersionError, Version};
pub use world::{KeyAlgorithm, Wanted, World};

#[cfg(test)]
mod tests;
