//! The built-in rules that a new state has to pass before it is validated, one per file.
//!
//! A rule may fill in what only the server knows (a service's address), or refuse what other objects speak against
//! (a namespace that is not there). What it read may have to stay as it is until the commit: it is [`Held`].

mod definition;
mod escalation;
mod namespace;
pub(crate) mod policies;
pub(crate) mod service;
mod service_account;

use serde_json::Value;
use tokio::sync::MutexGuard;

pub(crate) use definition::CLEANUP;

use crate::registry::DEFINITIONS;
use crate::status::Failure;
use crate::write::Writing;

/// What must not change until the object is committed. It is let go when this is dropped.
#[derive(Debug)]
pub(crate) enum Held<'a> {
    Nothing,
    /// The addresses of services, or the names of definitions.
    One {
        /// Dropped with this.
        _guard: MutexGuard<'a, ()>,
    },
}

/// Lets a new state pass, fills in what it lacks, or refuses it. `old` is `None` for a creation.
pub(crate) async fn admit<'a>(
    writing: &Writing<'a>,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<Held<'a>, Failure> {
    if old.is_none() {
        namespace::admit(writing, new)?;
    }
    match &*writing.served.resource {
        "pods" if old.is_none() => service_account::admit(new),
        "services" => return service::admit(writing, old, new).await,
        DEFINITIONS => return definition::admit(writing, old, new).await,
        "roles.rbac.authorization.k8s.io" | "clusterroles.rbac.authorization.k8s.io" => {
            escalation::admit_role(writing, old, new)?;
        }
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            escalation::admit_binding(writing, old, new)?;
        }
        _ => {}
    }
    Ok(Held::Nothing)
}
