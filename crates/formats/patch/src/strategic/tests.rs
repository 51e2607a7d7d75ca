use bythos_schema::built_in;
use serde_json::json;

use super::*;

#[track_caller]
fn check(kind: (&str, &str, &str), original: Value, patch: &Value, expected: &Value) {
    let schema = built_in(kind.0, kind.1, kind.2).unwrap();
    let mut target = original;
    strategic_merge(&mut target, patch, &schema).unwrap();
    assert_eq!(&target, expected);
}

#[track_caller]
fn check_pod(original: &Value, patch: &Value, expected: &Value) {
    check(("", "v1", "Pod"), json!({"spec": original}), &json!({"spec": patch}), &json!({"spec": expected}));
}

#[track_caller]
fn check_refused(patch: &Value, expected: &str) {
    let schema = built_in("", "v1", "Pod").unwrap();
    let before = json!({"spec": {"containers": [{"name": "a"}]}});
    let mut target = before.clone();
    assert_eq!(strategic_merge(&mut target, patch, &schema).unwrap_err().to_string(), expected);
    assert_eq!(target, before);
}

const DEPLOYMENT: (&str, &str, &str) = ("apps", "v1", "Deployment");

#[test]
fn a_container_is_added_before_the_others_as_the_documentation_shows() {
    check(
        DEPLOYMENT,
        json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "patch-demo-ctr", "image": "nginx"}],
            "tolerations": [{"effect": "NoSchedule", "key": "dedicated", "value": "test-team"}]}}}}),
        &json!({"spec": {"template": {"spec": {"containers": [{"name": "patch-demo-ctr-2", "image": "redis"}]}}}}),
        &json!({"spec": {"replicas": 2, "template": {"spec": {
            "containers": [{"name": "patch-demo-ctr-2", "image": "redis"}, {"name": "patch-demo-ctr", "image": "nginx"}],
            "tolerations": [{"effect": "NoSchedule", "key": "dedicated", "value": "test-team"}]}}}}),
    );
}

#[test]
fn a_list_without_strategy_is_replaced() {
    check_pod(
        &json!({"tolerations": [{"key": "a"}, {"key": "b"}]}),
        &json!({"tolerations": [{"key": "c", "value": null}]}),
        &json!({"tolerations": [{"key": "c"}]}),
    );
}

#[test]
fn items_merge_by_key_and_null_deletes() {
    check_pod(
        &json!({"containers": [{"name": "a", "image": "x", "args": ["1"]}, {"name": "b", "image": "y"}], "nodeName": "n"}),
        &json!({"containers": [{"name": "b", "image": "z"}, {"name": "a", "args": null}], "nodeName": null, "none": null}),
        &json!({"containers": [{"name": "b", "image": "z"}, {"name": "a", "image": "x"}]}),
    );
}

#[test]
fn ports_of_a_service_merge_by_port_alone() {
    check(
        ("", "v1", "Service"),
        json!({"spec": {"ports": [{"name": "dns", "port": 53, "protocol": "TCP"}]}}),
        &json!({"spec": {"ports": [{"port": 53, "protocol": "UDP"}]}}),
        &json!({"spec": {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}}),
    );
}

#[test]
fn an_item_is_deleted_by_directive() {
    check_pod(
        &json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        &json!({"containers": [{"name": "a", "$patch": "delete"}, {"name": "none", "$patch": "delete"}]}),
        &json!({"containers": [{"name": "b"}]}),
    );
}

#[test]
fn a_list_or_an_object_is_replaced_by_directive() {
    check_pod(
        &json!({"containers": [{"name": "a"}, {"name": "b"}], "securityContext": {"runAsUser": 1, "fsGroup": 2}}),
        &json!({"containers": [{"name": "c", "args": ["x"]}, {"$patch": "replace"}],
            "securityContext": {"$patch": "replace", "runAsUser": 3, "fsGroup": null}}),
        &json!({"containers": [{"name": "c", "args": ["x"]}], "securityContext": {"runAsUser": 3}}),
    );
}

#[test]
fn an_object_is_emptied_by_directive_and_merged_when_told_so() {
    check_pod(
        &json!({"securityContext": {"runAsUser": 1}, "dnsConfig": {"searches": ["a"]}}),
        &json!({"securityContext": {"$patch": "delete"}, "dnsConfig": {"$patch": "merge", "nameservers": ["b"]}}),
        &json!({"securityContext": {}, "dnsConfig": {"searches": ["a"], "nameservers": ["b"]}}),
    );
}

#[test]
fn scalars_are_added_once_and_deleted_by_directive() {
    check(
        ("", "v1", "Pod"),
        json!({"metadata": {"finalizers": ["a", "b", "c"]}}),
        &json!({"metadata": {"finalizers": ["b", "d"], "$deleteFromPrimitiveList/finalizers": ["a"]}}),
        &json!({"metadata": {"finalizers": ["b", "d", "c"]}}),
    );
}

#[test]
fn a_strategy_is_exchanged_by_retaining_keys() {
    check(
        DEPLOYMENT,
        json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}),
        &json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        &json!({"spec": {"strategy": {"type": "Recreate"}}}),
    );
    check_pod(
        &json!({"volumes": [{"name": "a", "emptyDir": {}}]}),
        &json!({"volumes": [{"$retainKeys": ["name", "hostPath"], "name": "a", "hostPath": {"path": "/x"}}]}),
        &json!({"volumes": [{"name": "a", "hostPath": {"path": "/x"}}]}),
    );
}

#[test]
fn the_order_is_set_by_directive_and_others_keep_their_places() {
    check_pod(
        &json!({"containers": [{"name": "a"}, {"name": "sidecar"}, {"name": "b"}]}),
        &json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}],
            "containers": [{"name": "c"}, {"name": "a", "image": "x"}]}),
        &json!({"containers": [{"name": "sidecar"}, {"name": "b"}, {"name": "c"}, {"name": "a", "image": "x"}]}),
    );
    check_pod(
        &json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        &json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
        &json!({"containers": [{"name": "b"}, {"name": "a"}]}),
    );
}

#[test]
fn a_selector_of_a_disruption_budget_is_replaced() {
    check(
        ("policy", "v1", "PodDisruptionBudget"),
        json!({"spec": {"selector": {"matchLabels": {"a": "1"}}}}),
        &json!({"spec": {"selector": {"matchLabels": {"b": "2"}}}}),
        &json!({"spec": {"selector": {"matchLabels": {"b": "2"}}}}),
    );
}

#[test]
fn what_is_new_is_taken_without_directives_and_nulls() {
    check_pod(
        &json!({}),
        &json!({"containers": [{"name": "a", "$setElementOrder/env": [{"name": "A"}], "env": [{"name": "A"}], "image": null}],
            "securityContext": {"$patch": "replace", "runAsUser": 1}, "dnsConfig": {"$patch": "delete"}}),
        &json!({"containers": [{"name": "a", "env": [{"name": "A"}]}], "securityContext": {"runAsUser": 1}}),
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    check_refused(
        &json!({"spec": {"containers": [{"image": "x"}]}}),
        r#"spec.containers[0]: has no "name", the key by which items of this list are merged"#,
    );
    check_refused(
        &json!({"spec": {"containers": [{"$patch": "delete"}]}}),
        r#"spec.containers[0]: has no "name", the key by which items of this list are merged"#,
    );
    check_refused(
        &json!({"spec": {"containers": ["x"]}}),
        r#"spec.containers[0]: expected an object, found "x""#,
    );
    check_refused(
        &json!({"spec": {"$patch": "remove"}}),
        r#"spec.$patch: expected "merge", "replace" or "delete", found "remove""#,
    );
    check_refused(
        &json!({"spec": {"$retainKeys": ["a"], "nodeName": "b"}}),
        "spec.nodeName: is set by the patch and missing from its $retainKeys",
    );
    check_refused(
        &json!({"spec": {"$setElementOrder/containers": 1}}),
        "spec.$setElementOrder/containers: expected a list, found 1",
    );
    check_refused(
        &json!({"spec": {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "c"}]}}),
        "spec.containers[0]: does not stand where $setElementOrder has it",
    );
    check_refused(&json!([]), "patch: expected an object, found []");
}
