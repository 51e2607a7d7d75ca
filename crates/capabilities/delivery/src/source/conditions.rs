//! What the conditions of a source say.

use bythos_api::names::RECONCILE_REQUESTED_AT;
use bythos_operator::condition::is_true;
use bythos_operator::error_chain;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;

use super::{Made, Retry, Source, SourceFailure, SourceStatus as _};
use crate::condition::{Conditions, Reason, Truth, Type};

/// Conditions that tell what is wrong.
const WRONG: [Type; 4] =
    [Type::FetchFailed, Type::StorageOperationFailed, Type::IncludeUnavailable, Type::BuildFailed];

/// Whether the last run said that something is wrong.
pub(super) fn is_failing(conditions: &[Condition]) -> bool {
    WRONG.into_iter().any(|type_| is_true(conditions, type_.as_str()))
}

/// Says that work is under way.
pub(super) fn progressing<K: Source>(source: &K, status: &mut K::Status, message: &str) {
    let mut conditions =
        Conditions { list: status.common().conditions, generation: source.meta().generation };
    conditions.mark(Type::Reconciling, Truth::True, Reason::Progressing, message);
    conditions.mark(Type::Ready, Truth::Unknown, Reason::Progressing, message);
}

/// Says how it went.
pub(super) fn note<K: Source>(source: &K, status: &mut K::Status, made: Result<&Made, &impl SourceFailure>) {
    let common = status.common();
    *common.observed_generation = source.meta().generation;
    if let Some(requested) = source.annotations().get(RECONCILE_REQUESTED_AT) {
        *common.last_handled_reconcile_at = Some(requested.clone());
    }
    if let Ok(made) = made {
        *common.artifact = Some(made.artifact.clone());
    }
    let conditions = Conditions { list: common.conditions, generation: source.meta().generation };
    match made {
        Ok(made) => succeeded(conditions, made),
        // The artifact of before stays, and goes on to be used.
        Err(failure) => failed(conditions, failure),
    }
}

fn succeeded(mut conditions: Conditions<'_>, made: &Made) {
    for type_ in [Type::Reconciling, Type::Stalled, Type::ArtifactOutdated].into_iter().chain(WRONG) {
        conditions.clear(type_);
    }
    conditions.mark(Type::Ready, Truth::True, made.reason, made.message.as_str());
    conditions.mark(Type::ArtifactInStorage, Truth::True, made.reason, made.message.as_str());
}

fn failed(mut conditions: Conditions<'_>, failure: &impl SourceFailure) {
    let message = error_chain(failure);
    let reason = failure.reason();
    conditions.mark(Type::Ready, Truth::False, reason, message.as_str());
    for type_ in WRONG.into_iter().filter(|type_| *type_ != failure.condition()) {
        conditions.clear(type_);
    }
    conditions.mark(failure.condition(), Truth::True, reason, message.as_str());
    if failure.retry() == Retry::AfterChange {
        conditions.mark(Type::Stalled, Truth::True, reason, message);
        conditions.clear(Type::Reconciling);
    } else {
        conditions.mark(Type::Reconciling, Truth::True, Reason::ProgressingWithRetry, message);
        conditions.clear(Type::Stalled);
    }
}
