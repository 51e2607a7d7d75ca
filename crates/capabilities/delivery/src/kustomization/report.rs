//! How it went, as conditions; and why it did not, as types.

use std::time::Duration;

use bythos_api::kustomization::{Kustomization, KustomizationStatus};
use bythos_api::names::RECONCILE_REQUESTED_AT;
use bythos_operator::condition::get;
use bythos_operator::{Next, error_chain};
use kube::{Resource as _, ResourceExt as _};

use super::health::LOOK_AGAIN;
use super::object::Id;
use super::prune::DeleteError;
use crate::condition::{Conditions, Reason, Truth, Type};
use crate::expressions::WrongExpression;
use crate::ignored::RuleError;
use crate::impersonate::AccountError;
use crate::kinds::KindError;
use crate::storage::StorageError;

/// How often an expression about a dependency is looked at again, as in Flux.
const DEPENDENCY_LOOK_AGAIN: Duration = Duration::from_secs(30);

/// How a reconciliation ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Everything is as the source describes it, and healthy where that is asked.
    Applied {
        revision: String,
    },
    /// Something is on its way; the text says what.
    Waiting {
        message: String,
    },
    Failed(Failure),
}

impl Outcome {
    pub(super) fn is_applied(&self) -> bool {
        matches!(self, Outcome::Applied { .. })
    }

    /// The reason with which it ended; none while it goes on.
    pub(super) fn reason(&self) -> Option<Reason> {
        match self {
            Outcome::Applied { .. } => Some(Reason::ReconciliationSucceeded),
            Outcome::Waiting { .. } => None,
            Outcome::Failed(failure) => Some(failure.reason()),
        }
    }
}

/// Why the cluster is not as the source describes it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{field}: {message}")]
    Unsupported { field: &'static str, message: &'static str },
    #[error(transparent)]
    Expression(#[from] WrongExpression),
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("source GitRepository '{source_key}' not found")]
    NoSource { source_key: String },
    #[error("source GitRepository '{source_key}' has no artifact: {why}")]
    NoArtifact { source_key: String, why: String },
    #[error("{message}")]
    Dependency { message: String },
    #[error("failed to read the source's artifact; the source is asked to make it again")]
    Artifact(#[from] StorageError),
    #[error("failed to unpack the source's artifact")]
    Unpack(#[source] std::io::Error),
    #[error("kustomize build failed")]
    Build(#[source] Box<bythos_kustomize::Error>),
    #[error("spec.postBuild: {message}")]
    Substitute { message: String },
    #[error("Secret/{secret} is SOPS encrypted; decryption is not supported yet")]
    Encrypted { secret: String },
    #[error("{id} dry-run failed")]
    Kind {
        id: Box<Id>,
        #[source]
        source: KindError,
    },
    #[error(
        "{id} namespace not specified: set metadata.namespace, or spec.targetNamespace of the Kustomization"
    )]
    NoNamespace { id: Box<Id> },
    #[error("{id} dry-run failed{}: {words}", in_brackets(.reason))]
    DryRun { id: Box<Id>, reason: String, words: String },
    #[error("{id} apply failed: {words}")]
    Apply { id: Box<Id>, words: String },
    #[error("{id} immutable field detected, failed to delete object: {words}")]
    Recreate { id: Box<Id>, words: String },
    #[error(transparent)]
    Prune(DeleteError),
    #[error("failed to look at {id}: {words}")]
    Look { id: Box<Id>, words: String },
    #[error("health check failed after {}s: {words}", .after.as_secs())]
    Health { after: Duration, words: String },
}

fn in_brackets(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

impl From<bythos_kustomize::Error> for Failure {
    fn from(error: bythos_kustomize::Error) -> Self {
        Failure::Build(Box::new(error))
    }
}

impl Failure {
    /// The one place where failures become reasons.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Failure::Unsupported { .. } => Reason::UnsupportedSpec,
            Failure::Expression(_) => Reason::InvalidCelExpression,
            Failure::NoSource { .. }
            | Failure::NoArtifact { .. }
            | Failure::Artifact(_)
            | Failure::Unpack(_) => Reason::ArtifactFailed,
            Failure::Dependency { .. } => Reason::DependencyNotReady,
            Failure::Build(error) if matches!(**error, bythos_kustomize::Error::NoSuchFolder { .. }) => {
                Reason::ArtifactFailed
            }
            Failure::Build(_) | Failure::Substitute { .. } => Reason::BuildFailed,
            Failure::Rule(_)
            | Failure::Account(_)
            | Failure::Encrypted { .. }
            | Failure::Kind { .. }
            | Failure::NoNamespace { .. }
            | Failure::DryRun { .. }
            | Failure::Apply { .. }
            | Failure::Recreate { .. } => Reason::ReconciliationFailed,
            Failure::Prune(_) => Reason::PruneFailed,
            Failure::Look { .. } | Failure::Health { .. } => Reason::HealthCheckFailed,
        }
    }

    /// The whole chain, as it stands in the condition.
    pub(super) fn message(&self) -> String {
        error_chain(self)
    }

    /// Whether only a change of the object can help.
    fn is_stalled(&self) -> bool {
        matches!(self, Failure::Unsupported { .. } | Failure::Expression(_))
    }
}

fn conditions<'a>(object: &Kustomization, status: &'a mut KustomizationStatus) -> Conditions<'a> {
    Conditions { list: &mut status.conditions, generation: object.meta().generation }
}

fn checking(revision: &str, object: &Kustomization) -> String {
    let seconds = object.spec.health_timeout().as_secs();
    format!("Running health checks for revision {revision} with a timeout of {seconds}s")
}

/// Whether everything of this revision is applied already, for this wish of the user, and only its health is open.
pub(super) fn is_checking_health(
    object: &Kustomization,
    status: &KustomizationStatus,
    revision: &str,
) -> bool {
    let requested = object.annotations().get(RECONCILE_REQUESTED_AT);
    let handled = requested.is_none() || requested == status.last_handled_reconcile_at.as_ref();
    let healthy = get(&status.conditions, Type::Healthy.as_str());
    handled
        && healthy.is_some_and(|healthy| {
            healthy.status == Truth::Unknown.as_str()
                && healthy.observed_generation == object.meta().generation
                && healthy.message == checking(revision, object)
        })
}

/// Says that a revision is being applied. One that is applied already is looked through in silence: `Ready` does not
/// blink at every interval.
pub(super) fn begin(object: &Kustomization, status: &mut KustomizationStatus, revision: &str) {
    let known = status.last_applied_revision.as_deref() == Some(revision)
        && status.observed_generation == object.meta().generation;
    status.last_attempted_revision = Some(revision.to_owned());
    if known {
        return;
    }
    let mut conditions = conditions(object, status);
    let message = format!("Applying revision {revision}");
    conditions.mark(Type::Reconciling, Truth::True, Reason::Progressing, message);
    conditions.mark(Type::Ready, Truth::Unknown, Reason::Progressing, "Reconciliation in progress");
    conditions.clear(Type::Stalled);
    // The time of the check counts from when it becomes unknown again.
    conditions.clear(Type::Healthy);
}

/// Says that health is being checked, because something is not well. The condition's time of transition is when that
/// began.
pub(super) fn checking_health(object: &Kustomization, status: &mut KustomizationStatus, revision: &str) {
    let message = checking(revision, object);
    conditions(object, status).mark(Type::Healthy, Truth::Unknown, Reason::Progressing, message);
}

pub(super) fn healthy(object: &Kustomization, status: &mut KustomizationStatus, after: Duration) {
    if get(&status.conditions, Type::Healthy.as_str()).is_none_or(|it| it.status != "True") {
        let message = format!("Health check passed in {}s", after.as_secs());
        conditions(object, status).mark(Type::Healthy, Truth::True, Reason::Succeeded, message);
    }
}

pub(super) fn without_health(status: &mut KustomizationStatus) {
    status.conditions.retain(|condition| condition.type_ != Type::Healthy.as_str());
}

/// Whether a success is worth an event: a new revision, a wish of the user, or the end of a failure.
pub(super) fn is_news(began: &KustomizationStatus, now: &KustomizationStatus, revision: &str) -> bool {
    began.last_applied_revision.as_deref() != Some(revision)
        || began.last_handled_reconcile_at != now.last_handled_reconcile_at
        || get(&began.conditions, Type::Ready.as_str()).is_none_or(|it| it.status != "True")
}

/// Whether the run before did not fail in these words.
pub(super) fn is_new_failure(began: &KustomizationStatus, message: &str) -> bool {
    let ready = get(&began.conditions, Type::Ready.as_str());
    ready.is_none_or(|it| it.status != "False" || it.message != message)
}

/// Says how it went, and when to come again.
pub(super) fn finish(object: &Kustomization, status: &mut KustomizationStatus, outcome: &Outcome) -> Next {
    if let Some(requested) = object.annotations().get(RECONCILE_REQUESTED_AT) {
        status.last_handled_reconcile_at = Some(requested.clone());
    }
    match outcome {
        Outcome::Applied { revision } => {
            applied(object, status, revision);
            Next::After(object.spec.interval.0)
        }
        Outcome::Waiting { message } => {
            waiting(object, status, message);
            Next::After(LOOK_AGAIN)
        }
        Outcome::Failed(failure) => {
            failed(object, status, failure);
            match failure {
                failure if failure.is_stalled() => Next::Wait,
                // Nobody tells of everything that an expression may look at.
                Failure::Dependency { .. }
                    if object.spec.depends_on.iter().any(|it| it.ready_expr.is_some()) =>
                {
                    Next::After(object.spec.retry_after().min(DEPENDENCY_LOOK_AGAIN))
                }
                // Made again from the same commit, the artifact looks the same: nobody would be woken.
                Failure::Artifact(_) => Next::After(LOOK_AGAIN),
                _ => Next::After(object.spec.retry_after()),
            }
        }
    }
}

fn applied(object: &Kustomization, status: &mut KustomizationStatus, revision: &str) {
    status.last_applied_revision = Some(revision.to_owned());
    status.observed_generation = object.meta().generation;
    let mut conditions = conditions(object, status);
    conditions.clear(Type::Reconciling);
    conditions.clear(Type::Stalled);
    let message = format!("Applied revision: {revision}");
    conditions.mark(Type::Ready, Truth::True, Reason::ReconciliationSucceeded, message);
}

fn waiting(object: &Kustomization, status: &mut KustomizationStatus, message: &str) {
    let mut conditions = conditions(object, status);
    conditions.mark(Type::Reconciling, Truth::True, Reason::Progressing, message);
    conditions.mark(Type::Ready, Truth::Unknown, Reason::Progressing, message);
}

fn failed(object: &Kustomization, status: &mut KustomizationStatus, failure: &Failure) {
    let (reason, message) = (failure.reason(), failure.message());
    let mut conditions = conditions(object, status);
    conditions.mark(Type::Ready, Truth::False, reason, message.as_str());
    if reason == Reason::HealthCheckFailed {
        conditions.mark(Type::Healthy, Truth::False, reason, message.as_str());
    }
    if failure.is_stalled() {
        conditions.mark(Type::Stalled, Truth::True, reason, message);
        conditions.clear(Type::Reconciling);
        status.observed_generation = object.meta().generation;
    } else {
        conditions.clear(Type::Stalled);
        conditions.mark(Type::Reconciling, Truth::True, Reason::ProgressingWithRetry, message);
    }
}
