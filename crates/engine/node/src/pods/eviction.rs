//! Ends pods that have outgrown the limits of their own storage: `emptyDir.sizeLimit`, and `ephemeral-storage` of their
//! containers. What they use is looked at every ten seconds, as the kubelet does; nothing tells that a folder grows.

mod limits;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bythos_operator::error_chain;
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use self::limits::Limits;
use self::usage::{Usage, UsageError};
use super::run::Round;
use super::runtime::PodInRuntime;
use super::start::PodView;
use super::status::Failure;
use super::worker::{StepError, Worker};
use crate::node::Node;

/// Reason of a pod that was ended by its node, and of the event that tells of it.
pub(crate) const EVICTED: &str = "Evicted";
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Whoever has outgrown a limit has no time to grow further.
const GRACE: Duration = Duration::from_secs(1);

/// Which pods are to end, by uid, and why.
#[derive(Debug, Default)]
pub(crate) struct Evictions(watch::Sender<BTreeMap<String, Failure>>);

impl Evictions {
    /// Why the pod with this uid is to end; `None` if it may go on.
    pub(crate) fn of(&self, uid: &str) -> Option<Failure> {
        self.0.borrow().get(uid).cloned()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<BTreeMap<String, Failure>> {
        self.0.subscribe()
    }

    /// The first reason stands.
    fn order(&self, uid: &str, message: String) {
        self.0.send_if_modified(|orders| {
            let is_new = !orders.contains_key(uid);
            if is_new {
                orders.insert(uid.to_owned(), Failure { reason: EVICTED, message });
            }
            is_new
        });
    }

    fn forget_all_but(&self, uids: &BTreeSet<&str>) {
        self.0.send_if_modified(|orders| {
            orders.retain(|uid, _| uids.contains(uid.as_str()));
            false
        });
    }
}

/// Looks at all pods that have limits, for ever.
pub(crate) async fn keep_within_limits(node: Arc<Node>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let pods = node.wanted_pods();
        let uids = pods.iter().filter_map(|pod| pod.metadata.uid.as_deref()).collect();
        node.evictions.forget_all_but(&uids);
        let snapshot = node.snapshot.borrow().clone();
        for pod in &pods {
            let uid = pod.metadata.uid.as_deref().unwrap_or_default();
            let Some(runtime) = snapshot.get(uid).filter(|runtime| runtime.running().next().is_some()) else {
                continue;
            };
            match outgrown(&node, pod, runtime).await {
                Ok(Some(message)) => node.evictions.order(uid, message),
                Ok(None) => {}
                Err(error) => {
                    warn!(uid, error = %error_chain(&error), "failed to look at the storage of a pod");
                }
            }
        }
    }
}

/// The first limit that the pod has outgrown, in words.
async fn outgrown(node: &Node, pod: &Pod, runtime: &PodInRuntime) -> Result<Option<String>, UsageError> {
    let Some(limits) = pod.spec.as_ref().and_then(Limits::of) else { return Ok(None) };
    Ok(limits.outgrown(&Usage::of(node, pod, runtime, &limits).await?))
}

impl Worker {
    /// Ends a pod whose node does not let it go on.
    pub(super) async fn evict(&mut self, view: PodView<'_>, eviction: Failure) -> Result<Round, StepError> {
        let events = self.events(view.pod);
        self.warn_once(&events, EVICTED, EVICTED, &eviction.message).await;
        self.finish(view, Some(eviction), GRACE).await
    }
}
