//! Whether the kustomizations that must be ready before are so. Pure but for the look into the cache.

use bythos_api::flux::Artifact;
use bythos_api::kustomization::Kustomization;
use bythos_operator::condition::is_true;
use bythos_operator::{Cache, ObjectKey};
use kube::{Resource as _, ResourceExt as _};

use super::report::Failure;
use super::source;
use crate::expressions::{self, ReadyError};

/// The kustomizations that must be ready before `object`.
pub(super) fn keys_of(object: &Kustomization) -> Vec<ObjectKey> {
    let own = object.namespace().unwrap_or_default();
    let key = |name: &str, namespace: Option<&String>| {
        ObjectKey::namespaced(namespace.unwrap_or(&own).as_str(), name)
    };
    object.spec.depends_on.iter().map(|it| key(&it.name, it.namespace.as_ref())).collect()
}

/// Whether all of them are ready: as their expression says or, without one, by their conditions. Of the same source, they
/// must have applied the same revision.
pub(super) fn check(
    object: &Kustomization,
    artifact: &Artifact,
    kustomizations: &Cache<Kustomization>,
) -> Result<(), Failure> {
    let references = object.spec.depends_on.iter().zip(keys_of(object));
    references.enumerate().try_for_each(|(index, (reference, key))| {
        let refuse = |what: &str| Err(Failure::Dependency { message: format!("dependency '{key}' {what}") });
        let Some(dependency) = kustomizations.get(&key) else { return refuse("not found") };
        match reference.ready_expr.as_deref() {
            None | Some("") => check_one(object, artifact, &key, &dependency),
            Some(expression) => {
                let print = |it: &Kustomization| serde_json::to_value(it).unwrap_or_default();
                let (own, other) = (print(object), print(&dependency));
                match expressions::is_ready(index, reference, expression, &own, &other) {
                    Ok(true) => Ok(()),
                    Ok(false) => refuse("is not ready according to readyExpr eval"),
                    Err(ReadyError::Wrong(wrong)) => Err(wrong.into()),
                    Err(ReadyError::Unknown(message)) => Err(Failure::Dependency { message }),
                }
            }
        }
    })
}

fn check_one(
    object: &Kustomization,
    artifact: &Artifact,
    key: &ObjectKey,
    dependency: &Kustomization,
) -> Result<(), Failure> {
    let refuse = |what: &str| Err(Failure::Dependency { message: format!("dependency '{key}' {what}") });
    let Some(status) = &dependency.status else { return refuse("is not ready") };
    let observed = status.observed_generation == dependency.meta().generation;
    if !observed || !is_true(&status.conditions, "Ready") {
        return refuse("is not ready");
    }
    let same_source = source::key_of(object) == source::key_of(dependency)
        && object.spec.source_ref.kind == dependency.spec.source_ref.kind;
    if same_source && status.last_applied_revision.as_ref() != Some(&artifact.revision) {
        return refuse("revision is not up to date");
    }
    Ok(())
}
