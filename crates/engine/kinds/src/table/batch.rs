//! Kinds of `batch`.

use super::{row, selectable_count};
use crate::Kind;
use crate::columns::job;
use crate::defaults;
use crate::validation::job as validation;

pub(super) fn kinds() -> Vec<Kind> {
    let batch = |kind, plural| row("batch", "v1", kind, plural).namespaced().in_all().status();
    vec![
        batch("CronJob", "cronjobs")
            .short(&["cj"])
            .columns(job::cron_job())
            .defaults(defaults::job::cron_job)
            .validate(validation::validate_cron_job),
        batch("Job", "jobs")
            .columns(job::job())
            .defaults(defaults::job::job)
            .on_create(defaults::job::prepare_create)
            .validate(validation::validate)
            .validate_update(validation::validate_update)
            .selectable(&[("status.successful", |job| selectable_count(job, "status.succeeded"))]),
    ]
}
