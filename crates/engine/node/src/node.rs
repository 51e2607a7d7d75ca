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
use crate::pods::eviction::Evictions;
use crate::pods::objects::ObjectCaches;
use crate::pods::resource_field::Capacity;
use crate::pods::runtime::Snapshot;
use crate::pods::static_pods::{StaticPods, mirrored_uid, with_mirror};

/// See the module's documentation.
pub(crate) struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) cri: Cri,
    pub(crate) client: Client,
    pub(crate) publisher: Publisher,
    pub(crate) pods: Cache<Pod>,
    pub(crate) static_pods: StaticPods,
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
    pub(crate) evictions: Evictions,
}

impl Node {
    /// The pod with this key and uid, if it is bound to this node. A static pod comes with its mirror's status.
    pub(crate) fn pod(&self, key: &ObjectKey, uid: &str) -> Option<Arc<Pod>> {
        let in_api = self.pods.get(key);
        if let Some(pod) = self.static_pods.get(uid) {
            return Some(with_mirror(&pod, in_api.as_deref()));
        }
        in_api.filter(|pod| {
            pod.metadata.uid.as_deref() == Some(uid) && self.owns(pod) && mirrored_uid(pod).is_none()
        })
    }

    /// The pod of this name that is to run on this node; for the mirror of a static pod the static pod itself.
    pub(crate) fn named_pod(&self, key: &ObjectKey) -> Option<Arc<Pod>> {
        let in_api = self.pods.get(key).filter(|pod| self.owns(pod))?;
        match mirrored_uid(&in_api) {
            Some(uid) => self.pod(key, uid),
            None => Some(in_api),
        }
    }

    /// All pods that are to run on this node.
    pub(crate) fn wanted_pods(&self) -> Vec<Arc<Pod>> {
        let mut pods = self.pods.list();
        pods.retain(|pod| self.owns(pod) && mirrored_uid(pod).is_none());
        pods.extend(self.static_pods.list());
        pods
    }

    /// Whether the pod is bound to this node.
    pub(crate) fn owns(&self, pod: &Pod) -> bool {
        pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(self.config.node_name.as_str())
    }
}
