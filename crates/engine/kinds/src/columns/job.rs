//! Jobs and CronJobs.

use jiff::Timestamp;
use serde_json::Value;

use super::{NONE, age, column, column_at, text_or_none, wide};
use crate::Column;
use crate::cell::since;
use crate::duration::human_duration;
use crate::fields::{integer, items, text};

pub(crate) fn job() -> Vec<Column> {
    let mut columns = vec![
        column("Status", |job| status(job).into()),
        column("Completions", completions),
        column_at("Duration", duration),
        age(),
    ];
    columns.extend(super::template_columns());
    columns
}

pub(crate) fn cron_job() -> Vec<Column> {
    vec![
        column("Schedule", |job| text(job, "spec.schedule").into()),
        column("Timezone", |job| text_or_none(job, "spec.timeZone")),
        column("Suspend", |job| if is_suspended(job) { "True" } else { "False" }.into()),
        super::count("Active", |job| items(job, "status.active").len().into()),
        column_at("Last Schedule", |job, now| match text(job, "status.lastScheduleTime") {
            "" => NONE.into(),
            time => since(time, now).into(),
        }),
        age(),
        wide(column("Containers", |job| of_containers(job, "name"))),
        wide(column("Images", |job| of_containers(job, "image"))),
    ]
}

fn of_containers(cron_job: &Value, field: &str) -> Value {
    super::of_containers(&cron_job["spec"]["jobTemplate"], field)
}

fn status(job: &Value) -> &'static str {
    let has = |type_: &str| {
        let conditions = items(job, "status.conditions").iter();
        conditions
            .into_iter()
            .any(|condition| text(condition, "type") == type_ && text(condition, "status") == "True")
    };
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if !job["metadata"]["deletionTimestamp"].is_null() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(job: &Value) -> Value {
    let succeeded = integer(job, "status.succeeded").unwrap_or_default();
    let wanted =
        match (integer(job, "spec.completions"), integer(job, "spec.parallelism").unwrap_or_default()) {
            (Some(completions), _) => completions.to_string(),
            (None, parallelism) if parallelism > 1 => format!("1 of {parallelism}"),
            (None, _) => "1".to_owned(),
        };
    format!("{succeeded}/{wanted}").into()
}

fn duration(job: &Value, now: Timestamp) -> Value {
    let second = |path: &str| text(job, path).parse::<Timestamp>().ok().map(Timestamp::as_second);
    let Some(start) = second("status.startTime") else { return "".into() };
    let end = second("status.completionTime").unwrap_or(now.as_second());
    human_duration(end - start).into()
}

fn is_suspended(job: &Value) -> bool {
    job["spec"]["suspend"].as_bool().unwrap_or_default()
}
