//! Services and EndpointSlices.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bythos_schema::FieldError;
use serde_json::{Value, json};

use super::metadata::check_labels;
use super::network::check_cidr;
use super::{check_immutable, check_ip, check_port_number, check_port_number_or_name};
use crate::fields::{integer, items, text};
use crate::names;
use crate::spot::Spot;

const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

pub(crate) fn validate(service: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(service), Vec::new());
    let spec = root.field("spec");
    spec.field("type")
        .check_supported(&["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], &mut errors);
    check_addresses(&spec, &mut errors);
    check_ports(&spec, &mut errors);
    check_labels(&spec.field("selector"), &mut errors);
    check_affinity(&spec, &mut errors);
    check_traffic_policies(&spec, &mut errors);
    check_load_balancer(&spec, &mut errors);
    errors
}

pub(crate) fn validate_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let (spec, old) = (root.field("spec"), &old["spec"]);
    let is_external = |spec: &Value| text(spec, "type") == "ExternalName";
    let (was, is) = (text(old, "clusterIP"), spec.field("clusterIP"));
    if !was.is_empty() && is.text() != was && !is_external(old) && !is_external(spec.value()) {
        // The place is that of the list, which is where upstream keeps the address.
        let addresses = spec.field("clusterIPs");
        let path = addresses.path().index(0);
        errors.push(FieldError::of(
            path,
            bythos_schema::Refusal::Invalid,
            &json!([is.text()]),
            "may not change once set",
        ));
    }
    let stays_balancer = [text(old, "type"), spec.field("type").text()] == ["LoadBalancer"; 2];
    let class = spec.field("loadBalancerClass");
    if stays_balancer && class.text() != text(old, "loadBalancerClass") {
        errors.push(class.invalid("may not change once set"));
    }
    let port_of = |spec: &Value| integer(spec, "healthCheckNodePort").unwrap_or_default();
    let (had, has) = (port_of(old), port_of(spec.value()));
    if had != 0 && has != 0 && had != has {
        errors.push(spec.field("healthCheckNodePort").invalid("field is immutable"));
    }
    errors
}

fn is_headless(spec: &Spot<'_, '_>) -> bool {
    spec.field("clusterIP").text() == "None"
}

fn check_addresses(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (type_, address) = (spec.field("type"), spec.field("clusterIP"));
    match (type_.text(), address.text()) {
        ("ExternalName", _) => {
            let name = spec.field("externalName");
            if name.is_empty() {
                errors.push(name.required(""));
            } else {
                let plain = name.text().strip_suffix('.').unwrap_or(name.text());
                errors.extend(names::rfc1123_subdomain(plain).into_iter().map(|words| name.invalid(words)));
            }
            for name in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if !spec.field(name).is_empty() {
                    errors.push(spec.field(name).forbidden("may not be set for ExternalName services"));
                }
            }
        }
        (_, first) if !first.is_empty() && is_contradicted(spec, first) => {
            errors.push(spec.field("clusterIPs").invalid("first value must match `clusterIP`"));
        }
        ("NodePort" | "LoadBalancer", "None") => {
            let words = format!("may not be set to 'None' for {} services", type_.text());
            errors.push(address.invalid(words));
        }
        (_, "" | "None") => {}
        _ => check_ip(&address, errors),
    }
    for external in spec.field("externalIPs").items() {
        check_ip(&external, errors);
    }
}

/// Whether the list of addresses begins with another one.
fn is_contradicted(spec: &Spot<'_, '_>, first: &str) -> bool {
    items(spec.value(), "clusterIPs").first().is_some_and(|other| other.as_str() != Some(first))
}

fn check_ports(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (ports, type_) = (spec.field("ports"), spec.field("type").text());
    if ports.is_empty() && type_ != "ExternalName" && !is_headless(spec) {
        errors.push(ports.required(""));
    }
    let is_one_of_several = items(spec.value(), "ports").len() > 1;
    let (mut port_names, mut numbers, mut node_ports) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for port in ports.items() {
        check_port_name(&port.field("name"), is_one_of_several, &mut port_names, errors);
        check_port(&port, type_, errors);
        let (number, protocol) =
            (port.field("port").integer().unwrap_or_default(), port.field("protocol").text());
        if !numbers.insert((number, protocol)) {
            let key = json!({"port": number, "protocol": protocol});
            errors.push(FieldError::of(port.path(), bythos_schema::Refusal::Duplicate, &key, ""));
        }
        let node_port = port.field("nodePort");
        let number = node_port.integer().unwrap_or_default();
        if number != 0 && !node_ports.insert((number, protocol)) {
            errors.push(node_port.duplicate());
        }
    }
}

fn check_port_name<'v>(
    name: &Spot<'v, '_>,
    is_required: bool,
    known: &mut BTreeSet<&'v str>,
    errors: &mut Vec<FieldError>,
) {
    if name.is_empty() {
        if is_required {
            errors.push(name.required(""));
        }
        return;
    }
    name.check_text(names::rfc1123_label, errors);
    if !known.insert(name.text()) {
        errors.push(name.duplicate());
    }
}

fn check_port(port: &Spot<'_, '_>, type_: &str, errors: &mut Vec<FieldError>) {
    check_port_number(&port.field("port"), errors);
    port.field("protocol").check_supported(&PROTOCOLS, errors);
    let target = port.field("targetPort");
    if target.is_set() {
        check_port_number_or_name(&target, errors);
    }
    let node_port = port.field("nodePort");
    match node_port.integer() {
        None | Some(0) => {}
        Some(_) if matches!(type_, "ClusterIP" | "ExternalName") => {
            errors.push(node_port.forbidden(format!("may not be used when `type` is '{type_}'")));
        }
        Some(number) if !NODE_PORTS.contains(&number) => {
            errors.push(
                node_port.invalid(
                    "provided port is not in the valid range. The range of valid ports is 30000-32767",
                ),
            );
        }
        Some(_) => {}
    }
}

fn check_affinity(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let affinity = spec.field("sessionAffinity");
    affinity.check_supported(&["ClientIP", "None"], errors);
    let config = spec.field("sessionAffinityConfig");
    if affinity.text() == "None" && config.is_set() {
        let words = "must not be set when session affinity is None";
        errors.push(config.forbidden(words));
    }
    let client = config.field("clientIP");
    let seconds = client.field("timeoutSeconds");
    if seconds.integer().is_some_and(|seconds| !(1..=86_400).contains(&seconds)) {
        errors.push(seconds.invalid("must be greater than 0 and less than 86400"));
    }
}

fn check_traffic_policies(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (external, internal) = (spec.field("externalTrafficPolicy"), spec.field("internalTrafficPolicy"));
    if !internal.is_empty() {
        internal.check_supported(&["Cluster", "Local"], errors);
    }
    if external.is_empty() {
        return;
    }
    external.check_supported(&["Cluster", "Local"], errors);
    let is_outside = matches!(spec.field("type").text(), "NodePort" | "LoadBalancer");
    if !is_outside && spec.field("externalIPs").is_empty() {
        errors.push(external.invalid("may only be set for externally-accessible services"));
    }
}

fn check_load_balancer(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let is_balancer = spec.field("type").text() == "LoadBalancer";
    for name in ["loadBalancerSourceRanges", "loadBalancerClass", "allocateLoadBalancerNodePorts"] {
        let field = spec.field(name);
        if !field.is_empty() && !is_balancer {
            errors.push(field.forbidden("may only be used when `type` is 'LoadBalancer'"));
        }
    }
    for range in spec.field("loadBalancerSourceRanges").items() {
        check_cidr(&range, errors);
    }
    let class = spec.field("loadBalancerClass");
    if !class.is_empty() {
        class.check_text(names::qualified_name, errors);
    }
    let health = spec.field("healthCheckNodePort");
    let is_local = spec.field("externalTrafficPolicy").text() == "Local";
    if health.integer().is_some_and(|port| port != 0) && !(is_balancer && is_local) {
        let words = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        errors.push(health.invalid(words));
    }
}

pub(crate) fn endpoint_slice(slice: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(slice), Vec::new());
    let type_ = root.field("addressType");
    if type_.is_empty() {
        errors.push(type_.required(""));
    } else {
        type_.check_supported(&["FQDN", "IPv4", "IPv6"], &mut errors);
    }
    for endpoint in root.field("endpoints").items() {
        let addresses = endpoint.field("addresses");
        if addresses.is_empty() {
            errors.push(addresses.required("must contain at least 1 address"));
        }
        for address in addresses.items() {
            check_endpoint_address(&address, type_.text(), &mut errors);
        }
    }
    let mut port_names = BTreeSet::new();
    for port in root.field("ports").items() {
        let name = port.field("name");
        if !name.is_empty() {
            name.check_text(names::rfc1123_label, &mut errors);
        }
        if !port_names.insert(name.text()) {
            errors.push(name.duplicate());
        }
        port.field("protocol").check_supported(&PROTOCOLS, &mut errors);
    }
    errors
}

fn check_endpoint_address(address: &Spot<'_, '_>, type_: &str, errors: &mut Vec<FieldError>) {
    let parsed = address.text().parse::<IpAddr>();
    match (type_, parsed) {
        ("FQDN", _) => address.check_text(names::rfc1123_subdomain, errors),
        ("IPv4", Ok(IpAddr::V4(_))) | ("IPv6", Ok(IpAddr::V6(_))) => {}
        ("IPv4", _) => errors.push(address.invalid("must be an IPv4 address")),
        ("IPv6", _) => errors.push(address.invalid("must be an IPv6 address")),
        _ => {}
    }
}

pub(crate) fn endpoint_slice_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    check_immutable(&root.field("addressType"), &old["addressType"], &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: Value, expected: &[&str]) {
        let found: Vec<String> = validate(&json!({ "spec": spec })).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn only_a_balancer_has_what_balancers_have() {
        let ports = json!([{"port": 80, "protocol": "TCP"}]);
        check(
            json!({
                "type": "LoadBalancer", "ports": ports, "loadBalancerClass": "example.com/lb",
                "loadBalancerSourceRanges": ["10.0.0.0/8"], "externalTrafficPolicy": "Local", "healthCheckNodePort": 30000,
            }),
            &[],
        );
        check(
            json!({
                "type": "ClusterIP", "ports": ports, "loadBalancerClass": "lb",
                "loadBalancerSourceRanges": ["ten"], "healthCheckNodePort": 30000,
            }),
            &[
                "spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
                "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
                r#"spec.loadBalancerSourceRanges[0]: Invalid value: "ten": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"#,
                "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
            ],
        );
        check(
            json!({"type": "ClusterIP", "ports": ports, "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.2"]}),
            &[r#"spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`"#],
        );
    }

    #[test]
    fn a_service_has_ports_unless_it_is_only_a_name() {
        check(json!({"type": "ClusterIP"}), &["spec.ports: Required value"]);
        check(json!({"type": "ClusterIP", "clusterIP": "None"}), &[]);
        check(json!({"type": "ExternalName", "externalName": "a.example.com."}), &[]);
        check(json!({"type": "ExternalName"}), &["spec.externalName: Required value"]);
        check(
            json!({"type": "Internal", "ports": [{"port": 80}]}),
            &[
                r#"spec.type: Unsupported value: "Internal": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort""#,
            ],
        );
    }

    #[test]
    fn ports_are_told_apart() {
        let port = |name: &str, number: i64| json!({"name": name, "port": number, "protocol": "TCP", "targetPort": 1});
        check(json!({"type": "ClusterIP", "ports": [port("", 80)]}), &[]);
        check(
            json!({"type": "ClusterIP", "ports": [port("", 80), port("a", 80), port("a", 70_000)]}),
            &[
                "spec.ports[0].name: Required value",
                r#"spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}"#,
                r#"spec.ports[2].name: Duplicate value: "a""#,
                "spec.ports[2].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
            ],
        );
    }

    #[test]
    fn node_ports_are_in_their_range_and_only_where_they_are_used() {
        let with = |type_: &str, node_port: i64| json!({"type": type_, "ports": [{"port": 80, "nodePort": node_port}]});
        check(with("NodePort", 30_080), &[]);
        check(
            with("NodePort", 80),
            &[
                "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
            ],
        );
        check(
            with("ClusterIP", 30_080),
            &["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
        );
    }

    #[test]
    fn addresses_and_policies_fit_the_type() {
        let with =
            |field: &str, value: Value| json!({"type": "ClusterIP", "ports": [{"port": 80}], field: value});
        check(
            with("clusterIP", json!("ten")),
            &[
                r#"spec.clusterIP: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
            ],
        );
        check(
            with("externalTrafficPolicy", json!("Local")),
            &[
                r#"spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services"#,
            ],
        );
        check(
            with("sessionAffinity", json!("Cookie")),
            &[r#"spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None""#],
        );
    }

    #[test]
    fn the_cluster_ip_does_not_change() {
        let with = |ip: &str, type_: &str| json!({"spec": {"type": type_, "clusterIP": ip}});
        let errors = validate_update(&with("10.43.0.2", "ClusterIP"), &with("10.43.0.3", "NodePort"));
        assert_eq!(
            errors[0].to_string(),
            r#"spec.clusterIPs[0]: Invalid value: ["10.43.0.3"]: may not change once set"#
        );
        assert!(validate_update(&with("10.43.0.2", "ClusterIP"), &with("", "ExternalName")).is_empty());
        assert!(validate_update(&with("", "ExternalName"), &with("10.43.0.2", "ClusterIP")).is_empty());
    }

    #[test]
    fn the_addresses_of_a_slice_are_of_its_type() {
        let slice = json!({
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.42.0.2"]}, {"addresses": ["::1"]}, {"addresses": []}],
            "ports": [{"name": "", "protocol": "TCP"}, {"name": "", "protocol": "TCP"}],
        });
        let found: Vec<String> = endpoint_slice(&slice).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                r#"endpoints[1].addresses[0]: Invalid value: "::1": must be an IPv4 address"#,
                "endpoints[2].addresses: Required value: must contain at least 1 address",
                r#"ports[1].name: Duplicate value: """#,
            ]
        );
    }
}
