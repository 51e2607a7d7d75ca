//! What a namespace bounds: limit ranges, quotas, pod security; and what classes give.

use serde_json::json;

use crate::*;

const CORE: &str = "/api/v1/namespaces/default";

fn object(api_version: &str, kind: &str, name: &str, fields: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
    for (field, value) in fields.as_object().unwrap() {
        object[field] = value.clone();
    }
    object
}

async fn limit_range(admin: &Client, limits: Value) {
    let range = object("v1", "LimitRange", "bounds", json!({"spec": {"limits": limits}}));
    post(admin, &format!("{CORE}/limitranges"), range).await.ok();
}

async fn quota(admin: &Client, name: &str, spec: Value) -> Value {
    post(admin, &format!("{CORE}/resourcequotas"), object("v1", "ResourceQuota", name, json!({"spec": spec})))
        .await
        .ok()
}

async fn used(admin: &Client, name: &str) -> Value {
    get(admin, &format!("{CORE}/resourcequotas/{name}")).await.ok()["status"]["used"].clone()
}

async fn until_used(admin: &Client, name: &str, expected: Value) {
    let what = format!("{expected} to be used of {name}");
    eventually(&what, || async { (used(admin, name).await == expected).then_some(()) }).await;
}

fn pod_with(name: &str, resources: Value) -> Value {
    let mut pod = pod(name);
    pod["spec"]["containers"][0]["resources"] = resources;
    pod
}

#[tokio::test]
async fn containers_get_the_defaults_of_a_limit_range() {
    let Server { admin, .. } = server().await;
    let limits = json!([{"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"},
        "max": {"memory": "1Gi"}}]);
    limit_range(&admin, limits).await;
    let created = post(&admin, PODS, pod("a")).await.ok();
    let resources = &created["spec"]["containers"][0]["resources"];
    let expected = json!({"cpu": "1", "memory": "1Gi"});
    assert_eq!((&resources["limits"], &resources["requests"]), (&expected, &expected));
    assert_eq!(created["status"]["qosClass"], "Guaranteed");
    let note = created["metadata"]["annotations"]["kubernetes.io/limit-ranger"].as_str().unwrap();
    assert!(note.starts_with("LimitRanger plugin set: cpu, memory request for container main"), "{note}");

    let refused = post(&admin, PODS, pod_with("b", json!({"limits": {"memory": "2Gi"}}))).await;
    let message = "pods \"b\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi";
    refused.fails(403, "Forbidden", message);
}

#[tokio::test]
async fn claims_stay_within_a_limit_range() {
    let Server { admin, .. } = server().await;
    let limits =
        json!([{"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}]);
    limit_range(&admin, limits).await;
    let claim = |name: &str, storage: &str| {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}});
        object("v1", "PersistentVolumeClaim", name, json!({"spec": spec}))
    };
    let claims = format!("{CORE}/persistentvolumeclaims");
    post(&admin, &claims, claim("a", "1Gi")).await.ok();
    for (storage, message) in [
        ("512Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 512Mi"),
        ("3Gi", "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"),
    ] {
        post(&admin, &claims, claim("b", storage)).await.fails(403, "Forbidden", message);
    }
}

#[tokio::test]
async fn a_quota_counts_what_is_there_and_refuses_more() {
    let Server { admin, .. } = server().await;
    post(&admin, PODS, pod_with("a", json!({"requests": {"memory": "512Mi"}}))).await.ok();
    let made = quota(&admin, "q", json!({"hard": {"pods": "2", "requests.memory": "1Gi"}})).await;
    assert_eq!(made["status"]["used"], json!({"pods": "1", "requests.memory": "512Mi"}));
    assert_eq!(made["status"]["hard"], made["spec"]["hard"]);

    let refused = post(&admin, PODS, pod("b")).await;
    refused.fails(403, "Forbidden", "failed quota: q: must specify requests.memory for: main");
    let big = pod_with("b", json!({"requests": {"memory": "768Mi"}}));
    let message = "exceeded quota: q, requested: requests.memory=768Mi, used: requests.memory=512Mi, limited: \
                   requests.memory=1Gi";
    post(&admin, PODS, big).await.fails(403, "Forbidden", message);
    post(&admin, PODS, pod_with("b", json!({"requests": {"memory": "512Mi"}}))).await.ok();
    assert_eq!(used(&admin, "q").await, json!({"pods": "2", "requests.memory": "1Gi"}));
    let refused = post(&admin, PODS, pod_with("c", json!({"requests": {"memory": "1"}}))).await;
    refused.fails(403, "Forbidden", "pods \"c\" is forbidden: exceeded quota: q, requested: pods=1,");
}

#[tokio::test]
async fn what_is_given_back_can_be_used_again() {
    let Server { admin, .. } = server().await;
    quota(&admin, "q", json!({"hard": {"pods": "1", "count/configmaps": "1"}})).await;
    post(&admin, PODS, pod("a")).await.ok();
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    post(&admin, PODS, pod("b")).await.fails(403, "Forbidden", "exceeded quota");
    post(&admin, CONFIG_MAPS, config_map("b", json!({}))).await.fails(403, "Forbidden", "count/configmaps=1");
    // A pod that ended uses nothing any more.
    let ended = json!({"status": {"phase": "Succeeded"}});
    patch(&admin, "merge", &format!("{PODS}/a/status"), ended).await.ok();
    delete(&admin, &format!("{CONFIG_MAPS}/a")).await.ok();
    until_used(&admin, "q", json!({"pods": "0", "count/configmaps": "0"})).await;
    post(&admin, PODS, pod("b")).await.ok();
    // Other limits are counted anew.
    let more = json!({"spec": {"hard": {"pods": "1", "count/pods": "5", "count/configmaps": null}}});
    patch(&admin, "merge", &format!("{CORE}/resourcequotas/q"), more).await.ok();
    assert_eq!(used(&admin, "q").await, json!({"pods": "1", "count/pods": "2"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn creations_at_once_take_no_more_than_a_quota_has() {
    let Server { admin, .. } = server().await;
    quota(&admin, "q", json!({"hard": {"count/configmaps": "5"}})).await;
    let creations = (0..20).map(|index| {
        let admin = admin.clone();
        tokio::spawn(async move {
            let answer = post(&admin, CONFIG_MAPS, config_map(&format!("c{index}"), json!({}))).await;
            answer.code.as_u16()
        })
    });
    let codes: Vec<u16> =
        futures::future::join_all(creations).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(codes.iter().filter(|code| **code == 201).count(), 5, "{codes:?}");
    assert!(codes.iter().all(|code| [201, 403].contains(code)), "{codes:?}");
    assert_eq!(used(&admin, "q").await, json!({"count/configmaps": "5"}));
}

#[tokio::test]
async fn a_dry_creation_is_refused_by_a_quota_and_never_charged() {
    let Server { admin, .. } = server().await;
    quota(&admin, "q", json!({"hard": {"pods": "1"}})).await;
    let dry = format!("{PODS}?dryRun=All");
    post(&admin, &dry, pod("a")).await.ok();
    assert_eq!(used(&admin, "q").await, json!({"pods": "0"}));
    post(&admin, PODS, pod("a")).await.ok();
    post(&admin, &dry, pod("b")).await.fails(403, "Forbidden", "exceeded quota");
    // What is there already is not charged twice.
    post(&admin, PODS, pod("a")).await.fails(403, "Forbidden", "exceeded quota");
}

#[tokio::test]
async fn a_change_is_charged_for_what_it_adds() {
    let Server { admin, .. } = server().await;
    quota(&admin, "q", json!({"hard": {"services.nodeports": "1"}})).await;
    let services = format!("{CORE}/services");
    let service = object("v1", "Service", "web", json!({"spec": {"ports": [{"name": "a", "port": 80}]}}));
    post(&admin, &services, service).await.ok();
    let to_node_port = json!({"spec": {"type": "NodePort"}});
    patch(&admin, "merge", &format!("{services}/web"), to_node_port).await.ok();
    assert_eq!(used(&admin, "q").await, json!({"services.nodeports": "1"}));
    let two = json!({"spec": {"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}});
    let refused = patch(&admin, "merge", &format!("{services}/web"), two).await;
    refused.fails(403, "Forbidden", "exceeded quota: q, requested: services.nodeports=1");
    patch(&admin, "merge", &format!("{services}/web"), json!({"spec": {"type": "ClusterIP"}})).await.ok();
    until_used(&admin, "q", json!({"services.nodeports": "0"})).await;
}

#[tokio::test]
async fn a_quota_with_scopes_looks_at_those_pods_only() {
    let Server { admin, .. } = server().await;
    quota(&admin, "best", json!({"hard": {"pods": "1"}, "scopes": ["BestEffort"]})).await;
    post(&admin, PODS, pod_with("a", json!({"requests": {"cpu": "1"}}))).await.ok();
    post(&admin, PODS, pod("b")).await.ok();
    assert_eq!(used(&admin, "best").await, json!({"pods": "1"}));
    post(&admin, PODS, pod("c")).await.fails(403, "Forbidden", "exceeded quota: best");
    post(&admin, PODS, pod_with("d", json!({"requests": {"cpu": "1"}}))).await.ok();
}

#[tokio::test]
async fn pods_get_the_priority_of_their_class() {
    let Server { admin, .. } = server().await;
    let classes = "/apis/scheduling.k8s.io/v1/priorityclasses";
    let class = |name: &str, value: i64, is_default: bool| {
        let fields = json!({"value": value, "globalDefault": is_default});
        object("scheduling.k8s.io/v1", "PriorityClass", name, fields)
    };
    let plain = post(&admin, PODS, pod("plain")).await.ok();
    assert_eq!(
        (&plain["spec"]["priority"], &plain["spec"]["preemptionPolicy"]),
        (&json!(0), &json!("PreemptLowerPriority"))
    );
    for name in ["system-node-critical", "system-cluster-critical"] {
        get(&admin, &format!("{classes}/{name}")).await.ok();
    }
    post(&admin, classes, class("normal", 100, true)).await.ok();
    let refused = post(&admin, classes, class("other", 50, true)).await;
    refused.fails(403, "Forbidden", "PriorityClass normal is already marked as default");
    let by_default = post(&admin, PODS, pod("default")).await.ok();
    assert_eq!(
        (&by_default["spec"]["priorityClassName"], &by_default["spec"]["priority"]),
        (&json!("normal"), &json!(100))
    );

    let mut critical = pod("critical");
    critical["spec"]["priorityClassName"] = json!("system-node-critical");
    let critical = post(&admin, PODS, critical).await.ok();
    assert_eq!(critical["spec"]["priority"], 2_000_001_000);
    let mut unknown = pod("unknown");
    unknown["spec"]["priorityClassName"] = json!("nothing");
    post(&admin, PODS, unknown).await.fails(403, "Forbidden", "no PriorityClass with name nothing was found");
    let mut own = pod("own");
    own["spec"]["priority"] = json!(7);
    post(&admin, PODS, own).await.fails(
        403,
        "Forbidden",
        "the integer value of priority (7) must not be provided",
    );

    // Who writes a pod back without what the server filled in leaves it as it is.
    let mut without = by_default.clone();
    without["spec"]
        .as_object_mut()
        .unwrap()
        .retain(|field, _| !["priority", "preemptionPolicy"].contains(&field.as_str()));
    without["metadata"]["labels"] = json!({"a": "b"});
    assert_eq!(put(&admin, &format!("{PODS}/default"), without).await.ok()["spec"]["priority"], 100);
}

#[tokio::test]
async fn pods_tolerate_a_silent_node_for_a_while() {
    let Server { admin, .. } = server().await;
    let tolerations = post(&admin, PODS, pod("a")).await.ok()["spec"]["tolerations"].clone();
    let keys: Vec<&str> =
        tolerations.as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]);
}

#[tokio::test]
async fn claims_and_ingresses_get_the_default_class() {
    let Server { admin, .. } = server().await;
    let claims = format!("{CORE}/persistentvolumeclaims");
    let claim = |name: &str| {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        object("v1", "PersistentVolumeClaim", name, json!({"spec": spec}))
    };
    let without = post(&admin, &claims, claim("before")).await.ok();
    assert!(without["spec"].get("storageClassName").is_none());
    let mark = |key: &str| json!({key: "true"});
    let mut class =
        object("storage.k8s.io/v1", "StorageClass", "local", json!({"provisioner": "bythos.dev/local"}));
    class["metadata"]["annotations"] = mark("storageclass.kubernetes.io/is-default-class");
    post(&admin, "/apis/storage.k8s.io/v1/storageclasses", class).await.ok();
    assert_eq!(post(&admin, &claims, claim("after")).await.ok()["spec"]["storageClassName"], "local");
    let mut none = claim("none");
    none["spec"]["storageClassName"] = json!("");
    assert_eq!(post(&admin, &claims, none).await.ok()["spec"]["storageClassName"], "");

    let ingresses = "/apis/networking.k8s.io/v1/namespaces/default/ingresses";
    let ingress = |name: &str| {
        let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
        object("networking.k8s.io/v1", "Ingress", name, json!({"spec": {"defaultBackend": backend}}))
    };
    let class = |name: &str| {
        let mut class = object(
            "networking.k8s.io/v1",
            "IngressClass",
            name,
            json!({"spec": {"controller": "example.org/x"}}),
        );
        class["metadata"]["annotations"] = mark("ingressclass.kubernetes.io/is-default-class");
        class
    };
    let classes = "/apis/networking.k8s.io/v1/ingressclasses";
    post(&admin, classes, class("one")).await.ok();
    assert_eq!(post(&admin, ingresses, ingress("a")).await.ok()["spec"]["ingressClassName"], "one");
    // Of several the newest; of those of one second the first by name.
    post(&admin, classes, class("another")).await.ok();
    let named = post(&admin, ingresses, ingress("b")).await.ok();
    assert_eq!(named["spec"]["ingressClassName"], "another");
}

#[tokio::test]
async fn a_claim_grows_only_where_its_class_allows_it() {
    let Server { admin, .. } = server().await;
    let storage = "/apis/storage.k8s.io/v1/storageclasses";
    let claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    for (name, grows) in [("fixed", false), ("elastic", true)] {
        let fields = json!({"provisioner": "example.org/x", "allowVolumeExpansion": grows});
        post(&admin, storage, object("storage.k8s.io/v1", "StorageClass", name, fields)).await.ok();
        let spec = json!({"storageClassName": name, "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}});
        post(&admin, claims, object("v1", "PersistentVolumeClaim", name, json!({"spec": spec}))).await.ok();
    }
    let larger = json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}});
    let grow = async |name: &str| patch(&admin, "merge", &format!("{claims}/{name}"), larger.clone()).await;
    grow("elastic").await.fails(403, "Forbidden", "Only bound persistent volume claims can be expanded");
    for name in ["fixed", "elastic"] {
        let bound = json!({"status": {"phase": "Bound"}});
        patch(&admin, "merge", &format!("{claims}/{name}/status"), bound).await.ok();
    }
    grow("fixed").await.fails(
        403,
        "Forbidden",
        "persistentvolumeclaims \"fixed\" is forbidden: only dynamically provisioned pvc can be resized",
    );
    assert_eq!(grow("elastic").await.ok()["spec"]["resources"]["requests"]["storage"], "2Gi");
}

#[tokio::test]
async fn a_namespace_takes_the_pods_that_its_labels_allow() {
    let Server { admin, .. } = server().await;
    let mut namespace = object("v1", "Namespace", "safe", json!({}));
    namespace["metadata"]["labels"] = json!({"pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "restricted"});
    post(&admin, "/api/v1/namespaces", namespace).await.ok();
    let account = object("v1", "ServiceAccount", "default", json!({}));
    post(&admin, "/api/v1/namespaces/safe/serviceaccounts", account).await.ok();
    let pods = "/api/v1/namespaces/safe/pods";
    let mut privileged = pod("bad");
    privileged["spec"]["containers"][0]["securityContext"] = json!({"privileged": true});
    let message = "pods \"bad\" is forbidden: violates PodSecurity \"baseline:latest\": privileged (container \"main\" \
                   must not set securityContext.privileged=true)";
    post(&admin, pods, privileged.clone()).await.fails(403, "Forbidden", message);
    let answer = post(&admin, pods, pod("plain")).await;
    answer.ok();
    let [warning] = answer.warnings()[..] else { panic!("{:?}", answer.warnings()) };
    assert!(
        warning.contains(
            r#"would violate PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false"#
        ),
        "{warning}"
    );
    // A workload is told at once, and taken.
    let answer = post(&admin, "/apis/apps/v1/namespaces/safe/deployments", deployment("web", 1)).await;
    answer.ok();
    assert!(answer.warnings()[0].contains("would violate PodSecurity"), "{:?}", answer.warnings());
    post(&admin, PODS, privileged).await.ok();
}

#[tokio::test]
async fn a_namespace_is_told_which_pods_a_stricter_level_would_not_take() {
    let Server { admin, .. } = server().await;
    for name in ["a", "b"] {
        let mut pod = pod(name);
        pod["spec"]["hostNetwork"] = json!(true);
        post(&admin, PODS, pod).await.ok();
    }
    let label = |level: &str| json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
    let path = "/api/v1/namespaces/default";
    patch(&admin, "merge", path, label("strict")).await.fails(
        422,
        "Invalid",
        "must be one of privileged, baseline, restricted",
    );
    let answer = patch(&admin, "merge", path, label("baseline")).await;
    answer.ok();
    let warnings = answer.warnings();
    assert!(
        warnings[0].contains(r#"violate the new PodSecurity enforce level \"baseline:latest\""#),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("a (and 1 other pod): host namespaces"), "{warnings:?}");
}

#[tokio::test]
async fn namespaces_of_the_system_stay() {
    let Server { admin, .. } = server().await;
    for name in ["default", "kube-system", "kube-public"] {
        let refused = delete(&admin, &format!("/api/v1/namespaces/{name}")).await;
        refused.fails(403, "Forbidden", "this namespace may not be deleted");
    }
}

#[tokio::test]
async fn a_mirror_pod_has_no_account() {
    let Server { admin, .. } = server().await;
    let mirror = |name: &str| {
        let mut pod = pod(name);
        pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "hash"});
        pod["spec"]["nodeName"] = json!("one");
        pod
    };
    assert!(post(&admin, PODS, mirror("a")).await.ok()["spec"].get("serviceAccountName").is_none());
    let mut named = mirror("b");
    named["spec"]["serviceAccountName"] = json!("default");
    post(&admin, PODS, named).await.fails(
        403,
        "Forbidden",
        "a mirror pod may not reference service accounts",
    );
}
