//! Counts again what is used of quotas, after something was given back.
//!
//! A quota is read before what it limits: whatever is charged meanwhile changes the quota, and the count is not
//! written. So it never undoes a charge.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bythos_store::{Change, Entry, Expect, Operation};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::super::amounts::{Amounts, add, amounts, to_value};
use super::{QUOTAS, nothing, quotas, scope, usage};
use crate::encode::Encoded;
use crate::object;
use crate::policy::objects_in;
use crate::state::State;
use crate::status::Failure;

/// Changes that come within this time are counted together.
const GATHER: Duration = Duration::from_millis(100);
/// A charge may be faster than a count so many times; then it is counted again later.
const ATTEMPTS_MAX: usize = 8;
/// Kinds of which one object can use less than before.
const SHRINKING: [&str; 3] = ["pods", "services", "persistentvolumeclaims"];

/// What the server knows about quotas besides what is stored.
#[derive(Default)]
pub(crate) struct Quotas {
    /// Held while a write is charged.
    pub(super) charging: tokio::sync::Mutex<()>,
    /// Namespaces in which something may have been given back.
    dirty: Mutex<BTreeSet<Arc<str>>>,
    changed: Arc<Notify>,
}

impl Quotas {
    /// Some operations were committed together.
    pub(crate) fn noticed(&self, operations: &[Noticed]) {
        let is_charge = operations.len() > 1;
        let mut found = false;
        for Noticed { resource, namespace, is_creation, is_deletion } in operations {
            let is_quota = &**resource == QUOTAS;
            let may_shrink = SHRINKING.contains(&&**resource) && !is_creation;
            if *is_deletion || may_shrink || (is_quota && !is_charge) {
                self.mark(namespace);
                found = true;
            }
        }
        if found {
            self.changed.notify_one();
        }
    }

    fn mark(&self, namespace: &Arc<str>) {
        if !namespace.is_empty() {
            self.dirty.lock().unwrap_or_else(PoisonError::into_inner).insert(namespace.clone());
        }
    }

    fn take_dirty(&self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a committed operation did, as far as quotas care.
pub(crate) struct Noticed {
    resource: Arc<str>,
    namespace: Arc<str>,
    is_creation: bool,
    is_deletion: bool,
}

impl Noticed {
    pub(crate) fn of(operation: &Operation) -> Noticed {
        Noticed {
            resource: operation.key.resource.clone(),
            namespace: operation.key.namespace.clone(),
            is_creation: matches!(operation.expect, Expect::Absent),
            is_deletion: matches!(operation.change, Change::Delete(_)),
        }
    }
}

/// Counts whenever something was given back, until the server is gone.
pub(crate) async fn keep(state: Weak<State>) {
    let Some(changed) = state.upgrade().map(|state| begin(&state)) else { return };
    loop {
        changed.notified().await;
        tokio::time::sleep(GATHER).await;
        let Some(state) = state.upgrade() else { return };
        for namespace in state.quotas.take_dirty() {
            for entry in quotas(&state.store, &namespace) {
                if let Err(failure) = recount(&state, entry).await {
                    tracing::warn!(%namespace, reason = failure.message(), "failed to count what is used of a quota");
                    state.quotas.mark(&namespace);
                }
            }
        }
    }
}

/// At the start everything is counted: the server may have ended between a deletion and its count.
fn begin(state: &Arc<State>) -> Arc<Notify> {
    for quota in objects_in(&state.store, QUOTAS, None) {
        state.quotas.mark(&object::meta(&quota, "namespace").unwrap_or_default().into());
    }
    state.quotas.changed.notify_one();
    state.quotas.changed.clone()
}

impl Drop for Quotas {
    fn drop(&mut self) {
        // Who waits for the next change finds that the server is gone.
        self.changed.notify_one();
    }
}

async fn recount(state: &Arc<State>, first: Arc<Entry>) -> Result<(), Failure> {
    let mut entry = first;
    for _ in 0..ATTEMPTS_MAX {
        let mut quota: Value = serde_json::from_slice(&entry.value)?;
        let used = count(state, &entry.key.namespace, &quota);
        let status = json!({ "hard": quota.pointer("/spec/hard"), "used": to_value(&used) });
        if quota.get("status") == Some(&status) {
            return Ok(());
        }
        object::set_field(&mut quota, "status", Some(status));
        let change = Change::Put(Encoded::of(&quota)?.encode());
        let expect = Expect::At(entry.revision);
        let outcome = state.commit(vec![Operation { key: entry.key.clone(), expect, change }]).await;
        match outcome {
            Ok(_) => return Ok(()),
            Err(bythos_store::CommitError::Unexpected { .. }) => {}
            Err(error) => return Err(Failure::Commit(error)),
        }
        let Some(newer) = state.store.get(&entry.key) else { return Ok(()) };
        entry = newer;
    }
    Err(Failure::Internal("it changes too often".to_owned()))
}

/// What is used now of what a quota limits.
pub(super) fn count(state: &State, namespace: &str, quota: &Value) -> Amounts {
    let hard = amounts(quota.pointer("/spec/hard"));
    let mut used = nothing(&hard);
    for resource in resources(&hard) {
        for object in objects_in(&state.store, &resource, Some(namespace)) {
            if scope::covers(quota, &resource, &object) {
                let mut usage = usage::of(&resource, &object);
                usage.retain(|name, _| hard.contains_key(name));
                add(&mut used, &usage);
            }
        }
    }
    used
}

/// The resources whose objects can use what is limited.
fn resources(hard: &Amounts) -> BTreeSet<String> {
    let of_name = |name: &String| match name.as_str() {
        "configmaps" | "replicationcontrollers" | "resourcequotas" | "secrets" => name.clone(),
        "services" | "services.loadbalancers" | "services.nodeports" => "services".to_owned(),
        name if name == "persistentvolumeclaims"
            || name.ends_with("requests.storage")
            || name.ends_with(".storageclass.storage.k8s.io/persistentvolumeclaims") =>
        {
            "persistentvolumeclaims".to_owned()
        }
        name => name.strip_prefix("count/").unwrap_or("pods").to_owned(),
    };
    hard.keys().map(of_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_use_something_is_counted() {
        let hard = json!({
            "pods": 1, "requests.cpu": 1, "count/deployments.apps": 1, "services.nodeports": 1, "secrets": 1,
            "gold.storageclass.storage.k8s.io/requests.storage": "1Gi",
        });
        let expected = ["deployments.apps", "persistentvolumeclaims", "pods", "secrets", "services"];
        assert_eq!(Vec::from_iter(resources(&amounts(Some(&hard)))), expected);
    }
}
