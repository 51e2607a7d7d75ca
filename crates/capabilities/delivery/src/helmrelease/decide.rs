//! What follows from how a release is. The rules are those of Flux' helm-controller.

use std::time::Duration;

use bythos_api::helmrelease::{
    DriftMode, HelmRelease, HelmReleaseSpec, HelmReleaseStatus, ReleaseAction, RemediationStrategy,
};
use bythos_helm::release::History;

use super::report::Failure;
use super::state::{Standing, State};
use super::{Run, report, snapshot};
use crate::condition::{Reason, Truth, Type};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Install,
    Upgrade,
    /// Goes on with what was stopped.
    Resume,
    /// Takes note of what was tried.
    Recognize,
    /// Says of what was stopped that it failed.
    Unlock,
    Test,
    /// Brings this revision back.
    RollBack(i64),
    /// Takes a failed release away.
    Uninstall,
    CorrectDrift,
}

/// What an action is for: in one run, nothing is done twice for the same end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Release,
    Remediate,
    Test,
    Unlock,
    Resume,
    Drift,
}

/// What follows.
#[derive(Debug)]
pub(super) enum Decision {
    Done,
    Act(Action),
    /// Nothing can be done any more.
    Stall(Failure),
}

impl Action {
    pub(super) fn role(self) -> Role {
        match self {
            Action::Install | Action::Upgrade => Role::Release,
            Action::Resume | Action::Recognize => Role::Resume,
            Action::Unlock => Role::Unlock,
            Action::Test => Role::Test,
            Action::RollBack(_) | Action::Uninstall => Role::Remediate,
            Action::CorrectDrift => Role::Drift,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Action::Install => "install",
            Action::Upgrade => "upgrade",
            Action::Resume => "resume",
            Action::Recognize => "recognize",
            Action::Unlock => "unlock",
            Action::Test => "test",
            Action::RollBack(_) => "rollback",
            Action::Uninstall => "uninstall",
            Action::CorrectDrift => "correct cluster drift",
        }
    }

    /// What the status is to say that was tried; a remedy changes nothing in that.
    pub(super) fn release_action(self) -> Option<ReleaseAction> {
        match self {
            Action::Install => Some(ReleaseAction::Install),
            Action::Upgrade => Some(ReleaseAction::Upgrade),
            _ => None,
        }
    }

    /// How long each of its waits may take.
    pub(super) fn timeout(self, spec: &HelmReleaseSpec) -> Duration {
        let own = match self {
            Action::Install => spec.install.as_ref().and_then(|it| it.timeout),
            Action::Upgrade => spec.upgrade.as_ref().and_then(|it| it.timeout),
            Action::Test => spec.test.as_ref().and_then(|it| it.timeout),
            Action::RollBack(_) => spec.rollback.as_ref().and_then(|it| it.timeout),
            Action::Uninstall => spec.uninstall.as_ref().and_then(|it| it.timeout),
            Action::Resume | Action::Recognize | Action::Unlock | Action::CorrectDrift => None,
        };
        own.map_or_else(|| spec.timeout(), |timeout| timeout.0)
    }
}

/// The remedy for the action that was tried last.
struct Remediation {
    retries: i64,
    failures: i64,
    ignores_tests: bool,
    remedies_last: bool,
    strategy: RemediationStrategy,
}

fn remediation(object: &HelmRelease, status: &HelmReleaseStatus, action: ReleaseAction) -> Remediation {
    let spec = &object.spec;
    let default = spec.test.as_ref().is_some_and(|test| test.ignore_failures);
    if action == ReleaseAction::Install {
        let given = spec.install.as_ref().and_then(|it| it.remediation.clone()).unwrap_or_default();
        return Remediation {
            retries: given.retries,
            failures: status.install_failures,
            ignores_tests: given.ignore_test_failures.unwrap_or(default),
            remedies_last: given.remediate_last_failure.unwrap_or(false),
            strategy: RemediationStrategy::Uninstall,
        };
    }
    let given = spec.upgrade.as_ref().and_then(|it| it.remediation.clone()).unwrap_or_default();
    Remediation {
        retries: given.retries,
        failures: status.upgrade_failures,
        ignores_tests: given.ignore_test_failures.unwrap_or(default),
        remedies_last: given.remediate_last_failure.unwrap_or(given.retries > 0),
        strategy: given.strategy.unwrap_or_default(),
    }
}

impl Remediation {
    fn is_exhausted(&self) -> bool {
        self.retries >= 0 && self.failures > self.retries
    }
}

fn active(object: &HelmRelease, status: &HelmReleaseStatus) -> Option<Remediation> {
    status.last_attempted_release_action.map(|action| remediation(object, status, action))
}

/// How long to wait before the action that was tried last is tried again, where no remedy is to come.
pub(super) fn retry_after(object: &HelmRelease, status: &HelmReleaseStatus) -> Option<Duration> {
    let strategy = match status.last_attempted_release_action? {
        ReleaseAction::Install => object.spec.install.as_ref()?.strategy.as_ref(),
        _ => object.spec.upgrade.as_ref()?.strategy.as_ref(),
    };
    strategy?.retry_after()
}

/// Whether failed tests are no failure.
pub(super) fn ignores_tests(object: &HelmRelease, status: &HelmReleaseStatus) -> bool {
    let default = object.spec.test.as_ref().is_some_and(|test| test.ignore_failures);
    active(object, status).map_or(default, |remediation| remediation.ignores_tests)
}

/// Whether the action that was tried last may not be tried again.
pub(super) fn is_exhausted(object: &HelmRelease, status: &HelmReleaseStatus) -> bool {
    active(object, status).is_some_and(|remediation| remediation.is_exhausted())
}

/// Whether a failed upgrade was taken away: an install follows, whatever the retries.
pub(super) fn uninstalls_after_upgrade(object: &HelmRelease, status: &HelmReleaseStatus) -> bool {
    status.last_attempted_release_action == Some(ReleaseAction::Upgrade)
        && active(object, status).is_some_and(|it| it.strategy == RemediationStrategy::Uninstall)
}

/// The failure of everything that may be tried.
pub(super) fn exhausted(object: &HelmRelease, status: &HelmReleaseStatus) -> Failure {
    let action = status.last_attempted_release_action.unwrap_or(ReleaseAction::Install);
    let attempts = active(object, status).map_or(0, |remediation| remediation.failures);
    Failure::Exhausted { action: action.name(), attempts }
}

impl Run<'_> {
    /// What follows; what the status says of the state is brought up to it.
    pub(super) fn decide(&mut self, state: &State, is_forced: bool) -> Decision {
        match &state.standing {
            Standing::InSync => self.when_in_sync(is_forced),
            Standing::Stopped | Standing::Leaving => Decision::Act(Action::Resume),
            Standing::Unseen | Standing::RolledBack => Decision::Act(Action::Recognize),
            Standing::Locked => Decision::Act(Action::Unlock),
            Standing::Absent => self.unless_exhausted(ReleaseAction::Install, Action::Install, is_forced),
            Standing::OutOfSync => self.unless_exhausted(ReleaseAction::Upgrade, Action::Upgrade, is_forced),
            Standing::Unmanaged => {
                self.status.history.clear();
                Decision::Act(Action::Upgrade)
            }
            Standing::Drifted(_) if self.object.spec.drift_mode() == DriftMode::Enabled => {
                Decision::Act(Action::CorrectDrift)
            }
            Standing::Drifted(_) => Decision::Done,
            Standing::Untested => {
                self.forget_remedy();
                Decision::Act(Action::Test)
            }
            Standing::Failed => self.when_failed(&state.history, is_forced),
        }
    }

    fn unless_exhausted(&self, tried: ReleaseAction, action: Action, is_forced: bool) -> Decision {
        if remediation(self.object, &self.status, tried).is_exhausted() && !is_forced {
            return Decision::Stall(exhausted(self.object, &self.status));
        }
        Decision::Act(action)
    }

    fn when_in_sync(&mut self, is_forced: bool) -> Decision {
        if retry_after(self.object, &self.status).is_some() {
            snapshot::truncate_all(&mut self.status.history);
        } else {
            let ignores = ignores_tests(self.object, &self.status);
            snapshot::truncate(&mut self.status.history, ignores);
        }
        if is_forced {
            return Decision::Act(Action::Upgrade);
        }
        self.forget_remedy();
        self.say_in_sync();
        if self.object.spec.drift_mode() != DriftMode::Disabled {
            let message = "No drift detected against the cluster state";
            let mut conditions = report::conditions(self.object, &mut self.status);
            conditions.mark(Type::Drifted, Truth::False, Reason::NoDriftDetected, message);
        }
        Decision::Done
    }

    /// A revision that was brought back and is what is wished now needs no release, and is no remedy any more.
    fn forget_remedy(&mut self) {
        let is_remedied =
            bythos_operator::condition::is_true(&self.status.conditions, Type::Remediated.as_str());
        if !is_remedied {
            return;
        }
        let message = self.success_message(ReleaseAction::Upgrade);
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.clear(Type::Remediated);
        conditions.mark(Type::Released, Truth::True, Reason::UpgradeSucceeded, message);
    }

    /// What was said of a failure is set right by a state that is as it should be.
    fn say_in_sync(&mut self) {
        let released = bythos_operator::condition::get(&self.status.conditions, Type::Released.as_str());
        let is_other = |reason: Reason| released.is_some_and(|it| it.reason == reason.as_str());
        let (action, reason) = if is_other(Reason::InstallFailed) {
            (ReleaseAction::Install, Reason::InstallSucceeded)
        } else if is_other(Reason::UpgradeFailed) {
            (ReleaseAction::Upgrade, Reason::UpgradeSucceeded)
        } else {
            return;
        };
        let message = self.success_message(action);
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.mark(Type::Released, Truth::True, reason, message);
    }

    fn when_failed(&mut self, history: &History, is_forced: bool) -> Decision {
        if retry_after(self.object, &self.status).is_some() {
            snapshot::truncate_all(&mut self.status.history);
            return Decision::Act(Action::Upgrade);
        }
        let Some(remediation) = active(self.object, &self.status) else {
            return Decision::Act(Action::Upgrade);
        };
        // Without a failure, what it came from must have changed.
        if remediation.failures <= 0 || is_forced {
            return Decision::Act(Action::Upgrade);
        }
        if remediation.is_exhausted() && !remediation.remedies_last {
            return Decision::Stall(exhausted(self.object, &self.status));
        }
        snapshot::truncate(&mut self.status.history, remediation.ignores_tests);
        match remediation.strategy {
            RemediationStrategy::Uninstall => Decision::Act(Action::Uninstall),
            RemediationStrategy::Rollback => self.roll_back(history, remediation.ignores_tests),
        }
    }

    fn roll_back(&self, history: &History, ignores_tests: bool) -> Decision {
        let Some(previous) = snapshot::previous(&self.status.history, ignores_tests) else {
            return Decision::Stall(Failure::NoRollbackTarget);
        };
        match history.revision(previous.version) {
            Some(record) if snapshot::is_of(previous, record) => {
                Decision::Act(Action::RollBack(previous.version))
            }
            // What it was before is not what is there now: only a new try can help.
            _ => Decision::Act(Action::Upgrade),
        }
    }
}
