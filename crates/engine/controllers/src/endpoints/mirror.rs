//! Endpoints that somebody wrote by hand, mirrored into slices: all that routes and resolves names reads slices.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bythos_api::names::{ENDPOINT_SLICE_MANAGED_BY, SERVICE_NAME_LABEL};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio_util::sync::CancellationToken;

use super::is_ours;
use crate::endpointslice::{self, SliceKeeper};
use crate::reconcile::{self, Reconcile};
use crate::{ownership, suffix};

/// Who keeps the mirrored slices, as upstream names it.
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// On Endpoints that only serve as a lock.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const ENDPOINTS_MAX: usize = 1000;

/// See the module's documentation.
pub(crate) struct Mirror {
    pub(crate) keeper: SliceKeeper,
    pub(crate) services: Cache<Service>,
    pub(crate) endpoints: Cache<Endpoints>,
}

impl Mirror {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("endpointslice mirroring")
            .reconciles(&self.services)
            .reconciles(&self.endpoints)
            .watches(&self.keeper.slices, |slice| {
                endpointslice::service_kept_by(slice, MANAGER).into_iter().collect()
            });
        reconcile::run(controller, 1, shutdown, self).await;
    }

    fn is_mirrored(&self, key: &ObjectKey, endpoints: &Endpoints) -> bool {
        let meta = &endpoints.metadata;
        let has = |map: &Option<BTreeMap<String, String>>, key: &str| {
            map.as_ref().is_some_and(|map| map.contains_key(key))
        };
        let skips =
            meta.labels.as_ref().and_then(|labels| labels.get(SKIP)).is_some_and(|skip| skip == "true");
        let by_hand = self.services.get(key).is_some_and(|service| {
            let spec = service.spec.as_ref();
            spec.is_some_and(|spec| spec.selector.as_ref().is_none_or(BTreeMap::is_empty))
        });
        by_hand
            && !skips
            && !is_ours(endpoints)
            && !has(&meta.annotations, LEADER)
            && meta.deletion_timestamp.is_none()
    }
}

impl Reconcile for Mirror {
    type Error = endpointslice::Error;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, endpointslice::Error> {
        // The slices of Endpoints that are gone follow them by their owner references.
        let Some(endpoints) = self.endpoints.get(&key) else { return Ok(Next::Wait) };
        let wanted = if self.is_mirrored(&key, &endpoints) { slices(&endpoints) } else { Vec::new() };
        let uid = endpoints.metadata.uid.as_deref().unwrap_or_default();
        self.keeper.keep(MANAGER, &key, uid, &wanted).await?;
        Ok(Next::Wait)
    }
}

/// The slices that say what `endpoints` say. Pure.
fn slices(endpoints: &Endpoints) -> Vec<EndpointSlice> {
    let mut slices = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        for is_v6 in [false, true] {
            let all = endpoints_of(subset, is_v6);
            for chunk in all.chunks(ENDPOINTS_MAX) {
                slices.push(slice(endpoints, slices.len(), subset, is_v6, chunk));
            }
        }
    }
    slices
}

fn endpoints_of(subset: &EndpointSubset, is_v6: bool) -> Vec<Endpoint> {
    let is_of_family =
        |address: &&EndpointAddress| address.ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6() == is_v6);
    let ready = subset.addresses.iter().flatten().map(|address| (address, true));
    let unready = subset.not_ready_addresses.iter().flatten().map(|address| (address, false));
    ready
        .chain(unready)
        .filter(|(address, _)| is_of_family(address))
        .map(|(address, is_ready)| Endpoint {
            addresses: vec![address.ip.clone()],
            conditions: Some(EndpointConditions { ready: Some(is_ready), ..EndpointConditions::default() }),
            hostname: address.hostname.clone(),
            node_name: address.node_name.clone(),
            target_ref: address.target_ref.clone(),
            ..Endpoint::default()
        })
        .collect()
}

fn slice(
    endpoints: &Endpoints,
    number: usize,
    subset: &EndpointSubset,
    is_v6: bool,
    chunk: &[Endpoint],
) -> EndpointSlice {
    let meta = &endpoints.metadata;
    let name = meta.name.clone().unwrap_or_default();
    let uid = meta.uid.as_deref().unwrap_or_default();
    let hash = suffix::hash(&[uid.as_bytes(), &number.to_be_bytes()]);
    let mut labels = meta.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME_LABEL.to_owned(), name.clone());
    labels.insert(ENDPOINT_SLICE_MANAGED_BY.to_owned(), MANAGER.to_owned());
    let mut annotations = meta.annotations.clone().unwrap_or_default();
    annotations.remove(LAST_APPLIED);
    let ports = subset.ports.iter().flatten().map(|port| EndpointPort {
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".to_owned())),
        app_protocol: port.app_protocol.clone(),
    });
    EndpointSlice {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{hash}")),
            namespace: meta.namespace.clone(),
            labels: Some(labels),
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            owner_references: Some(vec![ownership::controller_reference(endpoints)]),
            ..ObjectMeta::default()
        },
        address_type: if is_v6 { "IPv6" } else { "IPv4" }.to_owned(),
        ports: Some(ports.collect()),
        endpoints: Some(chunk.to_vec()),
    }
}
