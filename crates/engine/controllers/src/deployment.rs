//! Deployment: moves pods from old ReplicaSets to the one of the present template.
//!
//! One reconciliation claims the ReplicaSets that the selector matches, looks at them as a [`View`], asks [`plan`]
//! (pure) for the next steps, carries them out and writes the status, on failure too. Each step names the version
//! of the ReplicaSet that it was decided on, so a decision on a cache that lags is refused and made again when the
//! cache has caught up. Nothing here reads pods: ReplicaSets say how many run, are ready and still end.

mod conditions;
mod desired;
mod plan;
mod proportion;
mod revision;
mod status;
mod view;

use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::Selector;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::call::{self, CallError};
use crate::ownership;
use crate::reconcile::{self, Reconcile};
use crate::selectors::keys_of_owners;
use plan::Step;
use status::Outcome;
use view::View;

const WORKERS: usize = 4;

fn selector_of(deployment: &Deployment) -> Option<Selector> {
    Selector::try_from(deployment.spec.selector.clone()).ok()
}

pub(crate) struct Deployments {
    client: Client,
    deployments: Cache<Deployment>,
    replica_sets: Cache<ReplicaSet>,
    events: Publisher,
}

impl Deployments {
    pub(crate) fn new(
        client: Client,
        deployments: Cache<Deployment>,
        replica_sets: Cache<ReplicaSet>,
    ) -> Self {
        let events = Publisher::new(client.clone(), "deployment-controller");
        Deployments { client, deployments, replica_sets, events }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("deployment")
            .reconciles(&self.deployments)
            .watches(&self.replica_sets, keys_of_owners(&self.deployments, selector_of));
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    /// Carries out the steps in order, up to the first that fails.
    async fn carry_out(&self, view: &View<'_>, steps: &[Step<'_>]) -> Outcome {
        let mut outcome = Outcome::Nothing;
        for step in steps {
            let done = match step {
                Step::Create { replicas } => {
                    outcome = self.create(view, *replicas).await;
                    Ok(())
                }
                Step::Update { set, annotations } => self.update(set, annotations).await,
                Step::Scale { set, replicas } => self.scale(view, set, *replicas).await,
                Step::Remove { set } => self.remove(set).await,
            };
            match done {
                Err(error) if error.is_outrun() => return outcome,
                Err(error) => return Outcome::Failed(error),
                Ok(()) => {}
            }
        }
        outcome
    }

    async fn create(&self, view: &View<'_>, replicas: i32) -> Outcome {
        let set = revision::new_replica_set(view, replicas);
        let key = ObjectKey::of(&set);
        let api = Api::<ReplicaSet>::namespaced(self.client.clone(), &key.namespace);
        match api
            .create(&PostParams::default(), &set)
            .await
            .map_err(CallError::on::<ReplicaSet>("create", &key))
        {
            Ok(_) => {
                if replicas > 0 {
                    self.tell_scaling(view, &key.name, 0, replicas).await;
                }
                Outcome::Created(key.name)
            }
            Err(error) if error.is_already_exists() => self.meet_existing(view, &key).await,
            Err(error) if error.is_namespace_going() => Outcome::Nothing,
            Err(error) => {
                let message = format!("Failed to create new replica set {:?}: {}", key.name, error.cause());
                let about = view.deployment;
                self.events.publish(about, Severity::Warning, "ReplicaSetCreateError", &message).await;
                Outcome::NotCreated { message, error }
            }
        }
    }

    /// A ReplicaSet of the wanted name is there: ours, not yet in the cache, or another one with the same hash.
    async fn meet_existing(&self, view: &View<'_>, key: &ObjectKey) -> Outcome {
        let api = Api::<ReplicaSet>::namespaced(self.client.clone(), &key.namespace);
        match api.get(&key.name).await.map_err(CallError::on::<ReplicaSet>("get", key)) {
            Ok(there) if view.is_of_present_template(&there) => Outcome::Nothing,
            Ok(_) => Outcome::Collided,
            Err(error) if error.is_outrun() => Outcome::Nothing,
            Err(error) => Outcome::Failed(error),
        }
    }

    async fn update(&self, set: &ReplicaSet, change: &Value) -> Result<(), CallError> {
        let key = ObjectKey::of(set);
        let mut patch = change.clone();
        patch["metadata"]["uid"] = json!(set.metadata.uid);
        patch["metadata"]["resourceVersion"] = json!(set.metadata.resource_version);
        let api = Api::<ReplicaSet>::namespaced(self.client.clone(), &key.namespace);
        let done = api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await;
        done.map(drop).map_err(CallError::on::<ReplicaSet>("update", &key))
    }

    async fn scale(&self, view: &View<'_>, set: &ReplicaSet, replicas: i32) -> Result<(), CallError> {
        let annotations = revision::size_annotations(&view.desired);
        let change = json!({ "metadata": { "annotations": annotations }, "spec": { "replicas": replicas } });
        self.update(set, &change).await?;
        let before = view::size(set);
        if before != replicas {
            let name = set.metadata.name.as_deref().unwrap_or_default();
            self.tell_scaling(view, name, before, replicas).await;
        }
        Ok(())
    }

    async fn tell_scaling(&self, view: &View<'_>, name: &str, from: i32, to: i32) {
        let direction = if to > from { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {name} from {from} to {to}");
        self.events.publish(view.deployment, Severity::Normal, "ScalingReplicaSet", &message).await;
    }

    async fn remove(&self, set: &ReplicaSet) -> Result<(), CallError> {
        let key = ObjectKey::of(set);
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions {
                uid: set.metadata.uid.clone(),
                resource_version: set.metadata.resource_version.clone(),
            }),
            ..DeleteParams::default()
        };
        let api = Api::<ReplicaSet>::namespaced(self.client.clone(), &key.namespace);
        let done = api.delete(&key.name, &params).await;
        done.map(drop).map_err(CallError::on::<ReplicaSet>("delete", &key))
    }

    /// Writes revision and status where they changed, and tells when the progress deadline has to be looked at.
    async fn write_status(&self, view: &View<'_>, outcome: &Outcome) -> Result<Next, CallError> {
        let key = ObjectKey::of(view.deployment);
        let api = Api::<Deployment>::namespaced(self.client.clone(), &key.namespace);
        let now = Timestamp::now();
        let status = status::of(view, outcome, now);
        let next = status::next_look(view, &status, now);
        let mut deployment = view.deployment.clone();
        if let Some(revision) = revision::to_record(view) {
            let patch = json!({ "metadata": {
                "resourceVersion": deployment.metadata.resource_version,
                "annotations": { revision::REVISION: revision },
            }});
            let patched = api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await;
            match patched.map_err(CallError::on::<Deployment>("record the revision of", &key)) {
                Ok(patched) => deployment = patched,
                Err(error) if error.is_outrun() => return Ok(next),
                Err(error) => return Err(error),
            }
        }
        if deployment.status.as_ref() == Some(&status) {
            return Ok(next);
        }
        deployment.status = Some(status);
        call::write_status(&self.client, &deployment).await?;
        Ok(next)
    }
}

impl Reconcile for Deployments {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let Some(deployment) = self.deployments.get(&key) else { return Ok(Next::Wait) };
        let Some(selector) = selector_of(&deployment) else {
            // The API refuses such a selector; one that slipped in can only be mended by a change.
            warn!(%key, "the selector of this Deployment cannot be read");
            return Ok(Next::Wait);
        };
        let candidates = self.replica_sets.list_in(&key.namespace);
        let owned = ownership::claim(&self.client, deployment.as_ref(), &selector, candidates).await?;
        let view = View::new(&deployment, &owned);
        let mut outcome = Outcome::Nothing;
        if deployment.metadata.deletion_timestamp.is_none() {
            outcome = self.carry_out(&view, &plan::steps(&view)).await;
        }
        let next = self.write_status(&view, &outcome).await?;
        outcome.into_result().map(|()| next)
    }
}
