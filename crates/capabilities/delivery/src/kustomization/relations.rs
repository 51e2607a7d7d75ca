//! Who has to be woken when a source or a dependency changes: an index that the caches keep fresh.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bythos_api::flux::Artifact;
use bythos_api::gitrepository::GitRepository;
use bythos_api::kustomization::Kustomization;
use bythos_api::names::RECONCILE_REQUESTED_AT;
use bythos_operator::cache::Change;
use bythos_operator::condition::is_true;
use bythos_operator::controller::Trigger;
use bythos_operator::{Cache, ObjectKey};
use kube::{Resource as _, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use super::{dependency, source};

/// Which kustomizations look at which sources and at which other kustomizations.
#[derive(Debug, Default)]
struct Relations {
    by_source: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
    by_dependency: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
}

impl Relations {
    fn update(&mut self, change: &Change<'_, Kustomization>) {
        if let Some(old) = change.old {
            let key = ObjectKey::of(old);
            remove(&mut self.by_source, &source::key_of(old), &key);
            dependency::keys_of(old).iter().for_each(|it| remove(&mut self.by_dependency, it, &key));
        }
        if let Some(new) = change.new {
            let key = ObjectKey::of(new);
            self.by_source.entry(source::key_of(new)).or_default().insert(key.clone());
            for dependency in dependency::keys_of(new) {
                self.by_dependency.entry(dependency).or_default().insert(key.clone());
            }
        }
    }
}

fn remove(index: &mut BTreeMap<ObjectKey, BTreeSet<ObjectKey>>, at: &ObjectKey, key: &ObjectKey) {
    if let Some(keys) = index.get_mut(at) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(at);
        }
    }
}

fn lock(relations: &Mutex<Relations>) -> MutexGuard<'_, Relations> {
    relations.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a kustomization when its user changes it, when its source has something else, and when a dependency gets
/// ready.
pub(super) fn subscribe(
    trigger: &Trigger,
    kustomizations: &Cache<Kustomization>,
    sources: &Cache<GitRepository>,
    shutdown: &CancellationToken,
) {
    let relations = Arc::new(Mutex::new(Relations::default()));
    let (index, wake, ended) = (relations.clone(), trigger.clone(), shutdown.clone());
    kustomizations.subscribe(move |change| {
        lock(&index).update(change);
        if let Some(object) = change.new.or(change.old) {
            let key = ObjectKey::of(object);
            if change.old.map(progress) != change.new.map(progress) {
                wake_all(&wake, lock(&index).by_dependency.get(&key));
            }
            if change.old.map(wish) != change.new.map(wish) {
                wake.add(key);
            }
        }
        !ended.is_cancelled()
    });
    let (wake, ended) = (trigger.clone(), shutdown.clone());
    sources.subscribe(move |change| {
        if let Some(object) = change.new.or(change.old)
            && change.old.map(offer) != change.new.map(offer)
        {
            wake_all(&wake, lock(&relations).by_source.get(&ObjectKey::of(object)));
        }
        !ended.is_cancelled()
    });
}

fn wake_all(trigger: &Trigger, keys: Option<&BTreeSet<ObjectKey>>) {
    keys.into_iter().flatten().for_each(|key| trigger.add(key.clone()));
}

/// What the user says of a kustomization; our own words in its status are no news.
fn wish(object: &Kustomization) -> (Option<&str>, Option<i64>, bool, Option<&String>) {
    let meta = object.meta();
    let requested = object.annotations().get(RECONCILE_REQUESTED_AT);
    (meta.uid.as_deref(), meta.generation, meta.deletion_timestamp.is_some(), requested)
}

/// What dependents of a kustomization look at.
fn progress(object: &Kustomization) -> (bool, Option<i64>, Option<&String>) {
    let Some(status) = &object.status else { return (false, None, None) };
    let ready = is_true(&status.conditions, "Ready");
    (ready, status.observed_generation, status.last_applied_revision.as_ref())
}

/// What users of a source look at: the artifact, or why there is none.
fn offer(object: &GitRepository) -> Result<&Artifact, Option<&str>> {
    let status = object.status.as_ref().ok_or(None)?;
    status.artifact.as_ref().ok_or_else(|| source::why_there_is_nothing(status))
}
