//! Which finished Jobs of a CronJob are too old to be kept. Pure.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{CronJob, Job};

use crate::job::finish;

/// The finished Jobs beyond the limits, the oldest of each kind of end.
pub(super) fn surplus(cron_job: &CronJob, jobs: &[Arc<Job>]) -> Vec<Arc<Job>> {
    let spec = &cron_job.spec;
    let limits = [(true, spec.successful_jobs_history_limit, 3), (false, spec.failed_jobs_history_limit, 1)];
    limits
        .into_iter()
        .flat_map(|(is_success, limit, default)| {
            let limit = usize::try_from(limit.unwrap_or(default)).unwrap_or_default();
            beyond(jobs, is_success, limit)
        })
        .collect()
}

fn beyond(jobs: &[Arc<Job>], is_success: bool, limit: usize) -> Vec<Arc<Job>> {
    let has_ended_so = |job: &&Arc<Job>| finish(job).is_some_and(|finish| finish.is_success == is_success);
    let mut ended: Vec<_> = jobs.iter().filter(has_ended_so).cloned().collect();
    let start =
        |job: &Job| job.status.as_ref().and_then(|status| status.start_time.as_ref()).map(|time| time.0);
    ended.sort_by_key(|job| (start(job), job.metadata.name.clone()));
    ended.truncate(ended.len().saturating_sub(limit));
    ended.retain(|job| job.metadata.deletion_timestamp.is_none());
    ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn job(name: &str, type_: &str, hour: u8) -> Arc<Job> {
        let job = json!({
            "metadata": { "name": name },
            "status": {
                "startTime": format!("2026-01-01T{hour:02}:00:00Z"),
                "conditions": [{ "type": type_, "status": "True" }],
            },
        });
        Arc::new(from_value(job).unwrap())
    }

    #[test]
    fn the_oldest_of_each_end_go_and_what_runs_stays() {
        let cron_job: CronJob = from_value(json!({ "metadata": {}, "spec": {
            "schedule": "", "jobTemplate": {}, "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 0,
        }}))
        .unwrap();
        let jobs = [
            job("new", "Complete", 3),
            job("old", "Complete", 1),
            job("bad", "Failed", 2),
            job("running", "Suspended", 0),
        ];
        let names: Vec<_> =
            surplus(&cron_job, &jobs).iter().filter_map(|job| job.metadata.name.clone()).collect();
        assert_eq!(names, ["old", "bad"]);
    }
}
