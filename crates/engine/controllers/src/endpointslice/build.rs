//! The slices of a Service, from its pods. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_api::names::{ENDPOINT_SLICE_MANAGED_BY, SERVICE_NAME_LABEL};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::Selector;

use super::{MANAGER, endpoint, ports};
use crate::{ownership, suffix};

/// Most endpoints in one slice, so that a change of one pod sends little.
const ENDPOINTS_MAX: usize = 100;
/// On the addresses of a Service without an address of its own.
pub(crate) const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";

struct Group {
    ports: Vec<EndpointPort>,
    endpoints: Vec<Endpoint>,
}

/// What `service` selects its pods by; none where somebody else publishes its addresses, or a name stands for them.
pub(crate) fn selector(service: &Service) -> Option<Selector> {
    let spec = service.spec.as_ref()?;
    let labels = spec.selector.as_ref().filter(|labels| !labels.is_empty())?;
    let is_alias = spec.type_.as_deref() == Some("ExternalName");
    (!is_alias).then(|| labels.clone().into_iter().collect())
}

/// The slices of `service`. There is always one, so that readers can tell "nobody" from "not known yet".
pub(super) fn slices(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSlice> {
    let mut chunks = Vec::new();
    for group in groups(service, pods) {
        for endpoints in group.endpoints.chunks(ENDPOINTS_MAX) {
            chunks.push((group.ports.clone(), endpoints.to_vec()));
        }
    }
    if chunks.is_empty() {
        chunks.push((Vec::new(), Vec::new()));
    }
    let numbered = chunks.into_iter().enumerate();
    numbered.map(|(number, (ports, endpoints))| slice(service, number, ports, endpoints)).collect()
}

/// Whether what is there says what is wanted; labels and annotations of others are no difference.
pub(super) fn is_same(there: &EndpointSlice, wanted: &EndpointSlice) -> bool {
    let labels = there.metadata.labels.as_ref();
    let has_labels = wanted
        .metadata
        .labels
        .iter()
        .flatten()
        .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value));
    has_labels
        && there.metadata.owner_references == wanted.metadata.owner_references
        && there.address_type == wanted.address_type
        && there.ports.as_deref().unwrap_or_default() == wanted.ports.as_deref().unwrap_or_default()
        && there.endpoints.as_deref().unwrap_or_default() == wanted.endpoints.as_deref().unwrap_or_default()
}

/// Pods with the same ports together, in the order in which their ports first appear.
fn groups(service: &Service, pods: &[Arc<Pod>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for pod in pods {
        let Some(endpoint) = endpoint::of(service, pod) else { continue };
        let ports = ports::of(service, pod);
        match groups.iter_mut().find(|group| group.ports == ports) {
            Some(group) => group.endpoints.push(endpoint),
            None => groups.push(Group { ports, endpoints: vec![endpoint] }),
        }
    }
    groups
}

fn slice(
    service: &Service,
    number: usize,
    ports: Vec<EndpointPort>,
    endpoints: Vec<Endpoint>,
) -> EndpointSlice {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let uid = service.metadata.uid.as_deref().unwrap_or_default();
    let hash = suffix::hash(&[uid.as_bytes(), &number.to_be_bytes()]);
    EndpointSlice {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{hash}")),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels(service)),
            owner_references: Some(vec![ownership::controller_reference(service)]),
            ..ObjectMeta::default()
        },
        address_type: "IPv4".to_owned(),
        ports: Some(ports),
        endpoints: Some(endpoints),
    }
}

/// The Service's labels, and those by which a slice is found.
fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS_LABEL);
    let cluster_ip = service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref());
    if cluster_ip == Some("None") {
        labels.insert(HEADLESS_LABEL.to_owned(), String::new());
    }
    let name = service.metadata.name.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME_LABEL.to_owned(), name);
    labels.insert(ENDPOINT_SLICE_MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests;
