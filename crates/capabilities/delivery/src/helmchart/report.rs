//! Why there is no chart, as types, in Flux' words where it has some.

use bythos_helm::repository::RepositoryError;
use bythos_helm::{Error as ChartError, VersionError};

use super::needs::NeedError;
use crate::charts::ChartsError;
use crate::condition::{Reason, Type};
use crate::helmrepository::AccessError;
use crate::source::{Retry, SourceFailure};
use crate::storage::StorageError;

/// Why there is no artifact of what the chart means now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{field}: {message}")]
    Unsupported { field: &'static str, message: &'static str },
    #[error(
        "failed to get source: unsupported source kind '{kind}', must be one of: HelmRepository, GitRepository"
    )]
    UnsupportedKind { kind: String },
    #[error("failed to get source: there is no {kind} '{name}' in namespace '{namespace}'")]
    NoSource { kind: String, name: String, namespace: String },
    #[error("no artifact available for {kind} source '{name}'")]
    NoSourceArtifact { kind: String, name: String },
    #[error("failed to read the source's artifact")]
    Artifact(#[source] StorageError),
    #[error("failed to unpack the source's artifact")]
    Unpack(#[source] std::io::Error),
    #[error("invalid Helm repository URL: {url}: \"oci://\" and spec.type \"oci\" belong together")]
    RegistryUrl { url: String },
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("failed to authenticate with the Helm repository")]
    Login(#[source] ChartsError),
    #[error("invalid chart reference: {message}")]
    Reference { message: String },
    #[error("invalid chart reference")]
    NoChart(#[source] ChartError),
    #[error("invalid chart reference: failed to get chart version for remote reference")]
    Choose(#[source] ChartsError),
    #[error("chart pull error: failed to get chart version for remote reference")]
    Tags(#[source] ChartsError),
    #[error("chart pull error: failed to download chart for remote reference")]
    Download(#[source] ChartsError),
    #[error("chart pull error: failed to load what was downloaded")]
    Garbage(#[source] ChartError),
    #[error("chart metadata patch error: the chart's version is {version:?}")]
    Version {
        version: String,
        #[source]
        source: VersionError,
    },
    #[error("values files merge error: {message}")]
    Values { message: String },
    #[error("dependency build error")]
    Needs(#[source] RepositoryError),
    #[error("dependency build error: failed to add dependency '{name}'")]
    Need {
        name: String,
        #[source]
        source: Box<NeedError>,
    },
    #[error("chart package error")]
    Package(#[source] ChartError),
    #[error("failed to keep the chart")]
    Keep(#[source] StorageError),
}

impl SourceFailure for Failure {
    fn reason(&self) -> Reason {
        match self {
            Failure::Unsupported { .. } => Reason::UnsupportedSpec,
            Failure::UnsupportedKind { .. } => Reason::UnsupportedSourceKind,
            Failure::NoSource { .. } => Reason::SourceUnavailable,
            Failure::NoSourceArtifact { .. } => Reason::NoSourceArtifact,
            Failure::Artifact(_) | Failure::Unpack(_) => Reason::Failed,
            Failure::RegistryUrl { .. } => Reason::UrlInvalid,
            Failure::Access(_) | Failure::Login(_) => Reason::AuthenticationFailed,
            Failure::Reference { .. } | Failure::NoChart(_) | Failure::Choose(_) => {
                Reason::InvalidChartReference
            }
            Failure::Tags(_) | Failure::Download(_) | Failure::Garbage(_) => Reason::ChartPullError,
            Failure::Version { .. } => Reason::MetadataPatchError,
            Failure::Values { .. } => Reason::ValuesFilesError,
            Failure::Needs(_) | Failure::Need { .. } => Reason::DependencyBuildError,
            Failure::Package(_) => Reason::ChartPackageError,
            Failure::Keep(_) => Reason::ArchiveOperationFailed,
        }
    }

    fn condition(&self) -> Type {
        match self.reason() {
            Reason::MetadataPatchError
            | Reason::ValuesFilesError
            | Reason::DependencyBuildError
            | Reason::ChartPackageError => Type::BuildFailed,
            Reason::ArchiveOperationFailed => Type::StorageOperationFailed,
            _ => Type::FetchFailed,
        }
    }

    /// Sources that change wake their charts.
    fn retry(&self) -> Retry {
        match self.reason() {
            Reason::UnsupportedSpec
            | Reason::UnsupportedSourceKind
            | Reason::UrlInvalid
            | Reason::InvalidChartReference
            | Reason::MetadataPatchError
            | Reason::ValuesFilesError => Retry::AfterChange,
            Reason::SourceUnavailable | Reason::NoSourceArtifact => Retry::AfterInterval,
            _ => Retry::Soon,
        }
    }
}
