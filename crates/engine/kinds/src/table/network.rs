//! Kinds of `discovery.k8s.io` and `networking.k8s.io`.

use super::row;
use crate::Kind;
use crate::columns::{ingress, service};
use crate::defaults;
use crate::validation;

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
        networking("NetworkPolicy", "networkpolicies")
            .namespaced()
            .short(&["netpol"])
            .columns(ingress::network_policy())
            .defaults(defaults::service::network_policy)
            .validate(validation::network::network_policy),
    ]
}
