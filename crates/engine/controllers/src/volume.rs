//! PersistentVolume: its phase, its protection, and what becomes of it when its claim is gone.
//!
//! A volume of class `local` is a folder, which the node makes before the first mount. When its claim is gone and its
//! policy is `Delete`, it gets the finalizer `bythos.dev/local-folder` and is deleted: the node removes the folder, and
//! then takes the finalizer off. It does not carry that finalizer before: somebody may delete a volume that is still
//! bound, and must not lose what is in it; its folder then stays. With `Retain` volume and folder stay.

use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::call::CallError;
use crate::claim::BOUND_BY_CONTROLLER;
use crate::reconcile::{self, Reconcile};
use crate::storageclass::PROVISIONER;

const WORKERS: usize = 2;
pub(crate) const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// Keeps a volume while it is bound.
pub(crate) const PROTECTION: &str = "kubernetes.io/pv-protection";
/// Held by the node while the folder is there.
const LOCAL_FOLDER: &str = "bythos.dev/local-folder";

pub(crate) struct Volumes {
    client: Client,
    volumes: Cache<PersistentVolume>,
    claims: Cache<PersistentVolumeClaim>,
    events: Publisher,
}

/// How a volume stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Available,
    Bound,
    Released,
    Failed,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Phase::Available => "Available",
            Phase::Bound => "Bound",
            Phase::Released => "Released",
            Phase::Failed => "Failed",
        }
    }
}

impl Volumes {
    pub(crate) fn new(
        client: Client,
        volumes: Cache<PersistentVolume>,
        claims: Cache<PersistentVolumeClaim>,
    ) -> Volumes {
        let events = Publisher::new(client.clone(), "persistentvolume-controller");
        Volumes { client, volumes, claims, events }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("persistentvolume").reconciles(&self.volumes).watches(
            &self.claims,
            |claim: &PersistentVolumeClaim| {
                let name = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone());
                name.filter(|name| !name.is_empty()).map(ObjectKey::cluster).into_iter().collect()
            },
        );
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    /// The volume's phase, and whether it is to be deleted.
    async fn look(&self, volume: &PersistentVolume) -> Result<(Phase, bool), CallError> {
        let spec = volume.spec.clone().unwrap_or_default();
        let Some(owner) = spec.claim_ref.filter(|owner| owner.uid.is_some()) else {
            return Ok((Phase::Available, false));
        };
        let key = ObjectKey::namespaced(owner.namespace.unwrap_or_default(), owner.name.unwrap_or_default());
        let mut claim = self.claims.get(&key).map(|claim| claim.as_ref().clone());
        if claim.as_ref().is_none_or(|claim| claim.metadata.uid != owner.uid) {
            // The cache alone is no proof that the claim is gone.
            let api = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), &key.namespace);
            let live = api.get_opt(&key.name).await;
            claim = live.map_err(CallError::on::<PersistentVolumeClaim>("get", &key))?;
        }
        if claim.is_some_and(|claim| claim.metadata.uid == owner.uid) {
            return Ok((Phase::Bound, false));
        }
        Ok(match spec.persistent_volume_reclaim_policy.as_deref() {
            Some("Delete") if is_provisioned(volume) => (Phase::Released, true),
            // Whoever made it deletes it.
            Some("Delete") if made_by(volume).is_some() => (Phase::Released, false),
            Some("Delete") => (Phase::Failed, false),
            _ => (Phase::Released, false),
        })
    }

    async fn write_phase(&self, volume: &PersistentVolume, phase: Phase) -> Result<(), CallError> {
        let before = volume.status.clone().unwrap_or_default();
        if before.phase.as_deref() == Some(phase.as_str()) {
            return Ok(());
        }
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let failed =
            "no volume plugin can delete it: delete the volume by hand, or change its reclaim policy";
        let message = (phase == Phase::Failed).then(|| failed.to_owned());
        if let Some(message) = &message {
            self.events.publish(volume, Severity::Warning, "VolumeFailedDelete", message).await;
        }
        let status = PersistentVolumeStatus {
            phase: Some(phase.as_str().to_owned()),
            last_phase_transition_time: Some(Time(Timestamp::now())),
            reason: message.as_ref().map(|_| "VolumeFailedDelete".to_owned()),
            message,
        };
        let updated = PersistentVolume { status: Some(status), ..volume.clone() };
        let api = Api::<PersistentVolume>::all(self.client.clone());
        let written = api.replace_status(name, &PostParams::default(), &updated).await;
        settled(written.map_err(CallError::on::<PersistentVolume>("write the status of", name)))
    }

    /// Keeps the finalizers as phase and fate want them. True if they were right.
    async fn protect(
        &self,
        volume: &PersistentVolume,
        phase: Phase,
        is_to_go: bool,
    ) -> Result<bool, CallError> {
        let before = volume.metadata.finalizers.clone().unwrap_or_default();
        let is_ending = volume.metadata.deletion_timestamp.is_some();
        let mut wanted = before.clone();
        keep(&mut wanted, PROTECTION, phase == Phase::Bound || !is_ending, is_ending);
        if !is_ending {
            keep(&mut wanted, LOCAL_FOLDER, is_to_go, is_ending);
        }
        if wanted == before {
            return Ok(true);
        }
        let patch = json!({ "metadata": {
            "finalizers": wanted,
            "uid": volume.metadata.uid,
            "resourceVersion": volume.metadata.resource_version,
        }});
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let api = Api::<PersistentVolume>::all(self.client.clone());
        let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        settled(patched.map_err(CallError::on::<PersistentVolume>("protect", name)))?;
        Ok(false)
    }

    async fn delete(&self, volume: &PersistentVolume) -> Result<(), CallError> {
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let preconditions = Some(Preconditions { uid: volume.metadata.uid.clone(), resource_version: None });
        let params = DeleteParams { preconditions, ..DeleteParams::default() };
        let deleted = Api::<PersistentVolume>::all(self.client.clone()).delete(name, &params).await;
        settled(deleted.map_err(CallError::on::<PersistentVolume>("delete", name)))
    }

    /// Takes back a bond that the controller chose and that the claim does not keep.
    async fn unbind(&self, volume: &PersistentVolume) -> Result<(), CallError> {
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let patch = json!({
            "metadata": {
                "uid": volume.metadata.uid,
                "resourceVersion": volume.metadata.resource_version,
                "annotations": { BOUND_BY_CONTROLLER: null },
            },
            "spec": { "claimRef": null },
        });
        let api = Api::<PersistentVolume>::all(self.client.clone());
        let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        settled(patched.map_err(CallError::on::<PersistentVolume>("unbind", name)))
    }

    /// Whether the claim that this volume names has chosen another one.
    fn is_jilted(&self, volume: &PersistentVolume) -> bool {
        let owner = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        let key = owner
            .and_then(|owner| Some(ObjectKey::namespaced(owner.namespace.clone()?, owner.name.clone()?)));
        let claim = key.and_then(|key| self.claims.get(&key));
        let claim =
            claim.filter(|claim| claim.metadata.uid.as_ref() == owner.and_then(|owner| owner.uid.as_ref()));
        let chosen = claim.and_then(|claim| claim.spec.as_ref()?.volume_name.clone());
        chosen.is_some_and(|chosen| !chosen.is_empty() && Some(&chosen) != volume.metadata.name.as_ref())
    }
}

/// Brings one finalizer in line. An object on its way out takes no new ones.
fn keep(finalizers: &mut Vec<String>, name: &str, is_wanted: bool, is_ending: bool) {
    let is_there = finalizers.iter().any(|finalizer| finalizer == name);
    match (is_wanted, is_there) {
        (true, false) if !is_ending => finalizers.push(name.to_owned()),
        (false, true) => finalizers.retain(|finalizer| finalizer != name),
        _ => {}
    }
}

/// Somebody was faster: the newer version is on its way.
fn settled<T>(outcome: Result<T, CallError>) -> Result<(), CallError> {
    match outcome {
        Err(error) if !error.is_outrun() => Err(error),
        _ => Ok(()),
    }
}

fn made_by(volume: &PersistentVolume) -> Option<&String> {
    volume.metadata.annotations.as_ref()?.get(PROVISIONED_BY)
}

fn is_provisioned(volume: &PersistentVolume) -> bool {
    made_by(volume).is_some_and(|by| by == PROVISIONER)
}

impl Reconcile for Volumes {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let Some(volume) = self.volumes.get(&key) else { return Ok(Next::Wait) };
        if self.is_jilted(&volume) && volume.metadata.deletion_timestamp.is_none() {
            let is_chosen = |annotations: &std::collections::BTreeMap<String, String>| {
                annotations.contains_key(BOUND_BY_CONTROLLER)
            };
            if is_provisioned(&volume) {
                self.delete(&volume).await?;
            } else if volume.metadata.annotations.as_ref().is_some_and(is_chosen) {
                self.unbind(&volume).await?;
            }
            return Ok(Next::Wait);
        }
        let (phase, is_to_go) = self.look(&volume).await?;
        // The change of the finalizers brings the volume back.
        if self.protect(&volume, phase, is_to_go).await? {
            self.write_phase(&volume, phase).await?;
            if is_to_go && volume.metadata.deletion_timestamp.is_none() {
                self.delete(&volume).await?;
            }
        }
        Ok(Next::Wait)
    }
}
