//! Kustomize builds: the files of a source in, the objects that they describe out.
//!
//! For whoever applies a folder of manifests, above all GitOps. Data flows one way:
//!
//! ```text
//! Files ─> kustomization.yaml (as Flux: or one made of all manifests) ─> resources: files, folders, addresses
//!       ─> configurations, crds ─> generators ─> components
//!       ─> patches ─> namespace, names ─> labels, annotations ─> late patches ─> replicas, images ─> replacements
//!       ─> transformers and validators of files ─> vars
//! at the end: hashes of names ─> references by name ─> values of vars ─> order ─> objects
//! ```
//!
//! It is a pure library: it reads nothing but the files that it is given and what the caller fetches for it, knows no
//! cluster, and takes a [`Budget`]. The behaviour is that of kustomize 5.5, as kubectl 1.32 carries it: `tests/golden`
//! holds what `kubectl kustomize` printed for some 280 folders, byte for byte; and `sourceValue` of replacements, which came
//! with 5.8. [`Manner`] says where Flux differs.
//!
//! Strategic merge (`merge`) is kustomize's own, not the API server's: `$retainKeys` and `$setElementOrder` have no
//! meaning in it and stay where they are.
//!
//! Known differences: kinds newer than kustomize's table are known to live outside namespaces, and merge by their keys;
//! names must be texts; an empty value without `null` is read as `null` everywhere; a number keeps no trace of how it
//! was written when it becomes part of a text.
//!
//! Left out: Helm charts and plugins that are programs or containers, which are refused, and `IAMPolicyGenerator`.

mod budget;
mod build;
mod config;
mod error;
mod field;
mod files;
mod generator;
mod hash;
mod kustomization;
mod manifest;
mod merge;
mod order;
mod origin;
mod path;
mod reader;
mod reference;
mod resource;
mod selector;
mod transform;
mod vars;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use build::{Fetch, Fetched, Manner, Options, build, build_with, kustomize, to_yaml};
pub use error::{Error, Place};
pub use files::{Files, KUSTOMIZATION_FILES};
pub use kustomization::{Image, Overlay, OverlayPatch};
pub use selector::{Matcher, Selector};
