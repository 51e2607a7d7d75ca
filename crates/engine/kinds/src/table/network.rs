//! Kinds of `discovery.k8s.io` and `networking.k8s.io`.

use super::row;
use crate::columns::{address, ingress, service};
use crate::defaults;
use crate::validation;
use crate::{Kind, NameRule};

const NOT_TAKEN: &str = "addresses of services are stored, but services do not take theirs from them yet";

pub(super) fn kinds() -> Vec<Kind> {
    let networking = |kind, plural| row("networking.k8s.io", "v1", kind, plural);
    vec![
        row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
            .namespaced()
            .columns(service::endpoint_slice())
            .defaults(defaults::service::endpoint_slice)
            .validate(validation::service::endpoint_slice)
            .validate_update(validation::service::endpoint_slice_update),
        networking("Ingress", "ingresses")
            .namespaced()
            .short(&["ing"])
            .status()
            .columns(ingress::columns())
            .validate(validation::ingress::validate),
        networking("IngressClass", "ingressclasses")
            .columns(ingress::class())
            .defaults(defaults::ingress_class::default)
            .validate(validation::ingress_class::validate)
            .validate_update(validation::ingress_class::validate_update),
        networking("IPAddress", "ipaddresses")
            .short(&["ip"])
            .names(NameRule::PathSegment)
            .columns(address::ip_address())
            .validate(validation::address::ip_address)
            .validate_update(validation::address::ip_address_update)
            .caveat(NOT_TAKEN),
        networking("NetworkPolicy", "networkpolicies")
            .namespaced()
            .short(&["netpol"])
            .columns(ingress::network_policy())
            .defaults(defaults::service::network_policy)
            .validate(validation::network::network_policy),
        networking("ServiceCIDR", "servicecidrs")
            .status()
            .columns(address::service_cidr())
            .validate(validation::address::service_cidr)
            .validate_update(validation::address::service_cidr_update)
            .caveat(NOT_TAKEN),
    ]
}
