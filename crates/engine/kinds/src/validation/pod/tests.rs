//! Pods are refused with the path and the words that users know.

use serde_json::{Value, json};

use super::{validate, validate_update};

#[track_caller]
fn check(spec: Value, expected: &[&str]) {
    let found: Vec<String> = validate(&json!({ "spec": spec })).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

/// A pod of one container, with this in it.
#[track_caller]
fn check_container(container: Value, expected: &[&str]) {
    let mut whole = json!({"name": "web", "image": "web:1"});
    whole.as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
    check(json!({"containers": [whole], "volumes": [{"name": "data", "emptyDir": {}}]}), expected);
}

#[test]
fn containers_have_names_and_images() {
    check(json!({}), &["spec.containers: Required value"]);
    check(
        json!({"containers": [{}]}),
        &["spec.containers[0].name: Required value", "spec.containers[0].image: Required value"],
    );
    check_container(
        json!({"image": " web"}),
        &[r#"spec.containers[0].image: Invalid value: " web": must not have leading or trailing whitespace"#],
    );
    let twice = json!({"name": "a", "image": "a"});
    check(
        json!({"containers": [twice], "initContainers": [twice]}),
        &[r#"spec.initContainers[0].name: Duplicate value: "a""#],
    );
}

#[test]
fn ports_are_numbers_with_names_of_their_own() {
    let ports = json!({"ports": [
        {"containerPort": 80, "name": "http", "hostPort": 8080, "protocol": "TCP"},
        {"containerPort": 70000, "name": "http"},
        {"protocol": "tcp", "hostPort": 8080},
        {"containerPort": 81, "hostPort": 8080, "protocol": "TCP"},
    ]});
    check_container(
        ports,
        &[
            r#"spec.containers[0].ports[1].name: Duplicate value: "http""#,
            "spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            "spec.containers[0].ports[2].containerPort: Required value",
            r#"spec.containers[0].ports[2].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP""#,
            "spec.containers[0].ports[3].hostPort: Duplicate value: 8080",
        ],
    );
}

#[test]
fn mounts_lead_to_volumes() {
    check_container(json!({"volumeMounts": [{"name": "data", "mountPath": "/data", "subPath": "a/b"}]}), &[]);
    let errors = validate(
        &json!({"spec": {"containers": [{"name": "a", "image": "b", "volumeMounts": [{"name": "x", "mountPath": "/x"}]}]}}),
    );
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].path.to_string(), "spec.containers[0].volumeMounts[0].name");
    assert!(errors[0].message().to_lowercase().contains("not found"), "{}", errors[0]);
    check_container(
        json!({"volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "data", "mountPath": "/data", "subPath": "/../x"},
        ]}),
        &[
            r#"spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/data": must be unique"#,
            r#"spec.containers[0].volumeMounts[1].subPath: Invalid value: "/../x": must be a relative path"#,
            r#"spec.containers[0].volumeMounts[1].subPath: Invalid value: "/../x": must not contain '..'"#,
        ],
    );
}

#[test]
fn volumes_have_one_source() {
    let volumes = json!([
        {"name": "a"},
        {"name": "a", "emptyDir": {}, "secret": {"secretName": "s"}},
        {"name": "c", "configMap": {"items": [{"key": "k", "path": "../k"}], "defaultMode": 1000}},
        {"name": "d", "persistentVolumeClaim": {}},
        {"name": "e", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}},
    ]);
    check(
        json!({"containers": [{"name": "a", "image": "b"}], "volumes": volumes}),
        &[
            "spec.volumes[0]: Required value: must specify a volume type",
            r#"spec.volumes[1].name: Duplicate value: "a""#,
            "spec.volumes[1].secret: Forbidden: may not specify more than 1 volume type",
            "spec.volumes[2].configMap.name: Required value",
            "spec.volumes[2].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive",
            r#"spec.volumes[2].configMap.items[0].path: Invalid value: "../k": must not contain '..'"#,
            "spec.volumes[3].persistentVolumeClaim.claimName: Required value",
            "spec.volumes[4].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes",
        ],
    );
}

#[test]
fn the_environment_comes_from_one_place() {
    check_container(
        json!({"env": [
            {"name": "GOOD", "value": "x"},
            {"name": "a=b"},
            {"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "B", "valueFrom": {}},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s"}}},
            {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "spec.nope"}}},
        ], "envFrom": [{"configMapRef": {}}, {}]}),
        &[
            r#"spec.containers[0].env[1].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='"#,
            r#"spec.containers[0].env[2].valueFrom: Invalid value: "": may not be specified when `value` is not empty"#,
            r#"spec.containers[0].env[3].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"#,
            "spec.containers[0].env[4].valueFrom.secretKeyRef.key: Required value",
            r#"spec.containers[0].env[6].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.nope": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs""#,
            "spec.containers[0].envFrom[0].configMapRef.name: Required value",
            r#"spec.containers[0].envFrom[1]: Invalid value: "": must specify one of: `configMapRef` or `secretRef`"#,
        ],
    );
}

#[test]
fn probes_have_one_handler() {
    check_container(
        json!({"readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "successThreshold": 2}}),
        &[],
    );
    check_container(
        json!({
            "livenessProbe": {"periodSeconds": -1, "successThreshold": 2},
            "readinessProbe": {"exec": {}, "tcpSocket": {"port": 80}},
            "startupProbe": {"httpGet": {"path": "/", "port": 0, "scheme": "http"}},
        }),
        &[
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
            "spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
            "spec.containers[0].readinessProbe.exec.command: Required value",
            "spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
            "spec.containers[0].startupProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive",
            r#"spec.containers[0].startupProbe.httpGet.scheme: Unsupported value: "http": supported values: "HTTP", "HTTPS""#,
        ],
    );
    let early = json!({"name": "a", "image": "b", "readinessProbe": {"exec": {"command": ["x"]}}});
    check(
        json!({"containers": [{"name": "b", "image": "b"}], "initContainers": [early]}),
        &[
            "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ],
    );
}

#[test]
fn resources_are_quantities_within_their_limits() {
    check_container(
        json!({"resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": 1, "nvidia.com/gpu": "1"}}}),
        &[],
    );
    check_container(
        json!({"resources": {
            "requests": {"cpu": "2", "memory": "-1", "nvidia.com/gpu": "1"},
            "limits": {"cpu": "1000m", "memory": "1GB", "gpu": "1", "nvidia.com/gpu": "2"},
        }}),
        &[
            r#"spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers"#,
            r#"spec.containers[0].resources.limits[memory]: Invalid value: "1GB": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"#,
            r#"spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0"#,
            r#"spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1000m"#,
            r#"spec.containers[0].resources.requests: Invalid value: "1": must be equal to nvidia.com/gpu limit of 2"#,
        ],
    );
}

#[test]
fn policies_of_the_pod_are_known_ones() {
    check(
        json!({
            "containers": [{"name": "a", "image": "b", "imagePullPolicy": "always"}],
            "restartPolicy": "Sometimes",
            "nodeName": "Node",
            "tolerations": [{"operator": "Equal"}],
        }),
        &[
            r#"spec.containers[0].imagePullPolicy: Unsupported value: "always": supported values: "Always", "IfNotPresent", "Never""#,
            r#"spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never""#,
            "spec.nodeName: Invalid value: \"Node\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            r#"spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys""#,
        ],
    );
}

#[track_caller]
fn check_update(change: fn(&mut Value), expected: &[&str]) {
    let old = json!({"spec": {
        "containers": [{"name": "a", "image": "a:1", "ports": [{"containerPort": 80}]}],
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "schedulingGates": [{"name": "quota"}],
        "activeDeadlineSeconds": 10,
        "terminationGracePeriodSeconds": 30,
    }});
    let mut new = old.clone();
    change(&mut new["spec"]);
    let found: Vec<String> = validate_update(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, part) in found.iter().zip(expected) {
        assert!(found.contains(part), "{found}");
    }
}

#[test]
fn an_update_changes_only_what_a_running_pod_can_follow() {
    check_update(|_| {}, &[]);
    check_update(|spec| spec["containers"][0]["image"] = json!("a:2"), &[]);
    check_update(|spec| spec["activeDeadlineSeconds"] = json!(5), &[]);
    check_update(
        |spec| spec["activeDeadlineSeconds"] = json!(50),
        &["must be less than or equal to previous value"],
    );
    check_update(|spec| spec["tolerations"].as_array_mut().unwrap().push(json!({"key": "b"})), &[]);
    check_update(|spec| spec["tolerations"][0]["tolerationSeconds"] = json!(5), &[]);
    check_update(
        |spec| spec["tolerations"][0]["effect"] = json!("NoExecute"),
        &["spec.tolerations: Forbidden: existing toleration"],
    );
    check_update(|spec| spec["schedulingGates"] = json!([]), &[]);
    check_update(
        |spec| spec["schedulingGates"] = json!([{"name": "other"}, {"name": "quota"}]),
        &["spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'other'"],
    );
    check_update(|spec| spec["nodeSelector"] = json!({}), &[]);
    check_update(
        |spec| spec["tolerations"] = json!([]),
        &["spec.tolerations: Forbidden: existing toleration"],
    );
    check_update(
        |spec| spec["nodeName"] = json!("b"),
        &[
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`",
        ],
    );
    check_update(|spec| spec["containers"][0]["ports"] = json!([]), &["; changed: spec.containers[0].ports"]);
    check_update(
        |spec| spec["terminationGracePeriodSeconds"] = json!(5),
        &["changed: spec.terminationGracePeriodSeconds"],
    );
    check_update(
        |spec| spec["containers"].as_array_mut().unwrap().push(json!({})),
        &["spec.containers: Forbidden: pod updates may not add or remove containers"],
    );
}
