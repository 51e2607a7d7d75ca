//! What nodes that are gone leave behind, and nobody else takes away: pods that have ended, and the node's Lease.
//!
//! Pods that still seem to run there stay: the engine's one node adopts what it finds under its name.

use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::call::{self, CallError};
use crate::pods;
use crate::reconcile::{self, Reconcile};

/// Where nodes renew their Leases.
const LEASES: &str = "kube-node-lease";

pub(crate) struct GoneNodes {
    pub(crate) client: Client,
    pub(crate) nodes: Cache<Node>,
    pub(crate) pods: Cache<Pod>,
}

/// The node of a pod that has ended.
fn node_of_finished(pod: &Pod) -> Option<&str> {
    let node = pod.spec.as_ref()?.node_name.as_deref()?;
    (pods::is_finished(pod) && !node.is_empty()).then_some(node)
}

impl GoneNodes {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("gone nodes")
            .reconciles(&self.nodes)
            .watches(&self.pods, |pod| node_of_finished(pod).map(ObjectKey::cluster).into_iter().collect());
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
        if self.nodes.get(&key).is_some() {
            return Ok(Next::Wait);
        }
        // The cache alone is no proof that a node is gone.
        let live = Api::<Node>::all(self.client.clone()).get_opt(&key.name).await;
        if live.map_err(CallError::on::<Node>("get", &key))?.is_some() {
            return Ok(Next::Wait);
        }
        let ended =
            self.pods.list().into_iter().filter(|pod| node_of_finished(pod) == Some(key.name.as_str()));
        for pod in ended {
            let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
            match call::delete_with(&self.client, pod.as_ref(), now).await {
                Err(error) if !error.is_outrun() => return Err(error),
                _ => {}
            }
        }
        self.remove_lease(&key.name).await?;
        Ok(Next::Wait)
    }
}
