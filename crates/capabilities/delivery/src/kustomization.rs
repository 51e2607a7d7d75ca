//! The controller of Kustomization: keeps the cluster as a folder of a source describes it.
//!
//! One run reads as its steps: [`source`] (which files), [`dependency`] (whether now), [`build`] (which objects),
//! [`apply`] (dry-run all, then write what differs), [`prune`] (delete what is no longer described), [`health`]
//! (whether it works), and [`report`] on every way out.
//!
//! Left out: decryption, other clusters, sources but GitRepository; asked for, they are refused by a condition. The check
//! of health does not notice a Job that somebody deletes while it is waited for.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bythos_api::flux::{Artifact, GoDuration};
use bythos_api::gitrepository::GitRepository;
use bythos_api::kustomization::{Kustomization, KustomizationStatus, ResourceInventory, ResourceRef};
use bythos_operator::controller::Trigger;
use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{BoxError, Cache, Controller, Next, ObjectKey, PartContext};
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client, Resource as _, ResourceExt as _};
use tracing::info;

mod apply;
mod build;
mod dependency;
mod finalize;
mod health;
mod history;
mod inventory;
mod object;
mod prune;
mod relations;
mod report;
mod source;
mod stage;
mod substitute;
mod unsupported;
mod variables;
mod verified;

use crate::expressions::HealthExpressions;
use crate::finalizer;
use crate::impersonate::{self, Account};
use crate::kinds::{Cluster, Kinds};
use crate::status::{self, WriteError};
use crate::storage::Storage;
pub(crate) use apply::{body as apply_body, params as apply_params};
pub(crate) use build::selector;
pub(crate) use finalize::goes_with;
pub(crate) use object::{Id, Object};
use report::{Failure, Outcome};
pub(crate) use source::key_of as source_key;
use verified::{Seen, Verified};

/// Kustomizations that may be worked on at once.
const WORKERS: usize = 4;

/// Group of Kustomization.
const GROUP: &str = "kustomize.toolkit.fluxcd.io";

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
    verified: Verified,
    events: Publisher,
    /// Asks a source to look after its artifact.
    wake_source: Trigger,
}

/// The objects that these files describe, as a kustomization changes them; or in words why there are none.
pub(crate) async fn build_objects(
    client: &Client,
    object: &Kustomization,
    files: bythos_kustomize::Files,
) -> Result<Vec<Object>, String> {
    build::objects(client, object, files).await.map_err(|failure| failure.message())
}

/// What a kustomization keeps, and these objects are not.
pub(crate) fn no_longer_described(object: &Kustomization, objects: &[Object]) -> Vec<Id> {
    let known = object.status.as_ref().and_then(|status| status.inventory.clone()).unwrap_or_default();
    inventory::gone(&known, &inventory::of(objects)).into_iter().map(|(id, _)| id).collect()
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
    let controller = variables::watched(controller, part, &kustomizations).await?;
    let context = Arc::new(Context {
        client: part.client.clone(),
        sources,
        kustomizations,
        storage,
        kinds: Kinds::new(part.client.clone()),
        verified: Verified::default(),
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
        let Some(object) = found else {
            self.verified.take(&key);
            return Ok(Next::Wait);
        };
        if object.meta().deletion_timestamp.is_some() {
            return Ok(self.finalize(&api, &object).await?);
        }
        finalizer::hold(&api, &object).await.map_err(|error| Error::Hold(Box::new(error)))?;
        if object.spec.suspend {
            return Ok(Next::Wait);
        }
        let mut run = Run::of(self, &object);
        let outcome = run.steps().await?;
        let next = report::finish(&object, &mut run.status, &outcome);
        run.note_attempt(&outcome);
        run.write().await?;
        self.tell(&object, &run, &outcome).await;
        Ok(next)
    }

    async fn tell(&self, object: &Kustomization, run: &Run<'_>, outcome: &Outcome) {
        let (namespace, name) = (object.namespace(), object.name_any());
        let about = event_annotations(run.revision.as_deref(), run.origin_revision.as_deref());
        let events = self.events.annotated(about);
        if !run.changes.is_empty() {
            let changes = run.changes.join("\n");
            info!(namespace, name, changes, "applied");
            events.publish(object, Severity::Normal, "Progressing", &changes).await;
        }
        if !run.rivals.is_empty() {
            let rivals = run.rivals.join("\n");
            info!(namespace, name, rivals, "described twice");
            events.publish(object, Severity::Warning, "Conflict", &rivals).await;
        }
        match outcome {
            Outcome::Applied { revision } if report::is_news(&run.began, &run.status, revision) => {
                let interval = object.spec.interval;
                let took = GoDuration(run.began_at.elapsed() + run.waited);
                let message = format!("Reconciliation finished in {took}, next run in {interval}");
                events.publish(object, Severity::Normal, "ReconciliationSucceeded", &message).await;
            }
            // Many wait at every push: it is no failure, and told as Flux tells it.
            Outcome::Failed(Failure::Dependency { message }) => {
                info!(namespace, name, message, "waiting for dependencies");
                events.publish(object, Severity::Normal, "DependencyNotReady", message).await;
            }
            Outcome::Failed(failure) => {
                let (reason, message) = (failure.reason().as_str(), failure.message());
                // A failure that stays is told anew with every try: once is enough for the log.
                if report::is_new_failure(&run.began, &message) {
                    info!(namespace, name, reason, message, "not applied");
                }
                events.publish(object, Severity::Warning, reason, &message).await;
            }
            Outcome::Applied { .. } | Outcome::Waiting { .. } => {}
        }
    }
}

/// What events say beside their message: what they are about.
fn event_annotations(revision: Option<&str>, origin_revision: Option<&str>) -> BTreeMap<String, String> {
    let about = [("revision", revision), ("originRevision", origin_revision)];
    about.into_iter().filter_map(|(key, value)| Some((format!("{GROUP}/{key}"), value?.to_owned()))).collect()
}

/// Under which account its objects are written.
fn account_of(object: &Kustomization) -> Option<Account<'_>> {
    Account::of(object, object.spec.service_account_name.as_deref())
}

/// One reconciliation under way.
struct Run<'a> {
    context: &'a Context,
    /// The objects, as the kustomization's account may use them.
    cluster: Cluster<'a>,
    expressions: HealthExpressions,
    began_at: Instant,
    /// How long earlier runs waited for health.
    waited: Duration,
    object: &'a Kustomization,
    /// The status that was found.
    began: KustomizationStatus,
    /// The status as it was last written.
    written: KustomizationStatus,
    /// The status as it is going to be.
    status: KustomizationStatus,
    /// One line for each object that was changed.
    changes: Vec<String>,
    /// One line for each object that was taken from another kustomization, which will take it back.
    rivals: Vec<String>,
    /// What is in the cluster as described.
    applied: Vec<ResourceRef>,
    /// What the last run saw of the objects, and what this one sees.
    known: Seen,
    seen: Seen,
    /// What it is about, once that is known.
    revision: Option<String>,
    origin_revision: Option<String>,
    /// Revision and origin of what was built, and the digest of the objects; once they are known.
    built: Option<Built>,
}

/// What a run is about.
struct Built {
    revision: String,
    origin_revision: Option<String>,
    digest: String,
}

impl Built {
    fn of(artifact: &Artifact, objects: &[Object]) -> Self {
        Built {
            revision: artifact.revision.clone(),
            origin_revision: origin_revision_of(artifact),
            digest: build::digest_of(objects),
        }
    }
}

/// Where Flux' OCI artifacts name the Git revision that they were made from.
const ORIGIN_REVISION: &str = "org.opencontainers.image.revision";

fn origin_revision_of(artifact: &Artifact) -> Option<String> {
    artifact.metadata.as_ref()?.get(ORIGIN_REVISION).cloned()
}

impl<'a> Run<'a> {
    fn of(context: &'a Context, object: &'a Kustomization) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let (began, written) = (status.clone(), status.clone());
        Run {
            context,
            cluster: context.kinds.used_by(context.client.clone()),
            expressions: HealthExpressions::default(),
            began_at: Instant::now(),
            waited: Duration::ZERO,
            object,
            began,
            written,
            status,
            changes: Vec::new(),
            rivals: Vec::new(),
            applied: Vec::new(),
            known: Seen::new(),
            seen: Seen::new(),
            revision: None,
            origin_revision: None,
            built: None,
        }
    }

    /// Notes how it ended, if it came so far that there is something to tell apart.
    fn note_attempt(&mut self, outcome: &Outcome) {
        let (Some(built), Some(reason)) = (self.built.take(), outcome.reason()) else { return };
        if outcome.is_applied() {
            self.status.last_applied_origin_revision.clone_from(&built.origin_revision);
        }
        let attempt = history::Attempt {
            digest: built.digest,
            reason,
            took: self.began_at.elapsed() + self.waited,
            revision: built.revision,
            origin_revision: built.origin_revision,
        };
        history::note(&mut self.status.history, attempt, Timestamp::now());
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
            let outcome = self.check_health(revision).await;
            if outcome.reason().is_some()
                && let Ok(objects) = self.build(&artifact).await
            {
                self.built = Some(Built::of(&artifact, &objects));
            }
            return Ok(outcome);
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
        self.built = Some(Built::of(&artifact, &objects));
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

    fn ready_to_build(&mut self) -> Result<Artifact, Failure> {
        unsupported::refuse(&self.object.spec)?;
        self.expressions = HealthExpressions::compile(&self.object.spec.health_check_exprs)?;
        let client = impersonate::client_for(&self.context.client, account_of(self.object))?;
        self.cluster = self.context.kinds.used_by(client);
        let artifact = source::artifact(self.object, &self.context.sources)?;
        self.revision = Some(artifact.revision.clone());
        self.origin_revision = origin_revision_of(&artifact);
        dependency::check(self.object, &artifact, &self.context.kustomizations)?;
        Ok(artifact)
    }
}
