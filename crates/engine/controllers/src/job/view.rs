//! A Job with its pods, sorted by how they stand. Pure.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::indexes;
use crate::pods;

/// How a pod stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It runs, or will.
    Active,
    /// It is on its way out, and how it ends is waited for.
    Ending,
    Succeeded,
    Failed,
}

/// See the module's documentation.
pub(super) struct View<'a> {
    pub(super) job: &'a Job,
    pub(super) spec: JobSpec,
    /// The status as it was last written.
    pub(super) before: JobStatus,
    pub(super) now: Timestamp,
    pods: &'a [Arc<Pod>],
}

impl<'a> View<'a> {
    /// `pods` are those that the Job controls.
    pub(super) fn new(job: &'a Job, pods: &'a [Arc<Pod>], now: Timestamp) -> View<'a> {
        let spec = job.spec.clone().unwrap_or_default();
        View { job, spec, before: job.status.clone().unwrap_or_default(), now, pods }
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = &'a Arc<Pod>> + use<'a> {
        self.pods.iter()
    }

    pub(super) fn standing(&self, standing: Standing) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods().filter(move |pod| self.standing_of(pod) == standing)
    }

    pub(super) fn standing_of(&self, pod: &Pod) -> Standing {
        match pods::phase(pod) {
            "Succeeded" => Standing::Succeeded,
            "Failed" => Standing::Failed,
            _ if !pods::is_terminating(pod) => Standing::Active,
            _ if self.replaces_only_failed() && !pods::is_over(pod) => Standing::Ending,
            _ => Standing::Failed,
        }
    }

    /// Pods that still end, whatever they are counted as.
    pub(super) fn terminating(&self) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods().filter(|pod| pods::is_terminating(pod) && !pods::is_finished(pod) && !pods::is_over(pod))
    }

    /// Whether a pod on its way out is replaced only when it has ended.
    pub(super) fn replaces_only_failed(&self) -> bool {
        self.spec.pod_replacement_policy.as_deref() == Some("Failed")
            || self.spec.pod_failure_policy.is_some()
    }

    pub(super) fn is_indexed(&self) -> bool {
        self.spec.completion_mode.as_deref() == Some("Indexed")
    }

    pub(super) fn completions(&self) -> i32 {
        self.spec.completions.unwrap_or(1)
    }

    /// The index of a pod; none where the Job has no indexes, or not this one.
    pub(super) fn index_of(&self, pod: &Pod) -> Option<i32> {
        indexes::of(pod, self.completions()).filter(|_| self.is_indexed())
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.spec.suspend.unwrap_or_default()
    }

    /// Whether the Job is being deleted.
    pub(super) fn is_ending(&self) -> bool {
        self.job.metadata.deletion_timestamp.is_some()
    }

    pub(super) fn was_suspended(&self) -> bool {
        super::conditions::is_true(&self.before, super::Type::Suspended)
    }

    /// When the Job began to run, last.
    pub(super) fn start_time(&self) -> Option<Timestamp> {
        if self.is_suspended() {
            return self.before.start_time.as_ref().map(|time| time.0);
        }
        let started = self.before.start_time.as_ref().filter(|_| !self.was_suspended());
        Some(started.map_or(self.now, |time| time.0))
    }

    /// How long the Job may still be active. None if it may for ever.
    pub(super) fn time_to_deadline(&self) -> Option<Duration> {
        let seconds = self.spec.active_deadline_seconds.filter(|_| !self.is_suspended())?;
        let active = self.now.duration_since(self.start_time()?);
        let active = Duration::try_from(active).unwrap_or_default();
        Some(Duration::from_secs(u64::try_from(seconds).ok()?).saturating_sub(active))
    }
}
