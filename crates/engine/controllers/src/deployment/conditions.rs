//! The conditions of a Deployment, with upstream's types, reasons and times. Pure.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{DeploymentCondition, ReplicaSet, ReplicaSetCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

/// What a condition speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Available,
    Progressing,
    ReplicaFailure,
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Type::Available => "Available",
            Type::Progressing => "Progressing",
            Type::ReplicaFailure => "ReplicaFailure",
        }
    }
}

/// Why a condition is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    MinimumReplicasAvailable,
    MinimumReplicasUnavailable,
    NewReplicaSetCreated,
    FoundNewReplicaSet,
    ReplicaSetCreateError,
    ReplicaSetUpdated,
    NewReplicaSetAvailable,
    ProgressDeadlineExceeded,
    DeploymentPaused,
    DeploymentResumed,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Reason::MinimumReplicasAvailable => "MinimumReplicasAvailable",
            Reason::MinimumReplicasUnavailable => "MinimumReplicasUnavailable",
            Reason::NewReplicaSetCreated => "NewReplicaSetCreated",
            Reason::FoundNewReplicaSet => "FoundNewReplicaSet",
            Reason::ReplicaSetCreateError => "ReplicaSetCreateError",
            Reason::ReplicaSetUpdated => "ReplicaSetUpdated",
            Reason::NewReplicaSetAvailable => "NewReplicaSetAvailable",
            Reason::ProgressDeadlineExceeded => "ProgressDeadlineExceeded",
            Reason::DeploymentPaused => "DeploymentPaused",
            Reason::DeploymentResumed => "DeploymentResumed",
        }
    }

    fn status(self) -> &'static str {
        match self {
            Reason::MinimumReplicasAvailable
            | Reason::NewReplicaSetCreated
            | Reason::FoundNewReplicaSet
            | Reason::ReplicaSetUpdated
            | Reason::NewReplicaSetAvailable => "True",
            Reason::MinimumReplicasUnavailable
            | Reason::ReplicaSetCreateError
            | Reason::ProgressDeadlineExceeded => "False",
            Reason::DeploymentPaused | Reason::DeploymentResumed => "Unknown",
        }
    }
}

/// Whether saying the same again counts as news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// No: the condition stays as it is.
    Keep,
    /// Yes: `lastUpdateTime` moves, from which the progress deadline counts.
    Renew,
}

/// All conditions of a Deployment at a time.
pub(super) struct Conditions {
    all: Vec<DeploymentCondition>,
    now: Timestamp,
}

impl Conditions {
    pub(super) fn new(before: Option<Vec<DeploymentCondition>>, now: Timestamp) -> Conditions {
        Conditions { all: before.unwrap_or_default(), now }
    }

    pub(super) fn into_list(self) -> Option<Vec<DeploymentCondition>> {
        Some(self.all).filter(|all| !all.is_empty())
    }

    /// The condition of this type.
    pub(super) fn get(&self, type_: Type) -> Option<&DeploymentCondition> {
        self.all.iter().find(|condition| condition.type_.as_deref() == Some(type_.as_str()))
    }

    /// Whether the condition of this type has this reason.
    pub(super) fn is(&self, type_: Type, reason: Reason) -> bool {
        self.get(type_).is_some_and(|condition| condition.reason.as_deref() == Some(reason.as_str()))
    }

    /// For how long the condition of this type has been as it is.
    pub(super) fn idle_time(&self, type_: Type) -> Option<Duration> {
        let condition = self.get(type_)?;
        let last = condition.last_update_time.as_ref().or(condition.last_transition_time.as_ref())?;
        Some(Duration::try_from(self.now.duration_since(last.0)).unwrap_or_default())
    }

    pub(super) fn set(&mut self, type_: Type, reason: Reason, message: &str, repeat: Repeat) {
        let condition = DeploymentCondition {
            type_: Some(type_.as_str().to_owned()),
            status: Some(reason.status().to_owned()),
            reason: Some(reason.as_str().to_owned()),
            message: Some(message.to_owned()),
            ..DeploymentCondition::default()
        };
        self.put(type_, condition, repeat);
    }

    /// Says what keeps ReplicaSets from making pods: what the first of them says.
    pub(super) fn set_failure<'a>(&mut self, sets: impl IntoIterator<Item = &'a ReplicaSet>) {
        let Some(failure) = sets.into_iter().find_map(failure_of) else {
            return self.remove(Type::ReplicaFailure);
        };
        let condition = DeploymentCondition {
            type_: failure.type_.clone(),
            status: failure.status.clone(),
            reason: failure.reason.clone(),
            message: failure.message.clone(),
            ..DeploymentCondition::default()
        };
        self.put(Type::ReplicaFailure, condition, Repeat::Keep);
    }

    pub(super) fn remove(&mut self, type_: Type) {
        self.all.retain(|condition| condition.type_.as_deref() != Some(type_.as_str()));
    }

    fn put(&mut self, type_: Type, mut condition: DeploymentCondition, repeat: Repeat) {
        let before = self.get(type_).cloned();
        let same_status = before.as_ref().filter(|before| before.status == condition.status);
        if repeat == Repeat::Keep && same_status.is_some_and(|before| before.reason == condition.reason) {
            return;
        }
        condition.last_update_time = Some(Time(self.now));
        let since = same_status.and_then(|before| before.last_transition_time.clone());
        condition.last_transition_time = Some(since.unwrap_or(Time(self.now)));
        self.remove(type_);
        self.all.push(condition);
    }
}

fn failure_of(set: &ReplicaSet) -> Option<&ReplicaSetCondition> {
    let conditions = set.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_.as_deref() == Some(Type::ReplicaFailure.as_str()))
}
