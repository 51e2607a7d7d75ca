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
    label_as_template(job);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_gets_limits_and_selects_its_pods_by_its_uid() {
        let template = json!({"metadata": {"labels": {"app": "pi"}}});
        let mut made =
            json!({"metadata": {"name": "pi", "uid": "u"}, "spec": {"template": template}, "status": {}});
        job(&mut made);
        prepare_create(&mut made);
        let spec = &made["spec"];
        let counts = [&spec["completions"], &spec["parallelism"], &spec["backoffLimit"]];
        assert_eq!(counts, [&json!(1), &json!(1), &json!(6)]);
        assert_eq!(spec["podReplacementPolicy"], "TerminatingOrFailed");
        assert_eq!(spec["selector"], json!({"matchLabels": {CONTROLLER_UID: "u"}}));
        let labels = json!({
            "app": "pi", JOB_NAME: "pi", OLD_JOB_NAME: "pi", CONTROLLER_UID: "u", OLD_CONTROLLER_UID: "u",
        });
        assert_eq!(spec["template"]["metadata"]["labels"], labels);
        assert_eq!(made["metadata"]["labels"], json!({"app": "pi"}));
        assert!(made.get("status").is_none());
    }

    #[test]
    fn a_job_that_selects_by_hand_is_left_alone() {
        let mut made = json!({"metadata": {"name": "pi", "uid": "u"}, "spec": {
            "manualSelector": true, "selector": {"matchLabels": {"app": "pi"}}, "template": {},
        }});
        prepare_create(&mut made);
        assert_eq!(made["spec"]["selector"], json!({"matchLabels": {"app": "pi"}}));
        assert_eq!(made["spec"]["template"], json!({}));
    }

    #[test]
    fn where_indexes_have_limits_the_job_has_none_and_a_policy_waits_for_the_end() {
        let rule = json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]});
        let mut made = json!({"spec": {"backoffLimitPerIndex": 1, "podFailurePolicy": {"rules": [rule]}}});
        job(&mut made);
        assert_eq!(made["spec"]["backoffLimit"], i32::MAX);
        assert_eq!(made["spec"]["podReplacementPolicy"], "Failed");
        assert_eq!(made["spec"]["podFailurePolicy"]["rules"][0]["onPodConditions"][0]["status"], "True");
    }
}
