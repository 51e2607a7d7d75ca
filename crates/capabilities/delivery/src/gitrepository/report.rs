//! What happened, as conditions; and why it did not, as types.

use bythos_api::gitrepository::{GitRepository, GitRepositoryStatus};
use bythos_api::names::RECONCILE_REQUESTED_AT;
use bythos_operator::error_chain;
use bythos_operator::names::NameError;
use kube::{Resource as _, ResourceExt as _};

use super::fetch::Obtained;
use super::validate::Wanted;
use crate::artifact::{FILES_BYTES_MAX, FILES_MAX};
use crate::condition::{Conditions, Reason, Truth, Type};
use crate::git::GitError;
use crate::git::tree::TreeError;
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
    #[error("spec.secretRef: Secret {name:?}: {message}")]
    Secret { name: String, message: String },
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

    /// The one place where failures become reasons.
    fn reason(&self) -> Reason {
        match self {
            Failure::Url { .. } => Reason::UrlInvalid,
            Failure::Reference { .. } | Failure::Unsupported { .. } => Reason::UnsupportedSpec,
            Failure::Secret { .. } => Reason::AuthenticationFailed,
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

    /// The condition that tells what is wrong.
    fn condition(&self) -> Type {
        match self.reason() {
            Reason::ArchiveOperationFailed => Type::StorageOperationFailed,
            Reason::NotFound | Reason::NoArtifact => Type::IncludeUnavailable,
            _ => Type::FetchFailed,
        }
    }

    /// Whether only a change of the object can help.
    pub(super) fn waits_for_a_change(&self) -> bool {
        matches!(self, Failure::Url { .. } | Failure::Reference { .. } | Failure::Unsupported { .. })
    }

    /// Whether someone will tell (a push, a change of the Secret), so that the interval is early enough.
    pub(super) fn waits_for_the_interval(&self) -> bool {
        matches!(
            self,
            Failure::Empty { .. }
                | Failure::Secret { .. }
                | Failure::TooLarge { .. }
                | Failure::NoInclude { .. }
                | Failure::IncludeWithoutArtifact { .. }
        )
    }
}

/// Git has no error codes; these are its words since many versions.
fn is_about_access(words: &str) -> bool {
    ["Authentication failed", "could not read Username", "could not read Password"]
        .iter()
        .any(|known| words.contains(known))
}

/// Conditions that tell what is wrong.
const WRONG: [Type; 3] = [Type::FetchFailed, Type::StorageOperationFailed, Type::IncludeUnavailable];

/// Whether nothing was said yet about the object as it is now.
pub(super) fn is_first_look(source: &GitRepository) -> bool {
    source.status.as_ref().and_then(|status| status.observed_generation) != source.meta().generation
}

/// Says that work is under way.
pub(super) fn progressing(source: &GitRepository, status: &mut GitRepositoryStatus) {
    let mut conditions = Conditions { list: &mut status.conditions, generation: source.meta().generation };
    let message = format!("fetching {}", source.spec.url);
    conditions.mark(Type::Reconciling, Truth::True, Reason::Progressing, message.as_str());
    conditions.mark(Type::Ready, Truth::Unknown, Reason::Progressing, message);
}

/// Says how it went, and hands the failure on.
pub(super) fn outcome(
    source: &GitRepository,
    status: &mut GitRepositoryStatus,
    outcome: Result<Obtained, Failure>,
) -> Result<(), Failure> {
    status.observed_generation = source.meta().generation;
    if let Some(requested) = source.annotations().get(RECONCILE_REQUESTED_AT) {
        status.last_handled_reconcile_at = Some(requested.clone());
    }
    match outcome {
        Ok(obtained) => {
            succeeded(source, status, obtained);
            Ok(())
        }
        Err(failure) => {
            failed(source, status, &failure);
            Err(failure)
        }
    }
}

fn succeeded(
    source: &GitRepository,
    status: &mut GitRepositoryStatus,
    Obtained { artifact, included }: Obtained,
) {
    let message = format!("stored artifact for revision '{}'", artifact.revision);
    status.artifact = Some(artifact);
    status.observed_ignore.clone_from(&source.spec.ignore);
    status.observed_sparse_checkout.clone_from(&source.spec.sparse_checkout);
    status.observed_recurse_submodules = source.spec.recurse_submodules;
    status.observed_include.clone_from(&source.spec.include);
    status.included_artifacts = included;
    let mut conditions = Conditions { list: &mut status.conditions, generation: source.meta().generation };
    for type_ in [Type::Reconciling, Type::Stalled].into_iter().chain(WRONG) {
        conditions.clear(type_);
    }
    conditions.mark(Type::Ready, Truth::True, Reason::Succeeded, message.as_str());
    conditions.mark(Type::ArtifactInStorage, Truth::True, Reason::Succeeded, message);
}

/// The artifact of before stays, and goes on to be used.
fn failed(source: &GitRepository, status: &mut GitRepositoryStatus, failure: &Failure) {
    let message = error_chain(failure);
    let reason = failure.reason();
    let mut conditions = Conditions { list: &mut status.conditions, generation: source.meta().generation };
    conditions.mark(Type::Ready, Truth::False, reason, message.as_str());
    for type_ in WRONG.into_iter().filter(|type_| *type_ != failure.condition()) {
        conditions.clear(type_);
    }
    conditions.mark(failure.condition(), Truth::True, reason, message.as_str());
    if failure.waits_for_a_change() {
        conditions.mark(Type::Stalled, Truth::True, reason, message);
        conditions.clear(Type::Reconciling);
    } else {
        conditions.mark(Type::Reconciling, Truth::True, Reason::ProgressingWithRetry, message);
        conditions.clear(Type::Stalled);
    }
}
