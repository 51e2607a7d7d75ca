//! The controller of HelmChart: keeps the archive of a chart that a repository publishes or a folder holds.
//!
//! ```text
//! HelmRepository ─ [`published`]: choose, fetch ─┐
//! GitRepository ── [`folder`]: read, [`needs`] ──┴─ [`values`], package ─> `<name>-<version>.tgz` in the storage
//! ```
//!
//! Left out, and refused by a condition where it is asked for: signatures, Bucket.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bythos_api::gitrepository::GitRepository;
use bythos_api::helmchart::{HelmChart, HelmChartStatus};
use bythos_api::helmrepository::HelmRepository;
use bythos_operator::condition::get;
use bythos_operator::{BoxError, Cache, Controller, Next, ObjectKey, PartContext};
use k8s_openapi::api::core::v1::Secret;
use kube::Resource as _;

mod built;
mod folder;
mod needs;
mod origin;
mod published;
mod relations;
mod report;
mod values;

use crate::condition::Type;
use crate::source::{self, Desk, Error, Made, Produce, Source};
use crate::storage::{Folder, Storage};
use built::{Archive, Built, Known};
use origin::Origin;
use report::Failure;

/// Charts that may be made at once. One that hangs, until its timeout, holds up no other.
const WORKERS: usize = 4;

impl Source for HelmChart {
    const FOLDER: Folder = Folder::HelmChart;
    type Status = HelmChartStatus;

    fn status(&self) -> Option<&HelmChartStatus> {
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
struct Context {
    desk: Desk,
    repositories: Cache<HelmRepository>,
    git_repositories: Cache<GitRepository>,
    secrets: Cache<Secret>,
}

/// Subscribes to everything that matters to charts. The future that is returned runs them until shutdown.
pub(crate) async fn prepare(
    part: &PartContext,
    storage: Storage,
) -> Result<impl Future<Output = ()> + Send + 'static, BoxError> {
    let charts = part.caches.of::<HelmChart>().await?;
    let repositories = part.caches.of::<HelmRepository>().await?;
    let git_repositories = part.caches.of::<GitRepository>().await?;
    let secrets = part.caches.of::<Secret>().await?;
    let controller = Controller::new("helmchart");
    source::watch(controller.trigger(), &charts, &storage, part.shutdown.clone()).await?;
    relations::follow(controller.trigger(), &charts, &repositories, &part.shutdown);
    relations::follow(controller.trigger(), &charts, &git_repositories, &part.shutdown);
    let desk = Desk::new(part, storage);
    let context = Arc::new(Context { desk, repositories, git_repositories, secrets });
    let shutdown = part.shutdown.clone();
    Ok(controller.run(WORKERS, shutdown, move |key| {
        let context = context.clone();
        async move { context.reconcile(key).await }
    }))
}

impl Context {
    async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        let Some(chart) = self.desk.find::<HelmChart>(&key).await? else { return Ok(Next::Wait) };
        self.desk.bring_up_to_date(self, &key, &chart).await?.next
    }

    /// What was made for the object as it is now, if it is still whole on disk.
    async fn known(&self, chart: &HelmChart, status: &HelmChartStatus) -> Option<Known> {
        let made = get(&status.conditions, Type::ArtifactInStorage.as_str())?;
        let artifact =
            status.artifact.as_ref().filter(|_| made.observed_generation == chart.meta().generation)?;
        let name = status.observed_chart_name.clone()?;
        self.desk.storage.has(artifact).await.then(|| Known { name, artifact: artifact.clone() })
    }
}

impl Produce for Context {
    type Object = HelmChart;
    type Failure = Failure;

    fn in_progress(&self, chart: &HelmChart) -> String {
        let source = &chart.spec.source_ref;
        format!("building chart {:?} of {} {:?}", chart.spec.chart, source.kind, source.name)
    }

    async fn make(
        &self,
        key: &ObjectKey,
        chart: &HelmChart,
        status: &mut HelmChartStatus,
    ) -> Result<Made, Failure> {
        let origin = self.origin(key, chart)?;
        if let Some(revision) = origin.revision() {
            status.observed_source_artifact_revision = Some(revision.to_owned());
        }
        let known = self.known(chart, status).await;
        let built = match origin {
            Origin::Repository { repository, index } => {
                self.published(chart, &repository, index.as_ref(), known).await?
            }
            Origin::Files(artifact) => self.folder(chart, &artifact, known).await?,
        };
        let (reason, message) = (built.reason(), built.summary());
        let news = (reason.as_str(), message.clone());
        let Built { name, version, archive, values_files, .. } = built;
        let artifact = match archive {
            Archive::Kept(artifact) => artifact,
            Archive::New(bytes) => {
                let file = format!("{name}-{version}.tgz");
                let kept = self.desk.storage.keep((Folder::HelmChart, key), &file, version, bytes).await;
                kept.map_err(Failure::Keep)?
            }
        };
        status.observed_chart_name = Some(name);
        let may_miss = chart.spec.ignore_missing_values_files;
        status.observed_values_files = if may_miss { values_files } else { Vec::new() };
        let newest = Storage::path_of(Folder::HelmChart, key, "latest.tar.gz");
        status.url = Some(Storage::url_of(&newest));
        Ok(Made { artifact, reason, message, news })
    }
}
