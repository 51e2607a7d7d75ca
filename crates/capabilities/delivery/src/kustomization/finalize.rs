//! The end of a kustomization: what it kept goes with it, unless it says otherwise.

use std::time::Duration;

use bythos_api::kustomization::{FINALIZER, Kustomization, KustomizationSpec};
use bythos_operator::Next;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource as _, ResourceExt as _};

use super::Context;
use super::object::Id;
use super::prune::{DeleteError, Deleted};

/// How often to look whether the last objects are gone. Their kinds are only known at run time, and the shared
/// caches are one per type, so that nobody tells.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A kustomization that cannot end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FinalizeError {
    #[error("pruning for deleted resource failed")]
    Delete(#[source] DeleteError),
    #[error("failed to let the object go")]
    LetGo(#[source] Box<kube::Error>),
}

/// What becomes of the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Leave,
    Delete,
    DeleteAndWait,
}

fn policy(spec: &KustomizationSpec) -> Policy {
    match spec.deletion_policy.as_deref() {
        _ if spec.suspend => Policy::Leave,
        Some("Orphan") => Policy::Leave,
        Some("Delete") => Policy::Delete,
        Some("WaitForTermination") => Policy::DeleteAndWait,
        _ if spec.prune => Policy::Delete,
        _ => Policy::Leave,
    }
}

/// As in Flux, the wait is bounded by the timeout, and what is left then goes on in the background.
fn has_waited_enough(object: &Kustomization) -> bool {
    let since = object.meta().deletion_timestamp.as_ref().map(|it| it.0);
    let waited = since.map_or(SignedDuration::ZERO, |since| Timestamp::now().duration_since(since));
    Duration::try_from(waited).unwrap_or_default() >= object.spec.health_timeout()
}

impl Context {
    pub(super) async fn finalize(
        &self,
        api: &Api<Kustomization>,
        object: &Kustomization,
    ) -> Result<Next, FinalizeError> {
        if !object.finalizers().iter().any(|it| it == FINALIZER) {
            return Ok(Next::Wait);
        }
        let policy = policy(&object.spec);
        if policy != Policy::Leave {
            let inventory =
                object.status.as_ref().and_then(|status| status.inventory.clone()).unwrap_or_default();
            let all: Vec<_> =
                inventory.entries.iter().filter_map(|it| Some((Id::parse(it)?, it.clone()))).collect();
            let Deleted { deleted, leaving, failed } = self.delete_all(object, all).await;
            if let Some((_, error)) = failed.into_iter().next() {
                return Err(FinalizeError::Delete(error));
            }
            let left = deleted.len() + leaving.len();
            if policy == Policy::DeleteAndWait && left > 0 && !has_waited_enough(object) {
                return Ok(Next::After(LOOK_AGAIN));
            }
        }
        self.let_go(api, object).await
    }

    async fn let_go(&self, api: &Api<Kustomization>, object: &Kustomization) -> Result<Next, FinalizeError> {
        let rest: Vec<&String> = object.finalizers().iter().filter(|it| *it != FINALIZER).collect();
        let version = object.resource_version();
        let patch = serde_json::json!({ "metadata": { "finalizers": rest, "resourceVersion": version } });
        match api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => Ok(Next::Wait),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Next::Wait),
            Err(error) => Err(FinalizeError::LetGo(Box::new(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_policy_is_that_of_flux() {
        let spec = |fields: Value| -> KustomizationSpec {
            let mut spec = json!({ "interval": "1m", "prune": true, "sourceRef": { "kind": "GitRepository", "name": "a" } });
            spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            serde_json::from_value(spec).unwrap()
        };
        let cases = [
            (json!({}), Policy::Delete),
            (json!({ "prune": false }), Policy::Leave),
            (json!({ "prune": false, "deletionPolicy": "Delete" }), Policy::Delete),
            (json!({ "deletionPolicy": "Orphan" }), Policy::Leave),
            (json!({ "deletionPolicy": "WaitForTermination" }), Policy::DeleteAndWait),
            (json!({ "deletionPolicy": "Delete", "suspend": true }), Policy::Leave),
        ];
        for (fields, expected) in cases {
            assert_eq!(policy(&spec(fields.clone())), expected, "{fields}");
        }
    }
}
