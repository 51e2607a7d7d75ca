//! The controller of HelmRepository: keeps the index of what a repository publishes.
//!
//! The artifact is the index as the repository has it; Flux keeps it as JSON. A registry (`type: oci`) has no index: as
//! in Flux, it is only referred to, and has no status.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bythos_api::flux::Artifact;
use bythos_api::helmrepository::{HelmRepository, HelmRepositoryStatus};
use bythos_operator::{BoxError, Cache, Controller, Next, ObjectKey, PartContext};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;

mod access;
mod report;
mod size;

use crate::artifact::digest;
use crate::charts::check_index;
use crate::condition::Reason;
use crate::source::{self, Desk, Error, Made, Produce, Source};
use crate::status;
use crate::storage::{Folder, Storage};
use crate::web::Address;
pub(crate) use access::{AccessError, publisher};
use report::Failure;

/// Fetches that may be under way at once. One that hangs, until its timeout, holds up no other.
const WORKERS: usize = 4;

impl Source for HelmRepository {
    const FOLDER: Folder = Folder::HelmRepository;
    type Status = HelmRepositoryStatus;

    fn status(&self) -> Option<&HelmRepositoryStatus> {
        self.status.as_ref()
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn interval(&self) -> Duration {
        HelmRepository::interval(self)
    }
}

/// What every reconciliation works with.
struct Context {
    desk: Desk,
    secrets: Cache<Secret>,
}

/// Subscribes to everything that matters to repositories. The future that is returned runs them until shutdown.
pub(crate) async fn prepare(
    part: &PartContext,
    storage: Storage,
) -> Result<impl Future<Output = ()> + Send + 'static, BoxError> {
    let repositories = part.caches.of::<HelmRepository>().await?;
    let secrets = part.caches.of::<Secret>().await?;
    let controller = Controller::new("helmrepository");
    source::watch(controller.trigger(), &repositories, &storage, part.shutdown.clone()).await?;
    let controller = controller.watches(&secrets, move |secret: &Secret| users_of(secret, &repositories));
    let context = Arc::new(Context { desk: Desk::new(part, storage), secrets });
    let shutdown = part.shutdown.clone();
    Ok(controller.run(WORKERS, shutdown, move |key| {
        let context = context.clone();
        async move { context.reconcile(key).await }
    }))
}

/// The repositories that are read with a Secret.
fn users_of(secret: &Secret, repositories: &Cache<HelmRepository>) -> Vec<ObjectKey> {
    let (namespace, name) = (secret.namespace().unwrap_or_default(), secret.name_any());
    let uses = |repository: &HelmRepository| {
        let named = [&repository.spec.secret_ref, &repository.spec.cert_secret_ref];
        !repository.is_oci() && named.into_iter().flatten().any(|it| it.name == name)
    };
    let all = repositories.list_in(&namespace);
    all.iter().filter(|it| uses(it)).map(|it| ObjectKey::of(it.as_ref())).collect()
}

impl Context {
    async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        let Some(repository) = self.desk.find::<HelmRepository>(&key).await? else { return Ok(Next::Wait) };
        if repository.is_oci() {
            self.leave_alone(&key, &repository).await?;
            return Ok(Next::Wait);
        }
        self.desk.bring_up_to_date(self, &key, &repository).await?.next
    }

    /// A registry may have been an index before.
    async fn leave_alone(&self, key: &ObjectKey, repository: &HelmRepository) -> Result<(), Error> {
        let old = repository.status.clone().unwrap_or_default();
        self.desk.storage.remove(Folder::HelmRepository, key).await?;
        status::write(&self.desk.client, repository, &old, &HelmRepositoryStatus::default()).await?;
        self.desk.let_go(repository).await
    }
}

impl Produce for Context {
    type Object = HelmRepository;
    type Failure = Failure;

    fn in_progress(&self, repository: &HelmRepository) -> String {
        format!("fetching the index of {}", repository.spec.url)
    }

    async fn make(
        &self,
        key: &ObjectKey,
        repository: &HelmRepository,
        status: &mut HelmRepositoryStatus,
    ) -> Result<Made, Failure> {
        let url = &repository.spec.url;
        if url.starts_with("oci://") {
            return Err(Failure::RegistryWithoutType);
        }
        Address::parse(url).map_err(Failure::Url)?;
        let publisher = publisher(&self.desk.client, &self.secrets, repository).await?;
        let bytes = publisher.index(url).await.map_err(Failure::Fetch)?;
        let revision = digest(&bytes);
        let kept = status.artifact.clone().filter(|artifact| artifact.revision == revision);
        if let Some(artifact) = kept
            && self.desk.storage.has(&artifact).await
        {
            return Ok(made(url, artifact));
        }
        let bytes = check_index(bytes).await.map_err(Failure::Index)?;
        let file = format!("index-{}.yaml", revision.trim_start_matches("sha256:"));
        let artifact = self.desk.storage.keep((Folder::HelmRepository, key), &file, revision, bytes).await?;
        let newest = Storage::path_of(Folder::HelmRepository, key, "index.yaml");
        status.url = Some(Storage::url_of(&newest));
        Ok(made(url, artifact))
    }
}

fn made(url: &str, artifact: Artifact) -> Made {
    let size = artifact.size.map(size::in_words).unwrap_or_default();
    let message = format!("stored artifact: revision '{}'", artifact.revision);
    let news = ("NewArtifact", format!("stored fetched index of size {size} from '{url}'"));
    Made { artifact, reason: Reason::Succeeded, message, news }
}
