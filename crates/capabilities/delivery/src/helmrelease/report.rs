//! How it went, as conditions; and why it did not, as types.

use std::collections::BTreeMap;
use std::time::Duration;

use bythos_api::helmrelease::{HelmRelease, HelmReleaseStatus};
use bythos_api::names::RECONCILE_REQUESTED_AT;
use bythos_operator::{Next, error_chain};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Resource as _, ResourceExt as _};

use super::{SOON, Wish};
use crate::condition::{Conditions, Reason, Truth, Type};
use crate::expressions::WrongExpression;
use crate::ignored::RuleError;
use crate::impersonate::AccountError;
use crate::storage::StorageError;

/// Group of HelmRelease.
const GROUP: &str = "helm.toolkit.fluxcd.io";

/// How often what a release waits for is looked at, though somebody tells.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// How a reconciliation ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All that can be done is done.
    Released,
    /// More is to be done, after a while.
    Again {
        after: Duration,
        /// Whether that is a retry that the spec asks for.
        is_retry: bool,
    },
    Failed(Failure),
}

impl Outcome {
    pub(super) fn soon() -> Outcome {
        Outcome::Again { after: SOON, is_retry: false }
    }
}

/// Why a release is not as it is wished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{field}: {message}")]
    Unsupported { field: &'static str, message: &'static str },
    #[error("invalid Chart reference: set either spec.chart or spec.chartRef")]
    ChartReference,
    #[error(transparent)]
    Expression(#[from] WrongExpression),
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("failed to bring HelmChart '{key}': {words}")]
    Chart { key: String, words: String },
    #[error("{message}")]
    Dependency { message: String },
    #[error("could not get Source object: HelmChart '{key}' not found")]
    NoSource { key: String },
    #[error("HelmChart '{key}' is not ready: {why}")]
    SourceNotReady { key: String, why: String },
    #[error("{message}")]
    Values { message: String },
    #[error("could not load chart")]
    Artifact(#[from] StorageError),
    #[error("could not load chart")]
    Load(#[source] Box<bythos_helm::Error>),
    #[error("could not determine release state: {words}")]
    State { words: String },
    #[error("Failed to {action} after {attempts} attempt(s)")]
    Exhausted { action: &'static str, attempts: i64 },
    #[error(
        "Failed to perform remediation: missing target release for rollback: cannot remediate failed release"
    )]
    NoRollbackTarget,
    /// Nothing came of an action, and its conditions say why.
    #[error("{message}")]
    Action { message: String },
    #[error("{message}")]
    Drift { message: String },
}

impl Failure {
    /// The one place where failures become reasons.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Failure::Unsupported { .. } => Reason::UnsupportedSpec,
            Failure::ChartReference => Reason::InvalidChartReference,
            Failure::Expression(_) => Reason::InvalidCelExpression,
            Failure::Account(_) => Reason::AccountFailed,
            Failure::Dependency { .. } => Reason::DependencyNotReady,
            Failure::SourceNotReady { .. } => Reason::SourceNotReady,
            Failure::Values { .. } => Reason::ValuesError,
            Failure::Chart { .. } | Failure::NoSource { .. } | Failure::Artifact(_) | Failure::Load(_) => {
                Reason::ArtifactFailed
            }
            Failure::State { .. } | Failure::Rule(_) => Reason::StateError,
            Failure::Exhausted { .. } => Reason::RetriesExceeded,
            Failure::NoRollbackTarget => Reason::MissingRollbackTarget,
            Failure::Action { .. } => Reason::ReconciliationFailed,
            Failure::Drift { .. } => Reason::DriftDetected,
        }
    }

    /// The whole chain, as it stands in the condition.
    pub(super) fn message(&self) -> String {
        error_chain(self)
    }

    /// Whether only a change of the object, or of what it is made from, can help.
    fn is_stalled(&self) -> bool {
        matches!(
            self,
            Failure::Unsupported { .. }
                | Failure::ChartReference
                | Failure::Expression(_)
                | Failure::Rule(_)
                | Failure::Exhausted { .. }
                | Failure::NoRollbackTarget
        )
    }

    /// Whether another try may help, without anybody telling.
    pub(super) fn is_retried(&self) -> bool {
        let is_told = matches!(
            self,
            Failure::Dependency { .. } | Failure::NoSource { .. } | Failure::SourceNotReady { .. }
        );
        !self.is_stalled() && !is_told
    }

    /// Whether the action that failed told it.
    pub(super) fn was_told(&self) -> bool {
        matches!(self, Failure::Action { .. } | Failure::Drift { .. })
    }
}

/// What events say beside their message: what was tried.
pub(super) fn event_annotations(status: &HelmReleaseStatus) -> BTreeMap<String, String> {
    let tried =
        [("revision", &status.last_attempted_revision), ("token", &status.last_attempted_config_digest)];
    let annotation = |(key, value): (&str, &Option<String>)| Some((format!("{GROUP}/{key}"), value.clone()?));
    tried.into_iter().filter_map(annotation).collect()
}

pub(super) fn conditions<'a>(object: &HelmRelease, status: &'a mut HelmReleaseStatus) -> Conditions<'a> {
    Conditions { list: &mut status.conditions, generation: object.meta().generation }
}

/// `Ready` says what the newest of these says: of a remedy, of tests where they count, of the release. What was laid over
/// the chart is noted with it.
pub(super) fn summarize(object: &HelmRelease, status: &mut HelmReleaseStatus, wish: Option<&Wish>) {
    let test = object.spec.test.clone().unwrap_or_default();
    if !test.enable {
        conditions(object, status).clear(Type::TestSuccess);
    }
    let counts_tests = test.enable && !test.ignore_failures;
    let summed = [Type::Remediated, Type::TestSuccess, Type::Released];
    let summed = summed.into_iter().filter(|type_| counts_tests || *type_ != Type::TestSuccess);
    let found: Vec<(Type, Condition)> = summed
        .filter_map(|type_| {
            let known = bythos_operator::condition::get(&status.conditions, type_.as_str());
            Some((type_, known?.clone()))
        })
        .collect();
    // The first of the newest generation.
    let newest = found.iter().map(|(_, said)| said.observed_generation).max();
    let Some((type_, said)) = found.iter().find(|(_, said)| Some(said.observed_generation) == newest) else {
        return;
    };
    let truth = (*type_ == Type::Remediated).then_some(Truth::False);
    let mut conditions = conditions(object, status);
    conditions.repeat(Type::Ready, said, truth);
    if truth.is_none() && said.status == "True" {
        conditions.clear(Type::Stalled);
    }
    if let Some(wish) = wish {
        status.observed_post_renderers_digest.clone_from(&wish.postrender.renderers);
        status.observed_common_metadata_digest.clone_from(&wish.postrender.common_metadata);
    }
}

/// Says how it went, and when to come again.
pub(super) fn finish(object: &HelmRelease, status: &mut HelmReleaseStatus, outcome: &Outcome) -> Next {
    if let Some(requested) = object.annotations().get(RECONCILE_REQUESTED_AT) {
        status.last_handled_reconcile_at = Some(requested.clone());
    }
    match outcome {
        Outcome::Released => {
            status.observed_generation = object.meta().generation;
            summarize(object, status, None);
            conditions(object, status).clear(Type::Reconciling);
            Next::After(object.spec.interval.0)
        }
        Outcome::Again { after, is_retry } => {
            let message = match is_retry {
                true => format!("retrying after {}", bythos_api::flux::GoDuration(*after)),
                false => ready_message(status),
            };
            let mut conditions = conditions(object, status);
            conditions.mark(Type::Reconciling, Truth::True, Reason::ProgressingWithRetry, message);
            Next::After(*after)
        }
        Outcome::Failed(failure) => {
            failed(object, status, failure);
            if failure.is_stalled() {
                Next::Wait
            } else {
                Next::After(LOOK_AGAIN.min(object.spec.interval.0))
            }
        }
    }
}

fn ready_message(status: &HelmReleaseStatus) -> String {
    let ready = bythos_operator::condition::get(&status.conditions, Type::Ready.as_str());
    ready.map(|ready| ready.message.clone()).unwrap_or_default()
}

fn failed(object: &HelmRelease, status: &mut HelmReleaseStatus, failure: &Failure) {
    let (reason, message) = (failure.reason(), failure.message());
    if failure.is_stalled() {
        status.observed_generation = object.meta().generation;
    }
    let has_own_words =
        matches!(failure, Failure::Exhausted { .. } | Failure::NoRollbackTarget | Failure::Action { .. });
    let is_false = bythos_operator::condition::get(&status.conditions, Type::Ready.as_str())
        .is_some_and(|ready| ready.status == Truth::False.as_str());
    let mut conditions = conditions(object, status);
    // What the action said of its failure says more than that there will be no other try.
    if !(has_own_words && is_false) {
        conditions.mark(Type::Ready, Truth::False, reason, message.as_str());
    }
    if failure.is_stalled() {
        conditions.mark(Type::Stalled, Truth::True, reason, message);
        conditions.clear(Type::Reconciling);
    } else {
        conditions.clear(Type::Stalled);
        conditions.mark(Type::Reconciling, Truth::True, Reason::ProgressingWithRetry, message);
    }
}
