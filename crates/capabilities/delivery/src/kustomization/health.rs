//! Whether what was applied works: looks at each object that matters and tells the first that does not yet.

use std::time::Duration;

use bythos_api::flux::NamespacedObjectKindReference;
use bythos_operator::condition::get;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use kube::core::DynamicObject;

use super::Run;
use super::object::{Id, mark};
use super::report::{self, Failure, Outcome};
use crate::condition::{Truth, Type};
use crate::kinds::{Cluster, KindError};
use crate::kstatus::{self, Health};
use crate::metadata::Marked as _;
use crate::status::words;

const REQUESTS: usize = 8;

/// How often to look at objects that are on their way. Their kinds are only known at run time, and the shared caches
/// are one per type, so that nobody tells. A look is one read of each object, in this process.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Run<'_> {
    /// One look. While objects are on their way the outcome is to wait; when the time is over it is a failure.
    pub(super) async fn check_health(&mut self, revision: String) -> Outcome {
        self.waited = self.checked_for();
        let watched = self.watched();
        if watched.is_empty() {
            report::without_health(&mut self.status);
            return Outcome::Applied { revision };
        }
        let looks = futures::stream::iter(watched.into_iter().map(|(id, version)| self.look(id, version)));
        let found: Result<Vec<(Id, Health)>, Failure> = looks.buffered(REQUESTS).try_collect().await;
        let found = match found {
            Ok(found) => found,
            Err(failure) => return Outcome::Failed(failure),
        };
        let unwell: Vec<&(Id, Health)> =
            found.iter().filter(|(_, health)| *health != Health::Current).collect();
        let Some((id, health)) = unwell.first() else {
            report::healthy(self.object, &mut self.status, self.waited);
            return Outcome::Applied { revision };
        };
        report::checking_health(self.object, &mut self.status, &revision);
        let words =
            unwell.iter().map(|(id, health)| format!("{id} status: {health}")).collect::<Vec<_>>().join(", ");
        // Only failed and current: nothing will change by waiting.
        if unwell.iter().all(|(_, health)| matches!(health, Health::Failed(_))) {
            return self.unhealthy(format!("failed early due to stalled resources: [{words}]"));
        }
        if self.checked_for() >= self.object.spec.health_timeout() {
            return self.unhealthy(format!("timeout waiting for: [{words}]"));
        }
        Outcome::Waiting { message: format!("waiting for {id}: {health}") }
    }

    fn unhealthy(&self, words: String) -> Outcome {
        Outcome::Failed(Failure::Health { after: self.checked_for(), words })
    }

    /// How long the check is under way: the condition says so since then, across restarts.
    fn checked_for(&self) -> Duration {
        let healthy = get(&self.status.conditions, Type::Healthy.as_str());
        let since =
            healthy.filter(|it| it.status == Truth::Unknown.as_str()).map(|it| it.last_transition_time.0);
        let elapsed = since.map_or(SignedDuration::ZERO, |since| Timestamp::now().duration_since(since));
        Duration::try_from(elapsed).unwrap_or_default()
    }

    /// The objects that must be healthy; never the kustomization itself, which would wait for itself.
    fn watched(&self) -> Vec<(Id, String)> {
        let spec = &self.object.spec;
        let all: Vec<(Id, String)> = if spec.wait == Some(true) {
            let entries = self.status.inventory.iter().flat_map(|it| &it.entries);
            entries.filter_map(|it| Some((Id::parse(it)?, it.version.clone()))).collect()
        } else {
            spec.health_checks.iter().map(named).collect()
        };
        let itself = |id: &Id| {
            id.kind == "Kustomization"
                && id.name == self.object.name_any()
                && Some(&id.namespace) == self.object.namespace().as_ref()
        };
        all.into_iter().filter(|(id, _)| !itself(id)).collect()
    }

    fn keeps(&self, id: &Id) -> bool {
        let entries = self.status.inventory.iter().flat_map(|it| &it.entries);
        entries.into_iter().any(|entry| Id::parse(entry).as_ref() == Some(id))
    }

    async fn look(&self, id: Id, version: String) -> Result<(Id, Health), Failure> {
        let failed = |words: String| Failure::Look { id: Box::new(id.clone()), words };
        let found = self.cluster.find(&id, &version).await;
        let health = match found.map_err(failed)? {
            // It was there when it was applied: one that cleans up after itself is done.
            None if id.kind == "Job" && id.group == "batch" && self.keeps(&id) => Health::Current,
            None => Health::NotFound,
            // Who asks to be left alone is left alone in this too.
            Some(object) if object.says(mark::RECONCILE, "disabled") => Health::Current,
            Some(object) => match serde_json::to_value(&object) {
                Ok(value) => {
                    let asked = self.expressions.health_of(&id.group, &id.kind, &value);
                    asked.unwrap_or_else(|| kstatus::of(&value))
                }
                Err(error) => return Err(failed(error.to_string())),
            },
        };
        Ok((id, health))
    }
}

impl Cluster<'_> {
    /// An object; nothing where its kind is not served either.
    async fn find(&self, id: &Id, version: &str) -> Result<Option<DynamicObject>, String> {
        let kind = match self.kind(&id.gvk(version)).await {
            Err(KindError::Unknown { .. }) => return Ok(None),
            kind => kind.map_err(|error| error.to_string())?,
        };
        self.api(&kind, &id.namespace).get_opt(&id.name).await.map_err(|error| words(&error))
    }

    /// What is known of the health of an object, in words.
    pub(crate) async fn state_of(&self, id: &Id, version: &str) -> String {
        let health = match self.find(id, version).await {
            Ok(None) => Health::NotFound,
            Ok(Some(object)) => match serde_json::to_value(&object) {
                Ok(value) => kstatus::of(&value),
                Err(error) => Health::Unknown(error.to_string()),
            },
            Err(words) => Health::Unknown(words),
        };
        health.to_string().replace('\'', "")
    }
}

fn named(reference: &NamespacedObjectKindReference) -> (Id, String) {
    let api_version = reference.api_version.as_deref().unwrap_or("apps/v1");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let id = Id {
        group: group.to_owned(),
        kind: reference.kind.clone(),
        namespace: reference.namespace.clone().unwrap_or_default(),
        name: reference.name.clone(),
    };
    (id, version.to_owned())
}
