//! The controller of GitRepository: keeps an artifact of what a remote has.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bythos_api::gitrepository::{GitRepository, GitRepositoryStatus};
use bythos_operator::controller::Trigger;
use bythos_operator::{BoxError, Cache, Controller, Next, ObjectKey, PartContext};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;

mod fetch;
mod include;
mod modules;
mod pack;
mod reference;
mod report;
mod validate;

use crate::condition::Reason;
use crate::git::Git;
use crate::source::{self, Desk, Error, Made, Produce, Source};
use crate::storage::{Folder, Storage};
use report::Failure;

/// Fetches that may be under way at once. One that hangs, until its timeout, holds up no other.
const WORKERS: usize = 8;

impl Source for GitRepository {
    const FOLDER: Folder = Folder::GitRepository;
    type Status = GitRepositoryStatus;

    fn status(&self) -> Option<&GitRepositoryStatus> {
        self.status.as_ref()
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn interval(&self) -> Duration {
        self.spec.interval.0
    }
}

/// What every reconciliation works with.
pub(crate) struct Context {
    desk: Desk,
    sources: Cache<GitRepository>,
    /// Wakes other sources, those that include one that has something new.
    wake: Trigger,
    secrets: Cache<Secret>,
    git: Git,
    /// Folder for what is being fetched.
    scratch: PathBuf,
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
    source::watch(trigger, &sources, &storage, part.shutdown.clone()).await?;
    let listed = sources.clone();
    let controller = controller.watches(&secrets, move |secret: &Secret| users_of(secret, &listed));
    let context = Arc::new(Context {
        desk: Desk::new(part, storage),
        sources,
        wake: wake.clone(),
        secrets,
        git,
        scratch,
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
        let Some(source) = self.desk.find::<GitRepository>(&key).await? else { return Ok(Next::Wait) };
        let ended = self.desk.bring_up_to_date(self, &key, &source).await?;
        if ended.has_news {
            self.includers(&key).into_iter().for_each(|key| self.wake.add(key));
        }
        ended.next
    }
}

impl Produce for Context {
    type Object = GitRepository;
    type Failure = Failure;

    fn in_progress(&self, source: &GitRepository) -> String {
        format!("fetching {}", source.spec.url)
    }

    async fn make(
        &self,
        key: &ObjectKey,
        source: &GitRepository,
        status: &mut GitRepositoryStatus,
    ) -> Result<Made, Failure> {
        let obtained = self.obtain(key, source, status).await?;
        let message = format!("stored artifact for revision '{}'", obtained.artifact.revision);
        report::note(source, status, obtained.included);
        let news = ("NewArtifact", message.clone());
        Ok(Made { artifact: obtained.artifact, reason: Reason::Succeeded, message, news })
    }
}

/// How long one Git operation of this source may take.
fn timeout_of(source: &GitRepository) -> Duration {
    source.spec.timeout.map_or(Duration::from_secs(60), |timeout| timeout.0)
}
