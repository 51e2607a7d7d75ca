//! What was begun before, and stopped: gone on with, recognized, or unlocked.

use bythos_api::helmrelease::ReleaseAction;
use bythos_helm::release::{Change, History, Status};
use bythos_operator::event::Severity;

use super::{ask, newest};
use crate::condition::{Reason, Truth, Type};
use crate::helmrelease::report::{self, Failure};
use crate::helmrelease::{Run, Wish, snapshot};
use crate::release::{ChartNames, Releases};

impl Run<'_> {
    /// Goes on with what was stopped.
    pub(super) async fn resume(
        &mut self,
        wish: &Wish,
        releases: &Releases<'_>,
        before: History,
    ) -> Result<(), Failure> {
        let Some(last) = before.last().cloned() else { return Ok(()) };
        let (spec, was) = (&self.object.spec, newest(&before));
        let status = last.info.status;
        let options = match status {
            Status::PendingInstall => ask::install(spec).options,
            Status::PendingRollback => ask::rollback(spec, last.apply_method),
            _ => ask::upgrade(spec, &before).options,
        };
        let done = releases.resume(before, &options, &ask::uninstall(spec)).await.map(drop);
        match status {
            Status::PendingInstall => {
                self.after_release(ReleaseAction::Install, wish, releases, was, done).await
            }
            Status::PendingRollback => {
                let revision = last.info.rollback_revision;
                self.after_rollback(revision, wish, releases, was, done).await
            }
            Status::Uninstalling => self.after_uninstall_remedy(releases, &last, done).await,
            _ => self.after_release(ReleaseAction::Upgrade, wish, releases, was, done).await,
        }
    }

    /// Takes note of a revision of which nobody saw the end.
    pub(super) fn recognize(&mut self, before: &History) -> Result<(), Failure> {
        let action = self.status.last_attempted_release_action.unwrap_or(ReleaseAction::Upgrade);
        snapshot::remember(&mut self.status, before, Some(action));
        let Some(last) = before.last() else { return Ok(()) };
        let (truth, reason, message) = match (action, last.info.status) {
            (ReleaseAction::Install, Status::Failed) => {
                (Truth::False, Reason::InstallFailed, last.info.description.clone())
            }
            (_, Status::Failed) => (Truth::False, Reason::UpgradeFailed, last.info.description.clone()),
            (ReleaseAction::Install, _) => {
                (Truth::True, Reason::InstallSucceeded, self.success_message(action))
            }
            _ => (Truth::True, Reason::UpgradeSucceeded, self.success_message(action)),
        };
        if truth == Truth::False {
            self.status.failures += 1;
            self.count_failure(action);
        }
        report::conditions(self.object, &mut self.status).mark(Type::Released, truth, reason, message);
        Ok(())
    }

    /// Takes note of a rollback of which nobody saw the end.
    pub(super) async fn recognize_rollback(
        &mut self,
        wish: &Wish,
        releases: &Releases<'_>,
        before: &History,
    ) -> Result<(), Failure> {
        let Some(last) = before.last() else { return Ok(()) };
        self.after_rollback(last.info.rollback_revision, wish, releases, newest(before), Ok(())).await
    }

    /// Says of what was begun with another wish, and stopped, that it failed.
    pub(super) async fn unlock(
        &mut self,
        wish: &Wish,
        releases: &Releases<'_>,
        before: &History,
    ) -> Result<(), Failure> {
        let Some(last) = before.last() else { return Ok(()) };
        let status = last.info.status;
        let change = Change::Failed { description: format!("Release unlocked from stale '{status}' state") };
        let done = releases.records().change(&last.name, last.revision, &change).await;
        let after = self.look(wish, releases).await?;
        let is_known = self.status.history.iter().any(|it| it.version == last.revision);
        if is_known {
            snapshot::remember(&mut self.status, &after, None);
        }
        let chart = ChartNames::of(last).versioned();
        let name = format!("{}/{}.v{}", last.namespace, last.name, last.revision);
        let what = format!("Helm release {name} with chart {chart}");
        let (severity, message, failed) = match done {
            Ok(()) => (Severity::Normal, format!("Unlocked {what} in {status} state"), false),
            Err(error) => {
                let words = bythos_operator::error_chain(&error);
                (Severity::Warning, format!("Unlock of {what} in {status} state failed: {words}"), true)
            }
        };
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.mark(Type::Released, Truth::False, Reason::PendingRelease, message.as_str());
        self.publish(severity, Reason::PendingRelease, &message).await;
        if failed { Err(Failure::Action { message }) } else { Ok(()) }
    }
}
