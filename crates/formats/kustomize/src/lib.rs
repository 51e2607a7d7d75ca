//! Kustomize builds: the files of a source in, the objects that they describe out.
//!
//! For whoever applies a folder of manifests, above all GitOps. Data flows one way:
//!
//! ```text
//! Files ─> kustomization.yaml, or one made of all manifests ─> resources (files, folders) and generators
//!       ─> components ─> patches ─> namespace, names ─> labels, annotations ─> replicas, images
//!       ─> hashes of names ─> references by name ─> objects
//! ```
//!
//! It is a pure library: it reads nothing but the files that it is given, knows no cluster, and takes a [`Budget`].
//! The behaviour is that of kustomize 5 and of Flux' generator, as documented in "The Kustomization File" and in
//! Flux' "Kustomization" page. What kustomize knows and this does not yet (replacements, vars, plugins, Helm charts,
//! OpenAPI) is refused with the path of the field, never passed over.

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
pub use selector::Selector;
