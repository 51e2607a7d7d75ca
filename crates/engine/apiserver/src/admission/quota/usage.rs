//! What one object uses, by the names under which quotas limit it.

use std::collections::BTreeMap;

use bythos_kinds::Quantity;
use serde_json::Value;

use super::super::amounts::{Amounts, amounts};
use super::super::pod_resources::{list, of_container, of_pod};
use crate::object;

/// Kinds that are counted under their own name, too.
const COUNTED: [&str; 7] = [
    "configmaps",
    "persistentvolumeclaims",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "pods",
];
/// Under these names each container has to say what it needs, where they are limited.
const NAMED: [&str; 6] = ["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];
const STORAGE_CLASS: &str = ".storageclass.storage.k8s.io/";

/// What an object of this resource uses.
pub(super) fn of(resource: &str, object: &Value) -> Amounts {
    let one = Quantity::pieces(1);
    let mut usage = Amounts::from([(format!("count/{resource}"), one)]);
    if resource == "pods" && has_ended(object) {
        return usage;
    }
    if COUNTED.contains(&resource) {
        usage.insert(resource.to_owned(), one);
    }
    match resource {
        "pods" => usage.extend(of_running_pod(object)),
        "services" => usage.extend(of_service(object)),
        "persistentvolumeclaims" => usage.extend(of_claim(object)),
        _ => {}
    }
    usage
}

fn has_ended(pod: &Value) -> bool {
    matches!(object::text_at(pod, "/status/phase"), Some("Succeeded" | "Failed"))
}

fn of_running_pod(pod: &Value) -> Amounts {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    compute(&of_pod(spec, "requests"), &of_pod(spec, "limits"))
}

/// Requests count under their own name, and under `requests.` before it; limits under `limits.`.
fn compute(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut usage = Amounts::new();
    for (name, amount) in requests {
        let is_native = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage");
        if is_native || name.starts_with("hugepages-") {
            usage.insert(name.clone(), *amount);
        }
        usage.insert(format!("requests.{name}"), *amount);
    }
    for (name, amount) in limits {
        if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
            usage.insert(format!("limits.{name}"), *amount);
        }
    }
    usage
}

/// What is limited and which containers do not say.
pub(super) fn missing_of_containers<'a>(
    pod: &'a Value,
    hard: &'a Amounts,
) -> BTreeMap<&'a str, Vec<&'a str>> {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let of_whole = spec.get("resources").map(|_| of_running_pod(pod)).unwrap_or_default();
    let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for container in list(spec, "containers").chain(list(spec, "initContainers")) {
        let said = compute(&of_container(container, "requests"), &of_container(container, "limits"));
        for name in hard.keys().filter(|name| NAMED.contains(&name.as_str())) {
            if !said.contains_key(name) && !of_whole.contains_key(name) {
                missing
                    .entry(name)
                    .or_default()
                    .push(object::text_at(container, "/name").unwrap_or_default());
            }
        }
    }
    missing.values_mut().for_each(|containers| containers.sort_unstable());
    missing
}

fn of_service(service: &Value) -> Amounts {
    let ports =
        service.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let with_node_port =
        ports.iter().filter(|port| port["nodePort"].as_u64().is_some_and(|port| port != 0)).count();
    let (balancers, node_ports) = match object::text_at(service, "/spec/type") {
        Some("NodePort") => (0, ports.len()),
        // One that gives itself no node ports uses only those that are asked for.
        Some("LoadBalancer")
            if service.pointer("/spec/allocateLoadBalancerNodePorts") == Some(&Value::Bool(false)) =>
        {
            (1, with_node_port)
        }
        Some("LoadBalancer") => (1, ports.len()),
        _ => (0, 0),
    };
    Amounts::from([
        ("services.loadbalancers".to_owned(), Quantity::pieces(balancers)),
        ("services.nodeports".to_owned(), Quantity::pieces(node_ports)),
    ])
}

/// A claim counts for all claims, and for those of its class.
fn of_claim(claim: &Value) -> Amounts {
    let mut usage = Amounts::new();
    let class = object::text_at(claim, "/spec/storageClassName")
        .or_else(|| {
            claim
                .get("metadata")?
                .get("annotations")?
                .get("volume.beta.kubernetes.io/storage-class")?
                .as_str()
        })
        .map(|class| format!("{class}{STORAGE_CLASS}"));
    if let Some(class) = &class {
        usage.insert(format!("{class}persistentvolumeclaims"), Quantity::pieces(1));
    }
    if let Some(storage) = amounts(claim.pointer("/spec/resources/requests")).get("storage") {
        usage.insert("requests.storage".to_owned(), *storage);
        if let Some(class) = &class {
            usage.insert(format!("{class}requests.storage"), *storage);
        }
    }
    usage
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::amounts::listed;
    use super::*;

    #[track_caller]
    fn check(resource: &str, object: Value, expected: &str) {
        assert_eq!(listed(&of(resource, &object)), expected);
    }

    #[test]
    fn pods_use_what_they_request_and_are_limited_to() {
        let spec = json!({"containers": [
            {"resources": {"requests": {"cpu": "1", "memory": "1Gi", "example.org/gpu": "2"}, "limits": {"cpu": "2"}}},
            {"resources": {"requests": {"cpu": "500m"}}},
        ]});
        check(
            "pods",
            json!({"spec": spec}),
            "count/pods=1,cpu=1500m,limits.cpu=2,memory=1Gi,pods=1,requests.cpu=1500m,requests.example.org/gpu=2,\
             requests.memory=1Gi",
        );
        check("pods", json!({"spec": spec, "status": {"phase": "Succeeded"}}), "count/pods=1");
    }

    #[test]
    fn services_use_ports_and_balancers() {
        let spec = |type_: &str| json!({"spec": {"type": type_, "ports": [{"port": 1}, {"port": 2}]}});
        let expected = |balancers: u8, node_ports: u8| {
            format!(
                "count/services=1,services=1,services.loadbalancers={balancers},services.nodeports={node_ports}"
            )
        };
        check("services", spec("ClusterIP"), &expected(0, 0));
        check("services", spec("NodePort"), &expected(0, 2));
        check("services", spec("LoadBalancer"), &expected(1, 2));
        let mut without = spec("LoadBalancer");
        without["spec"]["allocateLoadBalancerNodePorts"] = json!(false);
        check("services", without, &expected(1, 0));
    }

    #[test]
    fn claims_count_for_their_class_too() {
        check(
            "persistentvolumeclaims",
            json!({"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}}),
            "count/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/persistentvolumeclaims=1,\
             gold.storageclass.storage.k8s.io/requests.storage=1Gi,persistentvolumeclaims=1,requests.storage=1Gi",
        );
        check("deployments.apps", json!({}), "count/deployments.apps=1");
        check("secrets", json!({}), "count/secrets=1,secrets=1");
    }

    #[test]
    fn what_containers_do_not_say_is_named() {
        let pod = json!({"spec": {"containers": [
            {"name": "b", "resources": {"requests": {"memory": "1Gi"}}}, {"name": "a"}]}});
        let hard = amounts(Some(&json!({"cpu": "1", "requests.memory": "1Gi", "pods": "3"})));
        let missing = missing_of_containers(&pod, &hard);
        assert_eq!(missing, BTreeMap::from([("cpu", vec!["a", "b"]), ("requests.memory", vec!["a"])]));
    }
}
