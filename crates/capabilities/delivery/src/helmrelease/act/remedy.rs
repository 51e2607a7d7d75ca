//! Remedies, and the end of a release.

use bythos_api::helmrelease::ReleaseAction;
use bythos_helm::plan;
use bythos_helm::release::{History, ReleaseRecord, Status};
use bythos_operator::event::Severity;
use k8s_openapi::jiff::Timestamp;

use super::{Newest, ask, inventory, newest};
use crate::condition::{Reason, Truth, Type};
use crate::helmrelease::report::{self, Failure};
use crate::helmrelease::{Run, Wish, snapshot};
use crate::release::{ActionError, ChartNames, Releases, short_name};

impl Run<'_> {
    pub(super) async fn roll_back_to(
        &mut self,
        revision: i64,
        wish: &Wish,
        releases: &Releases<'_>,
        before: History,
    ) -> Result<(), Failure> {
        let target = before.revision(revision).map(|record| record.apply_method).unwrap_or_default();
        let options = ask::rollback(&self.object.spec, target);
        let request = plan::Rollback { options, revision: Some(revision) };
        let was = newest(&before);
        let plan = plan::rollback(&wish.name, &before, &request, Timestamp::now());
        drop(before);
        let done = match plan {
            Ok(plan) => releases.carried(plan).await.map(drop),
            Err(error) => Err(error.into()),
        };
        self.after_rollback(revision, wish, releases, was, done).await
    }

    pub(super) async fn after_rollback(
        &mut self,
        revision: i64,
        wish: &Wish,
        releases: &Releases<'_>,
        was: Newest,
        done: Result<(), ActionError>,
    ) -> Result<(), Failure> {
        let after = self.look(wish, releases).await?;
        let has_changed = was != newest(&after);
        snapshot::remember(&mut self.status, &after, Some(ReleaseAction::Rollback));
        if let Some(last) = after.last() {
            self.status.inventory = Some(inventory(last, releases).await);
        }
        let target = after.revision(revision);
        let chart = target.map(|record| ChartNames::of(record).versioned()).unwrap_or_default();
        let name = format!("{}/{}.v{revision}", wish.namespace, wish.name);
        let what = format!("Helm rollback to previous release {name} with chart {chart}");
        let reasons = (Reason::RollbackSucceeded, Reason::RollbackFailed);
        self.say_remedied(&what, reasons, done, has_changed).await
    }

    pub(super) async fn remedy_by_uninstall(
        &mut self,
        releases: &Releases<'_>,
        before: History,
    ) -> Result<(), Failure> {
        let Some(last) = before.last().cloned() else { return Ok(()) };
        let request = ask::uninstall(&self.object.spec);
        let done = releases.uninstall(before, &last.name, &request).await.map(drop);
        self.after_uninstall_remedy(releases, &last, done).await
    }

    pub(super) async fn after_uninstall_remedy(
        &mut self,
        releases: &Releases<'_>,
        last: &ReleaseRecord,
        done: Result<(), ActionError>,
    ) -> Result<(), Failure> {
        let after = releases.history(&last.name).await;
        let after = after.map_err(|error| Failure::State { words: bythos_operator::error_chain(&error) })?;
        let has_changed = Some((last.revision, last.info.status)) != newest(&after);
        let action = ReleaseAction::UninstallRemediation;
        snapshot::forget(&mut self.status, &after, action, Timestamp::now());
        if done.is_ok() {
            self.status.inventory = None;
        }
        let chart = ChartNames::of(last).versioned();
        let name = format!("{}/{}.v{}", last.namespace, last.name, last.revision);
        let what = format!("Helm uninstall remediation for release {name} with chart {chart}");
        let reasons = (Reason::UninstallSucceeded, Reason::UninstallFailed);
        self.say_remedied(&what, reasons, done, has_changed).await
    }

    pub(super) async fn say_remedied(
        &mut self,
        what: &str,
        (succeeded, failed): (Reason, Reason),
        done: Result<(), ActionError>,
        has_changed: bool,
    ) -> Result<(), Failure> {
        let Err(error) = done else {
            let message = format!("{what} succeeded");
            let mut conditions = report::conditions(self.object, &mut self.status);
            conditions.mark(Type::Remediated, Truth::True, succeeded, message.as_str());
            self.publish(Severity::Normal, succeeded, &message).await;
            return Ok(());
        };
        let message = format!("{what} failed: {}", error.words());
        self.status.failures += 1;
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.mark(Type::Remediated, Truth::False, failed, message.as_str());
        self.publish(Severity::Warning, failed, &message).await;
        if has_changed { Ok(()) } else { Err(Failure::Action { message }) }
    }

    /// Takes the current release away, for good.
    pub(in crate::helmrelease) async fn uninstall(&mut self, releases: &Releases<'_>) -> Result<(), Failure> {
        // One that was stopped before it could be remembered is there nonetheless.
        let release = match (self.status.latest(), self.status.last_attempted_release_action) {
            (Some(latest), _) => latest.name.clone(),
            (None, Some(_)) => short_name(&self.object.release_name()),
            (None, None) => return Ok(()),
        };
        let before = releases.history(&release).await;
        let before =
            before.map_err(|error| Failure::State { words: bythos_operator::error_chain(&error) })?;
        snapshot::remember(&mut self.status, &before, None);
        let (name, chart) = self.latest_words();
        let request = ask::uninstall(&self.object.spec);
        let is_gone = match before.last().map(|last| last.info.status) {
            None => true,
            Some(Status::Uninstalled) => request.keep_history,
            Some(_) => false,
        };
        let message = if is_gone {
            format!("Release {name} was not found, assuming it is uninstalled")
        } else if let Err(error) = releases.uninstall(before, &release, &request).await {
            let message =
                format!("Helm uninstall failed for release {name} with chart {chart}: {}", error.words());
            self.status.failures += 1;
            let mut conditions = report::conditions(self.object, &mut self.status);
            conditions.mark(Type::Released, Truth::False, Reason::UninstallFailed, message.as_str());
            self.publish(Severity::Warning, Reason::UninstallFailed, &message).await;
            report::summarize(self.object, &mut self.status, None);
            return Err(Failure::Action { message });
        } else {
            format!("Helm uninstall succeeded for release {name} with chart {chart}")
        };
        self.status.inventory = None;
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.mark(Type::Released, Truth::False, Reason::UninstallSucceeded, message.as_str());
        self.publish(Severity::Normal, Reason::UninstallSucceeded, &message).await;
        Ok(())
    }
}
