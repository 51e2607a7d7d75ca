//! NetworkPolicies and Endpoints.

use std::net::IpAddr;

use bythos_schema::FieldError;
use serde_json::Value;

use super::{check_port_number, check_port_number_or_name};
use crate::names;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

pub(crate) fn network_policy(policy: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(policy), Vec::new());
    let spec = root.field("spec");
    if spec.field("podSelector").is_set() {
        validate_label_selector(&spec.field("podSelector"), &mut errors);
    }
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.field(direction).items() {
            for port in rule.field("ports").items() {
                check_policy_port(&port, &mut errors);
            }
            for peer in rule.field(peers).items() {
                check_peer(&peer, &mut errors);
            }
        }
    }
    for type_ in spec.field("policyTypes").items() {
        type_.check_supported(&["Egress", "Ingress"], &mut errors);
    }
    errors
}

fn check_policy_port(port: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    port.field("protocol").check_supported(&PROTOCOLS, errors);
    let (first, last) = (port.field("port"), port.field("endPort"));
    if first.is_set() {
        check_port_number_or_name(&first, errors);
    }
    if !last.is_set() {
        return;
    }
    match (first.integer(), last.integer()) {
        (Some(first), Some(number)) if number < first => {
            errors.push(last.invalid("must be greater than or equal to `port`"));
        }
        (Some(_), _) => check_port_number(&last, errors),
        (None, _) if first.is_set() => {
            errors.push(last.invalid("may not be specified when `port` is non-numeric"));
        }
        (None, _) => errors.push(last.invalid("may not be specified when `port` is not specified")),
    }
}

fn check_peer(peer: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let selectors = ["podSelector", "namespaceSelector"];
    let is_selected = selectors.iter().any(|name| peer.field(name).is_set());
    for name in selectors {
        if peer.field(name).is_set() {
            validate_label_selector(&peer.field(name), errors);
        }
    }
    let block = peer.field("ipBlock");
    match (block.is_set(), is_selected) {
        (false, false) => errors.push(peer.required("must specify a peer")),
        (true, true) => errors.push(peer.forbidden("may not specify both ipBlock and another peer")),
        (true, false) => check_block(&block, errors),
        (false, true) => {}
    }
}

fn check_block(block: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let cidr = block.field("cidr");
    if cidr.is_empty() {
        errors.push(cidr.required(""));
        return;
    }
    let Some(whole) = check_cidr(&cidr, errors) else { return };
    for except in block.field("except").items() {
        let part = check_cidr(&except, errors);
        if part.is_some_and(|part| !is_strictly_inside(part, whole)) {
            errors.push(except.invalid("must be a strict subset of `cidr`"));
        }
    }
}

/// Checks a network such as `10.9.8.0/24`; gives its address and the length of its prefix.
pub(super) fn check_cidr(cidr: &Spot<'_, '_>, errors: &mut Vec<FieldError>) -> Option<(IpAddr, u8)> {
    let parsed = network(cidr.text());
    if parsed.is_none() {
        errors.push(cidr.invalid("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"));
    }
    parsed
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let (address, length) = (address.parse::<IpAddr>().ok()?, length.parse::<u8>().ok()?);
    (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
}

fn is_strictly_inside((inner, inner_length): (IpAddr, u8), (outer, outer_length): (IpAddr, u8)) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(outer_length)).unwrap_or(0);
    inner.is_ipv4() == outer.is_ipv4()
        && inner_length > outer_length
        && bits(inner) & mask == bits(outer) & mask
}

pub(crate) fn endpoints(endpoints: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(endpoints), Vec::new());
    for subset in root.field("subsets").items() {
        let (ready, unready) = (subset.field("addresses"), subset.field("notReadyAddresses"));
        if ready.is_empty() && unready.is_empty() {
            errors.push(subset.required("must specify `addresses` or `notReadyAddresses`"));
        }
        for list in [&ready, &unready] {
            for address in list.items() {
                check_address(&address, &mut errors);
            }
        }
        let ports = subset.field("ports");
        let is_one_of_several = ports.items().count() > 1;
        for port in ports.items() {
            let name = port.field("name");
            if name.is_empty() && is_one_of_several {
                errors.push(name.required(""));
            } else if !name.is_empty() {
                name.check_text(names::rfc1123_label, &mut errors);
            }
            check_port_number(&port.field("port"), &mut errors);
            port.field("protocol").check_supported(&PROTOCOLS, &mut errors);
        }
    }
    errors
}

fn check_address(address: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let ip = address.field("ip");
    let Ok(parsed) = ip.text().parse::<IpAddr>() else {
        errors.push(ip.invalid("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
        return;
    };
    let is_link_local = match parsed {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    if parsed.is_unspecified() {
        errors.push(ip.invalid(format!("may not be unspecified ({})", ip.text())));
    } else if parsed.is_loopback() {
        errors.push(ip.invalid("may not be in the loopback range (127.0.0.0/8, ::1/128)"));
    } else if is_link_local {
        errors.push(ip.invalid("may not be in the link-local range (169.254.0.0/16, fe80::/10)"));
    }
    let hostname = address.field("hostname");
    if !hostname.is_empty() {
        hostname.check_text(names::rfc1123_label, errors);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    #[test]
    fn a_peer_is_pods_or_addresses() {
        let with = |peer: Value| {
            network_policy(&json!({"spec": {"podSelector": {}, "ingress": [{"from": [peer]}]}}))
        };
        check(&with(json!({"podSelector": {}})), &[]);
        check(&with(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}})), &[]);
        check(&with(json!({})), &["spec.ingress[0].from[0]: Required value: must specify a peer"]);
        check(
            &with(json!({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}})),
            &["spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer"],
        );
        check(
            &with(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16", "10.0.0.0/8"]}})),
            &[
                r#"spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`"#,
                r#"spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`"#,
            ],
        );
    }

    #[test]
    fn a_range_of_ports_has_numbers_in_order() {
        let with = |port: Value| network_policy(&json!({"spec": {"egress": [{"ports": [port]}]}}));
        check(&with(json!({"port": 80, "endPort": 90})), &[]);
        check(
            &with(json!({"port": 80, "endPort": 79})),
            &["spec.egress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`"],
        );
        check(
            &with(json!({"port": "http", "endPort": 90})),
            &[
                "spec.egress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
            ],
        );
    }

    #[test]
    fn endpoints_can_be_reached_from_elsewhere() {
        let with = |subset: Value| endpoints(&json!({"subsets": [subset]}));
        check(&with(json!({"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]})), &[]);
        check(
            &with(json!({"addresses": [{"ip": "127.0.0.1"}, {"ip": "x"}], "ports": [{"port": 0}]})),
            &[
                r#"subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)"#,
                r#"subsets[0].addresses[1].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
                "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        );
        check(
            &with(json!({})),
            &["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
        );
    }
}
