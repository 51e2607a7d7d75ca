//! Every resource type that Bythos defines or serves, one file per kind; no I/O.
//!
//! The groups, versions, fields and conditions are those of the upstream projects, so that a manifest written for
//! the upstream project runs unchanged. Fields that Bythos does not act on yet are still accepted and kept.

pub mod certificate;
pub mod certificaterequest;
mod columns;
pub mod flux;
pub mod gitrepository;
pub mod helmchart;
pub mod helmrelease;
pub mod helmrepository;
pub mod issuer;
pub mod kustomization;
pub mod names;
