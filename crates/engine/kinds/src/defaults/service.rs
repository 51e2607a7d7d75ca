//! Services and what belongs to them: EndpointSlices, NetworkPolicies.

use serde_json::{Value, json};

use crate::fields::{at, fill, fill_zero, integer, is_unset, items, items_in, make_object, text};

pub(crate) fn default(service: &mut Value) {
    let Some(spec) = make_object(service, "spec") else { return };
    fill(spec, "type", "ClusterIP");
    fill(spec, "sessionAffinity", "None");
    if text(spec, "sessionAffinity") == "ClientIP" {
        let config = make_object(spec, "sessionAffinityConfig");
        if let Some(client_ip) = config.and_then(|config| make_object(config, "clientIP")) {
            fill(client_ip, "timeoutSeconds", 10_800);
        }
    }
    for port in items_in(spec, "ports") {
        fill(port, "protocol", "TCP");
        let number = integer(port, "port").unwrap_or_default();
        fill_zero(port, "targetPort", number);
    }
    default_for_type(spec);
    mirror_cluster_ip(spec);
}

fn default_for_type(spec: &mut Value) {
    let type_ = text(spec, "type").to_owned();
    if type_ == "ExternalName" {
        return;
    }
    fill(spec, "internalTrafficPolicy", "Cluster");
    fill(spec, "ipFamilyPolicy", "SingleStack");
    let family = if text(spec, "clusterIP").contains(':') { "IPv6" } else { "IPv4" };
    if items(spec, "ipFamilies").is_empty() {
        fill(spec, "ipFamilies", json!([family]));
    }
    if type_ == "LoadBalancer" {
        fill(spec, "allocateLoadBalancerNodePorts", true);
    }
    if matches!(type_.as_str(), "NodePort" | "LoadBalancer") || !items(spec, "externalIPs").is_empty() {
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

/// An update that does not speak of what was allocated keeps it: the cluster IP, and the node ports of the ports
/// that stay. What the new type does not have is given up.
pub(crate) fn prepare_update(old: &Value, new: &mut Value) {
    let old_spec = at(old, "spec");
    let Some(spec) = make_object(new, "spec") else { return };
    let (was, is) = (text(old_spec, "type"), text(spec, "type").to_owned());
    if is == "ExternalName" {
        if was != "ExternalName" && text(spec, "clusterIP") == text(old_spec, "clusterIP") {
            drop_fields(
                spec,
                &["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"],
            );
        }
        return;
    }
    if was != "ExternalName" {
        if is_unset(spec.get("clusterIP")) {
            keep(spec, old_spec, &["clusterIP", "clusterIPs"]);
        }
        if is != "ClusterIP" {
            keep_node_ports(spec, items(old_spec, "ports"));
        }
    }
    if is == "ClusterIP" && was != "ClusterIP" {
        for port in items_in(spec, "ports") {
            drop_fields(port, &["nodePort"]);
        }
        if items(spec, "externalIPs").is_empty() {
            drop_fields(spec, &["externalTrafficPolicy"]);
        }
    }
    if is != "LoadBalancer" && was == "LoadBalancer" {
        drop_fields(spec, &["allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"]);
    }
}

fn keep_node_ports(spec: &mut Value, old_ports: &[Value]) {
    for port in items_in(spec, "ports") {
        let same =
            old_ports.iter().find(|old| old["port"] == port["port"] && old["protocol"] == port["protocol"]);
        if let Some(number) = same.and_then(|old| integer(old, "nodePort")) {
            fill_zero(port, "nodePort", number);
        }
    }
}

fn keep(spec: &mut Value, old: &Value, names: &[&str]) {
    for name in names {
        if !old[*name].is_null() {
            fill(spec, name, old[*name].clone());
        }
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
