//! Kinds of `batch`.

use super::{row, selectable_fields};
use crate::Kind;
use crate::columns::job;
use crate::defaults;

pub(super) fn kinds() -> Vec<Kind> {
    let batch = |kind, plural| row("batch", "v1", kind, plural).namespaced().in_all().status();
    vec![
        batch("CronJob", "cronjobs")
            .short(&["cj"])
            .columns(job::cron_job())
            .defaults(defaults::workload::cron_job),
        batch("Job", "jobs")
            .columns(job::job())
            .defaults(defaults::workload::job)
            .selectable(selectable_fields!["status.successful"]),
    ]
}
