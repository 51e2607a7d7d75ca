//! The loop around the decision: which pods wait, when they are tried again, and what is decided.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bythos_operator::cache::Cacheable;
use bythos_operator::controller::Trigger;
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::act::{Actor, Error, Told};
use crate::cycle::{self, Unschedulable};
use crate::filter::Wanted;
use crate::labels::{Namespaces, priority};
use crate::preempt::{Preemption, preempt};
use crate::snapshot::{self, Assumed, Cluster};
use crate::volumes::{Plan, VolumeCaches};

/// The name by which pods ask for this scheduler, and under which it speaks.
pub(crate) const NAME: &str = "default-scheduler";

/// The pods for which there was no node, to be tried again when something changes: the most important first.
#[derive(Default)]
struct Waiting(Mutex<BTreeSet<(std::cmp::Reverse<i32>, ObjectKey)>>);

impl Waiting {
    fn add(&self, key: ObjectKey, priority: i32) {
        self.lock().insert((std::cmp::Reverse(priority), key));
    }

    fn remove(&self, key: &ObjectKey) {
        self.lock().retain(|(_, waiting)| waiting != key);
    }

    fn try_again(&self, queue: &Trigger) {
        for (_, key) in self.lock().iter() {
            queue.add(key.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(std::cmp::Reverse<i32>, ObjectKey)>> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the scheduler looks at.
pub(crate) struct Caches {
    pub(crate) pods: Cache<Pod>,
    pub(crate) nodes: Cache<Node>,
    pub(crate) namespaces: Cache<Namespace>,
    pub(crate) budgets: Cache<PodDisruptionBudget>,
    pub(crate) volumes: VolumeCaches,
}

/// What is to be done about a pod.
enum Decision {
    /// It is on its way already.
    Nothing,
    Bind(String),
    /// Its claims wait for volumes on this node.
    Furnish(String, Plan),
    /// Room is made for it.
    Preempt(Preemption, String),
    Refuse(String),
}

pub(crate) struct Scheduler {
    actor: Actor,
    caches: Caches,
    waiting: Arc<Waiting>,
    assumed: Mutex<Assumed>,
}

impl Scheduler {
    pub(crate) fn new(client: Client, caches: Caches) -> Scheduler {
        Scheduler { actor: Actor::new(client), caches, waiting: Arc::default(), assumed: Mutex::default() }
    }

    /// One pod at a time: each decision has to know the one before.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let is_ours =
            |pod: &Pod| if wants_node(pod) || is_gated(pod) { vec![ObjectKey::of(pod)] } else { Vec::new() };
        let controller = Controller::new("scheduler").watches(&self.caches.pods, is_ours);
        self.try_again_when_nodes_change(controller.trigger());
        self.try_again_when_pods_come_or_go(controller.trigger());
        self.try_again_with_each_change(&self.caches.volumes.claims, controller.trigger());
        self.try_again_with_each_change(&self.caches.volumes.volumes, controller.trigger());
        self.try_again_with_each_change(&self.caches.volumes.classes, controller.trigger());
        let this = Arc::new(self);
        controller
            .run(1, shutdown, move |key| {
                let this = this.clone();
                async move { this.schedule(key).await }
            })
            .await;
    }

    fn try_again_with_each_change<K: Cacheable>(&self, cache: &Cache<K>, queue: Trigger) {
        let waiting = Arc::downgrade(&self.waiting);
        cache.subscribe(move |_| {
            let Some(waiting) = waiting.upgrade() else { return false };
            waiting.try_again(&queue);
            true
        });
    }

    fn try_again_when_nodes_change(&self, queue: Trigger) {
        let waiting = Arc::downgrade(&self.waiting);
        self.caches.nodes.subscribe(move |change| {
            let Some(waiting) = waiting.upgrade() else { return false };
            if differs(change.old, change.new) {
                waiting.try_again(&queue);
            }
            true
        });
    }

    fn try_again_when_pods_come_or_go(&self, queue: Trigger) {
        let waiting = Arc::downgrade(&self.waiting);
        self.caches.pods.subscribe(move |change| {
            let Some(waiting) = waiting.upgrade() else { return false };
            let made_room = change.old.is_some_and(takes_room) && !change.new.is_some_and(takes_room);
            // One that has arrived may be the one beside which another wants to be.
            let arrived = !change.old.is_some_and(takes_room) && change.new.is_some_and(takes_room);
            if made_room || arrived {
                waiting.try_again(&queue);
            }
            true
        });
    }

    async fn schedule(&self, key: ObjectKey) -> Result<Next, Error> {
        self.waiting.remove(&key);
        let Some(pod) = self.caches.pods.get(&key) else { return Ok(Next::Wait) };
        if is_gated(&pod) {
            return self.actor.tell(&pod, Told::Gated).await.map(|()| Next::Wait);
        }
        if !wants_node(&pod) {
            return Ok(Next::Wait);
        }
        // From here on a change that makes room brings the pod back, also while it is being decided on.
        self.waiting.add(key.clone(), priority(&pod));
        match self.decide(&pod) {
            Decision::Nothing => {
                self.waiting.remove(&key);
                Ok(())
            }
            Decision::Bind(node) => {
                self.waiting.remove(&key);
                let bound = self.actor.bind(&pod, &node).await;
                if !matches!(bound, Ok(true)) {
                    self.assumed().remove(&pod);
                }
                bound.map(drop)
            }
            Decision::Furnish(node, plan) => self.actor.furnish(&plan, &node).await,
            Decision::Preempt(preemption, words) => {
                let lower = self.nominated_below(&pod, &preemption.node);
                self.actor.preempt(&pod, &preemption, &lower, words).await
            }
            Decision::Refuse(words) => self.actor.tell(&pod, Told::Unschedulable(words)).await,
        }
        .map(|()| Next::Wait)
    }

    fn decide(&self, pod: &Pod) -> Decision {
        let mut assumed = self.assumed();
        let pods = self.caches.pods.list();
        assumed.settle(&pods);
        if assumed.contains(pod) {
            return Decision::Nothing;
        }
        let nodes = snapshot::take(&self.caches.nodes.list(), &pods, &assumed, Some(pod));
        let cluster = Cluster { nodes, namespaces: self.namespaces() };
        let demand = match cycle::demand(pod) {
            Ok(demand) => demand,
            Err(refusal) => return Decision::Refuse(refusal.to_string()),
        };
        let claims = match self.caches.volumes.claims_of(pod) {
            Ok(claims) => claims,
            Err(reason) => {
                let nodes = cluster.nodes.len();
                return Decision::Refuse(Unschedulable::Claim { nodes, reason }.to_string());
            }
        };
        let wanted = Wanted { pod, demand: &demand, claims: &claims };
        match cycle::place(wanted, &cluster) {
            Ok(node) if claims.unbound.is_empty() => {
                assumed.add(pod, node);
                Decision::Bind(node.to_owned())
            }
            Ok(node) => Decision::Furnish(node.to_owned(), cluster.volume_plan(&claims, node)),
            Err(refusal @ Unschedulable::NoFit { .. }) => {
                match preempt(wanted, &cluster, &self.caches.budgets.list()) {
                    Ok(preemption) => Decision::Preempt(preemption, refusal.to_string()),
                    Err(why) => Decision::Refuse(format!("{refusal} preemption: {why}")),
                }
            }
            Err(refusal) => Decision::Refuse(refusal.to_string()),
        }
    }

    fn namespaces(&self) -> Namespaces {
        let namespaces = self.caches.namespaces.list();
        let named = namespaces.iter().filter_map(|namespace| {
            Some((namespace.metadata.name.clone()?, namespace.metadata.labels.clone().unwrap_or_default()))
        });
        named.collect()
    }

    /// The pods for which room was being made on the node, and that have to stand back now.
    fn nominated_below(&self, pod: &Pod, node: &str) -> Vec<Arc<Pod>> {
        let pods = self.caches.pods.list();
        let is_below = |other: &Arc<Pod>| {
            wants_node(other)
                && snapshot::nominated_node(other) == Some(node)
                && priority(other) < priority(pod)
        };
        pods.into_iter().filter(is_below).collect()
    }

    fn assumed(&self) -> MutexGuard<'_, Assumed> {
        // Every change is one insertion or removal: a panic elsewhere leaves it whole.
        self.assumed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `pod` is this scheduler's business now.
fn wants_node(pod: &Pod) -> bool {
    is_ours(pod) && !has_gates(pod)
}

/// Whether `pod` will be this scheduler's business once its gates are open.
fn is_gated(pod: &Pod) -> bool {
    is_ours(pod) && has_gates(pod)
}

fn is_ours(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let is_ours = spec.scheduler_name.as_deref().is_none_or(|name| name == NAME);
    let is_ending = pod.metadata.deletion_timestamp.is_some() || snapshot::is_finished(pod);
    is_ours && !is_ending && snapshot::node_of(pod).is_none()
}

fn has_gates(pod: &Pod) -> bool {
    pod.spec.iter().any(|spec| spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
