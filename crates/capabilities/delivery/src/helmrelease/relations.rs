//! Who has to be woken when a chart, a dependency or a source of values changes. Releases are few and change seldom, so
//! that looking through all of them is no work.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bythos_api::helmchart::HelmChart;
use bythos_api::helmrelease::HelmRelease;
use bythos_api::names::{RECONCILE_REQUESTED_AT, RECONCILE_WATCH};
use bythos_operator::cache::Change;
use bythos_operator::condition::is_true;
use bythos_operator::controller::Trigger;
use bythos_operator::{BoxError, Cache, Controller, ObjectKey, PartContext};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Resource, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use super::{chart, dependency};

/// Wakes a release when its user changes it, when its chart has something else, and when a dependency gets ready.
pub(super) fn subscribe(
    trigger: &Trigger,
    releases: &Cache<HelmRelease>,
    charts: &Cache<HelmChart>,
    shutdown: &CancellationToken,
) {
    let (wake, ended) = (trigger.clone(), shutdown.clone());
    let dependencies = Mutex::new(Dependencies::new());
    releases.subscribe(move |change| {
        let mut dependencies = dependencies.lock().unwrap_or_else(PoisonError::into_inner);
        update(&mut dependencies, change);
        if let Some(object) = change.new.or(change.old) {
            let key = ObjectKey::of(object);
            if change.old.map(is_ready) != change.new.map(is_ready) {
                wake_dependents(&dependencies, &key, &wake);
            }
            if change.old.map(wish) != change.new.map(wish) {
                wake.add(key);
            }
        }
        !ended.is_cancelled()
    });
    let (wake, ended, users) = (trigger.clone(), shutdown.clone(), releases.clone());
    charts.subscribe(move |change| {
        if let Some(object) = change.new.or(change.old)
            && change.old.map(offer) != change.new.map(offer)
        {
            let key = ObjectKey::of(object);
            let users = users.list();
            let users = users.iter().filter(|it| chart::key_of(it).as_ref() == Some(&key));
            users.for_each(|it| wake.add(ObjectKey::of(it.as_ref())));
        }
        !ended.is_cancelled()
    });
}

/// Which releases wait for which others.
type Dependencies = BTreeMap<ObjectKey, Vec<ObjectKey>>;

fn update(dependencies: &mut Dependencies, change: &Change<'_, HelmRelease>) {
    if let Some(old) = change.old {
        dependencies.remove(&ObjectKey::of(old));
    }
    if let Some(new) = change.new.filter(|new| !new.spec.depends_on.is_empty()) {
        dependencies.insert(ObjectKey::of(new), dependency::keys_of(new));
    }
}

fn wake_dependents(dependencies: &Dependencies, key: &ObjectKey, trigger: &Trigger) {
    let waiting = dependencies.iter().filter(|(_, needed)| needed.contains(key));
    waiting.for_each(|(waiting, _)| trigger.add(waiting.clone()));
}

/// What the user says of a release; our own words in its status are no news.
fn wish(object: &HelmRelease) -> (Option<&str>, Option<i64>, bool, Option<&String>) {
    let meta = object.meta();
    let requested = object.annotations().get(RECONCILE_REQUESTED_AT);
    (meta.uid.as_deref(), meta.generation, meta.deletion_timestamp.is_some(), requested)
}

/// What dependents of a release look at.
fn is_ready(object: &HelmRelease) -> (bool, Option<i64>) {
    let Some(status) = &object.status else { return (false, None) };
    (is_true(&status.conditions, "Ready"), status.observed_generation)
}

/// What users of a chart look at.
fn offer(object: &HelmChart) -> (Option<i64>, Option<i64>, Option<&str>, bool) {
    let status = object.status.as_ref();
    let digest = status.and_then(|it| it.artifact.as_ref()?.digest.as_deref());
    let is_stalled = status.is_some_and(|it| is_true(&it.conditions, "Stalled"));
    (object.meta().generation, status.and_then(|it| it.observed_generation), digest, is_stalled)
}

/// `controller`, with an eye on ConfigMaps and Secrets with values that carry Flux' label `reconcile.fluxcd.io/watch`.
pub(super) async fn watch_values(
    controller: Controller,
    part: &PartContext,
    releases: &Cache<HelmRelease>,
) -> Result<Controller, BoxError> {
    let config_maps = part.caches.of::<ConfigMap>().await?;
    let secrets = part.caches.of::<Secret>().await?;
    let (of_maps, of_secrets) = (releases.clone(), releases.clone());
    Ok(controller
        .watches(&config_maps, move |map: &ConfigMap| users_of("ConfigMap", map, &of_maps))
        .watches(&secrets, move |secret: &Secret| users_of("Secret", secret, &of_secrets)))
}

fn users_of<K: Resource>(kind: &str, object: &K, releases: &Cache<HelmRelease>) -> Vec<ObjectKey> {
    if object.labels().get(RECONCILE_WATCH).map(String::as_str) != Some("Enabled") {
        return Vec::new();
    }
    let name = object.name_any();
    let reads = |it: &HelmRelease| it.spec.values_from.iter().any(|it| it.kind == kind && it.name == name);
    let users = releases.list_in(&object.namespace().unwrap_or_default());
    users.iter().filter(|it| reads(it)).map(|it| ObjectKey::of(it.as_ref())).collect()
}
