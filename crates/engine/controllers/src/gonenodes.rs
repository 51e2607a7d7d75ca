//! What nodes that are gone leave behind, and nobody else takes away: their pods, and their Leases.
//!
//! Pods that have ended go at once. Those that still seem to run go when the node has been away for a while: the
//! engine's one node registers itself again when somebody deletes it, and adopts what it finds under its name; under
//! another name, as after a move to another machine, it never will.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::call::{self, CallError};
use crate::pod_end::{self, Cause};
use crate::pods;
use crate::reconcile::{self, Reconcile};

/// How long a node has to be away, as upstream has it.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(40);
/// Where nodes renew their Leases.
const LEASES: &str = "kube-node-lease";
const NODE_GONE: Cause = Cause { reason: "DeletionByPodGC", message: "PodGC: node no longer exists" };

pub(crate) struct GoneNodes {
    client: Client,
    nodes: Cache<Node>,
    pods: Cache<Pod>,
    quarantine: Duration,
    /// Since when nodes are known to be away that still have pods.
    away: Mutex<BTreeMap<String, Instant>>,
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty())
}

impl GoneNodes {
    pub(crate) fn new(
        client: Client,
        nodes: Cache<Node>,
        pods: Cache<Pod>,
        quarantine: Duration,
    ) -> GoneNodes {
        GoneNodes { client, nodes, pods, quarantine, away: Mutex::default() }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("gone nodes")
            .reconciles(&self.nodes)
            .watches(&self.pods, |pod| node_of(pod).map(ObjectKey::cluster).into_iter().collect());
        // Nodes that went while nobody looked are known by their Leases alone.
        match Api::<Lease>::namespaced(self.client.clone(), LEASES)
            .list_metadata(&ListParams::default())
            .await
        {
            Ok(leases) => {
                let names = leases.items.into_iter().filter_map(|lease| lease.metadata.name);
                names.for_each(|name| controller.trigger().add(ObjectKey::cluster(name)));
            }
            Err(error) => warn!(%error, "the Leases of nodes cannot be listed; those of gone nodes stay"),
        }
        reconcile::run(controller, 1, shutdown, self).await;
    }

    /// The cache alone is no proof that a node is gone.
    async fn is_there(&self, key: &ObjectKey) -> Result<bool, CallError> {
        if self.nodes.get(key).is_some() {
            return Ok(true);
        }
        let live = Api::<Node>::all(self.client.clone()).get_opt(&key.name).await;
        live.map(|node| node.is_some()).map_err(CallError::on::<Node>("get", key))
    }

    fn pods_of(&self, node: &str) -> Vec<Arc<Pod>> {
        self.pods.list().into_iter().filter(|pod| node_of(pod) == Some(node)).collect()
    }

    /// How long the node has to stay away until its pods go.
    fn rest_of_quarantine(&self, node: &str) -> Duration {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let since = away.entry(node.to_owned()).or_insert_with(Instant::now);
        self.quarantine.saturating_sub(since.elapsed())
    }

    fn forget(&self, node: &str) {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).remove(node);
    }

    async fn remove_lease(&self, node: &str) -> Result<(), CallError> {
        let api = Api::<Lease>::namespaced(self.client.clone(), LEASES);
        let lease = api.get_opt(node).await.map_err(CallError::on::<Lease>("get", node))?;
        let Some(lease) = lease else { return Ok(()) };
        match call::delete(&self.client, &lease).await {
            Err(error) if !error.is_outrun() => Err(error),
            _ => Ok(()),
        }
    }
}

impl Reconcile for GoneNodes {
    type Error = CallError;

    /// The key is that of a node.
    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        if self.is_there(&key).await? {
            self.forget(&key.name);
            return Ok(Next::Wait);
        }
        let (ended, running): (Vec<_>, Vec<_>) =
            self.pods_of(&key.name).into_iter().partition(|pod| pods::is_finished(pod));
        for pod in &ended {
            pod_end::remove(&self.client, pod, None).await?;
        }
        self.remove_lease(&key.name).await?;
        if running.is_empty() {
            self.forget(&key.name);
            return Ok(Next::Wait);
        }
        let rest = self.rest_of_quarantine(&key.name);
        if !rest.is_zero() {
            return Ok(Next::After(rest));
        }
        for pod in &running {
            pod_end::remove(&self.client, pod, Some(NODE_GONE)).await?;
        }
        Ok(Next::Wait)
    }
}

#[cfg(test)]
mod tests {
    use bythos_testing::{Engine, eventually};
    use serde_json::{from_value, json};

    use super::*;

    #[tokio::test]
    async fn pods_of_a_node_that_stays_away_fail_and_go_and_one_that_comes_back_keeps_its_own()
    -> anyhow::Result<()> {
        let engine = Engine::start().await?;
        let client = engine.admin.clone();
        let (nodes, pods) =
            (Api::<Node>::all(client.clone()), Api::<Pod>::namespaced(client.clone(), "default"));
        let node = |name: &str| from_value(json!({ "metadata": { "name": name } }));
        nodes.create(&Default::default(), &node("there")?).await?;
        for name in ["there", "away"] {
            let spec = json!({ "nodeName": name, "containers": [{ "name": "c", "image": "i" }] });
            // The finalizer keeps it to be looked at.
            let metadata = json!({ "name": name, "finalizers": ["example.com/look"] });
            pods.create(&Default::default(), &from_value(json!({ "metadata": metadata, "spec": spec }))?)
                .await?;
        }
        let caches = engine.caches.for_part(client.clone());
        let quarantine = Duration::from_millis(300);
        let gone = GoneNodes::new(client.clone(), caches.of().await?, caches.of().await?, quarantine);
        let run = tokio::spawn(gone.run(CancellationToken::new()));
        let status = eventually("the pod to be given up", || async {
            let pod = pods.get("away").await.ok()?;
            pod.metadata.deletion_timestamp.is_some().then_some(pod.status?)
        })
        .await?;
        assert_eq!(status.phase.as_deref(), Some("Failed"));
        let reasons: Vec<_> =
            status.conditions.iter().flatten().filter(|one| one.type_ == "DisruptionTarget").collect();
        assert_eq!(reasons.first().and_then(|one| one.reason.as_deref()), Some("DeletionByPodGC"));
        assert!(pods.get("there").await?.metadata.deletion_timestamp.is_none());
        run.abort();
        Ok(())
    }
}
