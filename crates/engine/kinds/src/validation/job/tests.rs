//! Jobs and CronJobs, case by case.

use serde_json::json;

use super::*;
use crate::validation::tests::words;

fn job() -> Value {
    json!({
        "metadata": {"name": "pi", "uid": "u"},
        "spec": {
            "parallelism": 1, "completions": 3, "completionMode": "Indexed",
            "selector": {"matchLabels": {CONTROLLER_UID: "u"}},
            "template": {
                "metadata": {"labels": {CONTROLLER_UID: "u"}},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "pi:1"}]},
            },
        },
    })
}

#[track_caller]
fn check(change: fn(&mut Value), expected: &[&str]) {
    let mut job = job();
    change(&mut job["spec"]);
    assert_eq!(words(&validate(&job)), expected);
}

#[test]
fn a_job_runs_pods_that_end_and_that_are_its_own() {
    check(|_| {}, &[]);
    check(
        |spec| spec["template"]["spec"]["restartPolicy"] = json!("Always"),
        &["spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""],
    );
    check(
        |spec| spec["selector"] = json!({"matchLabels": {"app": "pi"}}),
        &[
            r#"spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"u"}: `selector` does not match template `labels`"#,
            r#"spec.selector: Invalid value: {"matchLabels":{"app":"pi"}}: `selector` not auto-generated"#,
        ],
    );
    check(
        |spec| spec["backoffLimit"] = json!(-1),
        &["spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"],
    );
}

#[test]
fn indexes_need_a_number_of_completions() {
    check(
        |spec| spec["completions"] = Value::Null,
        &["spec.completions: Required value: when completion mode is Indexed"],
    );
    check(
        |spec| {
            spec["completionMode"] = json!("NonIndexed");
            spec["backoffLimitPerIndex"] = json!(1);
        },
        &["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
    );
    check(
        |spec| spec["maxFailedIndexes"] = json!(4),
        &[
            "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            "spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions",
        ],
    );
}

#[test]
fn rules_about_failures_are_whole() {
    let with = |rule: Value| {
        let mut job = job();
        job["spec"]["podFailurePolicy"] = json!({"rules": [rule]});
        words(&validate(&job))
    };
    let at = |field: &str, words: &str| vec![format!("spec.podFailurePolicy.rules[0].{field}: {words}")];
    let good = json!({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 2], "containerName": "main"}});
    assert_eq!(with(good.clone()), Vec::<String>::new());
    let mut zero = good.clone();
    zero["onExitCodes"]["values"] = json!([0]);
    assert_eq!(
        with(zero),
        at("onExitCodes.values[0]", "Invalid value: 0: must not be 0 for the In operator")
    );
    let mut stranger = good.clone();
    stranger["onExitCodes"]["containerName"] = json!("x");
    let expected =
        "Invalid value: \"x\": must be one of the container or initContainer names in the pod template";
    assert_eq!(with(stranger), at("onExitCodes.containerName", expected));
    let mut index = good;
    index["action"] = json!("FailIndex");
    assert_eq!(
        with(index),
        at("action", "Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set")
    );
}

#[test]
fn rules_about_success_name_indexes_that_there_are() {
    let with = |rule: Value| {
        let mut job = job();
        job["spec"]["successPolicy"] = json!({"rules": [rule]});
        words(&validate(&job))
    };
    assert_eq!(with(json!({"succeededIndexes": "0,1-2", "succeededCount": 3})), Vec::<String>::new());
    let expected = r#"spec.successPolicy.rules[0].succeededIndexes: Invalid value: "1-3": error parsing succeededIndexes: too large index: "1-3""#;
    assert_eq!(with(json!({"succeededIndexes": "1-3"})), [expected]);
    let expected = "spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified";
    assert_eq!(with(json!({})), [expected]);
}

#[test]
fn an_update_changes_how_fast_and_how_long_but_not_what_runs() {
    let mut new = job();
    new["spec"]["parallelism"] = json!(2);
    new["spec"]["suspend"] = json!(true);
    assert!(validate_update(&job(), &new).is_empty());
    new["spec"]["completions"] = json!(5);
    new["spec"]["template"]["spec"]["nodeSelector"] = json!({"a": "b"});
    let found = words(&validate_update(&job(), &new));
    assert_eq!(found[0], "spec.completions: Invalid value: 5: field is immutable");
    assert!(found[1].starts_with("spec.template: Invalid value") && found[1].ends_with("field is immutable"));

    let mut old = job();
    old["spec"]["parallelism"] = json!(3);
    old["spec"]["suspend"] = json!(true);
    new["spec"]["parallelism"] = json!(5);
    assert!(validate_update(&old, &new).is_empty(), "elastic, and not begun");
}

#[test]
fn a_cron_job_has_a_schedule_in_a_known_zone() {
    let cron_job = |change: Value| {
        let mut spec = json!({"schedule": "0 * * * *", "concurrencyPolicy": "Allow", "jobTemplate": {"spec": job()["spec"]}});
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        words(&validate_cron_job(&json!({"metadata": {"name": "c"}, "spec": spec})))
    };
    assert_eq!(cron_job(json!({})), Vec::<String>::new());
    assert_eq!(
        cron_job(json!({"schedule": "* * *", "timeZone": "Moon/Sea", "concurrencyPolicy": "Wait"})),
        [
            r#"spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: "* * *""#,
            r#"spec.timeZone: Invalid value: "Moon/Sea": unknown time zone Moon/Sea"#,
            r#"spec.concurrencyPolicy: Unsupported value: "Wait": supported values: "Allow", "Forbid", "Replace""#,
        ]
    );
    assert_eq!(
        cron_job(json!({"schedule": "TZ=UTC 0 * * * *"})),
        [
            r#"spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead"#
        ]
    );
}
