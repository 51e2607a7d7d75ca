//! What all workers of the node share.

use std::sync::Arc;

use bythos_operator::event::Publisher;
use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use tokio::sync::{Notify, watch};

use crate::config::NodeConfig;
use crate::containerd::cgroup::CgroupVersion;
use crate::cri::Cri;
use crate::pods::objects::ObjectCaches;
use crate::pods::resource_field::Capacity;
use crate::pods::runtime::Snapshot;

/// See the module's documentation.
pub(crate) struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) cri: Cri,
    pub(crate) client: Client,
    pub(crate) publisher: Publisher,
    pub(crate) pods: Cache<Pod>,
    pub(crate) objects: ObjectCaches,
    /// What runs, as of the last look.
    pub(crate) snapshot: watch::Receiver<Arc<Snapshot>>,
    /// Asks for a look at what runs.
    pub(crate) look: Arc<Notify>,
    /// Why pods cannot have a network, in containerd's words; `None` if they can.
    pub(crate) no_network: watch::Receiver<Option<String>>,
    /// What the host has to give.
    pub(crate) capacity: Capacity,
    pub(crate) cgroup_version: CgroupVersion,
}

impl Node {
    /// The pod with this key and uid, if it is bound to this node.
    pub(crate) fn pod(&self, key: &ObjectKey, uid: &str) -> Option<Arc<Pod>> {
        self.pods.get(key).filter(|pod| pod.metadata.uid.as_deref() == Some(uid) && self.owns(pod))
    }

    /// Whether the pod is bound to this node.
    pub(crate) fn owns(&self, pod: &Pod) -> bool {
        pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(self.config.node_name.as_str())
    }
}
