//! The controller of Kustomization: keeps the cluster as a folder of a source describes it.
//!
//! One run reads as its steps: [`source`] (which files), [`dependency`] (whether now), [`build`] (which objects),
//! [`apply`] (dry-run all, then write what differs), [`prune`] (delete what is no longer described), [`health`]
//! (whether it works), and [`report`] on every way out.

use std::future::Future;
use std::sync::Arc;

use bythos_api::gitrepository::GitRepository;
use bythos_api::kustomization::{
    FINALIZER, Kustomization, KustomizationStatus, ResourceInventory, ResourceRef,
};
use bythos_operator::controller::Trigger;
use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{BoxError, Cache, Controller, Next, ObjectKey, PartContext};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use tracing::info;

mod apply;
mod build;
mod dependency;
mod finalize;
mod health;
mod inventory;
mod kinds;
mod object;
mod prune;
mod relations;
mod report;
mod source;
mod stage;
mod substitute;
mod unsupported;

use crate::status::{self, WriteError};
use crate::storage::Storage;
use kinds::Kinds;
use report::{Failure, Outcome};

/// Kustomizations that may be worked on at once.
const WORKERS: usize = 4;

/// Flux' name as a field manager: a cluster can change hands between Flux and Bythos without a conflict.
const FIELD_MANAGER: &str = "kustomize-controller";

/// A reconciliation that comes again with back-off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the object")]
    Read(#[source] Box<kube::Error>),
    #[error("failed to hold the object by its finalizer")]
    Hold(#[source] Box<kube::Error>),
    #[error(transparent)]
    Status(#[from] WriteError),
    #[error(transparent)]
    Finalize(#[from] finalize::FinalizeError),
}

/// What every reconciliation works with.
pub(crate) struct Context {
    client: Client,
    sources: Cache<GitRepository>,
    kustomizations: Cache<Kustomization>,
    storage: Storage,
    kinds: Kinds,
    events: Publisher,
    /// Asks a source to look after its artifact.
    wake_source: Trigger,
}

/// Subscribes to everything that matters to kustomizations. The future that is returned runs them until shutdown.
pub(crate) async fn prepare(
    part: &PartContext,
    storage: Storage,
    wake_source: Trigger,
) -> Result<impl Future<Output = ()> + Send + 'static, BoxError> {
    let sources = part.caches.of::<GitRepository>().await?;
    let kustomizations = part.caches.of::<Kustomization>().await?;
    let controller = Controller::new("kustomization");
    relations::subscribe(&controller.trigger(), &kustomizations, &sources, &part.shutdown);
    let context = Arc::new(Context {
        client: part.client.clone(),
        sources,
        kustomizations,
        storage,
        kinds: Kinds::new(part.client.clone()),
        events: Publisher::new(part.client.clone(), FIELD_MANAGER),
        wake_source,
    });
    let shutdown = part.shutdown.clone();
    Ok(controller.run(WORKERS, shutdown, move |key| {
        let context = context.clone();
        async move { context.reconcile(key).await }
    }))
}

impl Context {
    async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        let api = Api::<Kustomization>::namespaced(self.client.clone(), &key.namespace);
        let found = api.get_opt(&key.name).await.map_err(|error| Error::Read(Box::new(error)))?;
        let Some(object) = found else { return Ok(Next::Wait) };
        if object.meta().deletion_timestamp.is_some() {
            return Ok(self.finalize(&api, &object).await?);
        }
        hold(&api, &object).await?;
        if object.spec.suspend {
            return Ok(Next::Wait);
        }
        let mut run = Run::of(self, &object);
        let outcome = run.steps().await?;
        let next = report::finish(&object, &mut run.status, &outcome);
        run.write().await?;
        self.tell(&object, &run, &outcome).await;
        Ok(next)
    }

    async fn tell(&self, object: &Kustomization, run: &Run<'_>, outcome: &Outcome) {
        let (namespace, name) = (object.namespace(), object.name_any());
        if !run.changes.is_empty() {
            let changes = run.changes.join("\n");
            info!(namespace, name, changes, "applied");
            self.events.publish(object, Severity::Normal, "Progressing", &shorten(changes)).await;
        }
        match outcome {
            Outcome::Applied { revision } if run.began.last_applied_revision.as_ref() != Some(revision) => {
                let message = format!("Applied revision: {revision}");
                self.events.publish(object, Severity::Normal, "ReconciliationSucceeded", &message).await;
            }
            Outcome::Failed(failure) => {
                let (reason, message) = (failure.reason().as_str(), failure.message());
                info!(namespace, name, reason, message, "not applied");
                self.events.publish(object, Severity::Warning, reason, &shorten(message)).await;
            }
            Outcome::Applied { .. } | Outcome::Waiting { .. } => {}
        }
    }
}

/// Events take 1024 bytes.
fn shorten(text: String) -> String {
    if text.len() <= 1024 { text } else { text.chars().take(250).chain(['…']).collect() }
}

/// Puts our finalizer on the object before anything is applied for it.
async fn hold(api: &Api<Kustomization>, object: &Kustomization) -> Result<(), Error> {
    if object.finalizers().iter().any(|it| it == FINALIZER) {
        return Ok(());
    }
    let all: Vec<&str> = object.finalizers().iter().map(String::as_str).chain([FINALIZER]).collect();
    let version = object.resource_version();
    let patch = serde_json::json!({ "metadata": { "finalizers": all, "resourceVersion": version } });
    let held = api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await;
    held.map(drop).map_err(|error| Error::Hold(Box::new(error)))
}

/// One reconciliation under way.
struct Run<'a> {
    context: &'a Context,
    object: &'a Kustomization,
    /// The status that was found.
    began: KustomizationStatus,
    /// The status as it was last written.
    written: KustomizationStatus,
    /// The status as it is going to be.
    status: KustomizationStatus,
    /// One line for each object that was changed.
    changes: Vec<String>,
    /// What is in the cluster as described.
    applied: Vec<ResourceRef>,
}

impl<'a> Run<'a> {
    fn of(context: &'a Context, object: &'a Kustomization) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let (began, written) = (status.clone(), status.clone());
        Run { context, object, began, written, status, changes: Vec::new(), applied: Vec::new() }
    }

    async fn write(&mut self) -> Result<(), WriteError> {
        status::write(&self.context.client, self.object, &self.written, &self.status).await?;
        self.written.clone_from(&self.status);
        Ok(())
    }

    /// The pipeline. Failures of the steps are outcomes; an error is a status that could not be written.
    async fn steps(&mut self) -> Result<Outcome, Error> {
        let artifact = match self.ready_to_build() {
            Ok(artifact) => artifact,
            Err(failure) => return Ok(Outcome::Failed(failure)),
        };
        let revision = artifact.revision.clone();
        if report::is_checking_health(self.object, &self.status, &revision) {
            return Ok(self.check_health(revision).await);
        }
        let objects = match self.build(&artifact).await {
            Ok(objects) => objects,
            Err(failure) => {
                if matches!(failure, Failure::Artifact(_)) {
                    self.context.wake_source.add(source::key_of(self.object));
                }
                self.status.last_attempted_revision = Some(revision);
                return Ok(Outcome::Failed(failure));
            }
        };
        let planned = inventory::of(&objects);
        // Written before anything is applied: what is created right before a crash is still known, and pruned once
        // it is no longer described.
        report::begin(self.object, &mut self.status, &revision);
        self.status.inventory = Some(inventory::union(self.began.inventory.as_ref(), &planned));
        self.write().await?;
        let unfinished = match self.apply(objects).await {
            Ok(apply::Applied::All) => None,
            Ok(apply::Applied::NotYet(message)) => Some(Outcome::Waiting { message }),
            Err(failure) => Some(Outcome::Failed(failure)),
        };
        if let Some(outcome) = unfinished {
            let applied = ResourceInventory { entries: std::mem::take(&mut self.applied) };
            self.status.inventory = Some(inventory::union(self.began.inventory.as_ref(), &applied));
            return Ok(outcome);
        }
        if let Err(failure) = self.prune(planned).await {
            return Ok(Outcome::Failed(failure));
        }
        Ok(self.check_health(revision).await)
    }

    fn ready_to_build(&self) -> Result<bythos_api::flux::Artifact, Failure> {
        unsupported::refuse(&self.object.spec)?;
        let artifact = source::artifact(self.object, &self.context.sources)?;
        dependency::check(self.object, &artifact, &self.context.kustomizations)?;
        Ok(artifact)
    }
}
