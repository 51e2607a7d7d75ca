//! The Job of one time. Pure.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::tz::TimeZone;

use crate::ownership;

/// The time for which a Job was made.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// The Job of `time`; its name follows from the time.
pub(super) fn job(cron_job: &CronJob, time: Timestamp, zone: &TimeZone) -> Job {
    let template = cron_job.spec.job_template.clone();
    let meta = template.metadata.unwrap_or_default();
    let name = cron_job.metadata.name.as_deref().unwrap_or_default();
    let mut annotations = meta.annotations.unwrap_or_default();
    let offset = if *zone == TimeZone::UTC { "Z" } else { "%:z" };
    let scheduled = time.to_zoned(zone.clone()).strftime(&format!("%Y-%m-%dT%H:%M:%S{offset}")).to_string();
    annotations.insert(SCHEDULED.to_owned(), scheduled);
    Job {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{}", time.as_second() / 60)),
            namespace: cron_job.metadata.namespace.clone(),
            labels: meta.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![ownership::controller_reference(cron_job)]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}
