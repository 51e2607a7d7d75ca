//! The charts that a chart in a folder needs and does not hold: from other folders of the source, or from where they are
//! published.

use bythos_api::helmrepository::HelmRepository;
use bythos_helm::repository::{self as helm, RepositoryError, Source, Want};
use bythos_helm::{ArchiveLimits, Chart};

use super::Context;
use super::folder::Tree;
use super::report::Failure;
use super::values::clean;
use crate::charts::{ChartsError, Publisher, blocking};
use crate::helmrepository::{AccessError, publisher};
use crate::web::{Certificates, Web, WebError};

/// How long one file may take to come from a repository that nobody has described.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// A chart that is needed and did not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NeedError {
    #[error("it is not in charts/, and no repository is named for it")]
    Nowhere,
    #[error("aliased repository dependency is not supported: {0:?}; name the repository by its address")]
    Named(String),
    #[error(transparent)]
    Folder(Box<Failure>),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Web(#[from] WebError),
    #[error(transparent)]
    Fetch(#[from] ChartsError),
    #[error("failed to read the index that is kept of the repository")]
    Index(#[from] crate::storage::StorageError),
    #[error("failed to load what was downloaded")]
    Garbage(#[source] bythos_helm::Error),
    #[error(transparent)]
    Mismatch(#[from] RepositoryError),
}

impl Context {
    /// The chart with all that it needs inside.
    pub(super) async fn complete(
        &self,
        namespace: &str,
        chart: Chart,
        place: &str,
        files: &Tree,
    ) -> Result<Chart, Failure> {
        let is_there = |name: &str| chart.dependencies.iter().any(|inner| inner.name() == name);
        if chart.metadata.dependencies.iter().all(|needed| is_there(&needed.name)) {
            return Ok(chart);
        }
        let mut fetched = Vec::new();
        for want in helm::wants(&chart, true).map_err(Failure::Needs)? {
            if is_there(&want.dependency.name) {
                continue;
            }
            let name = want.dependency.name.clone();
            let inner = self.needed(namespace, &chart, &want, place, files).await;
            let failed = |source| Failure::Need { name, source: Box::new(source) };
            fetched.push((want, inner.map_err(failed)?));
        }
        helm::assemble(&chart, fetched).map_err(Failure::Needs)
    }

    async fn needed(
        &self,
        namespace: &str,
        outer: &Chart,
        want: &Want,
        place: &str,
        files: &Tree,
    ) -> Result<Chart, NeedError> {
        match &want.source {
            Source::Inside => Err(NeedError::Nowhere),
            Source::Named(name) => Err(NeedError::Named(name.clone())),
            Source::Folder(path) => {
                let folder = clean(&format!("{place}/{path}"));
                let chart = files.chart(&folder).map_err(|failure| NeedError::Folder(Box::new(failure)))?;
                helm::choose_from_chart(outer.name(), &want.dependency, &chart)?;
                Ok(chart)
            }
            Source::Index(_) | Source::Registry(_) => {
                let archive = self.fetch(namespace, want).await?;
                let read = blocking(move || Chart::from_archive(&archive, ArchiveLimits::CHARTS)).await;
                read.map_err(NeedError::Garbage)
            }
        }
    }

    /// As the HelmRepository of this address in the namespace says, or as anyone may.
    async fn fetch(&self, namespace: &str, want: &Want) -> Result<Vec<u8>, NeedError> {
        let url = want.dependency.repository.as_str();
        let is_same = |repository: &HelmRepository| {
            repository.spec.url.trim_end_matches('/') == url.trim_end_matches('/')
        };
        let known = self.repositories.list_in(namespace).into_iter().find(|it| is_same(it));
        let publisher = match &known {
            Some(repository) => publisher(&self.desk.client, &self.secrets, repository).await?,
            None => self.anyone()?,
        };
        let index = known.and_then(|known| known.status.as_ref()?.artifact.clone());
        let index = match &index {
            Some(index) => Some(self.desk.storage.bytes_of(index).await?),
            None => None,
        };
        let read = async {
            match index {
                Some(index) => Ok(index),
                None => publisher.index(url).await,
            }
        };
        let choice = publisher.choose(url, &want.dependency, read).await?;
        Ok(publisher.archive(url, &choice.location).await?)
    }

    fn anyone(&self) -> Result<Publisher, WebError> {
        let web = Web::new(&Certificates::default(), TIMEOUT, Some(self.desk.client.clone()))?;
        Ok(Publisher { web, login: None, passes_on: false, is_plain: false })
    }
}
