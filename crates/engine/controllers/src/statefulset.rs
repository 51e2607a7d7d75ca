//! StatefulSet: pods with a name, an order and storage of their own.
//!
//! One reconciliation claims revisions and pods, looks at them as a [`View`], asks [`plan`] (pure) for the next
//! steps and carries them out; the claims of a pod are made before the pod. Pods that come in order are made, ended
//! and replaced one at a time, each when the others are available.

mod claims;
mod identity;
mod plan;
mod status;
mod view;

use std::sync::Arc;

use bythos_operator::event::Severity;
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::Selector;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::call::{self, CallError};
use crate::expectations::WAIT_MAX;
use crate::ownership;
use crate::pod_control::PodControl;
use crate::reconcile::{self, Reconcile};
use crate::revisions::{self, Revisions, Wish};
use crate::selectors::{Selectors, keys_of_owners};
use plan::Step;
use view::View;

const WORKERS: usize = 4;
const HASH_LABEL: &str = "controller.kubernetes.io/hash";

pub(crate) struct StatefulSets {
    pub(crate) control: PodControl,
    pub(crate) sets: Cache<StatefulSet>,
    pub(crate) pods: Cache<Pod>,
    pub(crate) revisions: Cache<ControllerRevision>,
    pub(crate) claims: Cache<PersistentVolumeClaim>,
}

fn selector_of(set: &StatefulSet) -> Option<Selector> {
    Selector::try_from(set.spec.selector.clone()).ok()
}

impl StatefulSets {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        // Claims carry the labels that the set selects by; a pod may wait for the end of one.
        let selectors = Arc::new(Selectors::default());
        selectors.follow(&self.sets, selector_of);
        let controller = Controller::new("statefulset")
            .reconciles(&self.sets)
            .watches(&self.pods, keys_of_owners(&self.sets, selector_of))
            .watches(&self.claims, move |claim| selectors.matching(&claim.metadata));
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    async fn carry_out(&self, view: &View<'_>, steps: &[Step]) -> Result<(), CallError> {
        for step in steps {
            match step {
                Step::Create { ordinal } => self.create(view, *ordinal).await?,
                Step::Delete { pod } => {
                    self.control.delete(view.set, std::slice::from_ref(pod)).await?;
                }
                Step::KeepClaims { pod } => drop(self.keep_claims(view, pod).await?),
                Step::Mend { pod } => self.mend(view, pod).await?,
            }
        }
        Ok(())
    }

    async fn create(&self, view: &View<'_>, ordinal: i32) -> Result<(), CallError> {
        let pod = identity::pod(view, ordinal);
        if !self.keep_claims(view, &pod).await? {
            // A claim of the pod's predecessor still ends; its end brings the set back.
            return Ok(());
        }
        match self.control.create(view.set, &[pod]).await {
            Err(error) if !error.is_namespace_going() => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes the claims that the pod lacks. False while one of them is on its way out.
    async fn keep_claims(&self, view: &View<'_>, pod: &Pod) -> Result<bool, CallError> {
        for claim in claims::of(view, pod) {
            let key = ObjectKey::of(&claim);
            match self.claims.get(&key) {
                Some(there) if there.metadata.deletion_timestamp.is_some() => return Ok(false),
                Some(_) => continue,
                None => {}
            }
            let api = Api::<PersistentVolumeClaim>::namespaced(self.control.client.clone(), &key.namespace);
            let made = api.create(&PostParams::default(), &claim).await;
            match made.map_err(CallError::on::<PersistentVolumeClaim>("create", &key)) {
                Ok(_) => self.tell_claim(view, pod, &key.name, None).await,
                Err(error) if error.is_already_exists() || error.is_namespace_going() => {}
                Err(error) => {
                    self.tell_claim(view, pod, &key.name, Some(&error)).await;
                    return Err(error);
                }
            }
        }
        Ok(true)
    }

    async fn tell_claim(&self, view: &View<'_>, pod: &Pod, claim: &str, error: Option<&CallError>) {
        let name = |meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
            meta.name.clone().unwrap_or_default()
        };
        let (pod, set) = (name(&pod.metadata), name(&view.set.metadata));
        let what = format!("create Claim {claim} Pod {pod} in StatefulSet {set}");
        let (severity, reason, message) = match error {
            None => (Severity::Normal, "SuccessfulCreate", format!("{what} success")),
            Some(error) => {
                (Severity::Warning, "FailedCreate", format!("{what} failed error: {}", error.cause()))
            }
        };
        self.control.events.publish(view.set, severity, reason, &message).await;
    }

    /// Gives a pod back the labels by which it is known.
    async fn mend(&self, view: &View<'_>, pod: &Pod) -> Result<(), CallError> {
        let key = ObjectKey::of(pod);
        let Some(ordinal) = identity::ordinal(view.set, pod) else { return Ok(()) };
        let patch = json!({ "metadata": {
            "uid": pod.metadata.uid,
            "labels": identity::labels(&key.name, ordinal),
        }});
        let api = Api::<Pod>::namespaced(self.control.client.clone(), &key.namespace);
        let patched = api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await;
        match patched.map_err(CallError::on::<Pod>("label", &key)) {
            Err(error) if !error.is_outrun() => Err(error),
            _ => Ok(()),
        }
    }

    /// Lets the claims of each pod go with the pod or with the set, as the retention policy says. False while one of
    /// them has changed otherwise meanwhile: that change brings the set back.
    async fn own_claims(&self, view: &View<'_>) -> Result<bool, CallError> {
        let mut are_all_owned = true;
        for pod in view.members() {
            for wanted in claims::of(view, pod) {
                let key = ObjectKey::of(&wanted);
                let Some(there) = self.claims.get(&key) else { continue };
                if let Some(owners) = claims::mended_owners(view, pod, &there) {
                    let owned = ownership::set_owners(&self.control.client, there.as_ref(), &owners).await?;
                    are_all_owned &= owned.is_some();
                }
            }
        }
        Ok(are_all_owned)
    }

    async fn write_status(&self, view: &View<'_>) -> Result<Next, CallError> {
        let status = status::of(view);
        if view.set.status.as_ref() != Some(&status) {
            let updated = StatefulSet { status: Some(status), ..view.set.clone() };
            call::write_status(&self.control.client, &updated).await?;
        }
        Ok(view.next_availability().map_or(Next::Wait, Next::After))
    }
}

impl Reconcile for StatefulSets {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        // One on its way out is left to the garbage collector.
        let set = self.sets.get(&key).filter(|set| set.metadata.deletion_timestamp.is_none());
        let Some(set) = set else { return Ok(Next::Wait) };
        let Some(selector) = selector_of(&set) else {
            // The API refuses such a selector; one that slipped in can only be mended by a change.
            warn!(%key, "the selector of this StatefulSet cannot be read");
            return Ok(Next::Wait);
        };
        let wish = Wish {
            template: &set.spec.template,
            hash_label: HASH_LABEL,
            collisions: set.status.as_ref().and_then(|status| status.collision_count).unwrap_or_default(),
        };
        let client = &self.control.client;
        let revisions = Revisions::keep(client, set.as_ref(), &selector, &wish, &self.revisions).await?;
        let Some(revisions) = revisions else { return Ok(Next::Wait) };
        let candidates = self.pods.list_in(&key.namespace);
        let candidates = candidates.into_iter().filter(|pod| identity::is_named_after(&set, pod)).collect();
        let pods = ownership::claim(&self.control.client, set.as_ref(), &selector, candidates).await?;
        let view = View::new(&set, &revisions, &pods, Timestamp::now());
        // Before any pod goes: a claim that is to go with its pod has to name it while there is one to name.
        let are_claims_owned = self.own_claims(&view).await?;
        let done = if self.control.is_awaiting(set.as_ref()) || !are_claims_owned {
            Ok(())
        } else {
            self.carry_out(&view, &plan::steps(&view)).await
        };
        let next = self.write_status(&view).await?;
        done?;
        let is_used = |revision: &ControllerRevision| view.is_used(revisions::name(revision));
        revisions.forget(&self.control.client, set.spec.revision_history_limit, is_used).await?;
        Ok(if self.control.is_awaiting(set.as_ref()) { Next::After(WAIT_MAX) } else { next })
    }
}
