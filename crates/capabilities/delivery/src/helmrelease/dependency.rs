//! Whether the releases that must be ready before are so. Pure but for the look into the cache.

use bythos_api::helmrelease::HelmRelease;
use bythos_operator::condition::is_true;
use bythos_operator::{Cache, ObjectKey};
use kube::{Resource as _, ResourceExt as _};

use super::report::Failure;
use crate::expressions::{self, ReadyError};

/// The releases that must be ready before `object`.
pub(super) fn keys_of(object: &HelmRelease) -> Vec<ObjectKey> {
    let own = object.namespace().unwrap_or_default();
    let key = |name: &str, namespace: Option<&String>| {
        ObjectKey::namespaced(namespace.unwrap_or(&own).as_str(), name)
    };
    object.spec.depends_on.iter().map(|it| key(&it.name, it.namespace.as_ref())).collect()
}

/// Whether all of them are ready: as their expression says or, without one, by their conditions.
pub(super) fn check(object: &HelmRelease, releases: &Cache<HelmRelease>) -> Result<(), Failure> {
    let references = object.spec.depends_on.iter().zip(keys_of(object));
    references.enumerate().try_for_each(|(index, (reference, key))| {
        let refuse = |what: &str| Err(Failure::Dependency { message: format!("dependency '{key}' {what}") });
        let Some(dependency) = releases.get(&key) else { return refuse("not found") };
        let expression = reference.ready_expr.as_deref().unwrap_or_default();
        if expression.is_empty() {
            return if is_ready(&dependency) { Ok(()) } else { refuse("is not ready") };
        }
        let print = |it: &HelmRelease| serde_json::to_value(it).unwrap_or_default();
        let (own, other) = (print(object), print(&dependency));
        match expressions::is_ready(index, reference, expression, &own, &other) {
            Ok(true) => Ok(()),
            Ok(false) => refuse("is not ready according to readyExpr eval"),
            Err(ReadyError::Wrong(wrong)) => Err(wrong.into()),
            Err(ReadyError::Unknown(message)) => Err(Failure::Dependency { message }),
        }
    })
}

fn is_ready(dependency: &HelmRelease) -> bool {
    let Some(status) = &dependency.status else { return false };
    status.observed_generation == dependency.meta().generation && is_true(&status.conditions, "Ready")
}
