//! EndpointSlice: which addresses stand behind a Service.
//!
//! For each Service with a selector the slices are computed from its pods as a whole ([`build`], pure) and applied
//! where they differ. Their names follow from the Service and their number, so making them twice changes nothing.
//! Services without a selector are left to whoever publishes their addresses.

mod build;
mod endpoint;
mod ports;

use std::sync::Arc;

use bythos_api::names::{ENDPOINT_SLICE_MANAGED_BY, SERVICE_NAME_LABEL};
use bythos_operator::apply::{self, ApplyError};
use bythos_operator::{Cache, Controller, Index, Next, ObjectKey};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Client;
use kube::core::{Selector, SelectorExt as _};
use tokio_util::sync::CancellationToken;

use crate::call::{self, CallError};
use crate::ownership;
use crate::reconcile::{self, Reconcile};
use crate::selectors::Selectors;

pub(crate) use build::{HEADLESS_LABEL, selector};

/// Who keeps the slices, as upstream names it.
const MANAGER: &str = "endpointslice-controller.k8s.io";
const WORKERS: usize = 2;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to write an EndpointSlice of service {service:?}")]
    Apply {
        service: String,
        #[source]
        source: ApplyError,
    },
    #[error("failed to remove an EndpointSlice of service {service:?}")]
    Remove {
        service: String,
        #[source]
        source: CallError,
    },
}

/// Keeps the slices of one owner as they are wanted.
pub(crate) struct SliceKeeper {
    pub(crate) client: Client,
    pub(crate) slices: Cache<EndpointSlice>,
    pub(crate) of_service: Index<EndpointSlice, ObjectKey>,
}

impl SliceKeeper {
    /// Applies what differs, and removes what `manager` made for the owner with `uid` and wants no more. `service` is
    /// whose addresses they are.
    pub(crate) async fn keep(
        &self,
        manager: &str,
        service: &ObjectKey,
        uid: &str,
        wanted: &[EndpointSlice],
    ) -> Result<(), Error> {
        for slice in wanted {
            self.apply(manager, service, slice).await?;
        }
        for slice in self.of_service.members(service) {
            let is_ours = service_kept_by(&slice, manager).as_ref() == Some(service)
                && ownership::is_controlled_by(&slice.metadata, uid);
            if is_ours && wanted.iter().all(|kept| kept.metadata.name != slice.metadata.name) {
                match call::delete(&self.client, slice.as_ref()).await {
                    Err(source) if !source.is_outrun() => {
                        return Err(Error::Remove { service: service.to_string(), source });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    async fn apply(&self, manager: &str, service: &ObjectKey, wanted: &EndpointSlice) -> Result<(), Error> {
        let there = self.slices.get(&ObjectKey::of(wanted));
        if there.is_some_and(|there| build::is_same(&there, wanted)) {
            return Ok(());
        }
        match apply::namespaced(&self.client, manager, wanted).await {
            Err(source) if !call::is_namespace_going_by(&source) => {
                Err(Error::Apply { service: service.to_string(), source })
            }
            _ => Ok(()),
        }
    }
}

pub(crate) struct EndpointSlices {
    pub(crate) keeper: SliceKeeper,
    pub(crate) services: Cache<Service>,
    pub(crate) pods: Cache<Pod>,
}

impl EndpointSlices {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let selectors = Arc::new(Selectors::default());
        selectors.follow(&self.services, build::selector);
        let controller = Controller::new("endpointslice")
            .reconciles(&self.services)
            .watches(&self.pods, move |pod| selectors.matching(&pod.metadata))
            .watches(&self.keeper.slices, |slice| service_of(slice).into_iter().collect());
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    fn pods_of(&self, key: &ObjectKey, selector: &Selector) -> Vec<Arc<Pod>> {
        let in_namespace = self.pods.list_in(&key.namespace).into_iter();
        in_namespace
            .filter(|pod| pod.metadata.labels.as_ref().is_some_and(|labels| selector.matches(labels)))
            .collect()
    }
}

impl Reconcile for EndpointSlices {
    type Error = Error;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        // The slices of a Service that is gone follow it by their owner references.
        let Some(service) = self.services.get(&key) else { return Ok(Next::Wait) };
        if service.metadata.deletion_timestamp.is_some() {
            return Ok(Next::Wait);
        }
        let wanted = match build::selector(&service) {
            Some(selector) => build::slices(&service, &self.pods_of(&key, &selector)),
            None => Vec::new(),
        };
        let uid = service.metadata.uid.as_deref().unwrap_or_default();
        self.keeper.keep(MANAGER, &key, uid, &wanted).await?;
        Ok(Next::Wait)
    }
}

/// The Service of a slice that this controller keeps.
pub(crate) fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    service_kept_by(slice, MANAGER)
}

/// The Service of a slice that `manager` keeps.
pub(crate) fn service_kept_by(slice: &EndpointSlice, manager: &str) -> Option<ObjectKey> {
    let kept_by = slice.metadata.labels.as_ref()?.get(ENDPOINT_SLICE_MANAGED_BY)?;
    any_service_of(slice).filter(|_| kept_by == manager)
}

/// The Service of a slice, whoever keeps it.
pub(crate) fn any_service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME_LABEL)?;
    Some(ObjectKey::namespaced(slice.metadata.namespace.clone().unwrap_or_default(), name.clone()))
}
