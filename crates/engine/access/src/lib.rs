//! Who asks, and what they may: the engine's authority, client certificates, tokens of service accounts, RBAC.
//!
//! The API server asks three questions here, in this order:
//!
//! ```text
//! client certificate ──user_of_certificate──┐
//! bearer token ──TokenSigner::verify──> Claims ──> User ──Policy::authorize(Request)──> Decision
//!                                                                ▲
//! Roles, ClusterRoles and their bindings ──────────Policy::compile┘
//! ```
//!
//! A [`Policy`] is compiled anew when one of those objects changes, and is only read in between. The certificates
//! themselves come from the engine's [`Authority`](authority::Authority).
//!
//! Pure but for [`authority`] and [`token`], which keep their keys in a folder. Nothing here knows HTTP or the store.

#![cfg_attr(
    test,
    allow(clippy::needless_pass_by_value, reason = "tests hand over the literals that they write")
)]

pub mod authority;
mod bootstrap;
mod certificate;
mod policy;
mod request;
pub mod token;
mod user;

pub use bootstrap::{Reconciled, bootstrap_objects, reconcile};
pub use certificate::{CertificateError, user_of_certificate};
pub use policy::{Policy, missing_grants};
pub use request::{Decision, Request};
pub use user::{AUTHENTICATED, MASTERS, UNAUTHENTICATED, User};
