//! The controller of GitRepository: keeps an artifact of what a remote has.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bythos_api::gitrepository::{GitRepository, GitRepositoryStatus};
use bythos_api::kustomization::FINALIZER;
use bythos_api::names::RECONCILE_REQUESTED_AT;
use bythos_operator::cache::Change;
use bythos_operator::controller::Trigger;
use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{BoxError, Cache, Controller, Next, ObjectKey, PartContext};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use tracing::info;

mod credentials;
mod fetch;
mod include;
mod modules;
mod pack;
mod reference;
mod report;
mod validate;

use crate::git::Git;
use crate::status::{self, WriteError};
use crate::storage::{Storage, StorageError};
use report::Failure;

/// Fetches that may be under way at once. One that hangs, until its timeout, holds up no other.
const WORKERS: usize = 8;

/// A reconciliation that comes again with back-off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the object")]
    Read(#[source] Box<kube::Error>),
    #[error("failed to let the object go")]
    Finalize(#[source] Box<kube::Error>),
    #[error(transparent)]
    Status(#[from] WriteError),
    #[error("failed to clean up")]
    CleanUp(#[from] StorageError),
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What every reconciliation works with.
pub(crate) struct Context {
    client: Client,
    sources: Cache<GitRepository>,
    /// Wakes other sources, those that include one that has something new.
    wake: Trigger,
    secrets: Cache<Secret>,
    git: Git,
    storage: Storage,
    /// Folder for what is being fetched.
    scratch: PathBuf,
    events: Publisher,
}

/// Subscribes to everything that matters to sources. The future that is returned runs them until shutdown; the
/// trigger asks one to look after its artifact.
pub(crate) async fn prepare(
    part: &PartContext,
    git: Git,
    storage: Storage,
) -> Result<(Trigger, impl Future<Output = ()> + Send + 'static), BoxError> {
    let sources = part.caches.of::<GitRepository>().await?;
    let secrets = part.caches.of::<Secret>().await?;
    let scratch = part.data.join("sources");
    clear(&scratch).await?;
    let controller = Controller::new("gitrepository");
    let (trigger, wake) = (controller.trigger(), controller.trigger());
    let shutdown = part.shutdown.clone();
    for key in storage.sources().await? {
        trigger.add(key);
    }
    sources.subscribe(move |change| {
        if let Some(key) = asks_for_work(change) {
            trigger.add(key);
        }
        !shutdown.is_cancelled()
    });
    let listed = sources.clone();
    let controller = controller.watches(&secrets, move |secret: &Secret| users_of(secret, &listed));
    let context = Arc::new(Context {
        client: part.client.clone(),
        sources,
        wake: wake.clone(),
        secrets,
        git,
        storage,
        scratch,
        events: Publisher::new(part.client.clone(), "source-controller"),
    });
    let work = controller.run(WORKERS, part.shutdown.clone(), move |key| {
        let context = context.clone();
        async move { context.reconcile(key).await }
    });
    Ok((wake, work))
}

/// What a run that was cut short left behind.
async fn clear(scratch: &std::path::Path) -> Result<(), std::io::Error> {
    match tokio::fs::remove_dir_all(scratch).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    tokio::fs::create_dir_all(scratch).await
}

/// Only what the user changed asks for work: our own words in the status do not.
fn asks_for_work(change: &Change<'_, GitRepository>) -> Option<ObjectKey> {
    let wish = |object: &GitRepository| {
        let meta = object.meta();
        (
            meta.uid.clone(),
            meta.generation,
            meta.deletion_timestamp.is_some(),
            object.annotations().get(RECONCILE_REQUESTED_AT).cloned(),
        )
    };
    let object = change.new.or(change.old)?;
    let same = matches!((change.old, change.new), (Some(old), Some(new)) if wish(old) == wish(new));
    (!same).then(|| ObjectKey::of(object))
}

/// The sources that read with a Secret.
fn users_of(secret: &Secret, sources: &Cache<GitRepository>) -> Vec<ObjectKey> {
    let (namespace, name) = (secret.namespace().unwrap_or_default(), secret.name_any());
    let uses = |source: &GitRepository| {
        let named = [&source.spec.secret_ref, &source.spec.proxy_secret_ref];
        named.into_iter().flatten().any(|it| it.name == name)
    };
    sources
        .list_in(&namespace)
        .iter()
        .filter(|source| uses(source))
        .map(|it| ObjectKey::of(it.as_ref()))
        .collect()
}

impl Context {
    async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        let api = Api::<GitRepository>::namespaced(self.client.clone(), &key.namespace);
        let found = api.get_opt(&key.name).await.map_err(|error| Error::Read(Box::new(error)))?;
        let Some(source) = found else {
            self.storage.remove(&key).await?;
            return Ok(Next::Wait);
        };
        if source.meta().deletion_timestamp.is_some() {
            return self.let_go(&api, &source).await;
        }
        if source.spec.suspend {
            return Ok(Next::Wait);
        }
        self.bring_up_to_date(&key, &source).await
    }

    /// Flux' own controller holds its sources by a finalizer. One that was made under it must still be able to go.
    async fn let_go(&self, api: &Api<GitRepository>, source: &GitRepository) -> Result<Next, Error> {
        self.storage.remove(&ObjectKey::of(source)).await?;
        if !source.finalizers().iter().any(|it| it == FINALIZER) {
            return Ok(Next::Wait);
        }
        let rest: Vec<&String> = source.finalizers().iter().filter(|it| *it != FINALIZER).collect();
        let version = source.resource_version();
        let patch = serde_json::json!({ "metadata": { "finalizers": rest, "resourceVersion": version } });
        match api.patch(&source.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => Ok(Next::Wait),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Next::Wait),
            Err(error) => Err(Error::Finalize(Box::new(error))),
        }
    }

    async fn bring_up_to_date(&self, key: &ObjectKey, source: &GitRepository) -> Result<Next, Error> {
        let old = source.status.clone().unwrap_or_default();
        let mut new = old.clone();
        if report::is_first_look(source) {
            report::progressing(source, &mut new);
            status::write(&self.client, source, &old, &new).await?;
        }
        let before = new.clone();
        let outcome = self.obtain(key, source, &before).await;
        let outcome = report::outcome(source, &mut new, outcome);
        status::write(&self.client, source, &before, &new).await?;
        self.tell(source, &before, &new).await;
        let kept = [&before, &new].map(|status| status.artifact.as_ref().map_or("", |it| it.path.as_str()));
        self.storage.keep_only(key, &kept).await?;
        let digest = |status: &GitRepositoryStatus| status.artifact.as_ref().map(|it| it.digest.clone());
        if digest(&before) != digest(&new) {
            self.includers(key).into_iter().for_each(|key| self.wake.add(key));
        }
        match outcome {
            Ok(()) => Ok(Next::After(source.spec.interval.0)),
            Err(failure) if failure.waits_for_a_change() => Ok(Next::Wait),
            Err(failure) if failure.waits_for_the_interval() => Ok(Next::After(source.spec.interval.0)),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Says once what happened: a new artifact, or a failure that is not the one of the last time.
    async fn tell(&self, source: &GitRepository, old: &GitRepositoryStatus, new: &GitRepositoryStatus) {
        let revision = |status: &GitRepositoryStatus| status.artifact.as_ref().map(|it| it.revision.clone());
        let ready = |status: &GitRepositoryStatus| {
            let ready = bythos_operator::condition::get(&status.conditions, "Ready")?;
            Some((ready.status.clone(), ready.reason.clone(), ready.message.clone()))
        };
        let Some((truth, reason, message)) = ready(new) else { return };
        if truth == "True" && revision(old) != revision(new) {
            info!(namespace = source.namespace(), name = source.name_any(), message);
            self.events.publish(source, Severity::Normal, "NewArtifact", &message).await;
        }
        if truth == "False" && ready(old).is_none_or(|(_, _, old_message)| old_message != message) {
            self.events.publish(source, Severity::Warning, &reason, &message).await;
        }
    }
}

/// How long one Git operation of this source may take.
fn timeout_of(source: &GitRepository) -> Duration {
    source.spec.timeout.map_or(Duration::from_secs(60), |timeout| timeout.0)
}
