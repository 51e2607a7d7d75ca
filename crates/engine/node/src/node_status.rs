//! The Node object and the Lease by which the node says that it is alive.

mod objects;

use std::path::Path;
use std::time::Duration;

use bythos_operator::apply::{self, ApplyError};
use bythos_operator::error_chain;
use k8s_openapi::api::core::v1::{Node, NodeStatus};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::warn;

use self::objects::{Facts, lease, node, status, without_heartbeats};
use crate::config::NodeConfig;
use crate::host::Host;
use crate::pods::resource_field::Capacity;

const MANAGER: &str = "bythos-node";
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A status that does not change is written again after this time, as the kubelet does.
const STATUS_PERIOD: Duration = Duration::from_secs(300);

/// The node cannot make itself known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error("failed to apply an object of the node")]
    Apply(#[from] ApplyError),
    #[error("failed to write the status of the node")]
    Status(#[source] Box<kube::Error>),
}

/// Keeps the node known and alive in the API.
pub(crate) struct Heart {
    client: Client,
    config: NodeConfig,
    runtime_version: String,
    node: Node,
    written_at: Option<Instant>,
}

impl Heart {
    /// Makes the node known. `runtime_version` is that of containerd.
    pub(crate) async fn register(
        client: &Client,
        config: &NodeConfig,
        runtime_version: String,
    ) -> Result<Self, RegisterError> {
        let node = apply::cluster(client, MANAGER, &node(config)).await?;
        Ok(Heart { client: client.clone(), config: config.clone(), runtime_version, node, written_at: None })
    }

    /// Renews the Lease and keeps the status true, for ever. What fails is tried again with the next beat.
    pub(crate) async fn beat(mut self, mut not_ready: watch::Receiver<Option<String>>) {
        let mut beats = tokio::time::interval(HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beats.tick() => {
                    let lease = lease(&self.config, &self.node);
                    if let Err(error) = apply::namespaced(&self.client, MANAGER, &lease).await {
                        warn!(error = %error_chain(&error), "failed to renew the lease of the node");
                    }
                }
                Ok(()) = not_ready.changed() => {}
            }
            let reason = not_ready.borrow_and_update().clone();
            if let Err(error) = self.write_status(reason).await {
                warn!(error = %error_chain(&error), "the status of the node is not up to date");
            }
        }
    }

    async fn write_status(&mut self, not_ready: Option<String>) -> Result<(), RegisterError> {
        let host = Host::now(&self.config.root);
        let facts = Facts { host, runtime_version: &self.runtime_version, not_ready };
        let before = self.node.status.clone().unwrap_or_default();
        let fresh = status(&self.config, &facts, &before, Timestamp::now());
        let is_due = self.written_at.is_none_or(|at| at.elapsed() > STATUS_PERIOD);
        if !is_due && without_heartbeats(&fresh) == without_heartbeats(&before) {
            return Ok(());
        }
        match self.patch_status(&fresh).await {
            Err(kube::Error::Api(answer)) if answer.is_not_found() => {
                // Somebody removed the node while it is at work.
                self.node = apply::cluster(&self.client, MANAGER, &node(&self.config)).await?;
                self.written_at = None;
                return Ok(());
            }
            written => written.map_err(|source| RegisterError::Status(Box::new(source)))?,
        }
        self.node.status = Some(fresh);
        self.written_at = Some(Instant::now());
        Ok(())
    }

    async fn patch_status(&self, status: &NodeStatus) -> Result<(), kube::Error> {
        let patch = json!({ "status": status });
        let nodes = Api::<Node>::all(self.client.clone());
        nodes
            .patch_status(&self.config.node_name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .map(drop)
    }
}

/// What the host has to give.
pub(crate) fn capacity(data: &Path) -> Capacity {
    let host = Host::now(data);
    let whole = |figure: u64| i64::try_from(figure).unwrap_or(i64::MAX);
    Capacity {
        processors: i64::try_from(host.processors).unwrap_or(1),
        memory_bytes: whole(host.memory_bytes),
        storage_bytes: whole(host.storage_bytes),
    }
}
