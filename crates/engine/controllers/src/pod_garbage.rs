//! Pods that are over and that nobody takes away: finished ones beyond a number, and those that go before they had a
//! node.

use std::cmp::Reverse;
use std::sync::Arc;

use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::call::CallError;
use crate::reconcile::{self, Reconcile};
use crate::{pod_end, pods};

/// How many finished pods are kept; see the crate's documentation.
pub(crate) const FINISHED_MAX: usize = 1000;
/// All of them are looked at together.
const EVERYTHING: &str = "pods";

pub(crate) struct PodGarbage {
    pub(crate) client: Client,
    pub(crate) pods: Cache<Pod>,
    pub(crate) finished_max: usize,
}

impl PodGarbage {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("pod garbage").watches(&self.pods, |pod| {
            let is_concerned = pods::is_finished(pod) || is_stranded(pod);
            is_concerned.then(|| ObjectKey::cluster(EVERYTHING)).into_iter().collect()
        });
        reconcile::run(controller, 1, shutdown, self).await;
    }
}

impl Reconcile for PodGarbage {
    type Error = CallError;

    async fn reconcile(&self, _: ObjectKey) -> Result<Next, CallError> {
        for pod in due(&self.pods.list(), self.finished_max) {
            pod_end::remove(&self.client, &pod, None).await?;
        }
        Ok(Next::Wait)
    }
}

/// The pods that have to go. Pure.
fn due(all: &[Arc<Pod>], finished_max: usize) -> Vec<Arc<Pod>> {
    let is_kept = |pod: &&Arc<Pod>| pods::is_finished(pod) && !pods::is_terminating(pod);
    let mut finished: Vec<_> = all.iter().filter(is_kept).cloned().collect();
    // Those that were evicted tell least, and then the oldest.
    finished.sort_by_key(|pod| (Reverse(was_evicted(pod)), created(pod)));
    finished.truncate(finished.len().saturating_sub(finished_max));
    finished.extend(all.iter().filter(|pod| is_stranded(pod)).cloned());
    finished
}

/// Whether the pod goes and never had a node whose part it would be to end it. One of which only finalizers are left
/// is done with.
fn is_stranded(pod: &Pod) -> bool {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    let is_done = pods::is_finished(pod) && pod.metadata.deletion_grace_period_seconds == Some(0);
    pods::is_terminating(pod) && node.is_empty() && !is_done
}

fn was_evicted(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.reason.as_deref()) == Some("Evicted")
}

fn created(pod: &Pod) -> Option<k8s_openapi::jiff::Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn pod(name: &str, minute: u8, change: Value) -> Arc<Pod> {
        let mut pod = json!({
            "metadata": { "name": name, "creationTimestamp": format!("2026-01-01T00:{minute:02}:00Z") },
            "spec": { "containers": [] },
        });
        pod["status"] = change["status"].clone();
        for (key, value) in change["metadata"].as_object().into_iter().flatten() {
            pod["metadata"][key] = value.clone();
        }
        Arc::new(from_value(pod).unwrap())
    }

    #[track_caller]
    fn check(case: &str, pods: &[Arc<Pod>], expected: &[&str]) {
        let names: Vec<_> = due(pods, 2).iter().filter_map(|pod| pod.metadata.name.clone()).collect();
        assert_eq!(names, expected, "{case}");
    }

    #[test]
    fn the_oldest_finished_pods_go_and_those_that_were_evicted_before_them() {
        let ended =
            |phase: &str, reason: Option<&str>| json!({ "status": { "phase": phase, "reason": reason } });
        let (done, failed) = (ended("Succeeded", None), ended("Failed", None));
        let old = pod("old", 1, done.clone());
        let middle = pod("middle", 2, failed);
        let new = pod("new", 3, done);
        let running = pod("running", 0, ended("Running", None));
        let evicted = pod("evicted", 9, ended("Failed", Some("Evicted")));
        check("few enough", &[old.clone(), middle.clone(), running.clone()], &[]);
        check("one too many", &[new.clone(), old.clone(), middle.clone(), running], &["old"]);
        check("evicted", &[new, old, middle, evicted], &["evicted", "old"]);
    }

    #[test]
    fn a_pod_that_goes_before_it_had_a_node_is_ended_once() {
        let going = |phase: &str, grace: i64| {
            let metadata =
                json!({ "deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": grace });
            pod("going", 0, json!({ "metadata": metadata, "status": { "phase": phase } }))
        };
        check("going", &[going("Pending", 30)], &["going"]);
        check("kept by finalizers", &[going("Pending", 0)], &["going"]);
        check("done with", &[going("Failed", 0)], &[]);
        check("waiting for a node", &[pod("waiting", 0, json!({}))], &[]);
    }
}
