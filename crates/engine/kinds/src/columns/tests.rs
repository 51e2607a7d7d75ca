//! Tables show what kubectl's users know.

use serde_json::{Value, json};

use crate::{built_in, cell};

/// The cells that are always shown, and behind a bar those of `-o wide`, seen five minutes after noon.
#[track_caller]
fn check(kind_name: &str, mut object: Value, expected: &str) {
    let kind = built_in().into_iter().find(|kind| kind.kind == kind_name).unwrap();
    object["metadata"]["creationTimestamp"] = json!("2024-01-01T12:00:00Z");
    let now = "2024-01-01T12:05:00Z".parse().unwrap();
    let cells = |priority: i32| {
        let shown = kind.columns.iter().filter(|column| column.priority == priority);
        let words = shown.map(|column| match cell(column, &object, now) {
            Value::String(text) => text,
            other => other.to_string(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(format!("{} | {}", cells(0), cells(1)).trim_end_matches(" | "), expected);
}

fn with_template(spec: Value) -> Value {
    let mut object = json!({"spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:2"}]}},
    }});
    object.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    object
}

#[test]
fn workloads() {
    check(
        "Deployment",
        with_template(json!({"status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}})),
        "1/3 2 1 5m | a,b x:1,y:2 app=web",
    );
    check("ReplicaSet", with_template(json!({"status": {"replicas": 3}})), "3 3 0 5m | a,b x:1,y:2 app=web");
    check("StatefulSet", with_template(json!({"status": {"readyReplicas": 2}})), "2/3 5m | a,b x:1,y:2");
    check("DaemonSet", with_template(json!({})), "0 0 0 0 0 <none> 5m | a,b x:1,y:2 app=web");
    let owner = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "controller": true}]);
    check(
        "ControllerRevision",
        json!({"metadata": {"ownerReferences": owner}, "revision": 2}),
        "statefulset.apps/db 2 5m",
    );
}

#[test]
fn pods() {
    let pod = json!({
        "spec": {"nodeName": "one", "containers": [{}]},
        "status": {"phase": "Running", "podIP": "10.42.0.3", "containerStatuses": [{"ready": true, "state": {"running": {}}}]},
    });
    check("Pod", pod, "1/1 Running 0 5m | 10.42.0.3 one <none> <none>");
    check(
        "Pod",
        json!({"spec": {"containers": [{}]}, "status": {"phase": "Pending"}}),
        "0/1 Pending 0 5m | <none> <none> <none> <none>",
    );
}

#[test]
fn services_and_endpoints() {
    let ports =
        json!([{"port": 80, "protocol": "TCP"}, {"port": 443, "nodePort": 30_443, "protocol": "TCP"}]);
    let service = |type_: &str| json!({"spec": {"type": type_, "clusterIP": "10.43.0.9", "ports": ports, "selector": {"app": "web"}}});
    check("Service", service("NodePort"), "NodePort 10.43.0.9 <none> 80/TCP,443:30443/TCP 5m | app=web");
    check(
        "Service",
        service("LoadBalancer"),
        "LoadBalancer 10.43.0.9 <pending> 80/TCP,443:30443/TCP 5m | app=web",
    );
    let mut balanced = service("LoadBalancer");
    balanced["status"] = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "h"}]}});
    check("Service", balanced, "LoadBalancer 10.43.0.9 192.0.2.1,h 80/TCP,443:30443/TCP 5m | app=web");
    check(
        "Service",
        json!({"spec": {"type": "ExternalName", "externalName": "a.b"}}),
        "ExternalName <none> a.b <none> 5m | <none>",
    );
    let subsets =
        json!([{"addresses": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}], "ports": [{"port": 1}, {"port": 2}]}]);
    check("Endpoints", json!({"subsets": subsets}), "10.0.0.1:1,10.0.0.2:1,10.0.0.1:2 + 1 more... 5m");
    let slice =
        json!({"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [{"addresses": ["10.0.0.1"]}]});
    check("EndpointSlice", slice, "IPv4 80 10.0.0.1 5m");
    check("EndpointSlice", json!({"addressType": "IPv4"}), "IPv4 <unset> <unset> 5m");
}

#[test]
fn nodes_and_namespaces() {
    let node = json!({
        "metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}},
        "spec": {"unschedulable": true},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "192.0.2.7"}],
            "nodeInfo": {"kubeletVersion": "v1.37.0", "osImage": "Debian"},
        },
    });
    check(
        "Node",
        node,
        "Ready,SchedulingDisabled control-plane 5m v1.37.0 | 192.0.2.7 <none> Debian <unknown> <unknown>",
    );
    check("Node", json!({}), "Unknown <none> 5m  | <none> <none> <unknown> <unknown> <unknown>");
    check("Namespace", json!({"status": {"phase": "Active"}}), "Active 5m");
}

#[test]
fn events() {
    let event = json!({
        "metadata": {"name": "web.1"},
        "type": "Warning",
        "reason": "Failed",
        "message": " no image\n",
        "count": 3,
        "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{web}"},
        "firstTimestamp": "2024-01-01T12:01:00Z",
        "lastTimestamp": "2024-01-01T12:04:50Z",
        "source": {"component": "kubelet", "host": "one"},
    });
    check(
        "Event",
        event,
        "10s Warning Failed pod/web no image | spec.containers{web} kubelet, one 4m 3 web.1",
    );
    let newer = json!({"eventTime": "2024-01-01T12:04:00.000000Z", "reportingComponent": "bythos"});
    check("Event", newer, "60s     |  bythos 60s 1 ");
}

#[test]
fn ingresses() {
    let rule = |host: &str| json!({"host": host});
    let ingress = json!({
        "spec": {"ingressClassName": "nginx", "tls": [{}], "rules": [rule("a"), rule("b"), rule("c"), rule("d")]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    });
    check("Ingress", ingress, "nginx a,b,c + 1 more... 192.0.2.1 80, 443 5m");
    check("Ingress", json!({"spec": {"rules": [{}]}}), "<none> *  80 5m");
    check(
        "IngressClass",
        json!({"spec": {"controller": "x/y", "parameters": {"kind": "K", "apiGroup": "g", "name": "n"}}}),
        "x/y K.g/n 5m",
    );
    check("NetworkPolicy", json!({"spec": {"podSelector": {}}}), "<none> 5m");
}

#[test]
fn configuration_and_access() {
    check("ConfigMap", json!({"data": {"a": "", "b": ""}, "binaryData": {"c": ""}}), "3 5m");
    check("Secret", json!({"type": "Opaque"}), "Opaque 0 5m");
    check("Lease", json!({"spec": {"holderIdentity": "one"}}), "one 5m");
    check("ClusterRole", json!({}), "2024-01-01T12:00:00Z");
    check("CustomResourceDefinition", json!({}), "2024-01-01T12:00:00Z");
    let subjects = json!([
        {"kind": "User", "name": "ada"},
        {"kind": "User", "name": "bob"},
        {"kind": "ServiceAccount", "name": "robot", "namespace": "shop"},
    ]);
    let binding = json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": subjects});
    check("RoleBinding", binding, "Role/r 5m | ada, bob  shop/robot");
    check("ServiceAccount", json!({}), "5m");
}

#[test]
fn jobs_and_storage() {
    let mut job = with_template(json!({"status": {"succeeded": 1, "startTime": "2024-01-01T12:01:00Z"}}));
    job["spec"]["completions"] = json!(2);
    check("Job", job, "Running 1/2 4m 5m | a,b x:1,y:2 app=web");
    let cron_job = json!({"spec": {"schedule": "0 * * * *", "suspend": false}});
    check("CronJob", cron_job, "0 * * * * <none> False 0 <none> 5m |  ");
    let claim = json!({
        "spec": {"volumeName": "v", "storageClassName": "local", "volumeMode": "Filesystem"},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]},
    });
    check("PersistentVolumeClaim", claim, "Bound v 1Gi RWO local <unset> 5m | Filesystem");
    let mut class = json!({"metadata": {"name": "disk"}, "provisioner": "local", "reclaimPolicy": "Delete"});
    check("StorageClass", class.clone(), "disk local Delete <none> false 5m");
    class["metadata"]["annotations"] = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    check("StorageClass", class, "disk (default) local Delete <none> false 5m");
    let volume = json!({"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain", "volumeAttributesClassName": "fast"}, "status": {"phase": "Bound"}});
    check("PersistentVolume", volume, "1Gi RWO Retain Bound   fast  5m");
    check("VolumeAttributesClass", json!({"driverName": "disk.example.com"}), "disk.example.com 5m");
    check("PodDisruptionBudget", json!({"spec": {"minAvailable": "50%"}}), "50% N/A 0 5m");
    check("PriorityClass", json!({"value": 7, "preemptionPolicy": "Never"}), "7 false 5m Never");
}

#[test]
fn what_extends_the_api() {
    check("MutatingWebhookConfiguration", json!({"webhooks": [{}, {}]}), "2 5m");
    check("ValidatingWebhookConfiguration", json!({}), "0 5m");
    let policy = json!({"spec": {"mutations": [{}], "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}});
    check("MutatingAdmissionPolicy", policy, "1 v1/ConfigMap 5m");
    check("APIService", json!({"spec": {}}), "Local Unknown 5m");
    let api = json!({
        "spec": {"service": {"name": "metrics-server", "namespace": "kube-system"}},
        "status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]},
    });
    check("APIService", api, "kube-system/metrics-server False (MissingEndpoints) 5m");
    let schema = json!({"spec": {"priorityLevelConfiguration": {"name": "low"}, "matchingPrecedence": 1000}});
    check("FlowSchema", schema, "low 1000 <none> 5m ?");
    let queuing = json!({"queues": 64, "handSize": 8, "queueLengthLimit": 50});
    let limited =
        json!({"nominalConcurrencyShares": 30, "limitResponse": {"type": "Queue", "queuing": queuing}});
    check(
        "PriorityLevelConfiguration",
        json!({"spec": {"type": "Limited", "limited": limited}}),
        "Limited 30 64 8 50 5m",
    );
    check(
        "PriorityLevelConfiguration",
        json!({"spec": {"type": "Exempt"}}),
        "Exempt <none> <none> <none> <none> 5m",
    );
}

#[test]
fn certificates_addresses_and_devices() {
    let request = |status: Value| json!({"spec": {"signerName": "example.com/ada", "username": "ada", "expirationSeconds": 3600}, "status": status});
    let with = |type_: &str, rest: Value| {
        let mut status = json!({"conditions": [{"type": type_, "status": "True"}]});
        status.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        status
    };
    check("CertificateSigningRequest", request(json!({})), "5m example.com/ada ada 60m Pending");
    let issued = request(with("Approved", json!({"certificate": "YQ=="})));
    check("CertificateSigningRequest", issued, "5m example.com/ada ada 60m Approved,Issued");
    check(
        "CertificateSigningRequest",
        json!({"status": with("Denied", json!({}))}),
        "5m <none>  <none> Denied",
    );
    let parent = json!({"resource": "services", "namespace": "shop", "name": "web"});
    check("IPAddress", json!({"spec": {"parentRef": parent}}), "services/shop/web 5m");
    check(
        "ServiceCIDR",
        json!({"spec": {"cidrs": ["10.43.0.0/16", "fd00::/108"]}}),
        "10.43.0.0/16,fd00::/108 5m",
    );
    check("ResourceClaim", json!({}), "pending 5m");
    let taken = json!({"status": {"allocation": {}, "reservedFor": [{}]}});
    check("ResourceClaim", taken, "allocated,reserved 5m");
    let slice = json!({"spec": {"nodeName": "one", "driver": "gpu.example.com", "pool": {"name": "one"}}});
    check("ResourceSlice", slice, "one gpu.example.com one 5m");
}
