//! Does what was decided, and says in conditions and events how it went. The words are those of Flux.

mod ask;

use std::sync::Arc;
use std::time::Instant;

use bythos_api::flux::GoDuration;
use bythos_api::helmrelease::{ReleaseAction, Snapshot};
use bythos_api::kustomization::ResourceInventory;
use bythos_helm::plan::{self, ValuesPolicy, upgrade_values};
use bythos_helm::release::{Change, History, ReleaseRecord, Status};
use bythos_helm::{Chart, Release};
use bythos_operator::event::Severity;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use tracing::info;

use super::decide::{self, Action};
use super::postrender::PostRender;
use super::report::{self, Failure};
use super::state::{Standing, State};
use super::{Run, Wish, shorten, snapshot};
use crate::condition::{Reason, Truth, Type};
use crate::kustomization::Id;
use crate::release::{
    ActionError, ChartNames, Definitions, Releases, Wish as RenderWish, only_chosen, short_name,
};

impl Run<'_> {
    /// An error is a failure of which nothing is left in the cluster, or which is no failure of the release.
    pub(super) async fn act(
        &mut self,
        action: &Action,
        wish: &Wish,
        releases: &Releases<'_>,
        state: &State,
    ) -> Result<(), Failure> {
        let before = &state.history;
        let done = match action {
            Action::Install => self.make(ReleaseAction::Install, wish, releases, before).await,
            Action::Upgrade => self.make(ReleaseAction::Upgrade, wish, releases, before).await,
            Action::Resume => self.resume(wish, releases, before).await,
            Action::Recognize => self.recognize(before),
            Action::Unlock => self.unlock(wish, releases, before).await,
            Action::Test => self.test(wish, releases, before).await,
            Action::RollBack(revision) => self.roll_back_to(*revision, wish, releases, before).await,
            Action::Uninstall => self.remedy_by_uninstall(releases, before).await,
            Action::CorrectDrift => match &state.standing {
                Standing::Drifted(differences) => self.correct(differences, releases).await,
                _ => Ok(()),
            },
        };
        report::summarize(self.object, &mut self.status, Some(wish));
        done
    }

    /// An install or an upgrade.
    async fn make(
        &mut self,
        action: ReleaseAction,
        wish: &Wish,
        releases: &Releases<'_>,
        before: &History,
    ) -> Result<(), Failure> {
        if action == ReleaseAction::Install {
            // An install never goes back to what was before it.
            self.status.history.clear();
        }
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.clear(Type::TestSuccess);
        conditions.clear(Type::Remediated);
        let began = Instant::now();
        let done = self.carried_out(action, wish, releases, before).await;
        self.status.last_attempted_release_action_duration = Some(GoDuration(began.elapsed()));
        self.after_release(action, wish, releases, before, done).await
    }

    async fn carried_out(
        &self,
        action: ReleaseAction,
        wish: &Wish,
        releases: &Releases<'_>,
        before: &History,
    ) -> Result<(), ActionError> {
        let spec = &self.object.spec;
        let (values, chart) = self.values_for(action, wish, before)?;
        let release = Release {
            name: wish.name.clone(),
            namespace: wish.namespace.clone(),
            revision: if action == ReleaseAction::Install { 1 } else { before.next_revision() },
            is_upgrade: action == ReleaseAction::Upgrade,
        };
        let owner = (self.object.name_any(), self.object.namespace().unwrap_or_default());
        let definitions = Definitions { policy: ask::crd_policy(spec, action), labels: ask::origin(&owner) };
        let finish = Some(PostRender::of(spec, owner).finish());
        let render = RenderWish { chart, values, release, definitions, finish };
        let record = {
            let _turn = self.context.renderers.acquire().await;
            releases.render(render).await?.record
        };
        match action {
            ReleaseAction::Install => {
                releases.install(before, record, &ask::install(spec)).await?;
            }
            _ => {
                releases.upgrade(before, record, &ask::upgrade(spec, before)).await?;
            }
        }
        Ok(())
    }

    fn values_for(
        &self,
        action: ReleaseAction,
        wish: &Wish,
        before: &History,
    ) -> Result<(serde_json::Map<String, serde_json::Value>, Arc<Chart>), ActionError> {
        let current = before.deployed().or_else(|| before.last());
        match current.filter(|_| wish.preserves_values && action == ReleaseAction::Upgrade) {
            Some(current) => {
                let values = upgrade_values(ValuesPolicy::Reuse, current, wish.values.clone());
                let values = values.map_err(|error| ActionError::Render(error.into()))?;
                let chart = values.chart(&wish.chart);
                Ok((values.values, Arc::new(chart)))
            }
            None => Ok((wish.values.clone(), Arc::clone(&wish.chart))),
        }
    }

    /// Takes in what became of the records, and says it.
    async fn after_release(
        &mut self,
        action: ReleaseAction,
        wish: &Wish,
        releases: &Releases<'_>,
        before: &History,
        done: Result<(), ActionError>,
    ) -> Result<(), Failure> {
        let after = self.look(wish, releases).await?;
        let has_changed = newest(before) != newest(&after);
        if has_changed {
            snapshot::remember(&mut self.status, &after, Some(action));
            if let Some(last) = after.last() {
                self.status.inventory = Some(inventory(last, releases).await);
            }
        }
        match done {
            Ok(()) => {
                self.say_released(action).await;
                Ok(())
            }
            Err(error) => {
                let message = self.say_not_released(action, wish, &error.words()).await;
                if !has_changed {
                    return Err(Failure::Action { message });
                }
                self.count_failure(action);
                Ok(())
            }
        }
    }

    async fn look(&self, wish: &Wish, releases: &Releases<'_>) -> Result<History, Failure> {
        let found = releases.history(&wish.name).await;
        found.map_err(|error| Failure::State { words: bythos_operator::error_chain(&error) })
    }

    fn count_failure(&mut self, action: ReleaseAction) {
        match action {
            ReleaseAction::Install => self.status.install_failures += 1,
            _ => self.status.upgrade_failures += 1,
        }
    }

    async fn say_released(&mut self, action: ReleaseAction) {
        let message = self.success_message(action);
        let reason = match action {
            ReleaseAction::Install => Reason::InstallSucceeded,
            _ => Reason::UpgradeSucceeded,
        };
        let awaits_tests = self.object.spec.test.as_ref().is_some_and(|test| test.enable)
            && self.status.latest().is_some_and(|latest| !latest.has_been_tested());
        let awaiting = self.status.latest().map(|latest| {
            let (name, chart) = (latest.full_name(), latest.versioned_chart());
            format!("Helm release {name} with chart {chart} is awaiting tests")
        });
        if decide::retry_after(self.object, &self.status).is_some() {
            self.status.clear_failures();
        }
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.mark(Type::Released, Truth::True, reason, message.as_str());
        if let Some(awaiting) = awaiting.filter(|_| awaits_tests) {
            conditions.mark(Type::TestSuccess, Truth::Unknown, Reason::AwaitingTests, awaiting);
        }
        self.publish(Severity::Normal, reason, &message).await;
    }

    /// Returns what was said.
    async fn say_not_released(&mut self, action: ReleaseAction, wish: &Wish, words: &str) -> String {
        let (verb, reason) = match action {
            ReleaseAction::Install => ("install", Reason::InstallFailed),
            _ => ("upgrade", Reason::UpgradeFailed),
        };
        let Wish { name, namespace, chart, .. } = wish;
        let chart = format!("{}@{}", chart.metadata.name, chart.metadata.version);
        let message =
            format!("Helm {verb} failed for release {namespace}/{name} with chart {chart}: {words}");
        self.status.failures += 1;
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.mark(Type::Released, Truth::False, reason, message.as_str());
        self.publish(Severity::Warning, reason, &message).await;
        message
    }

    /// In Flux' words, of the newest revision.
    pub(super) fn success_message(&self, action: ReleaseAction) -> String {
        let verb = match action {
            ReleaseAction::Install => "install",
            _ => "upgrade",
        };
        let (name, chart) = self.latest_words();
        format!("Helm {verb} succeeded for release {name} with chart {chart}")
    }

    fn latest_words(&self) -> (String, String) {
        let latest = self.status.latest();
        latest.map(|latest| (latest.full_name(), latest.versioned_chart())).unwrap_or_default()
    }

    async fn publish(&self, severity: Severity, reason: Reason, message: &str) {
        let log = self.log.take();
        let text = match log.is_empty() {
            true => message.to_owned(),
            false => format!("{message}\n\nLast Helm logs:\n\n{log}"),
        };
        info!(namespace = self.object.namespace(), name = self.object.name_any(), message, "release");
        self.context.events.publish(self.object, severity, reason.as_str(), &shorten(text)).await;
    }

    /// Goes on with what was stopped.
    async fn resume(
        &mut self,
        wish: &Wish,
        releases: &Releases<'_>,
        before: &History,
    ) -> Result<(), Failure> {
        let Some(last) = before.last() else { return Ok(()) };
        let spec = &self.object.spec;
        let status = last.info.status;
        let options = match status {
            Status::PendingInstall => ask::install(spec).options,
            Status::PendingRollback => ask::rollback(spec, last.apply_method),
            _ => ask::upgrade(spec, before).options,
        };
        let done = releases.resume(before, &options, &ask::uninstall(spec)).await.map(drop);
        match status {
            Status::PendingInstall => {
                self.after_release(ReleaseAction::Install, wish, releases, before, done).await
            }
            Status::PendingRollback => {
                let revision = last.info.rollback_revision;
                self.after_rollback(revision, wish, releases, before, done).await
            }
            Status::Uninstalling => self.after_uninstall_remedy(releases, before, done).await,
            _ => self.after_release(ReleaseAction::Upgrade, wish, releases, before, done).await,
        }
    }

    /// Takes note of a revision of which nobody saw the end.
    fn recognize(&mut self, before: &History) -> Result<(), Failure> {
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

    /// Says of what was begun with another wish, and stopped, that it failed.
    async fn unlock(
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

    async fn test(&mut self, wish: &Wish, releases: &Releases<'_>, before: &History) -> Result<(), Failure> {
        let filters = self.object.spec.test.as_ref().map(|test| test.filters.clone()).unwrap_or_default();
        let options = ask::test(&self.object.spec);
        let done = match plan::test(&wish.name, before, &options) {
            Ok(mut plan) => {
                only_chosen(&mut plan, &filters);
                releases.carried(plan).await.map(drop)
            }
            Err(error) => Err(error.into()),
        };
        let after = self.look(wish, releases).await?;
        if let (Some(latest), Some(last)) = (self.status.history.first_mut(), after.last())
            && latest.version == last.revision
        {
            snapshot::remember_tests(latest, last, &filters);
        }
        self.say_tested(done).await
    }

    async fn say_tested(&mut self, done: Result<(), ActionError>) -> Result<(), Failure> {
        let (name, chart) = self.latest_words();
        let what = format!("for release {name} with chart {chart}");
        let count = self.status.latest().and_then(|it| it.test_hooks.as_ref()).map_or(0, |tests| tests.len());
        let Err(error) = done else {
            let ran = match count {
                0 => "no test hooks".to_owned(),
                1 => "1 test hook completed successfully".to_owned(),
                count => format!("{count} test hooks completed successfully"),
            };
            let message = format!("Helm test succeeded {what}: {ran}");
            let mut conditions = report::conditions(self.object, &mut self.status);
            conditions.mark(Type::TestSuccess, Truth::True, Reason::TestSucceeded, message.as_str());
            self.publish(Severity::Normal, Reason::TestSucceeded, &message).await;
            return Ok(());
        };
        let message = format!("Helm test failed {what}: {}", error.words());
        self.status.failures += 1;
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.mark(Type::TestSuccess, Truth::False, Reason::TestFailed, message.as_str());
        self.publish(Severity::Warning, Reason::TestFailed, &message).await;
        if !self.status.latest().is_some_and(Snapshot::has_been_tested) {
            return Err(Failure::Action { message });
        }
        if let Some(action) = self.status.last_attempted_release_action
            && !decide::ignores_tests(self.object, &self.status)
        {
            self.count_failure(action);
        }
        Ok(())
    }

    async fn roll_back_to(
        &mut self,
        revision: i64,
        wish: &Wish,
        releases: &Releases<'_>,
        before: &History,
    ) -> Result<(), Failure> {
        let target = before.revision(revision).map(|record| record.apply_method).unwrap_or_default();
        let options = ask::rollback(&self.object.spec, target);
        let request = plan::Rollback { options, revision: Some(revision) };
        let done = match plan::rollback(&wish.name, before, &request, Timestamp::now()) {
            Ok(plan) => releases.carried(plan).await.map(drop),
            Err(error) => Err(error.into()),
        };
        self.after_rollback(revision, wish, releases, before, done).await
    }

    async fn after_rollback(
        &mut self,
        revision: i64,
        wish: &Wish,
        releases: &Releases<'_>,
        before: &History,
        done: Result<(), ActionError>,
    ) -> Result<(), Failure> {
        let after = self.look(wish, releases).await?;
        let has_changed = newest(before) != newest(&after);
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

    async fn remedy_by_uninstall(
        &mut self,
        releases: &Releases<'_>,
        before: &History,
    ) -> Result<(), Failure> {
        let Some(last) = before.last() else { return Ok(()) };
        let request = ask::uninstall(&self.object.spec);
        let done = releases.uninstall(before, &last.name, &request).await.map(drop);
        self.after_uninstall_remedy(releases, before, done).await
    }

    async fn after_uninstall_remedy(
        &mut self,
        releases: &Releases<'_>,
        before: &History,
        done: Result<(), ActionError>,
    ) -> Result<(), Failure> {
        let Some(last) = before.last() else { return Ok(()) };
        let after = releases.history(&last.name).await;
        let after = after.map_err(|error| Failure::State { words: bythos_operator::error_chain(&error) })?;
        let has_changed = newest(before) != newest(&after);
        let action = ReleaseAction::UninstallRemediation;
        snapshot::forget(&mut self.status, &after, action, Timestamp::now());
        if done.is_ok() {
            self.status.inventory = None;
        }
        let chart = ChartNames::of(last).versioned();
        let name = format!("{}/{}.v{}", last.namespace, last.name, last.revision);
        let what = format!(
            "Helm uninstall remediation for release {name} with chart {}@{}",
            chart.name, chart.version
        );
        let reasons = (Reason::UninstallSucceeded, Reason::UninstallFailed);
        self.say_remedied(&what, reasons, done, has_changed).await
    }

    async fn say_remedied(
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
    pub(super) async fn uninstall(&mut self, releases: &Releases<'_>) -> Result<(), Failure> {
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
        } else if let Err(error) = releases.uninstall(&before, &release, &request).await {
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

/// What tells whether an action came as far as the records.
fn newest(history: &History) -> Option<(i64, Status)> {
    history.last().map(|last| (last.revision, last.info.status))
}

/// The objects of a revision. One whose kind is not served, which cannot be, is listed as it names itself.
async fn inventory(record: &ReleaseRecord, releases: &Releases<'_>) -> ResourceInventory {
    let objects = plan::objects(record).unwrap_or_default();
    let mut entries = Vec::new();
    for object in objects {
        let key = &object.key;
        let is_namespaced = releases.way_to(key).await.is_ok_and(|way| way.kind.namespaced);
        let id = Id {
            group: key.group().to_owned(),
            kind: key.kind.clone(),
            namespace: if is_namespaced { key.namespace.clone() } else { String::new() },
            name: key.name.clone(),
        };
        entries.push(id.entry(key.api_version.rsplit('/').next().unwrap_or_default()));
    }
    ResourceInventory { entries }
}
