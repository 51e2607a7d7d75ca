//! ReplicaSet: keeps as many pods as it says.
//!
//! One reconciliation claims the pods that the selector matches, makes or deletes what is too few or too many, and
//! writes the status, on failure too. The cache may lag behind what was done here a moment ago;
//! [`PodControl`] keeps that from being done twice.

mod status;

use std::sync::Arc;

use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::core::Selector;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::call::{self, CallError};
use crate::expectations::WAIT_MAX;
use crate::pod_control::{BURST, PodControl};
use crate::reconcile::{self, Reconcile};
use crate::selectors::keys_of_owners;
use crate::{ownership, pod_template, pods, ranking};
use status::Failure;

const WORKERS: usize = 4;

pub(crate) struct ReplicaSets {
    pub(crate) control: PodControl,
    pub(crate) replica_sets: Cache<ReplicaSet>,
    pub(crate) pods: Cache<Pod>,
}

fn selector_of(set: &ReplicaSet) -> Option<Selector> {
    Selector::try_from(set.spec.selector.clone()).ok()
}

impl ReplicaSets {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("replicaset")
            .reconciles(&self.replica_sets)
            .watches(&self.pods, keys_of_owners(&self.replica_sets, selector_of));
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    async fn bring_to_size(&self, set: &ReplicaSet, claimed: &[Arc<Pod>]) -> Result<(), Failure> {
        if set.metadata.deletion_timestamp.is_some() || self.control.is_awaiting(set) {
            return Ok(());
        }
        let active: Vec<_> = claimed.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
        let desired = usize::try_from(status::desired_replicas(set)).unwrap_or_default();
        let active_count = active.len();
        if active_count < desired {
            let template = set.spec.template.clone().unwrap_or_default();
            let missing = (desired - active_count).min(BURST);
            let pods: Vec<_> = (0..missing).map(|_| pod_template::pod(set, &template)).collect();
            self.control.create(set, &pods).await.map_err(Failure::create)
        } else {
            let surplus = ranking::first_to_go(active, (active_count - desired).min(BURST));
            self.control.delete(set, &surplus).await.map_err(Failure::delete)
        }
    }

    /// Writes the status where it changed, and tells when a pod becomes available by mere passing of time.
    async fn write_status(
        &self,
        set: &ReplicaSet,
        claimed: &[Arc<Pod>],
        failure: Option<&Failure>,
    ) -> Result<Next, CallError> {
        let now = Timestamp::now();
        let (status, next) = status::of(set, claimed, failure, now);
        if set.status.as_ref() == Some(&status) {
            return Ok(next);
        }
        let updated = ReplicaSet { status: Some(status), ..set.clone() };
        call::write_status(&self.control.client, &updated).await?;
        Ok(next)
    }
}

impl Reconcile for ReplicaSets {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let Some(set) = self.replica_sets.get(&key) else { return Ok(Next::Wait) };
        let Some(selector) = selector_of(&set) else {
            // The API refuses such a selector; one that slipped in can only be mended by a change.
            warn!(%key, "the selector of this ReplicaSet cannot be read");
            return Ok(Next::Wait);
        };
        let candidates =
            self.pods.list_in(&key.namespace).into_iter().filter(|pod| !pods::is_finished(pod)).collect();
        let claimed = ownership::claim(&self.control.client, set.as_ref(), &selector, candidates).await?;
        let failure = self.bring_to_size(&set, &claimed).await.err();
        let next = self.write_status(&set, &claimed, failure.as_ref()).await?;
        match failure {
            Some(failure) if !failure.cause.is_namespace_going() => Err(failure.cause),
            _ if self.control.is_awaiting(set.as_ref()) => Ok(Next::After(WAIT_MAX)),
            _ => Ok(next),
        }
    }
}
