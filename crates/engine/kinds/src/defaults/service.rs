//! Services and what belongs to them: EndpointSlices, NetworkPolicies.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fields::{at, fill, fill_zero, integer, is_unset, items, items_in, make_object, text};

pub(crate) fn default(service: &mut Value) {
    let Some(spec) = make_object(service, "spec") else { return };
    fill(spec, "type", "ClusterIP");
    fill(spec, "sessionAffinity", "None");
    default_affinity(spec);
    for port in items_in(spec, "ports") {
        fill(port, "protocol", "TCP");
        let number = integer(port, "port").unwrap_or_default();
        fill_zero(port, "targetPort", number);
    }
    default_for_type(spec);
    mirror_cluster_ip(spec);
}

fn default_affinity(spec: &mut Value) {
    match text(spec, "sessionAffinity") {
        "ClientIP" => {
            let config = make_object(spec, "sessionAffinityConfig");
            if let Some(client_ip) = config.and_then(|config| make_object(config, "clientIP")) {
                fill(client_ip, "timeoutSeconds", 10_800);
            }
        }
        "None" => drop_fields(spec, &["sessionAffinityConfig"]),
        _ => {}
    }
}

fn default_for_type(spec: &mut Value) {
    if !has_cluster_ip(spec) {
        return;
    }
    fill(spec, "internalTrafficPolicy", "Cluster");
    fill(spec, "ipFamilyPolicy", "SingleStack");
    let family = if text(spec, "clusterIP").contains(':') { "IPv6" } else { "IPv4" };
    if items(spec, "ipFamilies").is_empty() {
        fill(spec, "ipFamilies", json!([family]));
    }
    if is_balancer(spec) {
        fill(spec, "allocateLoadBalancerNodePorts", true);
    }
    if is_reached_from_outside(spec) {
        fill(spec, "externalTrafficPolicy", "Cluster");
    }
}

/// `clusterIP` is the first of `clusterIPs`; clients may set either.
fn mirror_cluster_ip(spec: &mut Value) {
    let (one, first) = (text(spec, "clusterIP").to_owned(), items(spec, "clusterIPs").first().cloned());
    match (one.is_empty(), first) {
        (false, None) => fill(spec, "clusterIPs", json!([one])),
        (true, Some(first)) => fill(spec, "clusterIP", first),
        _ => {}
    }
}

pub(crate) fn prepare_create(service: &mut Value) {
    if let Value::Object(fields) = service {
        fields.insert("status".to_owned(), json!({"loadBalancer": {}}));
    }
}

/// Fields that some services have, and which.
type Dependent = (fn(&Value) -> bool, &'static [&'static str]);

/// Which services have which fields. Fields of one row are given up together.
const DEPENDENT_FIELDS: [Dependent; 7] = [
    (has_cluster_ip, &["clusterIP", "clusterIPs"]),
    (has_cluster_ip, &["ipFamilies"]),
    (has_cluster_ip, &["ipFamilyPolicy"]),
    (has_health_port, &["healthCheckNodePort"]),
    (is_balancer, &["allocateLoadBalancerNodePorts"]),
    (is_balancer, &["loadBalancerClass"]),
    (is_reached_from_outside, &["externalTrafficPolicy"]),
];

/// An update that does not speak of what was allocated keeps it (upstream: `patchAllocatedValues`). What the service
/// has no use for any more is given up (`dropTypeDependentFields`), unless the update speaks of it: validation tells.
pub(crate) fn prepare_update(old: &Value, new: &mut Value) {
    let old_spec = at(old, "spec");
    let Some(spec) = make_object(new, "spec") else { return };
    keep_allocated(old_spec, spec);
    drop_dependent(old_spec, spec);
    if !is_balancer(spec)
        && let Some(status) = make_object(new, "status")
    {
        status["loadBalancer"] = json!({});
    }
}

fn keep_allocated(old: &Value, spec: &mut Value) {
    if has_cluster_ip(old) && has_cluster_ip(spec) {
        keep(spec, old, "clusterIP");
        if spec["clusterIP"] == old["clusterIP"] {
            keep(spec, old, "clusterIPs");
        }
    }
    if has_node_ports(old) && has_node_ports(spec) {
        keep_node_ports(spec, items(old, "ports"));
    }
    if has_health_port(old)
        && has_health_port(spec)
        && let Some(port) = integer(old, "healthCheckNodePort")
    {
        fill_zero(spec, "healthCheckNodePort", port);
    }
}

fn drop_dependent(old: &Value, spec: &mut Value) {
    for (has_use, fields) in DEPENDENT_FIELDS {
        let is_kept = fields.iter().all(|field| old[*field] == spec[*field]);
        if is_kept && has_use(old) && !has_use(spec) {
            drop_fields(spec, fields);
        }
    }
    let had = node_ports(old);
    if has_node_ports(old) && !has_node_ports(spec) && node_ports(spec).is_subset(&had) {
        items_in(spec, "ports").for_each(|port| drop_fields(port, &["nodePort"]));
    }
}

fn has_cluster_ip(spec: &Value) -> bool {
    text(spec, "type") != "ExternalName"
}

fn has_node_ports(spec: &Value) -> bool {
    matches!(text(spec, "type"), "NodePort" | "LoadBalancer")
}

fn has_health_port(spec: &Value) -> bool {
    is_balancer(spec) && text(spec, "externalTrafficPolicy") == "Local"
}

fn is_balancer(spec: &Value) -> bool {
    text(spec, "type") == "LoadBalancer"
}

fn is_reached_from_outside(spec: &Value) -> bool {
    has_node_ports(spec) || (text(spec, "type") == "ClusterIP" && !items(spec, "externalIPs").is_empty())
}

fn node_ports(spec: &Value) -> BTreeSet<i64> {
    items(spec, "ports")
        .iter()
        .filter_map(|port| integer(port, "nodePort"))
        .filter(|number| *number != 0)
        .collect()
}

/// Ports are known by their names; a number that another port has been given is not kept.
fn keep_node_ports(spec: &mut Value, old_ports: &[Value]) {
    let mut taken = node_ports(spec);
    let asks = |port: &&mut Value| integer(port, "nodePort").unwrap_or_default() == 0;
    for port in items_in(spec, "ports").filter(asks) {
        let same = old_ports.iter().find(|old| text(old, "name") == text(port, "name"));
        if let Some(number) = same.and_then(|old| integer(old, "nodePort"))
            && taken.insert(number)
        {
            fill_zero(port, "nodePort", number);
        }
    }
}

fn keep(spec: &mut Value, old: &Value, name: &str) {
    let is_empty_list = spec[name].as_array().is_some_and(Vec::is_empty);
    if (is_empty_list || is_unset(spec.get(name))) && !old[name].is_null() {
        spec[name] = old[name].clone();
    }
}

fn drop_fields(object: &mut Value, names: &[&str]) {
    if let Value::Object(fields) = object {
        for name in names {
            fields.remove(*name);
        }
    }
}

pub(crate) fn endpoints(endpoints: &mut Value) {
    for port in items_in(endpoints, "subsets").flat_map(|subset| items_in(subset, "ports")) {
        fill(port, "protocol", "TCP");
    }
}

pub(crate) fn endpoint_slice(slice: &mut Value) {
    for port in items_in(slice, "ports") {
        if let Value::Object(fields) = port {
            fields.entry("name").or_insert_with(|| "".into());
        }
        fill(port, "protocol", "TCP");
    }
}

pub(crate) fn network_policy(policy: &mut Value) {
    let Some(spec) = make_object(policy, "spec") else { return };
    let has_egress = !items(spec, "egress").is_empty();
    let types = if has_egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    fill(spec, "policyTypes", types);
    for direction in ["ingress", "egress"] {
        for port in items_in(spec, direction).flat_map(|rule| items_in(rule, "ports")) {
            fill(port, "protocol", "TCP");
        }
    }
}
