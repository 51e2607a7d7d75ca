//! What is written when a decision is made.

use std::sync::Arc;

use bythos_operator::ObjectKey;
use bythos_operator::event::{Publisher, Severity};
use k8s_openapi::api::core::v1::{
    Binding, ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod, PodCondition,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use serde_json::{Value, json};
use tracing::debug;

use crate::preempt::Preemption;
use crate::scheduler::NAME;
use crate::snapshot::{nominated_node, uid};
use crate::volumes::{Plan, SELECTED_NODE};

/// On a bond that was chosen here and not by the owner of the claim: it may be taken back.
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
const GATED: &str = "Scheduling is blocked due to non-empty scheduling gates";

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to bind pod {pod:?} to node {node:?}")]
    Bind {
        pod: String,
        node: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to say why pod {pod:?} has no node")]
    Tell {
        pod: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to keep volume {volume:?} for claim {claim:?}")]
    Reserve {
        claim: String,
        volume: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to choose node {node:?} for claim {claim:?}")]
    Provision {
        claim: String,
        node: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to make pod {pod:?} leave its node")]
    Evict {
        pod: String,
        #[source]
        source: Box<kube::Error>,
    },
}

/// Why a pod has no node.
pub(crate) enum Told {
    Unschedulable(String),
    Gated,
}

/// Speaks to the API.
pub(crate) struct Actor {
    client: Client,
    events: Publisher,
}

impl Actor {
    pub(crate) fn new(client: Client) -> Self {
        let events = Publisher::new(client.clone(), NAME);
        Actor { client, events }
    }

    fn pods(&self, key: &ObjectKey) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }

    /// Gives the pod its node; false if it is bound already, or gone.
    pub(crate) async fn bind(&self, pod: &Pod, node: &str) -> Result<bool, Error> {
        let key = ObjectKey::of(pod);
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(key.name.clone()),
                namespace: Some(key.namespace.clone()),
                uid: pod.metadata.uid.clone(),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Node".to_owned()),
                name: Some(node.to_owned()),
                ..ObjectReference::default()
            },
        };
        let bound: Result<Value, _> =
            self.pods(&key).create_subresource("binding", &key.name, &PostParams::default(), &binding).await;
        match bound {
            Ok(_) => {
                let message = format!("Successfully assigned {key} to {node}");
                self.events.publish(pod, Severity::Normal, "Scheduled", &message).await;
                Ok(true)
            }
            Err(error) if is_outrun(&error) => {
                debug!(pod = %key, "already bound, or gone");
                Ok(false)
            }
            Err(error) => {
                Err(Error::Bind { pod: key.to_string(), node: node.to_owned(), source: Box::new(error) })
            }
        }
    }

    /// Says why, once: the same words again are neither written nor published.
    pub(crate) async fn tell(&self, pod: &Pod, told: Told) -> Result<(), Error> {
        self.tell_and_nominate(pod, told, None).await
    }

    async fn tell_and_nominate(&self, pod: &Pod, told: Told, node: Option<&str>) -> Result<(), Error> {
        let (reason, message) = match &told {
            Told::Unschedulable(words) => ("Unschedulable", words.as_str()),
            Told::Gated => ("SchedulingGated", GATED),
        };
        let before = scheduled_condition(pod).filter(|before| before.status == "False");
        let is_said = before.is_some_and(|before| {
            before.message.as_deref() == Some(message) && before.reason.as_deref() == Some(reason)
        });
        let is_nominated = node.is_none_or(|node| nominated_node(pod) == Some(node));
        if is_said && is_nominated {
            return Ok(());
        }
        let condition = PodCondition {
            type_: "PodScheduled".to_owned(),
            status: "False".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_transition_time: before
                .and_then(|before| before.last_transition_time.clone())
                .or(Some(Time(Timestamp::now()))),
            ..PodCondition::default()
        };
        let mut status = json!({ "conditions": [condition] });
        if let Some(node) = node {
            status["nominatedNodeName"] = json!(node);
        }
        let told_before = !self.patch_status(pod, status).await? || is_said;
        if !told_before && let Told::Unschedulable(words) = &told {
            self.events.publish(pod, Severity::Warning, "FailedScheduling", words).await;
        }
        Ok(())
    }

    /// False if the pod has changed or is gone.
    async fn patch_status(&self, pod: &Pod, status: Value) -> Result<bool, Error> {
        let key = ObjectKey::of(pod);
        // Strategic, so that conditions of others stay: they are merged by their type.
        let patch = json!({ "metadata": { "uid": pod.metadata.uid }, "status": status });
        let params = PatchParams::default();
        match self.pods(&key).patch_status(&key.name, &params, &Patch::Strategic(patch)).await {
            Ok(_) => Ok(true),
            Err(error) if is_outrun(&error) => Ok(false),
            Err(error) => Err(Error::Tell { pod: key.to_string(), source: Box::new(error) }),
        }
    }

    /// Keeps volumes for the pod's claims, and tells the others for which node theirs are to be made.
    pub(crate) async fn furnish(&self, plan: &Plan, node: &str) -> Result<(), Error> {
        for (claim, volume) in &plan.reserved {
            self.reserve(claim, volume).await?;
        }
        for claim in plan.made.iter().filter(|claim| claim.selected_node() != Some(node)) {
            self.provision(&claim.key(), node).await?;
        }
        Ok(())
    }

    /// Writes the claim into the volume; the claim's controller does the rest. If somebody was faster, that change
    /// brings the pod back.
    async fn reserve(&self, claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> Result<(), Error> {
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let reference = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("PersistentVolumeClaim".to_owned()),
            namespace: claim.metadata.namespace.clone(),
            name: claim.metadata.name.clone(),
            uid: claim.metadata.uid.clone(),
            resource_version: claim.metadata.resource_version.clone(),
            ..ObjectReference::default()
        };
        let patch = json!({
            "metadata": {
                "uid": volume.metadata.uid,
                "resourceVersion": volume.metadata.resource_version,
                "annotations": { BOUND_BY_CONTROLLER: "yes" },
            },
            "spec": { "claimRef": reference },
        });
        let api = Api::<PersistentVolume>::all(self.client.clone());
        match api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Err(error) if !is_outrun(&error) => {
                let claim = ObjectKey::of(claim).to_string();
                Err(Error::Reserve { claim, volume: name.to_owned(), source: Box::new(error) })
            }
            _ => Ok(()),
        }
    }

    async fn provision(&self, claim: &ObjectKey, node: &str) -> Result<(), Error> {
        let api = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), &claim.namespace);
        let patch = json!({ "metadata": { "annotations": { SELECTED_NODE: node } } });
        match api.patch(&claim.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Err(error) if !is_outrun(&error) => {
                let (claim, node) = (claim.to_string(), node.to_owned());
                Err(Error::Provision { claim, node, source: Box::new(error) })
            }
            _ => Ok(()),
        }
    }

    /// Makes room for the pod, and keeps it from others until it is bound.
    pub(crate) async fn preempt(
        &self,
        pod: &Pod,
        preemption: &Preemption,
        standing_back: &[Arc<Pod>],
        words: String,
    ) -> Result<(), Error> {
        let node = preemption.node.as_str();
        // First of all: a Bythos that ends here begins again with the same node.
        self.tell_and_nominate(pod, Told::Unschedulable(words), Some(node)).await?;
        for victim in preemption.victims.iter().filter(|victim| victim.metadata.deletion_timestamp.is_none())
        {
            self.evict(victim, pod, node).await?;
        }
        for other in standing_back {
            self.patch_status(other, json!({ "nominatedNodeName": null })).await?;
        }
        Ok(())
    }

    async fn evict(&self, victim: &Pod, pod: &Pod, node: &str) -> Result<(), Error> {
        let condition = PodCondition {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
            reason: Some("PreemptionByScheduler".to_owned()),
            message: Some(format!("{NAME}: preempting to accommodate a higher priority pod")),
            last_transition_time: Some(Time(Timestamp::now())),
            ..PodCondition::default()
        };
        if !self.patch_status(victim, json!({ "conditions": [condition] })).await? {
            return Ok(());
        }
        let key = ObjectKey::of(victim);
        let preconditions = Preconditions { uid: victim.metadata.uid.clone(), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match self.pods(&key).delete(&key.name, &params).await {
            Err(error) if !is_outrun(&error) => {
                return Err(Error::Evict { pod: key.to_string(), source: Box::new(error) });
            }
            _ => {}
        }
        let message = format!("Preempted by pod {} on node {node}", uid(pod));
        self.events.publish(victim, Severity::Normal, "Preempted", &message).await;
        Ok(())
    }
}

fn scheduled_condition(pod: &Pod) -> Option<&PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == "PodScheduled")
}

/// The pod has changed or is gone; if it still wants a node, that change brings it back.
fn is_outrun(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if ["Conflict", "NotFound"].contains(&status.reason.as_str()))
}
