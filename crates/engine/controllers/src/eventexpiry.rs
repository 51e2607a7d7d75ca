//! Events go an hour after they were last written, as upstream's do.
//!
//! Their metadata is followed by one watch, and one timer stands at the first that is due; nothing is read again.
//! Nobody else follows Events, so that they are in memory only as names and times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bythos_operator::{ObjectKey, error_chain};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::call::CallError;

/// How long an event is kept after it was last written.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// When an event that could not be deleted is tried again.
const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// When each event is due, and in which version it is known.
struct Wheel {
    lifetime: SignedDuration,
    by_key: BTreeMap<ObjectKey, (Timestamp, String)>,
    by_time: BTreeSet<(Timestamp, ObjectKey)>,
}

impl Wheel {
    fn new(lifetime: SignedDuration) -> Wheel {
        Wheel { lifetime, by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    fn set(&mut self, meta: &ObjectMeta) {
        let due = last_written(meta).saturating_add(self.lifetime).unwrap_or(Timestamp::MAX);
        self.put(key_of(meta), due, meta.resource_version.clone().unwrap_or_default());
    }

    fn put(&mut self, key: ObjectKey, due: Timestamp, version: String) {
        self.remove(&key);
        self.by_time.insert((due, key.clone()));
        self.by_key.insert(key, (due, version));
    }

    fn remove(&mut self, key: &ObjectKey) {
        if let Some((due, _)) = self.by_key.remove(key) {
            self.by_time.remove(&(due, key.clone()));
        }
    }

    /// How long until the first is due.
    fn rest(&self, now: Timestamp) -> Duration {
        let first = self.by_time.first().map(|(due, _)| due.duration_since(now));
        first.map_or(LONGEST_SLEEP, |rest| Duration::try_from(rest).unwrap_or_default().min(LONGEST_SLEEP))
    }

    /// The first, if it is due; it is put off until it is known how that ended.
    fn next_due(&mut self, now: Timestamp) -> Option<(ObjectKey, String)> {
        let (due, key) = self.by_time.first()?.clone();
        if due > now {
            return None;
        }
        let (_, version) = self.by_key.get(&key)?.clone();
        self.put(key.clone(), now.saturating_add(TRY_AGAIN).unwrap_or(Timestamp::MAX), version.clone());
        Some((key, version))
    }
}

fn key_of(meta: &ObjectMeta) -> ObjectKey {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    ObjectKey::namespaced(text(&meta.namespace), text(&meta.name))
}

/// The time of the last write that is recorded.
fn last_written(meta: &ObjectMeta) -> Timestamp {
    let writes = meta.managed_fields.iter().flatten().filter_map(|entry| entry.time.as_ref());
    let times = writes.chain(&meta.creation_timestamp).map(|time| time.0);
    times.max().unwrap_or_else(Timestamp::now)
}

/// Removes events `lifetime` after their last write, until `shutdown`.
pub(crate) async fn run(client: Client, lifetime: SignedDuration, shutdown: CancellationToken) {
    let api = Api::<PartialObjectMeta<Event>>::all(client.clone());
    let mut changes = watcher(api, watcher::Config::default()).default_backoff().boxed();
    let (mut wheel, mut listed) = (Wheel::new(lifetime), Wheel::new(lifetime));
    loop {
        let rest = wheel.rest(Timestamp::now());
        tokio::select! {
            () = shutdown.cancelled() => return,
            change = changes.try_next() => match change {
                Ok(Some(change)) => take(change, &mut wheel, &mut listed),
                Ok(None) => return,
                Err(error) => debug!(error = %error_chain(&error), "watch interrupted; it will be resumed"),
            },
            () = tokio::time::sleep(rest) => {
                while let Some((key, version)) = wheel.next_due(Timestamp::now()) {
                    match delete(&client, &key, version).await {
                        // The watch takes it off the wheel, or brings its newer version.
                        Err(error) if !error.is_outrun() => {
                            warn!(error = %error_chain(&error), "an old event stays for now");
                            break;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

fn take(change: watcher::Event<PartialObjectMeta<Event>>, wheel: &mut Wheel, listed: &mut Wheel) {
    match change {
        watcher::Event::Init => *listed = Wheel::new(listed.lifetime),
        watcher::Event::InitApply(event) => listed.set(&event.metadata),
        watcher::Event::InitDone => *wheel = std::mem::replace(listed, Wheel::new(listed.lifetime)),
        watcher::Event::Apply(event) => wheel.set(&event.metadata),
        watcher::Event::Delete(event) => wheel.remove(&key_of(&event.metadata)),
    }
}

async fn delete(client: &Client, key: &ObjectKey, version: String) -> Result<(), CallError> {
    let preconditions = Some(Preconditions { uid: None, resource_version: Some(version) });
    let params = DeleteParams { preconditions, ..DeleteParams::default() };
    let api = Api::<Event>::namespaced(client.clone(), &key.namespace);
    api.delete(&key.name, &params).await.map(drop).map_err(CallError::on::<Event>("delete", key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn event(name: &str, created: &str, written: &str) -> ObjectMeta {
        from_value(json!({
            "name": name, "namespace": "n", "creationTimestamp": created, "resourceVersion": "1",
            "managedFields": [{ "manager": "m", "operation": "Update", "time": written }],
        }))
        .unwrap()
    }

    #[test]
    fn events_are_due_an_hour_after_their_last_write() {
        let mut wheel = Wheel::new(LIFETIME);
        wheel.set(&event("old", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"));
        wheel.set(&event("renewed", "2026-01-01T00:00:00Z", "2026-01-01T00:30:00Z"));
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(wheel.rest(at("2026-01-01T00:50:00Z")), Duration::from_secs(600));
        assert_eq!(wheel.next_due(at("2026-01-01T00:59:59Z")), None);
        let due = wheel.next_due(at("2026-01-01T01:00:00Z"));
        assert_eq!(due.map(|(key, _)| key.name).as_deref(), Some("old"));
        assert_eq!(wheel.next_due(at("2026-01-01T01:00:00Z")), None, "it is tried again only later");
        wheel.remove(&ObjectKey::namespaced("n", "old"));
        assert_eq!(wheel.rest(at("2026-01-01T01:10:00Z")), Duration::from_secs(1200));
    }

    #[tokio::test]
    async fn an_event_that_is_due_is_deleted_and_a_renewed_one_stays() -> anyhow::Result<()> {
        let engine = bythos_testing::Engine::start().await?;
        let api = Api::<Event>::namespaced(engine.admin.clone(), "default");
        let lifetime = SignedDuration::from_secs(3);
        let run = tokio::spawn(run(engine.admin.clone(), lifetime, CancellationToken::new()));
        for name in ["old", "renewed"] {
            let involved = json!({ "kind": "Pod", "namespace": "default", "name": "web" });
            let event = json!({ "metadata": { "name": name }, "involvedObject": involved });
            api.create(&Default::default(), &from_value(event)?).await?;
        }
        let mut count = 1;
        bythos_testing::eventually("the old event to go", || {
            count += 1;
            let renewal = json!({ "count": count });
            let api = &api;
            async move {
                let patch = kube::api::Patch::Merge(renewal);
                api.patch("renewed", &Default::default(), &patch).await.ok()?;
                api.get_opt("old").await.ok()?.is_none().then_some(())
            }
        })
        .await?;
        api.get("renewed").await?;
        run.abort();
        Ok(())
    }
}
