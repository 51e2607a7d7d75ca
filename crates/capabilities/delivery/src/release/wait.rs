//! Waiting for objects: each is looked at once, and those that are not there yet are watched until all are, or until
//! nothing more will come of it.

use std::sync::Arc;
use std::time::Duration;

use bythos_api::flux::GoDuration;
use bythos_helm::plan::ObjectKey;
use futures::stream::{BoxStream, SelectAll, select_all};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::core::DynamicObject;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};

use super::Releases;
use super::objects::ObjectError;
use crate::expressions::HealthExpressions;
use crate::kinds::KindError;
use crate::kstatus::{self, Health};

/// Looks that may be under way at once.
const REQUESTS: usize = 8;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// It is as described, and at work; a Job needs only to have begun.
    Ready,
    /// As [`Awaited::Ready`], and Jobs have ended well.
    ReadyAndJobsDone,
    /// Jobs and pods have ended well; others need only be there.
    HookDone,
    /// It is a definition that the API serves.
    Established,
    /// It is not there.
    Gone,
}

/// How far an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Reached,
    /// On its way; in words.
    Waiting(String),
    /// It will not get there by itself; in words.
    Failed(String),
}

/// What was waited for did not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    #[error(transparent)]
    Look(#[from] ObjectError),
    #[error("{words}")]
    Failed { words: String },
    #[error("timed out after {}: {words}", GoDuration(*.after))]
    TimedOut { after: Duration, words: String },
}

/// Objects and how far each is.
struct Table<'k> {
    rows: Vec<(&'k ObjectKey, State)>,
}

/// A new state for the row at an index.
type News = (usize, State);

impl Releases<'_> {
    pub(super) async fn await_all(
        &self,
        keys: &[ObjectKey],
        awaited: Awaited,
        limit: Duration,
    ) -> Result<(), WaitError> {
        let begin = tokio::time::Instant::now();
        let looks: Vec<_> = keys.iter().map(|key| self.look(key, awaited)).collect();
        let rows = futures::stream::iter(looks).buffered(REQUESTS).try_collect().await?;
        let mut table = Table { rows };
        let mut news = self.watched(&table, awaited).await?;
        let deadline = begin + limit;
        while table.is_open() {
            match tokio::time::timeout_at(deadline, news.next()).await {
                Ok(Some((index, state))) => table.set(index, state),
                Ok(None) => break,
                Err(_) => return Err(WaitError::TimedOut { after: limit, words: table.words() }),
            }
        }
        if table.is_reached() { Ok(()) } else { Err(WaitError::Failed { words: table.words() }) }
    }

    async fn look<'k>(
        &self,
        key: &'k ObjectKey,
        awaited: Awaited,
    ) -> Result<(&'k ObjectKey, State), ObjectError> {
        let found = self.find(key).await?;
        Ok((key, awaited.state_of(key, found.as_ref(), &self.expressions)))
    }

    /// What happens to those that are on their way.
    async fn watched(
        &self,
        table: &Table<'_>,
        awaited: Awaited,
    ) -> Result<SelectAll<BoxStream<'static, News>>, ObjectError> {
        let mut watches: Vec<BoxStream<'static, News>> = Vec::new();
        for (index, (key, state)) in table.rows.iter().enumerate() {
            if !matches!(state, State::Waiting(_)) {
                continue;
            }
            let way = match self.way_to(key).await {
                // With its kind, it is gone; and a kind that comes is no object that comes.
                Err(ObjectError::Kind { source: KindError::Unknown { .. }, .. }) => continue,
                way => way?,
            };
            let changes = watcher::watch_object(way.api, &key.name).default_backoff();
            let (key, expressions) = ((*key).clone(), Arc::clone(&self.expressions));
            let news = changes.map(move |change| match change {
                Ok(found) => (index, awaited.state_of(&key, found.as_ref(), &expressions)),
                Err(error) => (index, State::Waiting(bythos_operator::error_chain(&error))),
            });
            watches.push(news.boxed());
        }
        Ok(select_all(watches))
    }
}

impl Table<'_> {
    fn set(&mut self, index: usize, state: State) {
        if let Some((_, known)) = self.rows.get_mut(index) {
            *known = state;
        }
    }

    /// Whether something may still come.
    fn is_open(&self) -> bool {
        self.rows.iter().any(|(_, state)| matches!(state, State::Waiting(_)))
    }

    fn is_reached(&self) -> bool {
        self.rows.iter().all(|(_, state)| *state == State::Reached)
    }

    /// Those that are not where they should be, and why.
    fn words(&self) -> String {
        let missing = self.rows.iter().filter_map(|(key, state)| match state {
            State::Reached => None,
            State::Waiting(why) => Some(format!("{} is not ready: {why}", short(key))),
            State::Failed(why) => Some(format!("{} failed: {why}", short(key))),
        });
        missing.collect::<Vec<_>>().join("; ")
    }
}

/// `Kind/namespace/name`
fn short(key: &ObjectKey) -> String {
    format!("{}/{}/{}", key.kind, key.namespace, key.name)
}

impl Awaited {
    fn state_of(
        self,
        key: &ObjectKey,
        found: Option<&DynamicObject>,
        expressions: &HealthExpressions,
    ) -> State {
        let Some(object) = found else { return self.state_of_nothing() };
        let mut value = json!(object);
        // An object of a list does not say what it is.
        value["apiVersion"] = key.api_version.as_str().into();
        value["kind"] = key.kind.as_str().into();
        if matches!(self, Awaited::Ready | Awaited::ReadyAndJobsDone)
            && let Some(health) = expressions.health_of(key.group(), &key.kind, &value)
        {
            return of_health(health);
        }
        match self {
            Awaited::Gone => State::Waiting("it is still there".to_owned()),
            Awaited::HookDone => hook_state(&value),
            Awaited::Ready if is_job(&value) => begun_state(&value),
            Awaited::Ready | Awaited::ReadyAndJobsDone if is_paused(&value) => State::Reached,
            Awaited::Established if value["kind"] != "CustomResourceDefinition" => State::Reached,
            Awaited::Ready | Awaited::ReadyAndJobsDone | Awaited::Established => {
                of_health(kstatus::of(&value))
            }
        }
    }

    fn state_of_nothing(self) -> State {
        match self {
            Awaited::Gone => State::Reached,
            _ => State::Waiting("it is not there".to_owned()),
        }
    }
}

fn of_health(health: Health) -> State {
    match health {
        Health::Current => State::Reached,
        Health::Failed(why) => State::Failed(why),
        Health::InProgress(why) | Health::Unknown(why) => State::Waiting(why),
        Health::Terminating => State::Waiting("it is being deleted".to_owned()),
        Health::NotFound => State::Waiting("it is not there".to_owned()),
    }
}

fn is_job(object: &Value) -> bool {
    object["kind"] == "Job" && object["apiVersion"].as_str().is_some_and(|it| it.starts_with("batch/"))
}

/// A Deployment that is held is as ready as it gets.
fn is_paused(object: &Value) -> bool {
    object["kind"] == "Deployment" && object["spec"]["paused"] == true
}

/// A Job that is under way is all right.
fn begun_state(job: &Value) -> State {
    match kstatus::of(job) {
        Health::InProgress(_) if !job["status"]["startTime"].is_null() => State::Reached,
        health => of_health(health),
    }
}

fn hook_state(object: &Value) -> State {
    match object["kind"].as_str() {
        Some("Job") if is_job(object) => of_health(kstatus::of(object)),
        Some("Pod") if object["apiVersion"] == "v1" => match object["status"]["phase"].as_str() {
            Some("Succeeded") => State::Reached,
            Some("Failed") => of_health(kstatus::of(object)),
            phase => State::Waiting(format!("the pod is {}", phase.unwrap_or("new"))),
        },
        _ => State::Reached,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(awaited: Awaited, object: Value, expected: &str) {
        let object: Option<DynamicObject> = serde_json::from_value(object).unwrap();
        let key = ObjectKey::of(&object.as_ref().map(|it| json!(it)).unwrap_or_default(), "ns");
        let found = match awaited.state_of(&key, object.as_ref(), &HealthExpressions::default()) {
            State::Reached => "reached".to_owned(),
            State::Waiting(why) => format!("waiting: {why}"),
            State::Failed(why) => format!("failed: {why}"),
        };
        assert!(found.starts_with(expected), "{found}");
    }

    fn job(status: &Value) -> Value {
        json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "j" }, "status": status })
    }

    fn ended(how: &str) -> Value {
        json!({ "startTime": "2026-01-01T00:00:00Z", "conditions": [{ "type": how, "status": "True", "message": "why" }] })
    }

    #[test]
    fn a_job_that_has_begun_is_ready_and_ends_only_where_that_is_asked() {
        let begun = || job(&json!({ "startTime": "2026-01-01T00:00:00Z", "active": 1 }));
        check(Awaited::Ready, job(&json!({})), "waiting");
        check(Awaited::Ready, begun(), "reached");
        check(Awaited::ReadyAndJobsDone, begun(), "waiting: 1 pods are at work");
        check(Awaited::HookDone, begun(), "waiting: 1 pods are at work");
        for awaited in [Awaited::Ready, Awaited::ReadyAndJobsDone, Awaited::HookDone] {
            check(awaited, job(&ended("Complete")), "reached");
            check(awaited, job(&ended("Failed")), "failed: why");
        }
    }

    #[test]
    fn a_pod_as_a_hook_must_end_well() {
        let pod = |phase: &str| {
            json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
                "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": "True" }] },
            })
        };
        check(Awaited::Ready, pod("Running"), "reached");
        check(Awaited::HookDone, pod("Running"), "waiting: the pod is Running");
        check(Awaited::HookDone, pod("Succeeded"), "reached");
        check(Awaited::HookDone, pod("Failed"), "failed");
    }

    #[test]
    fn other_hooks_need_only_be_there() {
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" } });
        check(Awaited::HookDone, map.clone(), "reached");
        check(Awaited::HookDone, Value::Null, "waiting: it is not there");
        check(Awaited::Gone, map, "waiting: it is still there");
        check(Awaited::Gone, Value::Null, "reached");
    }

    #[test]
    fn a_deployment_that_is_held_is_not_waited_for() {
        let deployment = |paused: bool| {
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "d", "generation": 1 },
                "spec": { "paused": paused, "replicas": 1 },
            })
        };
        check(Awaited::Ready, deployment(true), "reached");
        check(Awaited::Ready, deployment(false), "waiting");
    }
}
