//! Why there is no index, as types.

use super::AccessError;
use crate::charts::ChartsError;
use crate::condition::{Reason, Type};
use crate::source::{Retry, SourceFailure};
use crate::storage::StorageError;
use crate::web::WebError;

/// Why there is no artifact of what the repository publishes now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(
        "invalid Helm repository URL: 'oci' URL scheme cannot be used with 'default' HelmRepository type; set spec.type \
         to \"oci\""
    )]
    RegistryWithoutType,
    #[error("invalid Helm repository URL")]
    Url(#[source] WebError),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("failed to fetch Helm repository index")]
    Fetch(#[source] ChartsError),
    #[error("failed to load Helm repository from index YAML")]
    Index(#[source] ChartsError),
    #[error("failed to keep the index")]
    Keep(#[from] StorageError),
}

impl SourceFailure for Failure {
    fn reason(&self) -> Reason {
        match self {
            Failure::RegistryWithoutType | Failure::Url(_) => Reason::UrlInvalid,
            Failure::Access(_) => Reason::AuthenticationFailed,
            Failure::Fetch(_) => Reason::Failed,
            Failure::Index(_) => Reason::IndexationFailed,
            Failure::Keep(_) => Reason::ArchiveOperationFailed,
        }
    }

    fn condition(&self) -> Type {
        match self {
            Failure::Keep(_) => Type::StorageOperationFailed,
            _ => Type::FetchFailed,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Failure::RegistryWithoutType | Failure::Url(_) => Retry::AfterChange,
            Failure::Access(_) => Retry::AfterInterval,
            Failure::Fetch(_) | Failure::Index(_) | Failure::Keep(_) => Retry::Soon,
        }
    }
}
