//! PersistentVolumeClaim: bound to a volume that fits, or to one that is made for it.
//!
//! One reconciliation decides (pure: [`binding`]) what a claim waits for or which volume it gets, and takes the next
//! steps of a bond: the volume names the claim, the claim names the volume, the claim says that it is bound. A class
//! that waits for its first consumer waits until the scheduler has chosen a node or kept a volume that lies ready, or
//! until a pod that uses the claim has a node. While a scheduled pod uses a claim, the finalizer `kubernetes.io/pvc-protection` keeps it.

mod binding;
mod provision;
mod users;

use std::path::PathBuf;
use std::sync::Arc;

use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{
    Node, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod,
};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::call::{self, CallError};
use crate::reconcile::{self, Reconcile};
use binding::Decision;

const WORKERS: usize = 2;
const PROTECTION: &str = "kubernetes.io/pvc-protection";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// On a bond that the controller chose: it may be taken back.
pub(crate) const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";

pub(crate) struct Claims {
    client: Client,
    claims: Cache<PersistentVolumeClaim>,
    volumes: Cache<PersistentVolume>,
    classes: Cache<StorageClass>,
    pods: Cache<Pod>,
    nodes: Cache<Node>,
    events: Publisher,
    /// Where the volumes of class `local` lie.
    folder: PathBuf,
}

/// What claims are decided on.
pub(crate) struct Sources {
    pub(crate) claims: Cache<PersistentVolumeClaim>,
    pub(crate) volumes: Cache<PersistentVolume>,
    pub(crate) classes: Cache<StorageClass>,
    pub(crate) pods: Cache<Pod>,
    pub(crate) nodes: Cache<Node>,
}

impl Claims {
    pub(crate) fn new(client: Client, sources: Sources, folder: PathBuf) -> Claims {
        let events = Publisher::new(client.clone(), "persistentvolume-controller");
        let Sources { claims, volumes, classes, pods, nodes } = sources;
        Claims { client, claims, volumes, classes, pods, nodes, events, folder }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let waiting = Arc::new(users::Waiting::default());
        waiting.follow(&self.claims);
        let for_classes = waiting.clone();
        let controller = Controller::new("persistentvolumeclaim")
            .reconciles(&self.claims)
            .watches(&self.pods, users::claims_of)
            .watches(&self.classes, move |_| for_classes.all())
            .watches(&self.volumes, move |volume| match users::claim_of_volume(volume) {
                Some(claim) => vec![claim],
                // A volume that is free may be what somebody waits for.
                None => waiting.all(),
            });
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    async fn bring_on(&self, claim: &PersistentVolumeClaim) -> Result<(), CallError> {
        let sight = binding::Sight {
            volumes: self.volumes.list(),
            classes: self.classes.list(),
            nodes: self.nodes.list(),
            node: users::node_of(claim, &self.pods),
            has_users: users::has_any(claim, &self.pods),
        };
        match binding::decide(claim, &sight) {
            Decision::Lost => self.set_phase(claim, "Lost").await,
            Decision::Classify { class } => {
                self.patch(claim, json!({ "spec": { "storageClassName": class } })).await
            }
            Decision::Bind { volume } => self.bind(claim, &volume).await,
            Decision::Provision { class, node } => self.provision(claim, &class, &node).await,
            Decision::Wait { reason, message } => {
                self.tell(claim, Severity::Normal, reason, &message).await;
                Ok(())
            }
            Decision::Refuse { reason, message } => {
                self.tell(claim, Severity::Warning, reason, &message).await;
                Ok(())
            }
            Decision::Nothing => Ok(()),
        }
    }

    async fn provision(
        &self,
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
        node: &str,
    ) -> Result<(), CallError> {
        let node = self
            .nodes
            .get(&ObjectKey::cluster(node))
            .map_or_else(|| node.to_owned(), |node| provision::hostname(&node).to_owned());
        let volume = provision::volume(claim, class, &node, &self.folder);
        let name = volume.metadata.name.clone().unwrap_or_default();
        let api = Api::<PersistentVolume>::all(self.client.clone());
        let made = api.create(&PostParams::default(), &volume).await;
        let made = match made.map_err(CallError::on::<PersistentVolume>("create", &name)) {
            Ok(made) => {
                let message = format!("Successfully provisioned volume {name}");
                self.tell(claim, Severity::Normal, "ProvisioningSucceeded", &message).await;
                made
            }
            Err(error) if error.is_already_exists() => {
                api.get(&name).await.map_err(CallError::on::<PersistentVolume>("get", &name))?
            }
            Err(error) => {
                let message = format!("failed to provision volume: {}", error.cause());
                self.tell(claim, Severity::Warning, "ProvisioningFailed", &message).await;
                return Err(error);
            }
        };
        self.bind(claim, &made).await
    }

    /// Takes the steps of the bond that are not taken yet.
    async fn bind(&self, claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> Result<(), CallError> {
        let Some(volume) = self.claim_volume(claim, volume).await? else { return Ok(()) };
        let name = volume.metadata.name.clone().unwrap_or_default();
        let annotations = claim.metadata.annotations.as_ref();
        let is_complete = annotations.is_some_and(|annotations| annotations.contains_key(BIND_COMPLETED));
        let chosen = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or_default();
        if chosen != name || !is_complete {
            let mut annotations = json!({ BIND_COMPLETED: "yes" });
            if chosen.is_empty() {
                annotations[BOUND_BY_CONTROLLER] = json!("yes");
            }
            let patch = json!({ "metadata": { "annotations": annotations }, "spec": { "volumeName": name } });
            // The change brings the claim back.
            return self.patch(claim, patch).await;
        }
        let spec = volume.spec.clone().unwrap_or_default();
        let status = PersistentVolumeClaimStatus {
            phase: Some("Bound".to_owned()),
            access_modes: spec.access_modes,
            capacity: spec.capacity,
            ..claim.status.clone().unwrap_or_default()
        };
        if claim.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let updated = PersistentVolumeClaim { status: Some(status), ..claim.clone() };
        call::write_status(&self.client, &updated).await.map(drop)
    }

    /// Writes the claim into the volume. None if somebody was faster.
    async fn claim_volume(
        &self,
        claim: &PersistentVolumeClaim,
        volume: &PersistentVolume,
    ) -> Result<Option<PersistentVolume>, CallError> {
        let before = volume.spec.as_ref().and_then(|spec| spec.claim_ref.clone());
        if before.as_ref().is_some_and(|before| before.uid == claim.metadata.uid) {
            return Ok(Some(volume.clone()));
        }
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let mut patch = json!({
            "metadata": { "resourceVersion": volume.metadata.resource_version, "uid": volume.metadata.uid },
            "spec": { "claimRef": provision::reference(claim) },
        });
        if before.is_none() {
            patch["metadata"]["annotations"] = json!({ BOUND_BY_CONTROLLER: "yes" });
        }
        let api = Api::<PersistentVolume>::all(self.client.clone());
        let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        match patched.map_err(CallError::on::<PersistentVolume>("claim", name)) {
            Ok(patched) => Ok(Some(patched)),
            Err(error) if error.is_outrun() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds the finalizer while the claim stays, and takes it off when nobody uses a claim that is to go.
    async fn protect(&self, claim: &PersistentVolumeClaim) -> Result<(), CallError> {
        let finalizers = claim.metadata.finalizers.clone().unwrap_or_default();
        let is_protected = finalizers.iter().any(|finalizer| finalizer == PROTECTION);
        let is_ending = claim.metadata.deletion_timestamp.is_some();
        let wanted: Vec<String> = match (is_ending, is_protected) {
            (false, false) => finalizers.into_iter().chain([PROTECTION.to_owned()]).collect(),
            (true, true) if users::node_of(claim, &self.pods).is_none() => {
                finalizers.into_iter().filter(|finalizer| finalizer != PROTECTION).collect()
            }
            _ => return Ok(()),
        };
        let version = &claim.metadata.resource_version;
        self.patch(claim, json!({ "metadata": { "finalizers": wanted, "resourceVersion": version } })).await
    }

    async fn set_phase(&self, claim: &PersistentVolumeClaim, phase: &str) -> Result<(), CallError> {
        let before = claim.status.clone().unwrap_or_default();
        if before.phase.as_deref() == Some(phase) {
            return Ok(());
        }
        if phase == "Lost" {
            let message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
            self.tell(claim, Severity::Warning, "ClaimLost", message).await;
        }
        let status = PersistentVolumeClaimStatus { phase: Some(phase.to_owned()), ..before };
        let updated = PersistentVolumeClaim { status: Some(status), ..claim.clone() };
        call::write_status(&self.client, &updated).await.map(drop)
    }

    async fn patch(&self, claim: &PersistentVolumeClaim, mut patch: Value) -> Result<(), CallError> {
        let key = ObjectKey::of(claim);
        patch["metadata"]["uid"] = json!(claim.metadata.uid);
        let api = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), &key.namespace);
        let patched = api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await;
        match patched.map_err(CallError::on::<PersistentVolumeClaim>("change", &key)) {
            Err(error) if !error.is_outrun() => Err(error),
            _ => Ok(()),
        }
    }

    async fn tell(&self, claim: &PersistentVolumeClaim, severity: Severity, reason: &str, message: &str) {
        self.events.publish(claim, severity, reason, message).await;
    }
}

impl Reconcile for Claims {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let Some(claim) = self.claims.get(&key) else { return Ok(Next::Wait) };
        self.protect(&claim).await?;
        if claim.metadata.deletion_timestamp.is_none() {
            self.bring_on(&claim).await?;
        }
        Ok(Next::Wait)
    }
}
