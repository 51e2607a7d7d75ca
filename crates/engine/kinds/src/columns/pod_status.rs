//! A pod's status in one word, as users know it: `Running`, `Init:0/1`, `CrashLoopBackOff`, `Terminating`.
//!
//! The order of precedence is that of upstream's `printPod`.

use jiff::Timestamp;
use serde_json::Value;

use crate::cell::since;
use crate::fields::{at, integer, items, text};

pub(super) struct PodStatus<'a> {
    pub(super) words: String,
    pub(super) ready: usize,
    pub(super) containers: usize,
    restarts: Restarts<'a>,
}

#[derive(Clone, Copy, Default)]
struct Restarts<'a> {
    count: i64,
    /// When the container that ended last did so; RFC 3339 in UTC, so that later sorts behind.
    last: &'a str,
}

/// How far the containers are that run before the others.
enum Initialization {
    Done,
    Under { words: String },
}

impl<'a> PodStatus<'a> {
    pub(super) fn of(pod: &'a Value) -> PodStatus<'a> {
        let sidecars =
            items(pod, "spec.initContainers").iter().filter(|container| is_sidecar(container)).count();
        let mut status = PodStatus {
            words: words_of_pod(pod),
            ready: 0,
            containers: items(pod, "spec.containers").len() + sidecars,
            restarts: Restarts::default(),
        };
        let sidecar_restarts = status.read_init_containers(pod);
        if let Some(restarts) = sidecar_restarts {
            status.restarts = restarts;
            status.read_containers(pod);
        }
        if !at(pod, "metadata.deletionTimestamp").is_null() {
            status.read_deletion(pod);
        }
        status
    }

    /// Returns the restarts of sidecars if the other containers may have been started.
    fn read_init_containers(&mut self, pod: &'a Value) -> Option<Restarts<'a>> {
        let (mut sidecar_restarts, mut state) = (Restarts::default(), Initialization::Done);
        let specs = items(pod, "spec.initContainers");
        for (index, container) in items(pod, "status.initContainerStatuses").iter().enumerate() {
            self.restarts.add(container);
            let is_sidecar =
                specs.iter().any(|spec| text(spec, "name") == text(container, "name") && is_sidecar(spec));
            if is_sidecar {
                sidecar_restarts.add(container);
            }
            if has_succeeded(container) {
                continue;
            }
            if is_sidecar && is_true(container, "started") {
                self.ready += usize::from(is_true(container, "ready"));
                continue;
            }
            state = Initialization::Under { words: words_of_init_container(container, index, specs.len()) };
            break;
        }
        match state {
            Initialization::Done => Some(sidecar_restarts),
            Initialization::Under { words } => {
                self.words = words;
                has_condition(pod, "Initialized").then_some(sidecar_restarts)
            }
        }
    }

    fn read_containers(&mut self, pod: &'a Value) {
        let mut is_one_running = false;
        for container in items(pod, "status.containerStatuses").iter().rev() {
            self.restarts.add(container);
            if let Some(words) = words_of_container(container) {
                self.words = words;
            } else if is_true(container, "ready") && at(container, "state.running").is_object() {
                is_one_running = true;
                self.ready += 1;
            }
        }
        if self.words == "Completed" && is_one_running {
            self.words = if has_condition(pod, "Ready") { "Running" } else { "NotReady" }.to_owned();
        }
    }

    fn read_deletion(&mut self, pod: &Value) {
        if text(pod, "status.reason") == "NodeLost" {
            self.words = "Unknown".to_owned();
        } else if !matches!(text(pod, "status.phase"), "Succeeded" | "Failed") {
            self.words = "Terminating".to_owned();
        }
    }

    /// For example `2 (3m ago)`.
    pub(super) fn restarts_in_words(&self, now: Timestamp) -> String {
        match self.restarts {
            Restarts { count, last } if count == 0 || last.is_empty() => count.to_string(),
            Restarts { count, last } => format!("{count} ({} ago)", since(last, now)),
        }
    }
}

impl<'a> Restarts<'a> {
    fn add(&mut self, container: &'a Value) {
        self.count += integer(container, "restartCount").unwrap_or_default();
        self.last = self.last.max(text(container, "lastState.terminated.finishedAt"));
    }
}

fn words_of_pod(pod: &Value) -> String {
    let is_gated = items(pod, "status.conditions").iter().any(|condition| {
        text(condition, "type") == "PodScheduled" && text(condition, "reason") == "SchedulingGated"
    });
    if is_gated {
        return "SchedulingGated".to_owned();
    }
    match text(pod, "status.reason") {
        "" => text(pod, "status.phase").to_owned(),
        reason => reason.to_owned(),
    }
}

fn words_of_init_container(container: &Value, index: usize, count: usize) -> String {
    if at(container, "state.terminated").is_object() {
        return format!("Init:{}", words_of_end(container));
    }
    match text(container, "state.waiting.reason") {
        "" | "PodInitializing" => format!("Init:{index}/{count}"),
        reason => format!("Init:{reason}"),
    }
}

/// `None` if the container neither waits for a reason nor has ended.
fn words_of_container(container: &Value) -> Option<String> {
    match text(container, "state.waiting.reason") {
        "" => at(container, "state.terminated").is_object().then(|| words_of_end(container)),
        reason => Some(reason.to_owned()),
    }
}

fn words_of_end(container: &Value) -> String {
    let end = at(container, "state.terminated");
    match (text(end, "reason"), integer(end, "signal").unwrap_or_default()) {
        ("", 0) => format!("ExitCode:{}", integer(end, "exitCode").unwrap_or_default()),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn has_succeeded(container: &Value) -> bool {
    let end = at(container, "state.terminated");
    end.is_object() && integer(end, "exitCode").unwrap_or_default() == 0
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}

fn is_true(object: &Value, field: &str) -> bool {
    object[field].as_bool().unwrap_or_default()
}

fn has_condition(pod: &Value, type_: &str) -> bool {
    let conditions = items(pod, "status.conditions").iter();
    conditions
        .into_iter()
        .any(|condition| text(condition, "type") == type_ && text(condition, "status") == "True")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(pod: Value, words: &str, ready: &str, restarts: &str) {
        let status = PodStatus::of(&pod);
        let now = "2024-01-01T00:10:00Z".parse().unwrap();
        let found = (
            status.words.as_str(),
            format!("{}/{}", status.ready, status.containers),
            status.restarts_in_words(now),
        );
        assert_eq!(found, (words, ready.to_owned(), restarts.to_owned()));
    }

    fn pod(phase: &str, statuses: Value) -> Value {
        let count = statuses.as_array().unwrap().len();
        json!({
            "spec": {"containers": vec![json!({}); count]},
            "status": {"phase": phase, "containerStatuses": statuses},
        })
    }

    #[test]
    fn containers_that_run_are_counted() {
        let running = json!({"ready": true, "state": {"running": {}}});
        check(pod("Running", json!([running])), "Running", "1/1", "0");
        check(
            pod("Running", json!([running, {"ready": false, "state": {"running": {}}}])),
            "Running",
            "1/2",
            "0",
        );
    }

    #[test]
    fn what_keeps_a_container_from_running_is_the_status() {
        let waiting = |reason: &str| json!({"state": {"waiting": {"reason": reason}}});
        check(pod("Pending", json!([waiting("ContainerCreating")])), "ContainerCreating", "0/1", "0");
        check(pod("Pending", json!([waiting("ErrImagePull")])), "ErrImagePull", "0/1", "0");
        let crashed = json!({
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "restartCount": 4,
            "lastState": {"terminated": {"finishedAt": "2024-01-01T00:06:50Z"}},
        });
        check(pod("Running", json!([crashed])), "CrashLoopBackOff", "0/1", "4 (3m10s ago)");
    }

    #[test]
    fn containers_that_ended_say_how() {
        let ended = |end: Value| json!({"state": {"terminated": end}});
        check(
            pod("Succeeded", json!([ended(json!({"reason": "Completed", "exitCode": 0}))])),
            "Completed",
            "0/1",
            "0",
        );
        check(pod("Failed", json!([ended(json!({"exitCode": 3}))])), "ExitCode:3", "0/1", "0");
        check(pod("Failed", json!([ended(json!({"signal": 9}))])), "Signal:9", "0/1", "0");
        let running = json!({"ready": true, "state": {"running": {}}});
        let mut half = pod("Running", json!([ended(json!({"reason": "Completed"})), running]));
        check(half.clone(), "NotReady", "1/2", "0");
        half["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
        check(half, "Running", "1/2", "0");
    }

    #[test]
    fn initialization_goes_first() {
        let with_init = |status: Value| {
            json!({
                "spec": {"containers": [{}], "initContainers": [{"name": "a"}, {"name": "b"}]},
                "status": {"phase": "Pending", "initContainerStatuses": status,
                    "containerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}]},
            })
        };
        let done = json!({"name": "a", "state": {"terminated": {"exitCode": 0}}});
        check(with_init(json!([{"name": "a", "state": {"running": {}}}])), "Init:0/2", "0/1", "0");
        check(
            with_init(json!([done, {"name": "b", "state": {"waiting": {"reason": "PodInitializing"}}}])),
            "Init:1/2",
            "0/1",
            "0",
        );
        check(
            with_init(json!([done, {"name": "b", "state": {"waiting": {"reason": "ErrImagePull"}}}])),
            "Init:ErrImagePull",
            "0/1",
            "0",
        );
        check(
            with_init(
                json!([done, {"name": "b", "restartCount": 2, "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]),
            ),
            "Init:Error",
            "0/1",
            "2",
        );
    }

    #[test]
    fn sidecars_count_as_containers() {
        let pod = json!({
            "spec": {"containers": [{}], "initContainers": [{"name": "a", "restartPolicy": "Always"}]},
            "status": {
                "phase": "Running",
                "initContainerStatuses": [{"name": "a", "started": true, "ready": true, "restartCount": 1, "state": {"running": {}}}],
                "containerStatuses": [{"ready": true, "state": {"running": {}}}],
            },
        });
        check(pod, "Running", "2/2", "1");
    }

    #[test]
    fn the_pod_itself_may_say_more() {
        let mut evicted = pod("Failed", json!([]));
        evicted["status"]["reason"] = json!("Evicted");
        check(evicted, "Evicted", "0/0", "0");
        let mut deleted = pod("Running", json!([{"ready": true, "state": {"running": {}}}]));
        deleted["metadata"] = json!({"deletionTimestamp": "2024-01-01T00:00:00Z"});
        check(deleted.clone(), "Terminating", "1/1", "0");
        deleted["status"]["reason"] = json!("NodeLost");
        check(deleted, "Unknown", "1/1", "0");
        let gated = json!({"status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}});
        check(gated, "SchedulingGated", "0/0", "0");
    }
}
