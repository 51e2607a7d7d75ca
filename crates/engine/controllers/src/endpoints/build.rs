//! The Endpoints of a Service, from its slices. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{MANAGED_BY, MANAGER};
use crate::endpointslice::HEADLESS_LABEL;

/// Most addresses that upstream writes; there may be more slices than that.
const ADDRESSES_MAX: usize = 1000;
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// The Endpoints that say what `slices` say.
pub(super) fn endpoints(service: &Service, slices: &[EndpointSlice]) -> Endpoints {
    let mut subsets: Vec<EndpointSubset> = Vec::new();
    let (mut room, mut is_truncated) = (ADDRESSES_MAX, false);
    for slice in slices {
        let ports: Vec<_> = slice.ports.iter().flatten().map(port).collect();
        let ports = Some(ports).filter(|ports| !ports.is_empty());
        for endpoint in slice.endpoints.iter().flatten() {
            let conditions = endpoint.conditions.clone().unwrap_or_default();
            let is_ready = conditions.ready != Some(false);
            if conditions.terminating == Some(true) && !is_ready {
                continue;
            }
            let Some(address) = address(endpoint) else { continue };
            if room == 0 {
                is_truncated = true;
                break;
            }
            room -= 1;
            let index = subsets.iter().position(|subset| subset.ports == ports).unwrap_or_else(|| {
                subsets.push(EndpointSubset { ports: ports.clone(), ..EndpointSubset::default() });
                subsets.len() - 1
            });
            if let Some(subset) = subsets.get_mut(index) {
                let list = if is_ready { &mut subset.addresses } else { &mut subset.not_ready_addresses };
                list.get_or_insert_default().push(address);
            }
        }
    }
    for subset in &mut subsets {
        for list in [&mut subset.addresses, &mut subset.not_ready_addresses].into_iter().flatten() {
            list.sort_by(|one, other| one.ip.cmp(&other.ip));
        }
    }
    let annotations =
        is_truncated.then(|| BTreeMap::from([(OVER_CAPACITY.to_owned(), "truncated".to_owned())]));
    Endpoints {
        metadata: ObjectMeta {
            name: service.metadata.name.clone(),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels(service)),
            annotations,
            ..ObjectMeta::default()
        },
        subsets: Some(subsets).filter(|subsets| !subsets.is_empty()),
    }
}

/// Whether what is there says what is wanted; labels and annotations of others are no difference.
pub(super) fn is_same(there: &Endpoints, wanted: &Endpoints) -> bool {
    let has_all = |there: Option<&BTreeMap<String, String>>, wanted: Option<&BTreeMap<String, String>>| {
        wanted.into_iter().flatten().all(|(key, value)| there.and_then(|there| there.get(key)) == Some(value))
    };
    has_all(there.metadata.labels.as_ref(), wanted.metadata.labels.as_ref())
        && has_all(there.metadata.annotations.as_ref(), wanted.metadata.annotations.as_ref())
        && there.subsets.as_deref().unwrap_or_default() == wanted.subsets.as_deref().unwrap_or_default()
}

fn port(port: &k8s_openapi::api::discovery::v1::EndpointPort) -> EndpointPort {
    EndpointPort {
        name: port.name.clone().filter(|name| !name.is_empty()),
        port: port.port.unwrap_or_default(),
        protocol: port.protocol.clone(),
        app_protocol: port.app_protocol.clone(),
    }
}

fn address(endpoint: &Endpoint) -> Option<EndpointAddress> {
    Some(EndpointAddress {
        ip: endpoint.addresses.first()?.clone(),
        hostname: endpoint.hostname.clone(),
        node_name: endpoint.node_name.clone(),
        target_ref: endpoint.target_ref.clone(),
    })
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS_LABEL);
    if service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()) == Some("None") {
        labels.insert(HEADLESS_LABEL.to_owned(), String::new());
    }
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn slice(port: i32, endpoints: Value) -> EndpointSlice {
        let ports = json!([{ "name": "", "port": port, "protocol": "TCP" }]);
        from_value(json!({ "metadata": {}, "addressType": "IPv4", "ports": ports, "endpoints": endpoints }))
            .unwrap()
    }

    fn endpoint(ip: &str, ready: bool, terminating: bool) -> Value {
        json!({ "addresses": [ip], "conditions": { "ready": ready, "terminating": terminating } })
    }

    #[test]
    fn subsets_hold_what_shares_its_ports_ready_and_not() {
        let service: Service =
            from_value(json!({ "metadata": { "name": "web", "labels": { "a": "b" } } })).unwrap();
        let slices = [
            slice(80, json!([endpoint("10.0.0.3", true, false), endpoint("10.0.0.2", true, false)])),
            slice(80, json!([endpoint("10.0.0.4", false, false), endpoint("10.0.0.5", false, true)])),
            slice(81, json!([endpoint("10.0.0.6", true, false)])),
        ];
        let made = endpoints(&service, &slices);
        let expected = json!([
            {
                "addresses": [{ "ip": "10.0.0.2" }, { "ip": "10.0.0.3" }],
                "notReadyAddresses": [{ "ip": "10.0.0.4" }],
                "ports": [{ "port": 80, "protocol": "TCP" }],
            },
            { "addresses": [{ "ip": "10.0.0.6" }], "ports": [{ "port": 81, "protocol": "TCP" }] },
        ]);
        assert_eq!(json!(made.subsets), expected);
        assert_eq!(made.metadata.labels.as_ref().unwrap()["a"], "b");
        assert!(is_same(&made, &made));
        assert_eq!(endpoints(&service, &[slice(80, json!([]))]).subsets, None);
    }

    #[test]
    fn more_than_a_thousand_addresses_are_cut_off_and_that_is_said() {
        let many: Vec<Value> =
            (0..1001).map(|n| endpoint(&format!("10.1.{}.{}", n / 250, n % 250), true, false)).collect();
        let made = endpoints(&Service::default(), &[slice(80, json!(many))]);
        assert_eq!(made.subsets.unwrap()[0].addresses.as_ref().unwrap().len(), 1000);
        assert_eq!(made.metadata.annotations.unwrap()[OVER_CAPACITY], "truncated");
    }
}
