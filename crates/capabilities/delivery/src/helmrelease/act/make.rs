//! Installs and upgrades.

use std::sync::Arc;
use std::time::Instant;

use bythos_api::flux::GoDuration;
use bythos_api::helmrelease::ReleaseAction;
use bythos_helm::plan::{ValuesPolicy, upgrade_values};
use bythos_helm::release::History;
use bythos_helm::set::UserValues;
use bythos_helm::{Chart, Notes, Release};
use bythos_operator::event::Severity;
use kube::ResourceExt as _;

use super::{Newest, ask, inventory, newest};
use crate::condition::{Reason, Truth, Type};
use crate::helmrelease::postrender::PostRender;
use crate::helmrelease::report::{self, Failure};
use crate::helmrelease::{Run, Wish, decide, snapshot};
use crate::release::{ActionError, Definitions, Releases, Wish as RenderWish};

impl Run<'_> {
    /// An install or an upgrade.
    pub(super) async fn make(
        &mut self,
        action: ReleaseAction,
        wish: &Wish,
        releases: &Releases<'_>,
        before: History,
    ) -> Result<(), Failure> {
        let was = newest(&before);
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
        self.after_release(action, wish, releases, was, done).await
    }

    pub(super) async fn carried_out(
        &self,
        action: ReleaseAction,
        wish: &Wish,
        releases: &Releases<'_>,
        before: History,
    ) -> Result<(), ActionError> {
        let spec = &self.object.spec;
        let (values, chart) = self.values_for(action, wish, &before)?;
        let release = Release {
            name: wish.name.clone(),
            namespace: wish.namespace.clone(),
            revision: if action == ReleaseAction::Install { 1 } else { before.next_revision() },
            is_upgrade: action == ReleaseAction::Upgrade,
        };
        let owner = (self.object.name_any(), self.object.namespace().unwrap_or_default());
        let definitions = Definitions {
            policy: ask::crd_policy(spec, action),
            labels: ask::origin(&owner),
            leaves_out_others: true,
        };
        let finish = Some(PostRender::of(spec, owner).finish());
        let render = RenderWish {
            chart,
            values,
            release,
            definitions,
            schemas: ask::schemas(spec, action),
            notes: Notes::default(),
            enable_dns: false,
            finish,
        };
        let record = {
            let _turn = self.context.renderers.acquire().await;
            releases.render(render).await?
        };
        match action {
            ReleaseAction::Install => {
                releases.install(before, record, &ask::install(spec)).await?;
            }
            _ => {
                let request = ask::upgrade(spec, &before);
                releases.upgrade(before, record, &request).await?;
            }
        }
        Ok(())
    }

    pub(super) fn values_for(
        &self,
        action: ReleaseAction,
        wish: &Wish,
        before: &History,
    ) -> Result<(UserValues, Arc<Chart>), ActionError> {
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
    pub(super) async fn after_release(
        &mut self,
        action: ReleaseAction,
        wish: &Wish,
        releases: &Releases<'_>,
        was: Newest,
        done: Result<(), ActionError>,
    ) -> Result<(), Failure> {
        let after = self.look(wish, releases).await?;
        let has_changed = was != newest(&after);
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

    pub(super) async fn say_released(&mut self, action: ReleaseAction) {
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
    pub(super) async fn say_not_released(
        &mut self,
        action: ReleaseAction,
        wish: &Wish,
        words: &str,
    ) -> String {
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
}
