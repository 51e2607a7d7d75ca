//! Jobs and CronJobs.

use serde_json::{Map, Value, json};

use super::pod;
use crate::fields::{at, fill, is_unset, items_in, make_object, object_in, text};

/// On the pods of a Job, and what it selects them by.
pub(crate) const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
const JOB_NAME: &str = "batch.kubernetes.io/job-name";
/// The names that these labels had before; clients still read them.
const OLD_CONTROLLER_UID: &str = "controller-uid";
const OLD_JOB_NAME: &str = "job-name";

pub(crate) fn job(job: &mut Value) {
    label_as_template(job);
    let Some(spec) = make_object(job, "spec") else { return };
    // Parallel workers without a count end when one of them succeeds; upstream keeps `completions` empty then.
    if is_unset(spec.get("completions")) && is_unset(spec.get("parallelism")) {
        fill(spec, "completions", 1);
    }
    fill(spec, "parallelism", 1);
    let has_own_limits = !is_unset(spec.get("backoffLimitPerIndex"));
    fill(spec, "backoffLimit", if has_own_limits { i32::MAX } else { 6 });
    fill(spec, "completionMode", "NonIndexed");
    fill(spec, "suspend", false);
    let has_policy = !is_unset(spec.get("podFailurePolicy"));
    fill(spec, "podReplacementPolicy", if has_policy { "Failed" } else { "TerminatingOrFailed" });
    default_spec(spec);
}

pub(crate) fn cron_job(cron_job: &mut Value) {
    let Some(spec) = make_object(cron_job, "spec") else { return };
    fill(spec, "concurrencyPolicy", "Allow");
    fill(spec, "suspend", false);
    fill(spec, "successfulJobsHistoryLimit", 3);
    fill(spec, "failedJobsHistoryLimit", 1);
    let template = make_object(spec, "jobTemplate").and_then(|template| make_object(template, "spec"));
    template.into_iter().for_each(default_spec);
}

/// What Jobs have and the templates of Jobs too.
fn default_spec(spec: &mut Value) {
    if let Some(policy) = spec.get_mut("podFailurePolicy") {
        for pattern in items_in(policy, "rules").flat_map(|rule| items_in(rule, "onPodConditions")) {
            fill(pattern, "status", "True");
        }
    }
    pod::default_template(spec);
}

/// A Job without labels gets those of its pods.
fn label_as_template(job: &mut Value) {
    let labels = at(job, "spec.template.metadata.labels").clone();
    let is_bare = at(job, "metadata.labels").as_object().is_none_or(Map::is_empty);
    let has_some = labels.as_object().is_some_and(|labels| !labels.is_empty());
    if let (true, Some(Value::Object(metadata))) = (is_bare && has_some, job.get_mut("metadata")) {
        metadata.insert("labels".to_owned(), labels);
    }
}

/// A Job selects its own pods by its uid, unless it says that it selects them by hand.
pub(crate) fn prepare_create(job: &mut Value) {
    crate::table::clear_status(job);
    if at(job, "spec.manualSelector").as_bool().unwrap_or_default() {
        return;
    }
    let (name, uid) = (text(job, "metadata.name").to_owned(), text(job, "metadata.uid").to_owned());
    let Some(spec) = make_object(job, "spec") else { return };
    let metadata = make_object(spec, "template").and_then(|template| make_object(template, "metadata"));
    if let Some(labels) = metadata.and_then(|metadata| object_in(metadata, "labels")) {
        for (key, value) in
            [(OLD_JOB_NAME, &name), (JOB_NAME, &name), (OLD_CONTROLLER_UID, &uid), (CONTROLLER_UID, &uid)]
        {
            labels.entry(key).or_insert_with(|| json!(value));
        }
    }
    let selected = make_object(spec, "selector").and_then(|selector| object_in(selector, "matchLabels"));
    if let Some(labels) = selected {
        labels.entry(CONTROLLER_UID).or_insert_with(|| json!(uid));
    }
}
