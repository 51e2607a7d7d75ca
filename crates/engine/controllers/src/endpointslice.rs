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
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, Preconditions};
use kube::core::Selector;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::call::CallError;
use crate::ownership;
use crate::selectors::Selectors;

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

pub(crate) struct EndpointSlices {
    pub(crate) client: Client,
    pub(crate) services: Cache<Service>,
    pub(crate) pods: Cache<Pod>,
    pub(crate) slices: Cache<EndpointSlice>,
}

impl EndpointSlices {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let selectors = Arc::new(Selectors::default());
        selectors.follow(&self.services, build::selector);
        let controller = Controller::new("endpointslice")
            .reconciles(&self.services)
            .watches(&self.pods, move |pod| selectors.matching(&pod.metadata))
            .watches(&self.slices, |slice| service_of(slice).into_iter().collect());
        let this = Arc::new(self);
        controller
            .run(WORKERS, shutdown, move |key| {
                let this = this.clone();
                async move { this.reconcile(key).await }
            })
            .await;
    }

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
        for slice in &wanted {
            self.apply(&key, slice).await?;
        }
        for slice in self.slices_of(&service) {
            if wanted.iter().all(|kept| kept.metadata.name != slice.metadata.name) {
                self.remove(&slice)
                    .await
                    .map_err(|source| Error::Remove { service: key.to_string(), source })?;
            }
        }
        Ok(Next::Wait)
    }

    fn pods_of(&self, key: &ObjectKey, selector: &Selector) -> Vec<Arc<Pod>> {
        use kube::core::SelectorExt as _;
        let in_namespace = self.pods.list_in(&key.namespace).into_iter();
        in_namespace
            .filter(|pod| pod.metadata.labels.as_ref().is_some_and(|labels| selector.matches(labels)))
            .collect()
    }

    /// The slices that this controller made for `service`.
    fn slices_of(&self, service: &Service) -> Vec<Arc<EndpointSlice>> {
        let key = ObjectKey::of(service);
        let uid = service.metadata.uid.as_deref().unwrap_or_default();
        let is_ours = |slice: &Arc<EndpointSlice>| {
            service_of(slice).as_ref() == Some(&key) && ownership::is_controlled_by(&slice.metadata, uid)
        };
        self.slices.list_in(&key.namespace).into_iter().filter(is_ours).collect()
    }

    async fn apply(&self, service: &ObjectKey, wanted: &EndpointSlice) -> Result<(), Error> {
        let there = self.slices.get(&ObjectKey::of(wanted));
        if there.is_some_and(|there| build::is_same(&there, wanted)) {
            return Ok(());
        }
        let applied = apply::namespaced(&self.client, MANAGER, wanted).await;
        applied.map(drop).map_err(|source| Error::Apply { service: service.to_string(), source })
    }

    async fn remove(&self, slice: &EndpointSlice) -> Result<(), CallError> {
        let key = ObjectKey::of(slice);
        let preconditions = Preconditions { uid: slice.metadata.uid.clone(), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let api = Api::<EndpointSlice>::namespaced(self.client.clone(), &key.namespace);
        match api.delete(&key.name, &params).await.map_err(CallError::on::<EndpointSlice>("delete", &key)) {
            Err(error) if !error.is_outrun() => Err(error),
            _ => Ok(()),
        }
    }
}

/// The Service of a slice that this controller keeps.
fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let labels = slice.metadata.labels.as_ref()?;
    let is_ours = labels.get(ENDPOINT_SLICE_MANAGED_BY).is_some_and(|manager| manager == MANAGER);
    let name = labels.get(SERVICE_NAME_LABEL).filter(|_| is_ours)?;
    Some(ObjectKey::namespaced(slice.metadata.namespace.clone().unwrap_or_default(), name.clone()))
}
