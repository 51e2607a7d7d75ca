//! ReplicaSet: keeps as many pods as it says.
//!
//! One reconciliation claims the pods that the selector matches, makes or deletes what is too few or too many, and
//! writes the status, on failure too. The cache may lag behind what was done here a moment ago;
//! [`expectations`] keeps that from being done twice.

mod build;
mod expectations;
mod ranking;
mod status;

use std::sync::Arc;

use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use futures::future::join_all;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::Selector;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::call::CallError;
use crate::{ownership, pods};
use expectations::{Expectations, Sign, WAIT_MAX};
use status::Failure;

/// Most pods that one reconciliation makes or deletes.
const BURST: usize = 500;
const WORKERS: usize = 4;

pub(crate) struct ReplicaSets {
    client: Client,
    replica_sets: Cache<ReplicaSet>,
    pods: Cache<Pod>,
    events: Publisher,
    expectations: Arc<Expectations>,
}

impl ReplicaSets {
    /// Learns first what the pod cache does not show yet, so that a fresh start repeats nothing either.
    pub(crate) async fn new(
        client: Client,
        replica_sets: Cache<ReplicaSet>,
        pods: Cache<Pod>,
    ) -> Result<ReplicaSets, CallError> {
        let expectations = Arc::new(Expectations::default());
        expectations.observe(&pods);
        expectations.catch_up(&client, &pods).await?;
        let events = Publisher::new(client.clone(), "replicaset-controller");
        Ok(ReplicaSets { client, replica_sets, pods, events, expectations })
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("replicaset")
            .reconciles(&self.replica_sets)
            .watches(&self.pods, self.keys_of_pods());
        let this = Arc::new(self);
        controller
            .run(WORKERS, shutdown, move |key| {
                let this = this.clone();
                async move { this.reconcile(key).await }
            })
            .await;
    }

    /// The ReplicaSet that controls a pod; for an orphan, all that could adopt it.
    fn keys_of_pods(&self) -> impl Fn(&Pod) -> Vec<ObjectKey> + Send + Sync + use<> {
        let selectors = Arc::new(crate::selectors::Selectors::default());
        selectors.follow(&self.replica_sets, |set: &ReplicaSet| {
            Selector::try_from(set.spec.selector.clone()).ok()
        });
        move |pod| match ownership::controller_of(&pod.metadata) {
            Some(owner) if owner.kind == "ReplicaSet" => {
                ObjectKey::of_controller(pod, "ReplicaSet").into_iter().collect()
            }
            Some(_) => Vec::new(),
            None => selectors.matching(&pod.metadata),
        }
    }

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let Some(set) = self.replica_sets.get(&key) else { return Ok(Next::Wait) };
        let Ok(selector) = Selector::try_from(set.spec.selector.clone()) else {
            // The API refuses such a selector; one that slipped in can only be mended by a change.
            warn!(%key, "the selector of this ReplicaSet cannot be read");
            return Ok(Next::Wait);
        };
        let candidates =
            self.pods.list_in(&key.namespace).into_iter().filter(|pod| !pods::is_finished(pod)).collect();
        let claimed = ownership::claim(&self.client, set.as_ref(), &selector, candidates).await?;
        let failure = self.bring_to_size(&set, &claimed).await.err();
        let next = self.write_status(&set, &claimed, failure.as_ref()).await?;
        match failure {
            Some(failure) if !failure.cause.is_namespace_terminating() => Err(failure.cause),
            _ if self.expectations.is_awaiting(&set.metadata) => Ok(Next::After(WAIT_MAX)),
            _ => Ok(next),
        }
    }

    async fn bring_to_size(&self, set: &ReplicaSet, claimed: &[Arc<Pod>]) -> Result<(), Failure> {
        if set.metadata.deletion_timestamp.is_some() || self.expectations.is_awaiting(&set.metadata) {
            return Ok(());
        }
        let active: Vec<_> = claimed.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
        let desired = usize::try_from(status::desired_replicas(set)).unwrap_or_default();
        if active.len() < desired {
            self.create(set, (desired - active.len()).min(BURST)).await.map_err(Failure::create)
        } else {
            let surplus = (active.len() - desired).min(BURST);
            self.delete(set, &ranking::first_to_go(active, surplus)).await.map_err(Failure::delete)
        }
    }

    /// Makes `count` pods in batches that double, so that what refuses one pod is not asked for hundreds.
    async fn create(&self, set: &ReplicaSet, count: usize) -> Result<(), CallError> {
        let mut remaining = count;
        let mut batch = 1;
        while remaining > 0 {
            let size = batch.min(remaining);
            let made = join_all((0..size).map(|_| self.create_one(set))).await;
            made.into_iter().collect::<Result<(), _>>()?;
            remaining -= size;
            batch *= 2;
        }
        Ok(())
    }

    async fn create_one(&self, set: &ReplicaSet) -> Result<(), CallError> {
        let pod = build::pod(set);
        let key = ObjectKey::of(&pod);
        let appearance = Sign::Appearance(key.name.clone());
        self.expectations.expect(&set.metadata, appearance.clone());
        let api = Api::<Pod>::namespaced(self.client.clone(), &key.namespace);
        let made =
            api.create(&PostParams::default(), &pod).await.map_err(CallError::on::<Pod>("create", &key));
        match &made {
            Ok(_) => {
                let message = format!("Created pod: {}", key.name);
                self.events.publish(set, Severity::Normal, "SuccessfulCreate", &message).await;
            }
            Err(error) => {
                self.expectations.settle(&set.metadata, &appearance);
                if !error.is_namespace_terminating() {
                    let message = format!("Error creating: {}", error.cause());
                    self.events.publish(set, Severity::Warning, "FailedCreate", &message).await;
                }
            }
        }
        made.map(drop)
    }

    async fn delete(&self, set: &ReplicaSet, surplus: &[Arc<Pod>]) -> Result<(), CallError> {
        let gone = join_all(surplus.iter().map(|pod| self.delete_one(set, pod))).await;
        gone.into_iter().collect()
    }

    async fn delete_one(&self, set: &ReplicaSet, pod: &Pod) -> Result<(), CallError> {
        let key = ObjectKey::of(pod);
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let end = Sign::End(uid.clone());
        self.expectations.expect(&set.metadata, end.clone());
        let preconditions = Preconditions { uid: Some(uid), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let api = Api::<Pod>::namespaced(self.client.clone(), &key.namespace);
        match api.delete(&key.name, &params).await.map_err(CallError::on::<Pod>("delete", &key)) {
            Ok(_) => {
                let message = format!("Deleted pod: {}", key.name);
                self.events.publish(set, Severity::Normal, "SuccessfulDelete", &message).await;
                Ok(())
            }
            Err(error) => {
                self.expectations.settle(&set.metadata, &end);
                if error.is_outrun() {
                    return Ok(());
                }
                let message = format!("Error deleting: {}", error.cause());
                self.events.publish(set, Severity::Warning, "FailedDelete", &message).await;
                Err(error)
            }
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
        let key = ObjectKey::of(set);
        let updated = ReplicaSet { status: Some(status), ..set.clone() };
        let api = Api::<ReplicaSet>::namespaced(self.client.clone(), &key.namespace);
        let written = api.replace_status(&key.name, &PostParams::default(), &updated).await;
        match written.map_err(CallError::on::<ReplicaSet>("write the status of", &key)) {
            Err(error) if !error.is_outrun() => Err(error),
            _ => Ok(next),
        }
    }
}
