//! The Jobs of a CronJob that run, as its status lists them. Pure.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;

use crate::job::finish;

/// Jobs that the status listed and that run no more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// Name and condition.
    pub(super) finished: Vec<(String, &'static str)>,
    pub(super) missing: Vec<String>,
}

/// The status by the Jobs that are there, and what it does not list any more.
pub(super) fn observe(cron_job: &CronJob, jobs: &[Arc<Job>]) -> (CronJobStatus, Left) {
    let before = cron_job.status.clone().unwrap_or_default();
    let mut status = CronJobStatus { active: None, ..before.clone() };
    let mut left = Left::default();
    for reference in before.active.iter().flatten() {
        let name = reference.name.clone().unwrap_or_default();
        match jobs.iter().find(|job| job.metadata.uid == reference.uid) {
            None => left.missing.push(name),
            Some(job) => match finish(job) {
                Some(finish) => {
                    left.finished.push((name, if finish.is_success { "Complete" } else { "Failed" }));
                }
                None => add(&mut status, job),
            },
        }
    }
    for job in jobs.iter().filter(|job| finish(job).is_none()) {
        add(&mut status, job);
    }
    let successes = jobs.iter().filter(|job| finish(job).is_some_and(|finish| finish.is_success));
    let last = successes.filter_map(|job| job.status.as_ref()?.completion_time.clone());
    status.last_successful_time = last.chain(before.last_successful_time).max_by_key(|time| time.0);
    (status, left)
}

/// Lists a Job that runs, once.
pub(super) fn add(status: &mut CronJobStatus, job: &Job) {
    let active = status.active.get_or_insert_default();
    if active.iter().any(|listed| listed.uid == job.metadata.uid) {
        return;
    }
    active.push(ObjectReference {
        api_version: Some("batch/v1".to_owned()),
        kind: Some("Job".to_owned()),
        namespace: job.metadata.namespace.clone(),
        name: job.metadata.name.clone(),
        uid: job.metadata.uid.clone(),
        ..ObjectReference::default()
    });
}
