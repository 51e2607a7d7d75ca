//! Kinds that make pods from a template: Deployment, ReplicaSet, StatefulSet, DaemonSet.

use bythos_schema::FieldError;
use serde_json::{Value, json};

use super::metadata::check_template_metadata;
use super::{check_immutable, check_share, pod, storage};
use crate::LabelSelector;
use crate::names;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

/// What holds for each of them.
pub(crate) fn validate(workload: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(workload), Vec::new());
    let spec = root.field("spec");
    for number in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
        spec.field(number).check_not_negative(&mut errors);
    }
    check_selector(&spec, &mut errors);
    check_template(&spec.field("template"), &mut errors);
    errors
}

pub(crate) fn validate_deployment(deployment: &Value) -> Vec<FieldError> {
    let mut errors = validate(deployment);
    let root = Spot::root(deployment);
    let spec = root.field("spec");
    let deadline = spec.field("progressDeadlineSeconds");
    deadline.check_not_negative(&mut errors);
    let least = spec.field("minReadySeconds").integer().unwrap_or_default();
    if deadline.integer().is_some_and(|seconds| seconds <= least) {
        errors.push(deadline.invalid("must be greater than minReadySeconds"));
    }
    check_strategy(&spec.field("strategy"), &mut errors);
    errors
}

/// A ReplicationController, whose selector is a map of labels.
pub(crate) fn validate_replication_controller(controller: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(controller), Vec::new());
    let spec = root.field("spec");
    for number in ["replicas", "minReadySeconds"] {
        spec.field(number).check_not_negative(&mut errors);
    }
    let (selector, template) = (spec.field("selector"), spec.field("template"));
    if selector.is_empty() {
        errors.push(selector.required(""));
    }
    if !template.is_set() {
        errors.push(template.required(""));
        return errors;
    }
    let metadata = template.field("metadata");
    let labels = metadata.field("labels");
    if !LabelSelector::from_map(selector.value()).matches(labels.value()) {
        errors.push(labels.invalid("`selector` does not match template `labels`"));
    }
    check_template(&template, &mut errors);
    errors
}

/// A PodTemplate, which is only kept.
pub(crate) fn validate_pod_template(template: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(template), Vec::new());
    let template = root.field("template");
    check_template_metadata(&template.field("metadata"), &mut errors);
    pod::check_spec(&template.field("spec"), &mut errors);
    errors
}

pub(crate) fn validate_daemon_set(daemon_set: &Value) -> Vec<FieldError> {
    let mut errors = validate(daemon_set);
    let root = Spot::root(daemon_set);
    let spec = root.field("spec");
    let strategy = spec.field("updateStrategy");
    let rolling = strategy.field("rollingUpdate");
    match strategy.field("type").text() {
        "OnDelete" => {}
        "RollingUpdate" if !rolling.is_set() => errors.push(rolling.required("")),
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.field("maxUnavailable"), rolling.field("maxSurge"));
            check_share(&unavailable, &mut errors);
            check_share(&surge, &mut errors);
            let is_some = |amount: &Spot<'_, '_>| number_of(amount.value()).is_some_and(|number| number != 0);
            match (is_some(&unavailable), is_some(&surge)) {
                (true, true) => errors.push(surge.invalid("may not be set when maxUnavailable is non-zero")),
                (false, false) => errors.push(unavailable.required("cannot be 0 when maxSurge is 0")),
                _ => {}
            }
        }
        _ => strategy.field("type").check_supported(&["OnDelete", "RollingUpdate"], &mut errors),
    }
    errors
}

pub(crate) fn validate_stateful_set(set: &Value) -> Vec<FieldError> {
    let mut errors = validate(&with_claimed_volumes(set));
    let root = Spot::root(set);
    let metadata = root.field("metadata");
    metadata.field("name").check_text(names::rfc1123_label, &mut errors);
    let spec = root.field("spec");
    spec.field("podManagementPolicy").check_supported(&["OrderedReady", "Parallel"], &mut errors);
    check_stateful_strategy(&spec.field("updateStrategy"), &mut errors);
    let retention = spec.field("persistentVolumeClaimRetentionPolicy");
    for when in ["whenDeleted", "whenScaled"] {
        retention.field(when).check_supported(&["Retain", "Delete"], &mut errors);
    }
    spec.field("ordinals").field("start").check_not_negative(&mut errors);
    for template in spec.field("volumeClaimTemplates").items() {
        storage::check_claim_spec(&template.field("spec"), &mut errors);
    }
    errors
}

/// The set with a volume in its pods for each of its claims, as the controller adds them: containers may mount them.
fn with_claimed_volumes(set: &Value) -> Value {
    let mut set = set.clone();
    let templates = set["spec"]["volumeClaimTemplates"].as_array().cloned().unwrap_or_default();
    let Some(spec) = set.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut) else {
        return set;
    };
    let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
    if volumes.is_null() {
        *volumes = json!([]);
    }
    let Some(volumes) = volumes.as_array_mut() else { return set };
    for name in templates.iter().map(|template| &template["metadata"]["name"]) {
        if volumes.iter().all(|volume| volume["name"] != *name) {
            volumes.push(json!({"name": name, "emptyDir": {}}));
        }
    }
    set
}

fn check_stateful_strategy(strategy: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let rolling = strategy.field("rollingUpdate");
    match strategy.field("type").text() {
        "OnDelete" if rolling.is_set() => {
            errors.push(rolling.invalid("only allowed for updateStrategy 'RollingUpdate'"));
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            rolling.field("partition").check_not_negative(errors);
            let unavailable = rolling.field("maxUnavailable");
            check_share(&unavailable, errors);
            if number_of(unavailable.value()) == Some(0) {
                errors.push(unavailable.invalid("cannot be 0"));
            }
        }
        "" => errors.push(strategy.field("type").required("")),
        _ => errors.push(strategy.field("type").invalid("must be 'RollingUpdate' or 'OnDelete'")),
    }
}

/// What a StatefulSet may become; the rest would be about pods and claims that are there already.
const CHANGEABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

pub(crate) fn validate_stateful_set_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let fixed = |set: &Value| {
        let mut spec = set["spec"].clone();
        if let Value::Object(fields) = &mut spec {
            CHANGEABLE.iter().for_each(|field| drop(fields.remove(*field)));
        }
        spec
    };
    if fixed(old) == fixed(new) {
        return Vec::new();
    }
    let words = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                 'minReadySeconds' are forbidden";
    vec![Spot::root(new).field("spec").forbidden(words)]
}

pub(crate) fn validate_revision(revision: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(revision), Vec::new());
    if !root.field("data").is_set() {
        errors.push(root.field("data").required("data is mandatory"));
    }
    root.field("revision").check_not_negative(&mut errors);
    errors
}

/// A revision remembers; only its number may change.
pub(crate) fn validate_revision_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    check_immutable(&root.field("data"), &old["data"], &mut errors);
    errors
}

/// The selector says which pods belong to a workload; it cannot change hands.
pub(crate) fn validate_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    check_immutable(&root.field("spec").field("selector"), &old["spec"]["selector"], &mut errors);
    errors
}

fn check_selector(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let selector = spec.field("selector");
    if !selector.is_set() {
        errors.push(selector.required(""));
        return;
    }
    validate_label_selector(&selector, errors);
    let Ok(Some(parsed)) = LabelSelector::from_object(selector.value()) else { return };
    if parsed.is_everything() {
        errors
            .push(selector.invalid("empty selector is invalid, since it selects every pod of the namespace"));
        return;
    }
    let template = spec.field("template");
    let metadata = template.field("metadata");
    let labels = metadata.field("labels");
    if !parsed.matches(labels.value()) {
        errors.push(labels.invalid("`selector` does not match template `labels`"));
    }
}

fn check_template(template: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    check_template_metadata(&template.field("metadata"), errors);
    let spec = template.field("spec");
    pod::check_spec(&spec, errors);
    let policy = spec.field("restartPolicy");
    if matches!(policy.text(), "OnFailure" | "Never") {
        errors.push(policy.unsupported(&["Always"]));
    }
    let deadline = spec.field("activeDeadlineSeconds");
    if deadline.is_set() {
        errors.push(deadline.forbidden("activeDeadlineSeconds in a pod that runs always is not supported"));
    }
}

fn check_strategy(strategy: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let rolling = strategy.field("rollingUpdate");
    match strategy.field("type").text() {
        "Recreate" if rolling.is_set() => {
            errors.push(rolling.forbidden("may not be specified when strategy `type` is 'Recreate'"));
        }
        "Recreate" => {}
        "RollingUpdate" => check_rolling_update(&rolling, errors),
        _ => strategy.field("type").check_supported(&["Recreate", "RollingUpdate"], errors),
    }
}

fn check_rolling_update(rolling: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (unavailable, surge) = (rolling.field("maxUnavailable"), rolling.field("maxSurge"));
    check_share(&unavailable, errors);
    check_share(&surge, errors);
    if number_of(unavailable.value()) == Some(0) && number_of(surge.value()) == Some(0) {
        errors.push(unavailable.invalid("may not be 0 when `maxSurge` is 0"));
    }
    if unavailable.text().ends_with('%') && number_of(unavailable.value()) > Some(100) {
        errors.push(unavailable.invalid("must not be greater than 100%"));
    }
}

fn number_of(amount: &Value) -> Option<i64> {
    match amount {
        Value::String(text) => text.trim_end_matches('%').parse().ok(),
        other => other.as_i64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::tests::words;

    fn deployment() -> Value {
        json!({"spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {"app": "web", "tier": "front"}},
                "spec": {"restartPolicy": "Always", "containers": [{"name": "web", "image": "web:1"}]},
            },
        }})
    }

    #[track_caller]
    fn check(change: fn(&mut Value), expected: &[&str]) {
        let mut deployment = deployment();
        change(&mut deployment["spec"]);
        assert_eq!(words(&validate_deployment(&deployment)), expected);
    }

    #[test]
    fn a_workload_selects_the_pods_that_it_makes() {
        check(|_| {}, &[]);
        check(|spec| spec["selector"] = Value::Null, &["spec.selector: Required value"]);
        check(
            |spec| spec["selector"] = json!({}),
            &[
                "spec.selector: Invalid value: {}: empty selector is invalid, since it selects every pod of the namespace",
            ],
        );
        check(
            |spec| spec["template"]["metadata"]["labels"] = json!({"app": "other"}),
            &[
                r#"spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`"#,
            ],
        );
        check(
            |spec| spec["selector"]["matchExpressions"] = json!([{"key": "tier", "operator": "In"}]),
            &[
                "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                r#"spec.template.metadata.labels: Invalid value: {"app":"web","tier":"front"}: `selector` does not match template `labels`"#,
            ],
        );
    }

    #[test]
    fn the_template_is_checked_as_a_pod_that_runs_always() {
        check(
            |spec| {
                spec["template"]["spec"] = json!({"restartPolicy": "Never", "containers": [{"name": "web"}]});
            },
            &[
                "spec.template.spec.containers[0].image: Required value",
                r#"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#,
            ],
        );
        check(
            |spec| spec["replicas"] = json!(-1),
            &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        );
    }

    #[test]
    fn a_strategy_can_make_progress() {
        check(
            |spec| spec["strategy"]["rollingUpdate"] = json!({"maxSurge": 0, "maxUnavailable": "0%"}),
            &[
                r#"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0"#,
            ],
        );
        check(
            |spec| spec["strategy"]["type"] = json!("Recreate"),
            &[
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
            ],
        );
        check(
            |spec| spec["strategy"]["type"] = json!("Rolling"),
            &[
                r#"spec.strategy.type: Unsupported value: "Rolling": supported values: "Recreate", "RollingUpdate""#,
            ],
        );
        check(
            |spec| spec["progressDeadlineSeconds"] = json!(0),
            &["spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"],
        );
    }

    #[test]
    fn a_daemon_set_takes_pods_away_or_adds_them_but_not_both() {
        let with = |rolling: Value| {
            let mut set = deployment();
            set["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
            words(&validate_daemon_set(&set))
        };
        let none = Vec::<String>::new();
        assert_eq!(with(json!({"maxUnavailable": 1, "maxSurge": 0})), none);
        assert_eq!(with(json!({"maxUnavailable": 0, "maxSurge": "10%"})), none);
        assert_eq!(
            with(json!({"maxUnavailable": 1, "maxSurge": 1})),
            [
                "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"
            ]
        );
        assert_eq!(
            with(json!({"maxUnavailable": 0})),
            [
                "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"
            ]
        );
    }

    #[test]
    fn containers_of_a_stateful_set_mount_its_claims() {
        let mut set = deployment();
        set["metadata"] = json!({"name": "db"});
        set["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
        set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] =
            json!([{"name": "data", "mountPath": "/data"}]);
        let words_of_mount =
            r#"spec.template.spec.containers[0].volumeMounts[0].name: Invalid value: "data": not found"#;
        assert_eq!(words(&validate_stateful_set(&set)), [words_of_mount]);
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": spec}]);
        assert_eq!(words(&validate_stateful_set(&set)), Vec::<String>::new());
    }

    #[test]
    fn a_stateful_set_keeps_what_its_pods_and_claims_are_made_of() {
        let mut set = deployment();
        set["metadata"] = json!({"name": "db"});
        set["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
        assert_eq!(words(&validate_stateful_set(&set)), Vec::<String>::new());
        let mut new = set.clone();
        new["spec"]["replicas"] = json!(5);
        new["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
        assert!(validate_stateful_set_update(&set, &new).is_empty());
        new["spec"]["serviceName"] = json!("other");
        assert!(words(&validate_stateful_set_update(&set, &new))[0].starts_with(
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template'"
        ));
        new["metadata"]["name"] = json!("a.b");
        new["spec"]["podManagementPolicy"] = json!("Any");
        let found = words(&validate_stateful_set(&new));
        assert!(found[0].starts_with("metadata.name: Invalid value: \"a.b\": a lowercase RFC 1123 label"));
        assert_eq!(
            found[1],
            r#"spec.podManagementPolicy: Unsupported value: "Any": supported values: "OrderedReady", "Parallel""#
        );
    }

    #[test]
    fn the_selector_does_not_change() {
        let (old, mut new) = (deployment(), deployment());
        assert!(validate_update(&old, &new).is_empty());
        new["spec"]["selector"]["matchLabels"] = json!({"tier": "front"});
        assert_eq!(
            validate_update(&old, &new)[0].to_string(),
            r#"spec.selector: Invalid value: {"matchLabels":{"tier":"front"}}: field is immutable"#
        );
    }
}
