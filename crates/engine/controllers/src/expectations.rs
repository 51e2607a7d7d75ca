//! What was done to pods and is not in the cache yet.
//!
//! A reconciliation that runs on a cache older than its own last work would do that work again: make the pods that
//! it does not see, delete others in place of those that it already deleted. So each pod to be made is remembered
//! by name before the call, and each pod to be deleted by uid; while something is remembered for an owner of pods, the
//! number of its pods is left alone. The cache takes off what it shows, and the change that it shows brings the key back. What
//! never shows up (made and deleted within one gap of a watch) is forgotten after [`WAIT_MAX`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::{Api, Client};

use crate::call::CallError;
use crate::ownership;

/// How long the cache may take to show what was done: as long as upstream's expectations last.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// A change of a pod that the cache will show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sign {
    /// A pod of this name appears.
    Appearance(String),
    /// The pod with this uid is on its way out, or gone.
    End(String),
}

struct Awaited {
    signs: BTreeSet<Sign>,
    since: Instant,
}

impl Awaited {
    fn is_over(&self) -> bool {
        self.signs.is_empty() || self.since.elapsed() >= WAIT_MAX
    }
}

/// See the module's documentation. The keys are uids of owners.
#[derive(Default)]
pub(crate) struct Expectations {
    by_owner: Mutex<BTreeMap<String, Awaited>>,
}

impl Expectations {
    /// Takes off what `pods` shows, from now on.
    pub(crate) fn observe(self: &Arc<Self>, pods: &Cache<Pod>) {
        let expectations = Arc::downgrade(self);
        pods.subscribe(move |change| {
            let Some(expectations) = expectations.upgrade() else { return false };
            if let Some(pod) = change.new.or(change.old) {
                expectations.seen(&pod.metadata, change.new.is_some());
            }
            true
        });
    }

    /// Expects what the API has and `pods` does not show yet: the traces of an earlier run in the same process.
    pub(crate) async fn catch_up(&self, client: &Client, pods: &Cache<Pod>) -> Result<(), CallError> {
        let api = Api::<PartialObjectMeta<Pod>>::all(client.clone());
        let live = api.list(&ListParams::default()).await.map_err(CallError::on::<Pod>("list", "all"))?;
        let is_ending = |meta: &ObjectMeta| meta.deletion_timestamp.is_some();
        let cached = |key: &ObjectKey, uid: &str| pods.get(key).filter(|pod| uid_of(&pod.metadata) == uid);
        let mut staying = BTreeSet::new();
        for meta in live.items.iter().map(|pod| &pod.metadata) {
            staying.extend(meta.uid.clone().filter(|_| !is_ending(meta)));
            let key = ObjectKey::namespaced(meta.namespace.clone().unwrap_or_default(), name_of(meta));
            self.expect_unless(meta, &Sign::Appearance(key.name.clone()), || {
                cached(&key, uid_of(meta)).is_some()
            });
        }
        for pod in pods.list() {
            let (key, uid) = (ObjectKey::of(pod.as_ref()), uid_of(&pod.metadata));
            if !staying.contains(uid) {
                let has_ended = || cached(&key, uid).is_none_or(|pod| is_ending(&pod.metadata));
                self.expect_unless(&pod.metadata, &Sign::End(uid.to_owned()), has_ended);
            }
        }
        Ok(())
    }

    /// Whether the cache is behind what was done to the pods of `owner`.
    pub(crate) fn is_awaiting(&self, owner: &ObjectMeta) -> bool {
        self.lock().get(uid_of(owner)).is_some_and(|awaited| !awaited.is_over())
    }

    /// Awaits a sign of a pod of `owner`. It has to be called before the call that causes it.
    pub(crate) fn expect(&self, owner: &ObjectMeta, sign: Sign) {
        self.expect_of(uid_of(owner), sign);
    }

    /// The call failed: the sign will not come.
    pub(crate) fn settle(&self, owner: &ObjectMeta, sign: &Sign) {
        self.settle_of(uid_of(owner), sign);
    }

    /// The question is asked after the sign is awaited: in between, the cache may have shown it.
    fn expect_unless(&self, pod: &ObjectMeta, sign: &Sign, is_shown: impl Fn() -> bool) {
        let Some(owner) = owner_uid(pod).filter(|_| !is_shown()) else { return };
        self.expect_of(owner, sign.clone());
        if is_shown() {
            self.settle_of(owner, sign);
        }
    }

    fn seen(&self, pod: &ObjectMeta, is_there: bool) {
        let Some(owner) = owner_uid(pod) else { return };
        self.settle_of(owner, &Sign::Appearance(name_of(pod).to_owned()));
        if !is_there || pod.deletion_timestamp.is_some() {
            self.settle_of(owner, &Sign::End(uid_of(pod).to_owned()));
        }
    }

    fn expect_of(&self, owner: &str, sign: Sign) {
        let mut by_owner = self.lock();
        by_owner.retain(|_, awaited| !awaited.is_over());
        let awaited = by_owner
            .entry(owner.to_owned())
            .or_insert_with(|| Awaited { signs: BTreeSet::new(), since: Instant::now() });
        awaited.signs.insert(sign);
    }

    fn settle_of(&self, owner: &str, sign: &Sign) {
        let mut by_owner = self.lock();
        if let Some(awaited) = by_owner.get_mut(owner) {
            awaited.signs.remove(sign);
            if awaited.is_over() {
                by_owner.remove(owner);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Awaited>> {
        // Nothing that can panic runs under this lock.
        self.by_owner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owner_uid(pod: &ObjectMeta) -> Option<&str> {
    ownership::controller_of(pod).map(|owner| owner.uid.as_str())
}

fn uid_of(meta: &ObjectMeta) -> &str {
    meta.uid.as_deref().unwrap_or_default()
}

fn name_of(meta: &ObjectMeta) -> &str {
    meta.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn owner() -> ObjectMeta {
        ObjectMeta { uid: Some("set".to_owned()), ..ObjectMeta::default() }
    }

    fn pod(name: &str, deleted_at: Option<&str>) -> ObjectMeta {
        from_value(json!({
            "name": name,
            "uid": format!("uid-{name}"),
            "deletionTimestamp": deleted_at,
            "ownerReferences": [
                { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "set", "controller": true }
            ],
        }))
        .unwrap()
    }

    fn appearance(name: &str) -> Sign {
        Sign::Appearance(name.to_owned())
    }

    fn end(name: &str) -> Sign {
        Sign::End(format!("uid-{name}"))
    }

    #[test]
    fn a_created_pod_is_awaited_until_it_is_seen_even_if_only_its_end_is_seen() {
        let expectations = Expectations::default();
        expectations.expect(&owner(), appearance("a"));
        expectations.expect(&owner(), appearance("b"));
        expectations.seen(&pod("a", None), true);
        assert!(expectations.is_awaiting(&owner()));
        expectations.seen(&pod("b", None), false);
        assert!(!expectations.is_awaiting(&owner()));
    }

    #[test]
    fn a_deleted_pod_is_awaited_until_it_is_seen_on_its_way_out() {
        let expectations = Expectations::default();
        expectations.expect(&owner(), end("a"));
        expectations.seen(&pod("a", None), true);
        assert!(expectations.is_awaiting(&owner()));
        expectations.seen(&pod("a", Some("2026-01-01T00:00:00Z")), true);
        assert!(!expectations.is_awaiting(&owner()));
    }

    #[test]
    fn a_refused_call_is_not_awaited() {
        let expectations = Expectations::default();
        expectations.expect(&owner(), appearance("a"));
        expectations.settle(&owner(), &appearance("a"));
        expectations.expect(&owner(), end("b"));
        expectations.settle(&owner(), &end("b"));
        assert!(!expectations.is_awaiting(&owner()));
    }
}
