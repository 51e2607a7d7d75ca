//! Deletes objects that are no longer described, if they are still ours and do not ask to stay.

use bythos_api::kustomization::{Kustomization, ResourceInventory, ResourceRef};
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use kube::core::DynamicObject;

use super::object::{Id, OWNER_NAME, OWNER_NAMESPACE, mark};
use super::report::Failure;
use super::{Run, inventory, stage};
use crate::kinds::{Cluster, KindError};
use crate::metadata::Marked as _;
use crate::status::words;

/// What became of an object that is no longer described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Deleted,
    /// It was deleted before, and is not gone yet.
    Leaving,
    /// It was gone already, or it asks to stay, or someone else keeps it now.
    Left,
}

/// What became of objects that are no longer described.
#[derive(Debug, Default)]
pub(super) struct Deleted {
    pub(super) deleted: Vec<Id>,
    /// Objects that were deleted before, and are not gone yet.
    pub(super) leaving: Vec<Id>,
    pub(super) failed: Vec<(ResourceRef, DeleteError)>,
}

/// An object that could not be deleted.
#[derive(Debug, thiserror::Error)]
#[error("{id} delete failed: {words}")]
pub(crate) struct DeleteError {
    id: Box<Id>,
    words: String,
}

impl Run<'_> {
    /// Deletes what the inventory has and `planned` has not. What could not be deleted stays in the inventory.
    pub(super) async fn prune(&mut self, planned: ResourceInventory) -> Result<(), Failure> {
        let known = self.status.inventory.take().unwrap_or_default();
        let gone = inventory::gone(&known, &planned);
        self.status.inventory = Some(planned);
        if !self.object.spec.prune || gone.is_empty() {
            return Ok(());
        }
        let Deleted { deleted, failed, .. } = self.cluster.delete_all(self.object, gone).await;
        self.changes.extend(deleted.iter().map(|id| format!("{id} deleted")));
        let survivors =
            ResourceInventory { entries: failed.iter().map(|(entry, _)| entry.clone()).collect() };
        let kept = self.status.inventory.take().unwrap_or_default();
        self.status.inventory = Some(inventory::union(Some(&survivors), &kept));
        match failed.into_iter().next() {
            Some((_, error)) => Err(Failure::Prune(error)),
            None => Ok(()),
        }
    }
}

impl Cluster<'_> {
    /// Deletes objects, in the opposite order of applying.
    pub(super) async fn delete_all(
        &self,
        owner: &Kustomization,
        mut gone: Vec<(Id, ResourceRef)>,
    ) -> Deleted {
        gone.sort_by_cached_key(|(id, _)| std::cmp::Reverse(stage::order(id)));
        let mut all = Deleted::default();
        for (id, entry) in gone {
            match self.delete(owner, &id, &entry.version).await {
                Ok(Fate::Deleted) => all.deleted.push(id),
                Ok(Fate::Leaving) => all.leaving.push(id),
                Ok(Fate::Left) => {}
                Err(error) => all.failed.push((entry, error)),
            }
        }
        all
    }

    async fn delete(&self, owner: &Kustomization, id: &Id, version: &str) -> Result<Fate, DeleteError> {
        let failed = |words: String| DeleteError { id: Box::new(id.clone()), words };
        let kind = match self.kind(&id.gvk(version)).await {
            // With its kind, every object of it is gone.
            Err(KindError::Unknown { .. }) => return Ok(Fate::Left),
            kind => kind.map_err(|error| failed(error.to_string()))?,
        };
        let api = self.api(&kind, &id.namespace);
        let Some(existing) = api.get_opt(&id.name).await.map_err(|error| failed(words(&error)))? else {
            return Ok(Fate::Left);
        };
        if !is_ours(owner, &existing) || asks_to_stay(&existing) {
            return Ok(Fate::Left);
        }
        if existing.metadata.deletion_timestamp.is_some() {
            return Ok(Fate::Leaving);
        }
        match api.delete(&id.name, &DeleteParams::background()).await {
            Ok(_) => Ok(Fate::Deleted),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Fate::Left),
            Err(error) => Err(failed(words(&error))),
        }
    }
}

fn is_ours(owner: &Kustomization, object: &DynamicObject) -> bool {
    let label = |key: &str| object.labels().get(key).map(String::as_str);
    label(OWNER_NAME) == Some(&owner.name_any())
        && label(OWNER_NAMESPACE) == Some(&owner.namespace().unwrap_or_default())
}

fn asks_to_stay(object: &DynamicObject) -> bool {
    object.says(mark::PRUNE, "disabled")
        || object.says(mark::RECONCILE, "disabled")
        || object.says(mark::SSA, "Ignore")
}
