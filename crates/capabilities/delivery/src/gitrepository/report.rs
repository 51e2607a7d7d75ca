//! Why there is no artifact, as types; and what is noted of one.

use bythos_api::flux::Artifact;
use bythos_api::gitrepository::{GitRepository, GitRepositoryStatus};
use bythos_operator::names::NameError;

use super::validate::Wanted;
use crate::artifact::{FILES_BYTES_MAX, FILES_MAX};
use crate::condition::{Reason, Type};
use crate::credentials::SecretError;
use crate::git::GitError;
use crate::git::tree::TreeError;
use crate::source::{Retry, SourceFailure};
use crate::storage::StorageError;

/// Why there is no artifact of what the source means now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{message}")]
    Url { message: String },
    #[error("{message}")]
    Reference { message: String },
    #[error("{field}: {message}")]
    Unsupported { field: &'static str, message: &'static str },
    #[error("spec.secretRef")]
    Secret(#[from] SecretError),
    #[error("the repository is empty: push to {reference} first")]
    Empty { reference: String },
    #[error("failed to fetch {reference} of {url}")]
    Git {
        url: String,
        reference: String,
        #[source]
        source: GitError,
    },
    #[error("failed to find the repository's host")]
    Resolve(#[source] NameError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("failed to fetch submodule {path:?}: {words}")]
    Module { path: String, words: String },
    #[error("could not get resource for include '{name}': there is no such GitRepository")]
    NoInclude { name: String },
    #[error("could not get resource for include '{name}': {words}")]
    Include { name: String, words: String },
    #[error("no artifact available for include '{name}'")]
    IncludeWithoutArtifact { name: String },
    #[error(
        "the artifact would hold {files} files with {bytes} bytes; at most {FILES_MAX} files with {FILES_BYTES_MAX} \
         bytes are taken; leave some out by spec.ignore or a file .sourceignore"
    )]
    TooLarge { bytes: u64, files: usize },
    #[error("failed to pack the artifact")]
    Pack(#[source] std::io::Error),
    #[error("failed to keep the artifact")]
    Keep(#[from] StorageError),
    #[error("failed to use the folder for fetching")]
    Scratch(#[source] std::io::Error),
}

impl Failure {
    pub(super) fn git(wanted: &Wanted, source: GitError) -> Failure {
        Failure::Git { url: wanted.url.clone(), reference: wanted.reference.to_string(), source }
    }
}

impl SourceFailure for Failure {
    fn reason(&self) -> Reason {
        match self {
            Failure::Url { .. } => Reason::UrlInvalid,
            Failure::Reference { .. } | Failure::Unsupported { .. } => Reason::UnsupportedSpec,
            Failure::Secret(_) => Reason::AuthenticationFailed,
            Failure::Empty { .. } => Reason::EmptyGitRepository,
            Failure::Git { source: GitError::Failed { words }, .. } if is_about_access(words) => {
                Reason::AuthenticationFailed
            }
            Failure::Git { .. } | Failure::Resolve(_) | Failure::Tree(_) | Failure::Module { .. } => {
                Reason::GitOperationFailed
            }
            Failure::NoInclude { .. } | Failure::Include { .. } => Reason::NotFound,
            Failure::IncludeWithoutArtifact { .. } => Reason::NoArtifact,
            Failure::TooLarge { .. } | Failure::Pack(_) | Failure::Keep(_) | Failure::Scratch(_) => {
                Reason::ArchiveOperationFailed
            }
        }
    }

    fn condition(&self) -> Type {
        match self.reason() {
            Reason::ArchiveOperationFailed => Type::StorageOperationFailed,
            Reason::NotFound | Reason::NoArtifact => Type::IncludeUnavailable,
            _ => Type::FetchFailed,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Failure::Url { .. } | Failure::Reference { .. } | Failure::Unsupported { .. } => {
                Retry::AfterChange
            }
            Failure::Empty { .. }
            | Failure::Secret(_)
            | Failure::TooLarge { .. }
            | Failure::NoInclude { .. }
            | Failure::IncludeWithoutArtifact { .. } => Retry::AfterInterval,
            _ => Retry::Soon,
        }
    }
}

/// Git has no error codes; these are its words since many versions.
fn is_about_access(words: &str) -> bool {
    ["Authentication failed", "could not read Username", "could not read Password"]
        .iter()
        .any(|known| words.contains(known))
}

/// What an artifact was made from.
pub(super) fn note(source: &GitRepository, status: &mut GitRepositoryStatus, included: Vec<Artifact>) {
    status.observed_ignore.clone_from(&source.spec.ignore);
    status.observed_sparse_checkout.clone_from(&source.spec.sparse_checkout);
    status.observed_recurse_submodules = source.spec.recurse_submodules;
    status.observed_include.clone_from(&source.spec.include);
    status.included_artifacts = included;
}
