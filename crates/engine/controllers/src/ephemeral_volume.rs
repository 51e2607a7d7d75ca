//! Generic ephemeral volumes: a claim of the pod's own for each, made from the pod's template, which goes with the pod.

use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimTemplate, Pod, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::call::CallError;
use crate::reconcile::{self, Reconcile};
use crate::{ownership, pods};

const WORKERS: usize = 2;

pub(crate) struct EphemeralVolumes {
    client: Client,
    pods: Cache<Pod>,
    claims: Cache<PersistentVolumeClaim>,
    events: Publisher,
}

/// The name of the claim behind an ephemeral volume of a pod.
pub(crate) fn claim_name(pod: &Pod, volume: &Volume) -> String {
    format!("{}-{}", pod.metadata.name.as_deref().unwrap_or_default(), volume.name)
}

/// The ephemeral volumes of a pod, with the templates of their claims.
fn templates(pod: &Pod) -> impl Iterator<Item = (&Volume, &PersistentVolumeClaimTemplate)> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some((volume, volume.ephemeral.as_ref()?.volume_claim_template.as_ref()?)))
}

/// The pods that a claim of this name could be of: a name with a dash in it can be read in several ways.
fn possible_pods(claim: &PersistentVolumeClaim) -> Vec<ObjectKey> {
    let ObjectKey { namespace, name } = ObjectKey::of(claim);
    let ends = name.match_indices('-').map(|(end, _)| end);
    ends.filter_map(|end| Some(ObjectKey::namespaced(&namespace, name.get(..end)?))).collect()
}

/// The claim as it is made.
fn claim(pod: &Pod, volume: &Volume, template: &PersistentVolumeClaimTemplate) -> PersistentVolumeClaim {
    let given = template.metadata.clone().unwrap_or_default();
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(claim_name(pod, volume)),
            namespace: pod.metadata.namespace.clone(),
            labels: given.labels,
            annotations: given.annotations,
            owner_references: Some(vec![ownership::controller_reference(pod)]),
            ..ObjectMeta::default()
        },
        spec: Some(template.spec.clone()),
        status: None,
    }
}

impl EphemeralVolumes {
    pub(crate) fn new(
        client: Client,
        pods: Cache<Pod>,
        claims: Cache<PersistentVolumeClaim>,
    ) -> EphemeralVolumes {
        let events = Publisher::new(client.clone(), "ephemeral_volume");
        EphemeralVolumes { client, pods, claims, events }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let with_volumes =
            |pod: &Pod| templates(pod).next().map(|_| ObjectKey::of(pod)).into_iter().collect();
        let controller = Controller::new("ephemeral volume")
            .watches(&self.pods, with_volumes)
            .watches(&self.claims, possible_pods);
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    async fn keep(&self, pod: &Pod, wanted: &PersistentVolumeClaim, volume: &str) -> Result<(), CallError> {
        let key = ObjectKey::of(wanted);
        if let Some(there) = self.claims.get(&key) {
            let uid = pod.metadata.uid.as_deref().unwrap_or_default();
            if !ownership::is_controlled_by(&there.metadata, uid) {
                let pod_key = ObjectKey::of(pod);
                let cause = format!("PVC {key} was not created for pod {pod_key} (pod is not owner)");
                // When the other claim goes, that brings the pod back.
                self.complain(pod, volume, &cause).await;
            }
            return Ok(());
        }
        let api = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), &key.namespace);
        let made = api.create(&PostParams::default(), wanted).await;
        match made.map_err(CallError::on::<PersistentVolumeClaim>("create", &key)) {
            Ok(_) => Ok(()),
            // The cache will show whose it is.
            Err(error) if error.is_already_exists() || error.is_namespace_going() => Ok(()),
            Err(error) => {
                self.complain(pod, volume, &format!("create PVC {}: {}", key.name, error.cause())).await;
                Err(error)
            }
        }
    }

    async fn complain(&self, pod: &Pod, volume: &str, cause: &str) {
        let message = format!("ephemeral volume {volume}: {cause}");
        self.events.publish(pod, Severity::Warning, "FailedBinding", &message).await;
    }
}

impl Reconcile for EphemeralVolumes {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let Some(pod) = self.pods.get(&key).filter(|pod| pods::is_active(pod)) else { return Ok(Next::Wait) };
        for (volume, template) in templates(&pod) {
            self.keep(&pod, &claim(&pod, volume, template), &volume.name).await?;
        }
        Ok(Next::Wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn a_claim_may_be_of_any_pod_whose_name_it_begins_with() {
        let claim = json!({ "metadata": { "namespace": "n", "name": "web-0-data" } });
        let names: Vec<_> =
            possible_pods(&from_value(claim).unwrap()).into_iter().map(|key| key.to_string()).collect();
        assert_eq!(names, ["n/web", "n/web-0"]);
    }
}
