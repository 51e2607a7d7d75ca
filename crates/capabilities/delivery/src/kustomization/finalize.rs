//! The end of a kustomization: what it kept goes with it, unless it says otherwise.

use std::time::Duration;

use bythos_api::kustomization::{Kustomization, KustomizationSpec, ResourceRef};
use bythos_operator::Next;
use bythos_operator::event::Severity;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::{Api, Resource as _};

use super::object::Id;
use super::prune::{DeleteError, Deleted};
use super::{Context, account_of, event_annotations};
use crate::finalizer;
use crate::impersonate::{self, AccountError};

/// How often to look whether the last objects are gone. Their kinds are only known at run time, and the shared
/// caches are one per type, so that nobody tells.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A kustomization that cannot end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FinalizeError {
    #[error("pruning for deleted resource failed")]
    Delete(#[source] DeleteError),
    #[error(transparent)]
    Account(#[from] AccountError),
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

/// What is deleted when a kustomization is.
pub(crate) fn goes_with(object: &Kustomization) -> Vec<Id> {
    if policy(&object.spec) == Policy::Leave {
        return Vec::new();
    }
    kept_by(object).into_iter().map(|(id, _)| id).collect()
}

/// What a kustomization keeps.
fn kept_by(object: &Kustomization) -> Vec<(Id, ResourceRef)> {
    let inventory = object.status.as_ref().and_then(|status| status.inventory.clone()).unwrap_or_default();
    inventory.entries.into_iter().filter_map(|entry| Some((Id::parse(&entry)?, entry))).collect()
}

/// As in Flux, the wait is bounded by the timeout, and what is left then goes on in the background.
fn has_waited_enough(object: &Kustomization) -> bool {
    let since = object.meta().deletion_timestamp.as_ref().map(|it| it.0);
    let waited = since.map_or(SignedDuration::ZERO, |since| Timestamp::now().duration_since(since));
    Duration::try_from(waited).unwrap_or_default() >= object.spec.health_timeout()
}

async fn let_go(api: &Api<Kustomization>, object: &Kustomization) -> Result<Next, FinalizeError> {
    let gone = finalizer::let_go(api, object).await;
    gone.map(|()| Next::Wait).map_err(|error| FinalizeError::LetGo(Box::new(error)))
}

impl Context {
    pub(super) async fn finalize(
        &self,
        api: &Api<Kustomization>,
        object: &Kustomization,
    ) -> Result<Next, FinalizeError> {
        if !finalizer::is_held(object) {
            return Ok(Next::Wait);
        }
        let policy = policy(&object.spec);
        if policy != Policy::Leave
            && let Some(next) = self.delete_kept(object, policy, kept_by(object)).await?
        {
            return Ok(next);
        }
        let_go(api, object).await
    }

    /// Deletes what a kustomization keeps. What is returned is to be waited for.
    async fn delete_kept(
        &self,
        object: &Kustomization,
        policy: Policy,
        all: Vec<(Id, ResourceRef)>,
    ) -> Result<Option<Next>, FinalizeError> {
        let status = object.status.as_ref();
        let about = event_annotations(
            status.and_then(|status| status.last_applied_revision.as_deref()),
            status.and_then(|status| status.last_applied_origin_revision.as_deref()),
        );
        let (tell, error) = (self.events.annotated(about), Severity::Warning);
        if !impersonate::is_possible(&self.client, account_of(object)).await? {
            let names: Vec<String> = all.iter().map(|(id, _)| id.to_string()).collect();
            let message = format!("unable to prune objects: \n{}", names.join("\n"));
            tell.publish(object, error, "error", &message).await;
            return Ok(None);
        }
        let cluster = self.kinds.used_by(impersonate::client_for(&self.client, account_of(object))?);
        let Deleted { deleted, leaving, failed } = cluster.delete_all(object, all).await;
        if let Some((_, failure)) = failed.into_iter().next() {
            tell.publish(object, error, "error", "pruning for deleted resource failed").await;
            return Err(FinalizeError::Delete(failure));
        }
        if !deleted.is_empty() {
            let lines: Vec<String> = deleted.iter().map(|id| format!("{id} deleted")).collect();
            tell.publish(object, Severity::Normal, "info", &lines.join("\n")).await;
        }
        if policy != Policy::DeleteAndWait || deleted.len() + leaving.len() == 0 {
            return Ok(None);
        }
        if has_waited_enough(object) {
            tell.publish(object, error, "error", "failed to wait for resources termination").await;
            return Ok(None);
        }
        Ok(Some(Next::After(LOOK_AGAIN)))
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
