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

/// A pod of one container, with this in its spec.
#[track_caller]
fn check_spec(spec: Value, expected: &[&str]) {
    let mut whole = json!({"containers": [{"name": "web", "image": "web:1"}]});
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    check(whole, expected);
}

#[test]
fn security_contexts_do_not_contradict_themselves() {
    let good = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsUser": 0,
        "seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/a.json"}});
    check_container(json!({"securityContext": good}), &[]);
    let context = json!({"allowPrivilegeEscalation": false, "privileged": true});
    check_container(
        json!({"securityContext": context}),
        &[&format!(
            "spec.containers[0].securityContext: Invalid value: {context}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        )],
    );
    let context = json!({"allowPrivilegeEscalation": false, "capabilities": {"add": ["CAP_SYS_ADMIN"]}});
    check_container(
        json!({"securityContext": context}),
        &[&format!(
            "spec.containers[0].securityContext: Invalid value: {context}: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        )],
    );
    check_spec(
        json!({"securityContext": {
            "runAsUser": -1, "runAsGroup": 2_147_483_648_i64, "fsGroup": -2, "supplementalGroups": [1, -3],
            "seccompProfile": {"type": "Localhost"}, "appArmorProfile": {"type": "Strict", "localhostProfile": "a"},
            "fsGroupChangePolicy": "Never",
        }}),
        &[
            "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            "spec.securityContext.runAsGroup: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive",
            "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
            r#"spec.securityContext.appArmorProfile.type: Unsupported value: "Strict": supported values: "Localhost", "RuntimeDefault", "Unconfined""#,
            r#"spec.securityContext.appArmorProfile.localhostProfile: Invalid value: "a": can only be set when AppArmor type is Localhost"#,
            "spec.securityContext.fsGroup: Invalid value: -2: must be between 0 and 2147483647, inclusive",
            "spec.securityContext.supplementalGroups[1]: Invalid value: -3: must be between 0 and 2147483647, inclusive",
            r#"spec.securityContext.fsGroupChangePolicy: Unsupported value: "Never": supported values: "Always", "OnRootMismatch""#,
        ],
    );
}

#[test]
fn pods_are_spread_by_a_key_and_a_bound() {
    let good =
        json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2});
    check_spec(json!({"topologySpreadConstraints": [good]}), &[]);
    check_spec(
        json!({"topologySpreadConstraints": [
            {"maxSkew": 0, "whenUnsatisfiable": "Sometimes", "minDomains": 1, "nodeTaintsPolicy": "Maybe"},
        ]}),
        &[
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
            r#"spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Sometimes": supported values: "DoNotSchedule", "ScheduleAnyway""#,
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not Sometimes",
            r#"spec.topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: "Maybe": supported values: "Honor", "Ignore""#,
        ],
    );
}

#[test]
fn affinity_has_terms_that_can_be_met() {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    let expressions = json!({"matchExpressions": [
        {"key": "a", "operator": "In"}, {"key": "b", "operator": "Gt", "values": ["1", "2"]},
        {"key": "c", "operator": "Like"}, {"key": "d", "operator": "Exists", "values": ["1"]},
        {"key": "e", "operator": "Lt", "values": ["1"]},
    ], "matchFields": [{"key": "metadata.uid", "operator": "In", "values": ["a"]}]});
    let term =
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]";
    let expected = [
        "matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        "matchExpressions[1].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
        r#"matchExpressions[2].operator: Invalid value: "Like": not a valid selector operator"#,
        "matchExpressions[3].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        r#"matchFields[0].key: Invalid value: "metadata.uid": not a valid field selector key"#,
    ]
    .map(|words| format!("{term}.{words}"));
    check_spec(
        json!({"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [expressions]}}}}),
        &expected.each_ref().map(String::as_str),
    );
    check_spec(
        json!({"affinity": {
            "nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}, PREFERRED: [{"weight": 0, "preference": {}}]},
            "podAffinity": {REQUIRED: [{"topologyKey": "zone"}, {"labelSelector": {}}]},
            "podAntiAffinity": {PREFERRED: [{"weight": 101, "podAffinityTerm": {"topologyKey": "zone"}}]},
        }}),
        &[
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
            "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
            "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[1].topologyKey: Required value: can not be empty",
            "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100",
        ],
    );
}

#[test]
fn tolerations_and_gates_make_sense() {
    check_spec(
        json!({
            "tolerations": [
                {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
                {"key": "a", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5},
                {"key": "a", "value": "b c"},
            ],
            "readinessGates": [{"conditionType": "example.com/ready"}, {"conditionType": "a b"}],
            "schedulingGates": [{"name": "a/b/c"}],
        }),
        &[
            "spec.readinessGates[1].conditionType: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            "spec.schedulingGates[0].name: Invalid value: \"a/b/c\": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
            r#"spec.tolerations[1].effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when `tolerationSeconds` is set"#,
            "spec.tolerations[2].operator: Invalid value: \"b c\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ],
    );
}

#[test]
fn names_are_found_in_few_places() {
    check_spec(
        json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.1"], "searches": ["a_b.c.", "."]}}),
        &[],
    );
    check_spec(
        json!({"dnsPolicy": "None"}),
        &["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    );
    check_spec(
        json!({"dnsPolicy": "None", "dnsConfig": {"options": [{}]}, "hostAliases": [{"ip": "a"}]}),
        &[
            "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
            "spec.dnsConfig.options[0]: Required value: must not be empty",
            r#"spec.hostAliases[0].ip: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
        ],
    );
    let servers = ["192.0.2.1"; 4];
    check_spec(
        json!({"dnsConfig": {"nameservers": servers}}),
        &[&format!(
            "spec.dnsConfig.nameservers: Invalid value: {}: must not have more than 3 nameservers",
            json!(servers)
        )],
    );
}

#[test]
fn containers_say_how_they_start_again_and_what_they_share() {
    check_container(
        json!({"restartPolicy": "OnFailure", "restartPolicyRules": [{"exitCodes": {"operator": "In"}}]}),
        &[],
    );
    check_container(
        json!({
            "restartPolicyRules": [{}],
            "volumeMounts": [
                {"name": "data", "mountPath": "/a", "mountPropagation": "Bidirectional"},
                {"name": "data", "mountPath": "/b", "mountPropagation": "Both"},
            ],
            "env": [
                {"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.disk"}}},
                {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1Mi"}}},
                {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
            ],
        }),
        &[
            r#"spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.disk": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory""#,
            r#"spec.containers[0].env[1].valueFrom.resourceFieldRef.divisor: Invalid value: "1Mi": only divisor's values 1m and 1 are supported with the cpu resource"#,
            "spec.containers[0].volumeMounts[0].mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers",
            r#"spec.containers[0].volumeMounts[1].mountPropagation: Unsupported value: "Both": supported values: "Bidirectional", "HostToContainer", "None""#,
            "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
            "spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified",
        ],
    );
    check_spec(
        json!({"hostNetwork": true, "containers": [{"name": "a", "image": "a", "ports": [
            {"containerPort": 80}, {"containerPort": 81, "hostPort": 82},
        ]}]}),
        &[
            "spec.containers[0].ports[1].containerPort: Invalid value: 81: must match `hostPort` when `hostNetwork` is true",
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
