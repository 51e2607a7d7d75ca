//! Who controls an object: references, and the claim that a controller lays to what its selector matches.
//!
//! The rules are those of upstream's controller reference manager: an object that nobody controls and that the
//! selector matches is adopted, one that is controlled but does not match any more is released.

use std::fmt::Debug;
use std::sync::Arc;

use bythos_operator::ObjectKey;
use bythos_operator::apply::Applicable;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{Patch, PatchParams};
use kube::core::{NamespaceResourceScope, Selector, SelectorExt as _};
use kube::{Api, Client, Resource};
use serde_json::json;
use tracing::debug;

use crate::call::CallError;

/// What to do with an object that may belong to a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// It belongs to the controller.
    Mine,
    /// It belongs to nobody and should be the controller's.
    Adopt,
    /// It is the controller's and should be nobody's.
    Release,
    /// It is none of the controller's business.
    Foreign,
}

/// The reference of the object that controls this one.
pub(crate) fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// Whether the object with `uid` controls this one.
pub(crate) fn is_controlled_by(meta: &ObjectMeta, uid: &str) -> bool {
    controller_of(meta).is_some_and(|owner| owner.uid == uid)
}

/// A reference that makes `owner` the controller, and whose object a foreground deletion of `owner` waits for.
///
/// `owner` comes from the API: it has a name and a uid.
pub(crate) fn controller_reference<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: owner.meta().name.clone().unwrap_or_default(),
        uid: owner.meta().uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Of `candidates`, those that belong to `owner`, after adopting and releasing what has to be.
///
/// An object that changed meanwhile is left out; the change brings the owner's key back.
pub(crate) async fn claim<O, K>(
    client: &Client,
    owner: &O,
    selector: &Selector,
    candidates: Vec<Arc<K>>,
) -> Result<Vec<Arc<K>>, CallError>
where
    O: Applicable + Resource<Scope = NamespaceResourceScope>,
    K: Applicable + Resource<Scope = NamespaceResourceScope>,
{
    let mut claimed = Vec::new();
    for candidate in candidates {
        match decide(owner.meta(), selector, candidate.as_ref().meta()) {
            Claim::Mine => claimed.push(candidate),
            Claim::Foreign => {}
            Claim::Adopt => claimed.extend(adopt(client, owner, candidate.as_ref()).await?.map(Arc::new)),
            Claim::Release => release(client, owner, candidate.as_ref()).await?,
        }
    }
    Ok(claimed)
}

fn decide(owner: &ObjectMeta, selector: &Selector, candidate: &ObjectMeta) -> Claim {
    let owner_ends = owner.deletion_timestamp.is_some();
    let no_labels = Default::default();
    let matches = selector.matches(candidate.labels.as_ref().unwrap_or(&no_labels));
    match controller_of(candidate) {
        Some(controller) if Some(&controller.uid) != owner.uid.as_ref() => Claim::Foreign,
        Some(_) if matches => Claim::Mine,
        Some(_) if owner_ends => Claim::Foreign,
        Some(_) => Claim::Release,
        None if matches && !owner_ends && candidate.deletion_timestamp.is_none() => Claim::Adopt,
        None => Claim::Foreign,
    }
}

async fn adopt<O, K>(client: &Client, owner: &O, orphan: &K) -> Result<Option<K>, CallError>
where
    O: Applicable + Resource<Scope = NamespaceResourceScope>,
    K: Applicable + Resource<Scope = NamespaceResourceScope>,
{
    // The cache may show an owner that is gone or being deleted; what it adopted would be lost to the next owner.
    let owner_key = ObjectKey::of(owner);
    let owners = Api::<O>::namespaced(client.clone(), &owner_key.namespace);
    let fresh = owners.get_opt(&owner_key.name).await.map_err(CallError::on::<O>("get", &owner_key))?;
    let is_there = fresh.is_some_and(|fresh| {
        fresh.meta().uid == owner.meta().uid && fresh.meta().deletion_timestamp.is_none()
    });
    if !is_there {
        return Ok(None);
    }
    let mut references = orphan.meta().owner_references.clone().unwrap_or_default();
    references.push(controller_reference(owner));
    debug!(owner = %owner_key, object = %ObjectKey::of(orphan), "adopting");
    set_owners(client, orphan, &references).await
}

async fn release<O, K>(client: &Client, owner: &O, object: &K) -> Result<(), CallError>
where
    O: Resource<DynamicType = ()>,
    K: Applicable + Resource<Scope = NamespaceResourceScope>,
{
    let mut references = object.meta().owner_references.clone().unwrap_or_default();
    references.retain(|reference| Some(&reference.uid) != owner.meta().uid.as_ref());
    debug!(owner = %ObjectKey::of(owner), object = %ObjectKey::of(object), "releasing");
    set_owners(client, object, &references).await.map(drop)
}

/// Changes the owners of an object, in the version that is known. None if it has changed meanwhile.
pub(crate) async fn set_owners<K>(
    client: &Client,
    object: &K,
    owners: &[OwnerReference],
) -> Result<Option<K>, CallError>
where
    K: Applicable + Resource<Scope = NamespaceResourceScope>,
{
    let key = ObjectKey::of(object);
    let meta = object.meta();
    let patch = json!({ "metadata": {
        "uid": meta.uid,
        "resourceVersion": meta.resource_version,
        "ownerReferences": owners,
    }});
    let api = Api::<K>::namespaced(client.clone(), &key.namespace);
    let answer = api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await;
    match answer.map_err(CallError::on::<K>("change the owners of", &key)) {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_outrun() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value};

    #[track_caller]
    fn check(case: &str, owner: Value, candidate: Value, expected: Claim) {
        let owner: ObjectMeta = from_value(owner).unwrap();
        let candidate: ObjectMeta = from_value(candidate).unwrap();
        let selector = Selector::from_iter([("app", "web")]);
        assert_eq!(decide(&owner, &selector, &candidate), expected, "{case}");
    }

    #[test]
    fn a_controller_adopts_matching_orphans_and_releases_what_does_not_match() {
        let alive = json!({ "uid": "1" });
        let ending = json!({ "uid": "1", "deletionTimestamp": "2026-01-01T00:00:00Z" });
        let reference = |uid: &str| json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, "controller": true }]);
        let matching = json!({ "labels": { "app": "web" } });
        let mine = json!({ "labels": { "app": "web" }, "ownerReferences": reference("1") });
        let strayed = json!({ "labels": { "app": "other" }, "ownerReferences": reference("1") });
        let foreign = json!({ "labels": { "app": "web" }, "ownerReferences": reference("2") });
        let ended = json!({ "labels": { "app": "web" }, "deletionTimestamp": "2026-01-01T00:00:00Z" });

        check("matching and owned", alive.clone(), mine.clone(), Claim::Mine);
        check("matching and owned, owner ending", ending.clone(), mine, Claim::Mine);
        check("matching orphan", alive.clone(), matching.clone(), Claim::Adopt);
        check("matching orphan, owner ending", ending.clone(), matching, Claim::Foreign);
        check("orphan on its way out", alive.clone(), ended, Claim::Foreign);
        check("owned but not matching", alive.clone(), strayed.clone(), Claim::Release);
        check("owned but not matching, owner ending", ending, strayed, Claim::Foreign);
        check("somebody else's", alive, foreign, Claim::Foreign);
    }
}
