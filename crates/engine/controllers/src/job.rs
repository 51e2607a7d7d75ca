//! Job: runs pods until enough of them have succeeded, or too many have failed.
//!
//! One reconciliation claims the pods that the selector matches and looks at them as a [`View`]. Then, all pure:
//! [`tally`] counts what has ended, [`verdict`] says whether the Job is over, and [`manage`] which pods to make or
//! delete. The writes come in an order that makes every pod count exactly once, whatever is cut short: a pod that
//! has ended is written into the status by its uid, then its finalizer is taken off, and only when the cache shows
//! that is the uid replaced by one more in the count.
//!
//! The delay before a failed pod is replaced follows from the pods that are there, so that it outlives a restart.
//!
//! Left out: gang scheduling (`spec.scheduling`) is stored and not acted on.

mod backoff;
mod conditions;
mod failure_policy;
mod indexes;
mod manage;
mod report;
mod success_policy;
mod tally;
mod verdict;
mod view;

use std::sync::Arc;
use std::time::Duration;

use bythos_operator::event::Severity;
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use futures::future::join_all;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::Selector;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::call::{self, CallError};
use crate::expectations::WAIT_MAX;
use crate::freshness::Freshness;
use crate::ownership;
use crate::pod_control::PodControl;
use crate::reconcile::{self, Reconcile};
use crate::selectors::keys_of_owners;
use conditions::Type;
use manage::Change;
use report::Sight;
use tally::{Tally, Tracking};
use view::View;

pub(crate) use conditions::finish;

const WORKERS: usize = 4;
/// Keeps a pod until it is counted.
const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
const JOB_NAME_LABEL: &str = "batch.kubernetes.io/job-name";
/// Who acts on Jobs that name nobody else.
const MANAGER: &str = "kubernetes.io/job-controller";

pub(crate) struct Jobs {
    control: PodControl,
    jobs: Cache<Job>,
    pods: Cache<Pod>,
    freshness: Freshness,
}

fn selector_of(job: &Job) -> Option<Selector> {
    Selector::try_from(job.spec.as_ref()?.selector.clone()?).ok()
}

fn has_finalizer(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// The Job that a pod's label names: the only trace of it once an orphan has lost its owner.
fn named_job(pod: &Pod) -> Option<ObjectKey> {
    let name = pod.metadata.labels.as_ref()?.get(JOB_NAME_LABEL)?;
    Some(ObjectKey::namespaced(pod.metadata.namespace.clone()?, name.clone()))
}

impl Jobs {
    pub(crate) fn new(control: PodControl, jobs: Cache<Job>, pods: Cache<Pod>) -> Jobs {
        Jobs { control, jobs, pods, freshness: Freshness::default() }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let owners = keys_of_owners(&self.jobs, selector_of);
        let controller = Controller::new("job").reconciles(&self.jobs).watches(&self.pods, move |pod| {
            let mut keys: Vec<ObjectKey> = owners(pod);
            keys.extend(named_job(pod).filter(|_| keys.is_empty() && has_finalizer(pod)));
            keys
        });
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    async fn sync(&self, job: &Job, pods: &[Arc<Pod>]) -> Result<Next, CallError> {
        let now = Timestamp::now();
        let view = View::new(job, pods, now);
        let tally = Tally::of(&view);
        let verdict = verdict::of(&view, &tally);
        let change = if self.control.is_awaiting(job) || view.is_ending() {
            Change::default()
        } else {
            manage::change(&view, &tally, verdict.is_some())
        };
        let done = self.carry_out(&view, &change).await;
        let change = if done.is_ok() { change } else { Change::default() };
        let tracking = Tracking::of(&view, &tally, verdict.as_ref());
        let sight = if done.is_err() || self.control.is_awaiting(job) { Sight::Behind } else { Sight::Whole };
        let status = report::status(&view, &tally, &tracking, verdict.as_ref(), &change, sight);
        if let Some(written) = self.write_status(&view, status).await? {
            self.release(&tracking.release).await?;
            self.tell_news(job, &written).await;
        }
        done?;
        let soonest = [change.look_again, view.time_to_deadline()].into_iter().flatten().min();
        Ok(match soonest {
            _ if self.control.is_awaiting(job) => {
                Next::After(soonest.map_or(WAIT_MAX, |soon| soon.min(WAIT_MAX)))
            }
            Some(soon) => Next::After(soon),
            None => Next::Wait,
        })
    }

    async fn carry_out(&self, view: &View<'_>, change: &Change) -> Result<(), CallError> {
        // A pod that goes because it is not wanted any more has not failed: nobody is to count it.
        self.release(&change.dismiss).await?;
        self.control.delete(view.job, &change.dismiss).await?;
        self.control.delete(view.job, &change.end).await?;
        match self.control.create(view.job, &change.create).await {
            Err(error) if !error.is_namespace_going() => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes the status where it changed. None if somebody else changed the Job meanwhile.
    async fn write_status(&self, view: &View<'_>, status: JobStatus) -> Result<Option<Job>, CallError> {
        if view.job.status.as_ref() == Some(&status) {
            return Ok(Some(view.job.clone()));
        }
        let updated = Job { status: Some(status), ..view.job.clone() };
        let written = call::write_status(&self.control.client, &updated).await?;
        if let Some(written) = &written {
            self.freshness.wrote(written);
        }
        Ok(written)
    }

    /// Takes the finalizer off pods that have it.
    async fn release(&self, pods: &[Arc<Pod>]) -> Result<(), CallError> {
        let held = pods.iter().filter(|pod| has_finalizer(pod));
        let released = join_all(held.map(|pod| self.release_one(pod))).await;
        released.into_iter().collect()
    }

    async fn release_one(&self, pod: &Pod) -> Result<(), CallError> {
        let key = ObjectKey::of(pod);
        let patch = json!({ "metadata": {
            "uid": pod.metadata.uid,
            "$deleteFromPrimitiveList/finalizers": [FINALIZER],
        }});
        let api = Api::<Pod>::namespaced(self.control.client.clone(), &key.namespace);
        let patched = api.patch(&key.name, &PatchParams::default(), &Patch::Strategic(patch)).await;
        match patched.map_err(CallError::on::<Pod>("remove the finalizer of", &key)) {
            Err(error) if !error.is_outrun() => Err(error),
            _ => Ok(()),
        }
    }

    async fn tell_news(&self, before: &Job, after: &Job) {
        for news in conditions::news(before.status.as_ref(), after.status.as_ref()) {
            let severity = if news.is_failure { Severity::Warning } else { Severity::Normal };
            self.control.events.publish(after, severity, &news.reason, &news.message).await;
        }
    }

    /// What is over stays until its time has come. None while it is not over.
    async fn keep_finished(&self, job: &Job, pods: &[Arc<Pod>]) -> Result<Option<Next>, CallError> {
        let Some(finish) = finish(job) else { return Ok(None) };
        self.release(pods).await?;
        let seconds = job.spec.as_ref().and_then(|spec| spec.ttl_seconds_after_finished);
        let Some(seconds) = seconds.and_then(|seconds| u64::try_from(seconds).ok()) else {
            return Ok(Some(Next::Wait));
        };
        let age = Duration::try_from(Timestamp::now().duration_since(finish.time)).unwrap_or_default();
        let rest = Duration::from_secs(seconds).saturating_sub(age);
        if !rest.is_zero() || job.metadata.deletion_timestamp.is_some() {
            return Ok(Some(if rest.is_zero() { Next::Wait } else { Next::After(rest) }));
        }
        match call::delete_with(&self.control.client, job, DeleteParams::foreground()).await {
            Err(error) if !error.is_outrun() => Err(error),
            _ => Ok(Some(Next::Wait)),
        }
    }

    /// Lets the pods go that were made for a Job of this key which is not there any more.
    async fn release_orphans(&self, key: &ObjectKey, job: Option<&Job>) -> Result<(), CallError> {
        let uid = job.and_then(|job| job.metadata.uid.as_deref()).unwrap_or_default();
        let is_orphan = |pod: &Arc<Pod>| {
            let owner = ownership::controller_of(&pod.metadata).map(|owner| owner.uid.as_str());
            has_finalizer(pod)
                && named_job(pod).as_ref() == Some(key)
                && owner != Some(uid).filter(|uid| !uid.is_empty())
        };
        let orphans: Vec<_> = self.pods.list_in(&key.namespace).into_iter().filter(is_orphan).collect();
        if orphans.is_empty() {
            return Ok(());
        }
        // The cache alone is no proof that a Job is gone.
        let api = Api::<Job>::namespaced(self.control.client.clone(), &key.namespace);
        let live = api.get_opt(&key.name).await.map_err(CallError::on::<Job>("get", key))?;
        if live.is_some_and(|live| live.metadata.uid.as_deref() != Some(uid)) {
            return Ok(());
        }
        self.release(&orphans).await
    }
}

impl Reconcile for Jobs {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let job = self.jobs.get(&key);
        self.release_orphans(&key, job.as_deref()).await?;
        let Some(job) = job else {
            self.freshness.forget(&key);
            return Ok(Next::Wait);
        };
        let manager = job.spec.as_ref().and_then(|spec| spec.managed_by.as_deref());
        if manager.is_some_and(|manager| manager != MANAGER) || self.freshness.is_stale(job.as_ref()) {
            return Ok(Next::Wait);
        }
        let Some(selector) = selector_of(&job) else {
            // The API makes or refuses it; one that slipped in can only be mended by a change.
            warn!(%key, "the selector of this Job cannot be read");
            return Ok(Next::Wait);
        };
        let candidates = self.pods.list_in(&key.namespace);
        let pods = ownership::claim(&self.control.client, job.as_ref(), &selector, candidates).await?;
        match self.keep_finished(&job, &pods).await? {
            Some(next) => Ok(next),
            None => self.sync(&job, &pods).await,
        }
    }
}
