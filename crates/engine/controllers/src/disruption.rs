//! PodDisruptionBudget: how many of its pods may be taken away now.
//!
//! Only the status is kept here; the API's eviction reads it, and writes down which pods it lets go. Those count as
//! gone until they are, or for two minutes.

mod budget;
mod expected;

use std::sync::Arc;

use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::core::{Selector, SelectorExt as _};
use tokio_util::sync::CancellationToken;

use crate::call::{self, CallError};
use crate::reconcile::{self, Reconcile};
use crate::selectors::Selectors;
use expected::Owners;

const WORKERS: usize = 1;

pub(crate) struct Budgets {
    client: Client,
    budgets: Cache<PodDisruptionBudget>,
    pods: Cache<Pod>,
    owners: Owners,
    events: Publisher,
}

fn selector_of(budget: &PodDisruptionBudget) -> Option<Selector> {
    Selector::try_from(budget.spec.as_ref()?.selector.clone()?).ok()
}

impl Budgets {
    pub(crate) fn new(
        client: Client,
        budgets: Cache<PodDisruptionBudget>,
        pods: Cache<Pod>,
        (deployments, replica_sets, stateful_sets): (
            Cache<Deployment>,
            Cache<ReplicaSet>,
            Cache<StatefulSet>,
        ),
    ) -> Budgets {
        let events = Publisher::new(client.clone(), "controllermanager");
        Budgets { client, budgets, pods, owners: Owners { deployments, replica_sets, stateful_sets }, events }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let selectors = Arc::new(Selectors::default());
        selectors.follow(&self.budgets, selector_of);
        let controller = Controller::new("poddisruptionbudget")
            .reconciles(&self.budgets)
            .watches(&self.pods, move |pod| selectors.matching(&pod.metadata));
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    fn pods_of(&self, key: &ObjectKey, budget: &PodDisruptionBudget) -> Vec<Arc<Pod>> {
        let Some(selector) = selector_of(budget) else { return Vec::new() };
        let no_labels = Default::default();
        let in_namespace = self.pods.list_in(&key.namespace).into_iter();
        in_namespace
            .filter(|pod| selector.matches(pod.metadata.labels.as_ref().unwrap_or(&no_labels)))
            .collect()
    }
}

impl Reconcile for Budgets {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let Some(budget) = self.budgets.get(&key) else { return Ok(Next::Wait) };
        let pods = self.pods_of(&key, &budget);
        if pods.is_empty() {
            self.events.publish(budget.as_ref(), Severity::Normal, "NoPods", "No matching pods found").await;
        }
        let expected = self.owners.expected(&budget, &pods);
        if let Err(error) = &expected {
            let message = format!("Failed to calculate the number of expected pods: {error}");
            let reason = "CalculateExpectedPodCountFailed";
            self.events.publish(budget.as_ref(), Severity::Warning, reason, &message).await;
        }
        let (status, next) = budget::status(&budget, &pods, expected, Timestamp::now());
        if budget.status.as_ref() != Some(&status) {
            let updated = PodDisruptionBudget { status: Some(status), ..budget.as_ref().clone() };
            call::write_status(&self.client, &updated).await?;
        }
        Ok(next)
    }
}
