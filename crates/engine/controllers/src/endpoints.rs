//! Endpoints: the older form of EndpointSlices, for clients that read no other.
//!
//! For each Service with a selector they are computed from the slices that [`crate::endpointslice`] keeps ([`build`],
//! pure), so that both say the same. What people write as Endpoints for a Service without a selector is mirrored the
//! other way, into slices ([`Mirror`]).

mod build;
mod mirror;

use bythos_operator::apply::{self, ApplyError};
use bythos_operator::{Cache, Controller, Index, Next, ObjectKey};
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::call::{self, CallError};
use crate::endpointslice;
use crate::ownership;
use crate::reconcile::{self, Reconcile};

pub(crate) use mirror::Mirror;

/// Who keeps Endpoints, as upstream names it.
const MANAGER: &str = "endpoint-controller";
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const WORKERS: usize = 2;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to write the Endpoints of service {service:?}")]
    Apply {
        service: String,
        #[source]
        source: ApplyError,
    },
    #[error("failed to remove the Endpoints of service {service:?}")]
    Remove {
        service: String,
        #[source]
        source: CallError,
    },
}

pub(crate) struct EndpointsOfServices {
    pub(crate) client: Client,
    pub(crate) services: Cache<Service>,
    pub(crate) slices: Cache<EndpointSlice>,
    pub(crate) of_service: Index<EndpointSlice, ObjectKey>,
    pub(crate) endpoints: Cache<Endpoints>,
}

/// Whether the controller made them.
fn is_ours(endpoints: &Endpoints) -> bool {
    let labels = endpoints.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(MANAGED_BY)).is_some_and(|manager| manager == MANAGER)
}

impl EndpointsOfServices {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("endpoints")
            .reconciles(&self.services)
            .reconciles(&self.endpoints)
            .watches(&self.slices, |slice| endpointslice::service_of(slice).into_iter().collect());
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    fn slices_of(&self, service: &Service) -> Vec<EndpointSlice> {
        let key = ObjectKey::of(service);
        let uid = service.metadata.uid.as_deref().unwrap_or_default();
        let slices = self.of_service.members(&key).into_iter();
        slices
            .filter(|slice| endpointslice::service_of(slice).as_ref() == Some(&key))
            .filter(|slice| ownership::is_controlled_by(&slice.metadata, uid))
            .map(|slice| slice.as_ref().clone())
            .collect()
    }

    async fn remove(&self, key: &ObjectKey) -> Result<(), Error> {
        let Some(left) = self.endpoints.get(key).filter(|endpoints| is_ours(endpoints)) else {
            return Ok(());
        };
        match call::delete(&self.client, left.as_ref()).await {
            Err(source) if !source.is_outrun() => Err(Error::Remove { service: key.to_string(), source }),
            _ => Ok(()),
        }
    }
}

impl Reconcile for EndpointsOfServices {
    type Error = Error;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        let service = self.services.get(&key).filter(|service| service.metadata.deletion_timestamp.is_none());
        let Some(service) = service else {
            self.remove(&key).await?;
            return Ok(Next::Wait);
        };
        if endpointslice::selector(&service).is_none() {
            return Ok(Next::Wait);
        }
        let slices = self.slices_of(&service);
        if slices.is_empty() {
            // They are made first; each brings the Service back.
            return Ok(Next::Wait);
        }
        let wanted = build::endpoints(&service, &slices);
        if self.endpoints.get(&key).is_some_and(|there| build::is_same(&there, &wanted)) {
            return Ok(Next::Wait);
        }
        match apply::namespaced(&self.client, MANAGER, &wanted).await {
            Err(source) if !call::is_namespace_going_by(&source) => {
                Err(Error::Apply { service: key.to_string(), source })
            }
            _ => Ok(Next::Wait),
        }
    }
}
