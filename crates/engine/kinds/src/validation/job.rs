//! Jobs and CronJobs: `pkg/apis/batch/validation`.

mod policies;
mod update;

use bythos_cron::{Schedule, ScheduleError};
use bythos_schema::FieldError;
use serde_json::Value;

use super::metadata::check_template_metadata;
use super::pod;
use crate::LabelSelector;
use crate::defaults::job::CONTROLLER_UID;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

pub(crate) use update::validate_update;

/// Most pods of an Indexed Job at a time.
const PARALLELISM_OF_INDEXED_MAX: i64 = 100_000;
/// Room for the time that is added to the names of Jobs.
const CRON_JOB_NAME_MAX: usize = 52;

pub(crate) fn validate(job: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(job), Vec::new());
    let spec = root.field("spec");
    check_selector(&root, &spec, &mut errors);
    check_spec(&spec, &mut errors);
    errors
}

pub(crate) fn validate_cron_job(cron_job: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(cron_job), Vec::new());
    let metadata = root.field("metadata");
    if metadata.field("name").text().len() > CRON_JOB_NAME_MAX {
        errors.push(metadata.field("name").invalid("must be no more than 52 characters"));
    }
    let spec = root.field("spec");
    check_schedule(&spec.field("schedule"), &mut errors);
    check_time_zone(&spec.field("timeZone"), &mut errors);
    for number in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        spec.field(number).check_not_negative(&mut errors);
    }
    let policy = spec.field("concurrencyPolicy");
    if policy.is_empty() {
        errors.push(policy.required(""));
    } else {
        policy.check_supported(&["Allow", "Forbid", "Replace"], &mut errors);
    }
    let template = spec.field("jobTemplate");
    check_template_metadata(&template.field("metadata"), &mut errors);
    let job = template.field("spec");
    if job.field("manualSelector").is_true() {
        errors.push(job.field("manualSelector").unsupported(&["nil", "false"]));
    }
    check_spec(&job, &mut errors);
    errors
}

fn check_schedule(schedule: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if schedule.is_empty() {
        errors.push(schedule.required(""));
        return;
    }
    match schedule.text().parse::<Schedule>() {
        Ok(_) => {}
        Err(ScheduleError::TimeZone { .. }) => {
            errors.push(schedule.invalid("cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
        }
        Err(error) => errors.push(schedule.invalid(error.to_string())),
    }
}

fn check_time_zone(zone: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if !zone.is_set() {
        return;
    }
    match zone.text() {
        "" => errors.push(zone.invalid("timeZone must be nil or non-empty string")),
        name if name.eq_ignore_ascii_case("local") => {
            errors.push(zone.invalid(
                "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
            ));
        }
        name if jiff::tz::TimeZone::get(name).is_err() => {
            errors.push(zone.invalid(format!("unknown time zone {name}")));
        }
        _ => {}
    }
}

fn check_selector(root: &Spot<'_, '_>, spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (selector, metadata, template) =
        (spec.field("selector"), root.field("metadata"), spec.field("template"));
    if !selector.is_set() {
        errors.push(selector.required(""));
        return;
    }
    validate_label_selector(&selector, errors);
    let labels = &template.value()["metadata"]["labels"];
    if let Ok(Some(parsed)) = LabelSelector::from_object(selector.value())
        && !parsed.matches(labels)
    {
        let template_metadata = template.field("metadata");
        errors.push(template_metadata.field("labels").invalid("`selector` does not match template `labels`"));
    }
    if spec.field("manualSelector").is_true() {
        return;
    }
    let uid = metadata.field("uid").text();
    if selector.field("matchLabels").field(CONTROLLER_UID).text() != uid {
        errors.push(selector.invalid("`selector` not auto-generated"));
    }
}

fn check_spec(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for number in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        spec.field(number).check_not_negative(errors);
    }
    check_mode(spec, errors);
    check_index_limits(spec, errors);
    policies::check(spec, errors);
    check_template(spec, errors);
}

fn check_mode(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let mode = spec.field("completionMode");
    if mode.is_empty() {
        return;
    }
    mode.check_supported(&["Indexed", "NonIndexed"], errors);
    if mode.text() != "Indexed" {
        return;
    }
    let (completions, parallelism) = (spec.field("completions"), spec.field("parallelism"));
    if !completions.is_set() {
        errors.push(completions.required("when completion mode is Indexed"));
    }
    if parallelism.integer().is_some_and(|number| number > PARALLELISM_OF_INDEXED_MAX) {
        let words = format!(
            "must be less than or equal to {PARALLELISM_OF_INDEXED_MAX} when completion mode is Indexed"
        );
        errors.push(parallelism.invalid(words));
    }
}

fn check_index_limits(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (limit, max) = (spec.field("backoffLimitPerIndex"), spec.field("maxFailedIndexes"));
    if limit.is_set() && spec.field("completionMode").text() != "Indexed" {
        errors.push(limit.invalid("requires indexed completion mode"));
    }
    if max.is_set() && !limit.is_set() {
        errors.push(limit.required("when maxFailedIndexes is specified"));
    }
    if let (Some(max_number), Some(completions)) = (max.integer(), spec.field("completions").integer())
        && max_number > completions
    {
        errors.push(max.invalid("must be less than or equal to completions"));
    }
}

fn check_template(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let template = spec.field("template");
    check_template_metadata(&template.field("metadata"), errors);
    let pod_spec = template.field("spec");
    pod::check_spec(&pod_spec, errors);
    let policy = pod_spec.field("restartPolicy");
    match policy.text() {
        "OnFailure" | "Never" => {}
        "Always" => errors.push(policy.required("valid values: \"OnFailure\", \"Never\"")),
        _ => errors.push(policy.unsupported(&["OnFailure", "Never"])),
    }
}

#[cfg(test)]
mod tests;
