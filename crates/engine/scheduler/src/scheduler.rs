//! The loop around the decision: which pods wait, when they are tried again, and what is written.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bythos_operator::controller::Trigger;
use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{Binding, Node, ObjectReference, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::cycle::{self, Unschedulable};
use crate::snapshot::{self, Assumed};

/// The name by which pods ask for this scheduler, and under which it speaks.
const NAME: &str = "default-scheduler";

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to bind pod {pod:?} to node {node:?}")]
    Bind {
        pod: String,
        node: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to say why pod {pod:?} has no node")]
    Tell {
        pod: String,
        #[source]
        source: Box<kube::Error>,
    },
}

/// The pods for which there was no node, to be tried again when something changes.
#[derive(Default)]
struct Waiting(Mutex<BTreeSet<ObjectKey>>);

impl Waiting {
    fn add(&self, key: ObjectKey) {
        self.lock().insert(key);
    }

    fn remove(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn try_again(&self, queue: &Trigger) {
        for key in self.lock().iter() {
            queue.add(key.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<ObjectKey>> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Scheduler {
    client: Client,
    pods: Cache<Pod>,
    nodes: Cache<Node>,
    events: Publisher,
    waiting: Arc<Waiting>,
    assumed: Mutex<Assumed>,
}

impl Scheduler {
    pub(crate) fn new(client: Client, pods: Cache<Pod>, nodes: Cache<Node>) -> Scheduler {
        let events = Publisher::new(client.clone(), NAME);
        Scheduler { client, pods, nodes, events, waiting: Arc::default(), assumed: Mutex::default() }
    }

    /// One pod at a time: each decision has to know the one before.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("scheduler")
            .watches(&self.pods, |pod| if wants_node(pod) { vec![ObjectKey::of(pod)] } else { Vec::new() });
        self.try_again_when_nodes_change(controller.trigger());
        self.try_again_when_pods_make_room(controller.trigger());
        let this = Arc::new(self);
        controller
            .run(1, shutdown, move |key| {
                let this = this.clone();
                async move { this.schedule(key).await }
            })
            .await;
    }

    fn try_again_when_nodes_change(&self, queue: Trigger) {
        let waiting = Arc::downgrade(&self.waiting);
        self.nodes.subscribe(move |change| {
            let Some(waiting) = waiting.upgrade() else { return false };
            if differs(change.old, change.new) {
                waiting.try_again(&queue);
            }
            true
        });
    }

    fn try_again_when_pods_make_room(&self, queue: Trigger) {
        let waiting = Arc::downgrade(&self.waiting);
        self.pods.subscribe(move |change| {
            let Some(waiting) = waiting.upgrade() else { return false };
            let took = change.old.is_some_and(takes_room);
            if took && !change.new.is_some_and(takes_room) {
                waiting.try_again(&queue);
            }
            true
        });
    }

    async fn schedule(&self, key: ObjectKey) -> Result<Next, Error> {
        self.waiting.remove(&key);
        let Some(pod) = self.pods.get(&key).filter(|pod| wants_node(pod)) else { return Ok(Next::Wait) };
        // From here on a change that makes room brings the pod back, also while it is being decided on.
        self.waiting.add(key.clone());
        let decision = {
            let mut assumed = self.assumed();
            let pods = self.pods.list();
            assumed.settle(&pods);
            if assumed.contains(&pod) {
                self.waiting.remove(&key);
                return Ok(Next::Wait);
            }
            let nodes = snapshot::take(&self.nodes.list(), &pods, &assumed);
            let placed = cycle::place(&pod, &nodes).map(str::to_owned);
            if let Ok(node) = &placed {
                assumed.add(&pod, node);
            }
            placed
        };
        match decision {
            Ok(node) => {
                self.waiting.remove(&key);
                self.bind(&pod, &node).await
            }
            Err(refusal) => self.tell(&pod, &refusal).await,
        }
        .map(|()| Next::Wait)
    }

    async fn bind(&self, pod: &Pod, node: &str) -> Result<(), Error> {
        let key = ObjectKey::of(pod);
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(key.name.clone()),
                namespace: Some(key.namespace.clone()),
                uid: pod.metadata.uid.clone(),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Node".to_owned()),
                name: Some(node.to_owned()),
                ..ObjectReference::default()
            },
        };
        let api = Api::<Pod>::namespaced(self.client.clone(), &key.namespace);
        let bound: Result<Value, _> =
            api.create_subresource("binding", &key.name, &PostParams::default(), &binding).await;
        match bound {
            Ok(_) => {
                let message = format!("Successfully assigned {key} to {node}");
                self.events.publish(pod, Severity::Normal, "Scheduled", &message).await;
                Ok(())
            }
            Err(error) => {
                self.assumed().remove(pod);
                if is_outrun(&error) {
                    debug!(pod = %key, "already bound, or gone");
                    return Ok(());
                }
                Err(Error::Bind { pod: key.to_string(), node: node.to_owned(), source: Box::new(error) })
            }
        }
    }

    /// Says why, once: the same words again are neither written nor published.
    async fn tell(&self, pod: &Pod, refusal: &Unschedulable) -> Result<(), Error> {
        let message = refusal.to_string();
        let before = scheduled_condition(pod);
        if before
            .is_some_and(|before| before.status == "False" && before.message.as_deref() == Some(&*message))
        {
            return Ok(());
        }
        let key = ObjectKey::of(pod);
        let since = before.filter(|before| before.status == "False");
        let condition = PodCondition {
            type_: "PodScheduled".to_owned(),
            status: "False".to_owned(),
            reason: Some("Unschedulable".to_owned()),
            message: Some(message.clone()),
            last_transition_time: since
                .and_then(|before| before.last_transition_time.clone())
                .or(Some(Time(Timestamp::now()))),
            ..PodCondition::default()
        };
        // Strategic, so that conditions of others stay: they are merged by their type.
        let patch =
            json!({ "metadata": { "uid": pod.metadata.uid }, "status": { "conditions": [condition] } });
        let api = Api::<Pod>::namespaced(self.client.clone(), &key.namespace);
        match api.patch_status(&key.name, &PatchParams::default(), &Patch::Strategic(patch)).await {
            Ok(_) => {}
            Err(error) if is_outrun(&error) => return Ok(()),
            Err(error) => return Err(Error::Tell { pod: key.to_string(), source: Box::new(error) }),
        }
        self.events.publish(pod, Severity::Warning, "FailedScheduling", &message).await;
        Ok(())
    }

    fn assumed(&self) -> MutexGuard<'_, Assumed> {
        // Every change is one insertion or removal: a panic elsewhere leaves it whole.
        self.assumed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `pod` is this scheduler's business now.
fn wants_node(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let is_ours = spec.scheduler_name.as_deref().is_none_or(|name| name == NAME);
    let is_gated = spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    let is_ending = pod.metadata.deletion_timestamp.is_some() || snapshot::is_finished(pod);
    is_ours && !is_gated && !is_ending && snapshot::node_of(pod).is_none()
}

fn takes_room(pod: &Pod) -> bool {
    snapshot::node_of(pod).is_some() && !snapshot::is_finished(pod)
}

/// Whether a change of a node can matter: heartbeats alone do not.
fn differs(old: Option<&Node>, new: Option<&Node>) -> bool {
    let (Some(old), Some(new)) = (old, new) else { return true };
    let ready = |node: &Node| {
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.map(|one| (one.type_.clone(), one.status.clone())).collect::<BTreeSet<_>>()
    };
    let allocatable = |node: &Node| node.status.as_ref().and_then(|status| status.allocatable.clone());
    old.metadata.labels != new.metadata.labels
        || old.spec != new.spec
        || allocatable(old) != allocatable(new)
        || ready(old) != ready(new)
}

fn scheduled_condition(pod: &Pod) -> Option<&PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == "PodScheduled")
}

/// The pod has changed or is gone; if it still wants a node, that change brings it back.
fn is_outrun(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if ["Conflict", "NotFound"].contains(&status.reason.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{node, pod};

    #[track_caller]
    fn check(case: &str, change: Value, expected: bool) {
        assert_eq!(wants_node(&pod("web", change)), expected, "{case}");
    }

    #[test]
    fn only_waiting_pods_of_this_scheduler_are_its_business() {
        check("waiting", json!({}), true);
        check("by name", json!({ "spec": { "schedulerName": NAME } }), true);
        check("another scheduler's", json!({ "spec": { "schedulerName": "mine" } }), false);
        check("gated", json!({ "spec": { "schedulingGates": [{ "name": "quota" }] } }), false);
        check("on a node", json!({ "spec": { "nodeName": "one" } }), false);
        check("ending", json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }), false);
        check("ended", json!({ "status": { "phase": "Failed" } }), false);
    }

    #[test]
    fn a_heartbeat_is_no_change() {
        let before = node(json!({}));
        let beat =
            json!([{ "type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z" }]);
        assert!(!differs(Some(&before), Some(&node(json!({ "status": { "conditions": beat } })))));
        assert!(differs(Some(&before), Some(&node(json!({ "spec": { "unschedulable": true } })))));
        assert!(differs(None, Some(&before)));
    }
}
