//! Charts where they are published: behind an index or in a registry, reached in the way that the caller says.
//!
//! For HelmRepository and HelmChart as well as for the owner's commands. Which version is meant is `bythos-helm`'s
//! matter; here it is fetched, and checked against what was announced.

use std::future::Future;

use bythos_helm::Dependency;
use bythos_helm::repository::{
    Choice, DigestError, INDEX_LIMITS, Index, Location, Reference, RepositoryError, Selection, check_digest,
    choose_from_index, choose_from_tags, is_one_version, resolve_reference, same_host,
};

use crate::credentials::Login;
use crate::registry::{Registry, RegistryError};
use crate::web::{Wanted, Web, WebError, shown};

/// Bytes of an index. As in Flux.
const INDEX_BYTES_MAX: usize = 50 << 20;
/// Bytes of a chart's archive. As in Flux.
pub(crate) const CHART_BYTES_MAX: usize = 10 << 20;

/// Somewhere where charts are published, as we are known there.
#[derive(Clone)]
pub(crate) struct Publisher {
    pub(crate) web: Web,
    pub(crate) login: Option<Login>,
    /// Whether user and password go along to other hosts that an index names.
    pub(crate) passes_on: bool,
    /// Whether a registry speaks HTTP without TLS.
    pub(crate) is_plain: bool,
}

/// A chart that did not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChartsError {
    #[error(transparent)]
    Web(#[from] WebError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("the index is no text")]
    NoText,
    /// No such chart, no such version, no such place; or the index is none.
    #[error(transparent)]
    Choose(#[from] RepositoryError),
    #[error("{url}")]
    Digest {
        url: String,
        #[source]
        source: DigestError,
    },
}

impl ChartsError {
    /// Whether it is about who we are, or who they are.
    pub(crate) fn is_about_access(&self) -> bool {
        match self {
            ChartsError::Web(error) => error.is_about_access(),
            ChartsError::Registry(error) => error.is_about_access(),
            _ => false,
        }
    }
}

impl Publisher {
    /// The index, as it is published.
    pub(crate) async fn index(&self, repository: &str) -> Result<Vec<u8>, ChartsError> {
        let url = resolve_reference(repository, "index.yaml")?;
        Ok(self.file(repository, &url, INDEX_BYTES_MAX).await?)
    }

    /// What to fetch for a wish. `index` is waited for where there is one.
    pub(crate) async fn choose(
        &self,
        repository: &str,
        wish: &Dependency,
        index: impl Future<Output = Result<Vec<u8>, ChartsError>>,
    ) -> Result<Choice, ChartsError> {
        if !is_registry(repository) {
            let (url, wish) = (repository.to_owned(), wish.clone());
            let bytes = index.await?;
            return blocking(move || {
                let index = read_index(bytes, Selection::Chart(&wish.name))?;
                Ok(choose_from_index(&wish, &index, &url)?)
            })
            .await;
        }
        let reference = Reference::parse(&format!("{}/{}", repository.trim_end_matches('/'), wish.name))?;
        let tags = match is_one_version(&wish.version) {
            true => Vec::new(),
            false => self.registry().tags(&reference).await?,
        };
        Ok(choose_from_tags(wish, &reference, &tags)?)
    }

    /// The archive of what was chosen.
    pub(crate) async fn archive(
        &self,
        repository: &str,
        location: &Location,
    ) -> Result<Vec<u8>, ChartsError> {
        match location {
            Location::Registry(reference) => self.pull(reference).await,
            Location::Url { url, .. } if is_registry(url) => {
                // An index may name any registry: it need not learn who we are.
                let login = self.login.clone().filter(|_| self.passes_on);
                Publisher { login, ..self.clone() }.pull(&Reference::parse(url)?).await
            }
            Location::Url { url, digest } => {
                let bytes = self.file(repository, url, CHART_BYTES_MAX).await?;
                let checked = if digest.is_empty() { Ok(()) } else { check_digest(&bytes, digest) };
                checked.map_err(|source| ChartsError::Digest { url: shown(url), source })?;
                Ok(bytes)
            }
            // It was chosen of charts that are here, and never of a publisher's.
            Location::Here => Ok(Vec::new()),
        }
    }

    /// The archive of a chart in a registry.
    pub(crate) async fn pull(&self, reference: &Reference) -> Result<Vec<u8>, ChartsError> {
        Ok(self.registry().chart(reference, CHART_BYTES_MAX).await?)
    }

    fn registry(&self) -> Registry<'_> {
        Registry { web: &self.web, login: self.login.as_ref(), is_plain: self.is_plain }
    }

    async fn file(&self, repository: &str, url: &str, bytes_max: usize) -> Result<Vec<u8>, WebError> {
        let may_know = self.passes_on || same_host(repository, url);
        let authorization = self.login.as_ref().filter(|_| may_know).map(Login::header);
        let wanted = Wanted {
            url,
            accept: None,
            authorization: authorization.as_ref(),
            passes_on: self.passes_on,
            bytes_max,
        };
        self.web.fetch(wanted).await
    }
}

/// Whether it is an index, as far as can be told without building all of it.
pub(crate) async fn check_index(bytes: Vec<u8>) -> Result<Vec<u8>, ChartsError> {
    blocking(move || {
        // Of no chart: everything is read, and next to nothing built.
        let text = std::str::from_utf8(&bytes).map_err(|_| ChartsError::NoText)?;
        Index::read(text, Selection::Chart(""), INDEX_LIMITS)?;
        Ok(bytes)
    })
    .await
}

fn read_index(bytes: Vec<u8>, selection: Selection<'_>) -> Result<Index, ChartsError> {
    let text = String::from_utf8(bytes).map_err(|_| ChartsError::NoText)?;
    Ok(Index::read(&text, selection, INDEX_LIMITS)?)
}

/// Whether charts are in a registry there.
pub(crate) fn is_registry(url: &str) -> bool {
    url.starts_with("oci://")
}

/// Runs what takes its time to compute.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
