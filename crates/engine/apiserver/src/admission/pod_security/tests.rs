//! Pods are judged as the Pod Security Standards document it, in upstream's words.

use serde_json::{Value, json};

use super::level::Version;
use super::*;

fn pod(spec: Value, container: Value) -> Value {
    let mut pod = json!({"metadata": {"name": "p"}, "spec": spec});
    let mut main = json!({"name": "main", "image": "x"});
    for (field, value) in container.as_object().unwrap() {
        main[field] = value.clone();
    }
    pod["spec"]["containers"] = json!([main]);
    pod
}

#[track_caller]
fn check_in(level: Level, version: Version, pod: &Value, expected: &[&str]) {
    let found: Vec<String> =
        level.violations(version, &Pod::of(pod)).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{pod}");
}

#[track_caller]
fn check_baseline(spec: Value, container: Value, expected: &[&str]) {
    let pod = pod(spec, container);
    check_in(Level::Baseline, Version::Latest, &pod, expected);
    check_in(Level::Privileged, Version::Latest, &pod, &[]);
}

#[test]
fn baseline_takes_ordinary_pods() {
    check_baseline(json!({}), json!({}), &[]);
    check_baseline(
        json!({"volumes": [{"name": "a", "emptyDir": {}}], "securityContext": {"runAsUser": 0,
            "sysctls": [{"name": "net.ipv4.tcp_syncookies"}], "seLinuxOptions": {"type": "container_t"}}}),
        json!({"ports": [{"containerPort": 80}], "securityContext": {"capabilities": {"add": ["CHOWN"]},
            "procMount": "Default", "appArmorProfile": {"type": "RuntimeDefault"}}}),
        &[],
    );
}

#[test]
fn baseline_refuses_known_ways_to_more_rights() {
    check_baseline(
        json!({"hostNetwork": true, "hostPID": true}),
        json!({}),
        &["host namespaces (hostNetwork=true, hostPID=true)"],
    );
    check_baseline(
        json!({}),
        json!({"securityContext": {"privileged": true}}),
        &[r#"privileged (container "main" must not set securityContext.privileged=true)"#],
    );
    check_baseline(
        json!({"volumes": [{"name": "a", "hostPath": {"path": "/"}}, {"name": "b", "hostPath": {"path": "/"}}]}),
        json!({}),
        &[r#"hostPath volumes (volumes "a", "b")"#],
    );
    check_baseline(
        json!({}),
        json!({"ports": [{"hostPort": 81}, {"hostPort": 80}]}),
        &[r#"hostPort (container "main" uses hostPorts 80, 81)"#],
    );
    check_baseline(
        json!({}),
        json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN", "CHOWN"]}}}),
        &[concat!(
            r#"non-default capabilities (container "main" must not include "NET_ADMIN" in "#,
            "securityContext.capabilities.add)"
        )],
    );
    check_baseline(
        json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
        json!({}),
        &[r#"seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")"#],
    );
    check_baseline(
        json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}}),
        json!({}),
        &["forbidden sysctls (kernel.msgmax)"],
    );
    check_baseline(
        json!({"securityContext": {"seLinuxOptions": {"type": "spc_t", "user": "u"}}}),
        json!({}),
        &[
            r#"seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)"#,
        ],
    );
    check_baseline(
        json!({}),
        json!({"securityContext": {"procMount": "Unmasked"}}),
        &[r#"procMount (container "main" must not set securityContext.procMount to "Unmasked")"#],
    );
    check_baseline(
        json!({}),
        json!({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
        &[
            r#"forbidden AppArmor profile (container "main" must not set AppArmor profile type to "Unconfined")"#,
        ],
    );
    check_baseline(
        json!({"securityContext": {"windowsOptions": {"hostProcess": true}}}),
        json!({}),
        &["hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)"],
    );
    check_baseline(
        json!({}),
        json!({"livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}}}),
        &[r#"probe or lifecycle host (container "main" must not set the host of a probe or lifecycle hook)"#],
    );
}

fn hardened() -> Value {
    json!({"securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        "seccompProfile": {"type": "RuntimeDefault"}}})
}

#[track_caller]
fn check_restricted(spec: Value, container: Value, expected: &[&str]) {
    check_in(Level::Restricted, Version::Latest, &pod(spec, container), expected);
}

#[test]
fn restricted_takes_what_is_hardened() {
    check_restricted(json!({}), hardened(), &[]);
    let spec = json!({"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "Localhost"}}});
    let mut container = hardened();
    container["securityContext"]
        .as_object_mut()
        .unwrap()
        .retain(|field, _| ["allowPrivilegeEscalation", "capabilities"].contains(&field.as_str()));
    check_restricted(spec, container, &[]);
}

#[test]
fn restricted_says_all_that_is_missing() {
    check_restricted(
        json!({"hostNetwork": true}),
        json!({}),
        &[
            "host namespaces (hostNetwork=true)",
            concat!(
                r#"allowPrivilegeEscalation != false (container "main" must set "#,
                "securityContext.allowPrivilegeEscalation=false)"
            ),
            r#"unrestricted capabilities (container "main" must set securityContext.capabilities.drop=["ALL"])"#,
            r#"runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true)"#,
            concat!(
                r#"seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to "#,
                r#""RuntimeDefault" or "Localhost")"#
            ),
        ],
    );
    check_restricted(
        json!({"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}),
        hardened(),
        &[r#"restricted volume types (volume "a" uses restricted volume type "hostPath")"#],
    );
    let mut root = hardened();
    root["securityContext"]["runAsUser"] = json!(0);
    root["securityContext"]["runAsNonRoot"] = json!(false);
    check_restricted(
        json!({}),
        root,
        &[
            r#"runAsNonRoot != true (container "main" must not set securityContext.runAsNonRoot=false)"#,
            r#"runAsUser=0 (container "main" must not set runAsUser=0)"#,
        ],
    );
}

#[test]
fn a_version_has_the_rules_that_it_had() {
    let keepalive =
        pod(json!({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_keepalive_time"}]}}), json!({}));
    check_in(
        Level::Baseline,
        Version::Minor(28),
        &keepalive,
        &["forbidden sysctls (net.ipv4.tcp_keepalive_time)"],
    );
    check_in(Level::Baseline, Version::Minor(29), &keepalive, &[]);
    let mut root = hardened();
    root["securityContext"]["runAsUser"] = json!(0);
    check_in(Level::Restricted, Version::Minor(22), &pod(json!({}), root), &[]);
}

#[test]
fn labels_are_read_and_what_makes_no_sense_is_named() {
    let namespace = |labels: Value| json!({"metadata": {"name": "n", "labels": labels}});
    let good = namespace(json!({"pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/enforce-version": "v1.30"}));
    assert_eq!(Demand::of(&good, Mode::Enforce).to_string(), "baseline:v1.30");
    assert_eq!(Demand::of(&good, Mode::Warn).to_string(), "privileged:latest");
    assert_eq!(level::problems(None, &good), []);
    let bad = namespace(json!({"pod-security.kubernetes.io/warn": "strict",
        "pod-security.kubernetes.io/audit-version": "v1.007"}));
    assert_eq!(Demand::of(&bad, Mode::Warn).to_string(), "restricted:latest");
    let problems: Vec<String> = level::problems(None, &bad).iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value")
    );
    assert_eq!(level::problems(Some(&bad), &bad), []);
}
