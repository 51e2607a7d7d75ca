//! DaemonSet: one pod on each node that it fits.
//!
//! One reconciliation claims revisions and pods, looks at them node by node as a [`View`], asks [`plan`] (pure) what
//! to make and delete, and writes the status. A pod is made for a node by an affinity to the node's name; the
//! scheduler puts it there.

mod build;
mod placement;
mod plan;
mod status;
mod view;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bythos_operator::event::Severity;
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::core::Selector;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::call::{self, CallError};
use crate::expectations::WAIT_MAX;
use crate::ownership;
use crate::pod_control::PodControl;
use crate::reconcile::{self, Reconcile};
use crate::revisions::{self, POD_REVISION, Revisions, Wish};
use crate::selectors::keys_of_owners;
use plan::Plan;
use view::View;

const WORKERS: usize = 2;

pub(crate) struct DaemonSets {
    pub(crate) control: PodControl,
    pub(crate) sets: Cache<DaemonSet>,
    pub(crate) pods: Cache<Pod>,
    pub(crate) nodes: Cache<Node>,
    pub(crate) revisions: Cache<ControllerRevision>,
}

fn selector_of(set: &DaemonSet) -> Option<Selector> {
    Selector::try_from(set.spec.selector.clone()).ok()
}

impl DaemonSets {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("daemonset")
            .reconciles(&self.sets)
            .watches(&self.pods, keys_of_owners(&self.sets, selector_of));
        self.follow_nodes(&controller);
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    /// A node that comes, goes, or changes what fits it concerns every DaemonSet.
    fn follow_nodes(&self, controller: &Controller) {
        let keys = Arc::new(Mutex::new(BTreeSet::new()));
        let known = keys.clone();
        self.sets.subscribe(move |change| {
            let mut keys = known.lock().unwrap_or_else(PoisonError::into_inner);
            match (change.old, change.new) {
                (_, Some(new)) => drop(keys.insert(ObjectKey::of(new))),
                (Some(old), None) => drop(keys.remove(&ObjectKey::of(old))),
                (None, None) => {}
            }
            true
        });
        let trigger = controller.trigger();
        self.nodes.subscribe(move |change| {
            if change.old.map(placement::facts) != change.new.map(placement::facts) {
                let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
                keys.iter().cloned().for_each(|key| trigger.add(key));
            }
            true
        });
    }

    async fn carry_out(&self, view: &View<'_>, plan: &Plan) -> Result<(), CallError> {
        for ended in &plan.ended {
            let pod = ended.pod.metadata.name.as_deref().unwrap_or_default();
            let (severity, reason, words, rest) = if ended.has_failed {
                (Severity::Warning, "FailedDaemonPod", "failed", "kill")
            } else {
                (Severity::Normal, "SucceededDaemonPod", "succeeded", "delete")
            };
            let message =
                format!("Found {words} daemon pod {pod} on node {}, will try to {rest} it", ended.node);
            self.control.events.publish(view.set, severity, reason, &message).await;
        }
        self.control.delete(view.set, &plan.delete).await?;
        let pods: Vec<Pod> = plan.create.iter().map(|node| build::pod(view, node)).collect();
        match self.control.create(view.set, &pods).await {
            Err(error) if !error.is_namespace_going() => Err(error),
            _ => Ok(()),
        }
    }
}

impl Reconcile for DaemonSets {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        // One on its way out is left to the garbage collector.
        let set = self.sets.get(&key).filter(|set| set.metadata.deletion_timestamp.is_none());
        let Some(set) = set else { return Ok(Next::Wait) };
        let Some(selector) = selector_of(&set) else {
            // The API refuses such a selector; one that slipped in can only be mended by a change.
            warn!(%key, "the selector of this DaemonSet cannot be read");
            return Ok(Next::Wait);
        };
        let wish = Wish {
            template: &set.spec.template,
            hash_label: POD_REVISION,
            collisions: set.status.as_ref().and_then(|status| status.collision_count).unwrap_or_default(),
        };
        let client = &self.control.client;
        let revisions = Revisions::keep(client, set.as_ref(), &selector, &wish, &self.revisions).await?;
        let Some(revisions) = revisions else { return Ok(Next::Wait) };
        let candidates = self.pods.list_in(&key.namespace);
        let pods = ownership::claim(&self.control.client, set.as_ref(), &selector, candidates).await?;
        let nodes = self.nodes.list();
        let view = View::new(&set, &revisions, &pods, &nodes, Timestamp::now());
        let is_behind = self.control.is_awaiting(set.as_ref());
        let plan = if is_behind { Plan::default() } else { plan::plan(&view) };
        let done = self.carry_out(&view, &plan).await;
        let (status, soon) = status::of(&view);
        if set.status.as_ref() != Some(&status) {
            let updated = DaemonSet { status: Some(status), ..set.as_ref().clone() };
            call::write_status(&self.control.client, &updated).await?;
        }
        done?;
        let is_used = |revision: &ControllerRevision| view.is_used(revision);
        revisions.forget(&self.control.client, set.spec.revision_history_limit, is_used).await?;
        let waiting = self.control.is_awaiting(set.as_ref()).then_some(WAIT_MAX);
        let soonest = [soon, plan.look_again, waiting].into_iter().flatten().min();
        Ok(soonest.map_or(Next::Wait, Next::After))
    }
}

/// The end of a revision's name, which its pods carry.
fn hash_of<'a>(set: &DaemonSet, revision: &'a ControllerRevision) -> &'a str {
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let rest = revisions::name(revision).strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    rest.unwrap_or_default()
}
