//! The built-in rules that a new state has to pass before it is validated, one per file.
//!
//! A rule may fill in what only the server knows (a service's address, a pod's priority), or refuse what other objects
//! speak against (a namespace that is not there, a limit range). What it read may have to stay as it is until the
//! commit: it is [`Held`]. Quotas come last, after validation ([`quota::charge`]).

mod amounts;
mod certificate;
mod claim_resize;
mod default_class;
mod definition;
mod escalation;
mod limit_range;
mod namespace;
mod pod;
mod pod_resources;
mod pod_security;
pub(crate) mod policies;
mod priority;
pub(crate) mod quota;
pub(crate) mod service;
mod service_account;
mod tolerations;

use serde_json::Value;
use tokio::sync::MutexGuard;

pub(crate) use definition::CLEANUP;

use crate::object;
use crate::registry::DEFINITIONS;
use crate::status::Failure;
use crate::write::Writing;

/// What must not change until the object is committed. It is let go when this is dropped.
#[derive(Debug, Default)]
pub(crate) enum Held<'a> {
    #[default]
    Nothing,
    /// The addresses of services, or the names of definitions.
    One {
        /// Dropped with this.
        _guard: MutexGuard<'a, ()>,
    },
}

/// A state that may be.
#[derive(Debug, Default)]
pub(crate) struct Admitted<'a> {
    pub(crate) held: Held<'a>,
    /// What to tell the client.
    pub(crate) warnings: Vec<String>,
}

/// Lets a new state pass, fills in what it lacks, or refuses it. `old` is `None` for a creation.
pub(crate) async fn admit<'a>(
    writing: &Writing<'a>,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<Admitted<'a>, Failure> {
    let mut admitted = Admitted::default();
    let warnings = &mut admitted.warnings;
    if old.is_none() {
        namespace::admit(writing, new)?;
    }
    match (&*writing.served.resource, old) {
        ("pods", None) => pod::admit_new(writing, new, warnings)?,
        ("pods", Some(old)) => priority::admit_changed_pod(old, new),
        ("namespaces", _) => pod_security::admit_namespace(writing, old, new, warnings)?,
        ("persistentvolumeclaims", None) => {
            default_class::admit_claim(writing, new);
            limit_range::Limits::of(writing).check_claim(writing, new)?;
        }
        // One that ends must be able to.
        ("persistentvolumeclaims", Some(old)) if !object::is_ending(new) => {
            claim_resize::admit(writing, old, new)?;
            limit_range::Limits::of(writing).check_claim(writing, new)?;
        }
        ("certificatesigningrequests.certificates.k8s.io", None) => certificate::admit_request(writing, new),
        ("ingresses.networking.k8s.io", None) => default_class::admit_ingress(writing, new),
        ("priorityclasses.scheduling.k8s.io", _) => priority::admit_class(writing, new)?,
        (quota::QUOTAS, _) => quota::admit_quota(writing, new),
        ("services", _) => admitted.held = service::admit(writing, old, new).await?,
        (DEFINITIONS, _) => admitted.held = definition::admit(writing, old, new).await?,
        ("roles.rbac.authorization.k8s.io" | "clusterroles.rbac.authorization.k8s.io", _) => {
            escalation::admit_role(writing, old, new)?;
        }
        ("rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io", _) => {
            escalation::admit_binding(writing, old, new)?;
        }
        _ => pod_security::warn_of_template(writing, new, warnings),
    }
    Ok(admitted)
}

/// Refuses to delete what the system cannot be without.
pub(crate) fn admit_deletion(writing: &Writing<'_>, name: &str) -> Result<(), Failure> {
    match &*writing.served.resource {
        "namespaces" => namespace::admit_deletion(writing, name),
        _ => Ok(()),
    }
}
