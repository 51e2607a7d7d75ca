//! Namespace: empties one that is being deleted, and then lets it go.
//!
//! Everything in it is deleted kind by kind, pods before the rest; what remains (pods that still end, objects with finalizers) is told
//! in conditions, and each object that goes brings the namespace back ([`Namespaces::trigger`]). When nothing
//! remains, the finalizer `kubernetes` is removed, and the API removes the namespace.

mod conditions;
mod content;

use std::time::Duration;

use bythos_operator::controller::Trigger;
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{Namespace, NamespaceStatus};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::call::CallError;
use content::Remains;

const FINALIZER: &str = "kubernetes";
const TERMINATING: &str = "Terminating";
/// For kinds whose changes nobody tells: see the collector's list of kinds that are not watched.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
const WORKERS: usize = 2;

pub(crate) struct Namespaces {
    client: Client,
    namespaces: Cache<Namespace>,
    controller: Controller,
}

/// Whether things may be made in it.
pub(crate) fn is_active(namespace: &Namespace) -> bool {
    namespace.metadata.deletion_timestamp.is_none()
}

impl Namespaces {
    pub(crate) fn new(client: Client, namespaces: Cache<Namespace>) -> Namespaces {
        let controller = Controller::new("namespace").reconciles(&namespaces);
        Namespaces { client, namespaces, controller }
    }

    /// To be told the names of namespaces in which something is gone.
    pub(crate) fn trigger(&self) -> Trigger {
        self.controller.trigger()
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let Namespaces { client, namespaces, controller } = self;
        controller
            .run(WORKERS, shutdown, move |key| {
                let (client, namespaces) = (client.clone(), namespaces.clone());
                async move { reconcile(&client, &namespaces, key).await }
            })
            .await;
    }
}

async fn reconcile(
    client: &Client,
    namespaces: &Cache<Namespace>,
    key: ObjectKey,
) -> Result<Next, CallError> {
    let Some(namespace) = namespaces.get(&key) else { return Ok(Next::Wait) };
    if is_active(&namespace) || !finalizers(&namespace).any(|finalizer| finalizer == FINALIZER) {
        return Ok(Next::Wait);
    }
    let remains = content::remove(client, &key.name).await?;
    let written = write_status(client, &namespace, &remains).await?;
    if !remains.is_nothing() {
        return Ok(Next::After(LOOK_AGAIN));
    }
    finalize(client, &written).await?;
    Ok(Next::Wait)
}

fn finalizers(namespace: &Namespace) -> impl Iterator<Item = &String> {
    namespace.spec.iter().flat_map(|spec| spec.finalizers.iter().flatten())
}

/// Writes phase and conditions where they changed; gives the namespace as it is now.
async fn write_status(
    client: &Client,
    namespace: &Namespace,
    remains: &Remains,
) -> Result<Namespace, CallError> {
    let before = namespace.status.clone().unwrap_or_default();
    let status = NamespaceStatus {
        phase: Some(TERMINATING.to_owned()),
        conditions: Some(conditions::after(before.conditions.unwrap_or_default(), remains, Timestamp::now())),
    };
    if namespace.status.as_ref() == Some(&status) {
        return Ok(namespace.clone());
    }
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    let updated = Namespace { status: Some(status), ..namespace.clone() };
    let api = Api::<Namespace>::all(client.clone());
    match api.replace_status(name, &PostParams::default(), &updated).await {
        Ok(written) => Ok(written),
        Err(error) => {
            let error = CallError::on::<Namespace>("write the status of", name)(error);
            if error.is_outrun() { Ok(updated) } else { Err(error) }
        }
    }
}

async fn finalize(client: &Client, namespace: &Namespace) -> Result<(), CallError> {
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    let mut finalized = namespace.clone();
    if let Some(finalizers) = finalized.spec.as_mut().and_then(|spec| spec.finalizers.as_mut()) {
        finalizers.retain(|finalizer| finalizer != FINALIZER);
    }
    let api = Api::<Namespace>::all(client.clone());
    let done = api.replace_subresource("finalize", name, &PostParams::default(), &finalized).await;
    match done.map_err(CallError::on::<Namespace>("finalize", name)) {
        Err(error) if !error.is_outrun() => Err(error),
        _ => Ok(()),
    }
}
