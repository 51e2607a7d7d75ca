//! Conditions as Flux keeps them: of three values, and taken away when they no longer mean anything.

use bythos_operator::condition::get;
use bythos_operator::shortened;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The types of conditions that delivery writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Ready,
    Reconciling,
    Stalled,
    Healthy,
    FetchFailed,
    StorageOperationFailed,
    ArtifactInStorage,
    IncludeUnavailable,
    BuildFailed,
    /// Flux' alone: it is taken away where it is found.
    ArtifactOutdated,
    // Of Helm releases.
    Released,
    Remediated,
    TestSuccess,
    Drifted,
}

impl Type {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Type::Ready => "Ready",
            Type::Reconciling => "Reconciling",
            Type::Stalled => "Stalled",
            Type::Healthy => "Healthy",
            Type::FetchFailed => "FetchFailed",
            Type::StorageOperationFailed => "StorageOperationFailed",
            Type::ArtifactInStorage => "ArtifactInStorage",
            Type::IncludeUnavailable => "IncludeUnavailable",
            Type::BuildFailed => "BuildFailed",
            Type::ArtifactOutdated => "ArtifactOutdated",
            Type::Released => "Released",
            Type::Remediated => "Remediated",
            Type::TestSuccess => "TestSuccess",
            Type::Drifted => "Drifted",
        }
    }
}

/// What a condition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        }
    }
}

/// Flux' reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Succeeded,
    Progressing,
    ProgressingWithRetry,
    // Of sources.
    UrlInvalid,
    UnsupportedSpec,
    AuthenticationFailed,
    GitOperationFailed,
    EmptyGitRepository,
    ArchiveOperationFailed,
    NotFound,
    NoArtifact,
    Failed,
    IndexationFailed,
    SourceUnavailable,
    UnsupportedSourceKind,
    NoSourceArtifact,
    InvalidChartReference,
    ChartPullError,
    MetadataPatchError,
    ValuesFilesError,
    DependencyBuildError,
    ChartPackageError,
    ChartPullSucceeded,
    ChartPackageSucceeded,
    // Of kustomizations.
    ReconciliationSucceeded,
    ReconciliationFailed,
    ArtifactFailed,
    BuildFailed,
    PruneFailed,
    HealthCheckFailed,
    DependencyNotReady,
    InvalidCelExpression,
    // Of Helm releases.
    SourceNotReady,
    ValuesError,
    AccountFailed,
    StateError,
    AwaitingTests,
    InstallSucceeded,
    InstallFailed,
    UpgradeSucceeded,
    UpgradeFailed,
    TestSucceeded,
    TestFailed,
    RollbackSucceeded,
    RollbackFailed,
    UninstallSucceeded,
    UninstallFailed,
    PendingRelease,
    RetriesExceeded,
    MissingRollbackTarget,
    DriftDetected,
    NoDriftDetected,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Reason::Succeeded => "Succeeded",
            Reason::Progressing => "Progressing",
            Reason::ProgressingWithRetry => "ProgressingWithRetry",
            Reason::UrlInvalid => "URLInvalid",
            Reason::UnsupportedSpec => "UnsupportedSpec",
            Reason::AuthenticationFailed => "AuthenticationFailed",
            Reason::GitOperationFailed => "GitOperationFailed",
            Reason::EmptyGitRepository => "EmptyGitRepository",
            Reason::ArchiveOperationFailed => "ArchiveOperationFailed",
            Reason::NotFound => "NotFound",
            Reason::NoArtifact => "NoArtifact",
            Reason::Failed => "Failed",
            Reason::IndexationFailed => "IndexationFailed",
            Reason::SourceUnavailable => "SourceUnavailable",
            Reason::UnsupportedSourceKind => "UnsupportedSourceKind",
            Reason::NoSourceArtifact => "NoSourceArtifact",
            Reason::InvalidChartReference => "InvalidChartReference",
            Reason::ChartPullError => "ChartPullError",
            Reason::MetadataPatchError => "MetadataPatchError",
            Reason::ValuesFilesError => "ValuesFilesError",
            Reason::DependencyBuildError => "DependencyBuildError",
            Reason::ChartPackageError => "ChartPackageError",
            Reason::ChartPullSucceeded => "ChartPullSucceeded",
            Reason::ChartPackageSucceeded => "ChartPackageSucceeded",
            Reason::ReconciliationSucceeded => "ReconciliationSucceeded",
            Reason::ReconciliationFailed => "ReconciliationFailed",
            Reason::ArtifactFailed => "ArtifactFailed",
            Reason::BuildFailed => "BuildFailed",
            Reason::PruneFailed => "PruneFailed",
            Reason::HealthCheckFailed => "HealthCheckFailed",
            Reason::DependencyNotReady => "DependencyNotReady",
            Reason::InvalidCelExpression => "InvalidCELExpression",
            Reason::SourceNotReady => "SourceNotReady",
            Reason::ValuesError => "ValuesError",
            Reason::AccountFailed => "RESTClientError",
            Reason::StateError => "StateError",
            Reason::AwaitingTests => "AwaitingTests",
            Reason::InstallSucceeded => "InstallSucceeded",
            Reason::InstallFailed => "InstallFailed",
            Reason::UpgradeSucceeded => "UpgradeSucceeded",
            Reason::UpgradeFailed => "UpgradeFailed",
            Reason::TestSucceeded => "TestSucceeded",
            Reason::TestFailed => "TestFailed",
            Reason::RollbackSucceeded => "RollbackSucceeded",
            Reason::RollbackFailed => "RollbackFailed",
            Reason::UninstallSucceeded => "UninstallSucceeded",
            Reason::UninstallFailed => "UninstallFailed",
            Reason::PendingRelease => "PendingRelease",
            Reason::RetriesExceeded => "RetriesExceeded",
            Reason::MissingRollbackTarget => "MissingRollbackTarget",
            Reason::DriftDetected => "DriftDetected",
            Reason::NoDriftDetected => "NoDriftDetected",
        }
    }
}

/// Bytes that the API takes in a condition's message.
const MESSAGE_BYTES_MAX: usize = 32_768;

/// The conditions of an object of this generation.
pub(crate) struct Conditions<'a> {
    pub(crate) list: &'a mut Vec<Condition>,
    pub(crate) generation: Option<i64>,
}

impl Conditions<'_> {
    /// Says something. The time of transition moves only with the truth.
    pub(crate) fn mark(&mut self, type_: Type, truth: Truth, reason: Reason, message: impl Into<String>) {
        self.put(
            type_,
            truth.as_str(),
            reason.as_str().to_owned(),
            shortened(message.into(), MESSAGE_BYTES_MAX),
        );
    }

    /// Says what another condition says, if with another truth.
    pub(crate) fn repeat(&mut self, type_: Type, said: &Condition, truth: Option<Truth>) {
        let status = match truth {
            Some(truth) => truth.as_str(),
            None => said.status.as_str(),
        };
        self.put(type_, status, said.reason.clone(), said.message.clone());
    }

    fn put(&mut self, type_: Type, status: &str, reason: String, message: String) {
        let known = self.list.iter().position(|condition| condition.type_ == type_.as_str());
        let since = known
            .and_then(|index| self.list.get(index))
            .filter(|known| known.status == status)
            .map(|known| known.last_transition_time.clone());
        let condition = Condition {
            type_: type_.as_str().to_owned(),
            status: status.to_owned(),
            reason,
            message,
            observed_generation: self.generation,
            last_transition_time: since.unwrap_or_else(|| Time(Timestamp::now())),
        };
        match known.and_then(|index| self.list.get_mut(index)) {
            Some(known) => *known = condition,
            None => self.list.push(condition),
        }
    }

    pub(crate) fn clear(&mut self, type_: Type) {
        self.list.retain(|condition| condition.type_ != type_.as_str());
    }
}

/// The message of a condition, if it is there.
pub(crate) fn message(conditions: &[Condition], type_: Type) -> Option<&str> {
    get(conditions, type_.as_str()).map(|condition| condition.message.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_transition_moves_only_with_the_truth() {
        let mut list = Vec::new();
        let long_ago = Time("2020-01-01T00:00:00Z".parse().unwrap());
        let mark = |list: &mut Vec<Condition>, truth| {
            Conditions { list, generation: Some(1) }.mark(Type::Ready, truth, Reason::Progressing, "text");
        };
        mark(&mut list, Truth::Unknown);
        list[0].last_transition_time = long_ago.clone();
        mark(&mut list, Truth::Unknown);
        assert_eq!(list[0].last_transition_time, long_ago);
        mark(&mut list, Truth::False);
        assert_ne!(list[0].last_transition_time, long_ago);
        assert_eq!(list.len(), 1);
    }
}
