//! Policies are held against requests.

use serde_json::{Value, json};

use super::*;

fn policy(spec: Value) -> Value {
    let mut policy = json!({"metadata": {"name": "p"}, "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]},
    }});
    policy["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    policy
}

#[track_caller]
fn check(spec: Value, object: Value, expected: &[&str]) -> Findings {
    let (policy, errors) = AdmissionPolicy::compile(&policy(spec));
    assert_eq!(errors, []);
    let request = json!({"operation": "CREATE", "userInfo": {"username": "alice", "groups": ["dev"]}});
    let parameters = json!({"data": {"max": "5"}});
    let namespace = json!({"metadata": {"name": "shop", "labels": {"env": "test"}}});
    let findings = policy.evaluate(PolicyInput {
        object: Some(&object),
        old_object: None,
        request: &request,
        parameters: Some(&parameters),
        namespace: Some(&namespace),
    });
    let messages: Vec<&str> = findings.denials.iter().map(|denial| denial.message.as_str()).collect();
    assert_eq!(messages, expected);
    findings
}

#[track_caller]
fn check_refused(spec: Value, expected: &str) {
    let (_, errors) = AdmissionPolicy::compile(&policy(spec));
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(errors.len() == 1 && errors[0].starts_with(expected), "expected {expected:?} in {errors:?}");
}

#[test]
fn what_an_expression_does_not_allow_is_denied_with_message_and_reason() {
    let object = json!({"spec": {"replicas": 7}});
    check(json!({"validations": [{"expression": "object.spec.replicas <= 7"}]}), object.clone(), &[]);
    let expression = "object.spec.replicas <= 5";
    check(
        json!({"validations": [{"expression": expression}]}),
        object.clone(),
        &["failed expression: object.spec.replicas <= 5"],
    );
    let findings = check(
        json!({"validations": [{"expression": expression, "message": "too many", "reason": "Forbidden"}]}),
        object.clone(),
        &["too many"],
    );
    assert_eq!(findings.denials[0].reason, DenialReason::Forbidden);
    let worded = json!({"validations": [{"expression": expression, "message": "too many", "messageExpression": "'%d are too many'.format([object.spec.replicas])"}]});
    check(worded, object.clone(), &["7 are too many"]);
    let silent = json!({"validations": [{"expression": expression, "message": "too many", "messageExpression": "object.none"}]});
    check(silent, object, &["too many"]);
}

#[test]
fn variables_parameters_request_and_namespace_are_there() {
    let spec = json!({
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "variables": [
            {"name": "max", "expression": "int(params.data.max)"},
            {"name": "replicas", "expression": "object.spec.replicas"},
            {"name": "isTooMany", "expression": "variables.replicas > variables.max"},
        ],
        "validations": [
            {"expression": "!variables.isTooMany", "messageExpression": "'at most %d'.format([variables.max])"},
            {"expression": "request.userInfo.username == 'bob' || oldObject != null", "message": "only bob"},
            {"expression": "namespaceObject.metadata.labels.env == 'prod'", "message": "only prod"},
        ],
        "auditAnnotations": [
            {"key": "who", "valueExpression": "request.userInfo.username"},
            {"key": "nothing", "valueExpression": "null"},
        ],
    });
    let findings = check(spec, json!({"spec": {"replicas": 6}}), &["at most 5", "only bob", "only prod"]);
    assert_eq!(findings.annotations, [("who".to_owned(), "alice".to_owned())]);
}

#[test]
fn a_policy_is_meant_only_where_all_its_conditions_hold() {
    let spec = |condition: &str| json!({"matchConditions": [{"name": "c", "expression": condition}], "validations": [{"expression": "false", "message": "no"}]});
    check(spec("request.userInfo.username == 'alice'"), json!({}), &["no"]);
    check(spec("request.userInfo.username == 'bob'"), json!({}), &[]);
    check(
        spec("request.nothing == 'bob'"),
        json!({}),
        &["match condition \"c\" resulted in error: no such key: nothing"],
    );
}

#[test]
fn a_failure_refuses_unless_the_policy_says_otherwise() {
    let failing = json!([{"expression": "object.nothing.at.all"}]);
    check(
        json!({"validations": failing}),
        json!({}),
        &["expression 'object.nothing.at.all' resulted in error: no such key: nothing"],
    );
    check(json!({"validations": failing, "failurePolicy": "Ignore"}), json!({}), &[]);
    let endless = "[1, 2, 3, 4, 5, 6, 7, 8, 9].all(a, object.l.all(b, object.l.all(c, object.l.all(d, a + b + c + d > 0))))";
    let list: Vec<i64> = (0..100).collect();
    check(
        json!({"validations": [{"expression": endless}]}),
        json!({"l": list}),
        &[&format!(
            "expression '{endless}' resulted in error: operation cancelled: actual cost limit exceeded"
        )],
    );
}

#[test]
fn a_policy_that_makes_no_sense_is_refused_with_paths() {
    check_refused(
        json!({"validations": [{"expression": "object.x >"}]}),
        r#"spec.validations[0].expression: Invalid value: "object.x >": compilation failed: ERROR: <input>:1:11: Syntax error"#,
    );
    check_refused(
        json!({"validations": [{"expression": "1 + 1"}]}),
        r#"spec.validations[0].expression: Invalid value: "1 + 1": must evaluate to bool, found int"#,
    );
    check_refused(
        json!({"validations": [{"expression": ""}]}),
        "spec.validations[0].expression: Required value",
    );
    check_refused(
        json!({"validations": [{"expression": "params.x"}]}),
        r#"spec.validations[0].expression: Invalid value: "params.x": compilation failed"#,
    );
    check_refused(
        json!({"variables": [{"name": "a-b", "expression": "1"}]}),
        r#"spec.variables[0].name: Invalid value: "a-b""#,
    );
    check_refused(
        json!({"variables": [{"name": "a", "expression": "variables.b"}]}),
        r#"spec.variables[0].expression: Invalid value: "variables.b": compilation failed"#,
    );
}

#[test]
fn rules_and_selectors_say_which_requests_are_meant() {
    let namespace = json!({"metadata": {"labels": {"env": "test"}}});
    let object = json!({"metadata": {"labels": {"app": "web"}}});
    let request = Matched {
        operation: AdmissionOperation::Update,
        group: "apps",
        versions: &["v1", "v1beta1"],
        resource: "deployments",
        subresource: "",
        name: "web",
        is_namespaced: true,
        namespace: Some(&namespace),
        object: Some(&object),
        old_object: None,
    };
    let rule = |operations: Value, groups: Value, versions: Value, resources: Value| json!({"operations": operations, "apiGroups": groups, "apiVersions": versions, "resources": resources});
    let cases = [
        (json!({"resourceRules": [rule(json!(["*"]), json!(["*"]), json!(["*"]), json!(["*"]))]}), true),
        (
            json!({"resourceRules": [rule(json!(["UPDATE"]), json!(["apps"]), json!(["v1"]), json!(["deployments"]))]}),
            true,
        ),
        (
            json!({"resourceRules": [rule(json!(["UPDATE"]), json!(["apps"]), json!(["v1beta1"]), json!(["deployments"]))]}),
            true,
        ),
        (
            json!({"matchPolicy": "Exact", "resourceRules": [rule(json!(["UPDATE"]), json!(["apps"]), json!(["v1beta1"]), json!(["deployments"]))]}),
            false,
        ),
        (
            json!({"resourceRules": [rule(json!(["CREATE"]), json!(["apps"]), json!(["v1"]), json!(["deployments"]))]}),
            false,
        ),
        (
            json!({"resourceRules": [rule(json!(["*"]), json!([""]), json!(["v1"]), json!(["deployments"]))]}),
            false,
        ),
        (
            json!({"resourceRules": [rule(json!(["*"]), json!(["apps"]), json!(["v1"]), json!(["deployments/*"]))]}),
            true,
        ),
        (
            json!({"resourceRules": [rule(json!(["*"]), json!(["apps"]), json!(["v1"]), json!(["deployments/scale"]))]}),
            false,
        ),
        (json!({}), true),
        (Value::Null, true),
        (
            json!({"excludeResourceRules": [rule(json!(["*"]), json!(["apps"]), json!(["*"]), json!(["*"]))]}),
            false,
        ),
        (json!({"namespaceSelector": {"matchLabels": {"env": "test"}}}), true),
        (json!({"namespaceSelector": {"matchLabels": {"env": "prod"}}}), false),
        (json!({"objectSelector": {"matchLabels": {"app": "web"}}}), true),
        (json!({"objectSelector": {"matchLabels": {"app": "db"}}}), false),
    ];
    for (resources, expected) in cases {
        let found = MatchResources::parse(&resources).unwrap().matches(&request);
        assert_eq!(found, expected, "{resources}");
    }
}
