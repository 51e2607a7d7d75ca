//! The tests of a release.

use bythos_api::helmrelease::Snapshot;
use bythos_helm::plan;
use bythos_helm::release::History;
use bythos_operator::event::Severity;

use super::ask;
use crate::condition::{Reason, Truth, Type};
use crate::helmrelease::report::{self, Failure};
use crate::helmrelease::{Run, Wish, decide, snapshot};
use crate::release::{ActionError, Releases, only_chosen};

impl Run<'_> {
    pub(super) async fn test(
        &mut self,
        wish: &Wish,
        releases: &Releases<'_>,
        before: History,
    ) -> Result<(), Failure> {
        let filters = self.object.spec.test.as_ref().map(|test| test.filters.clone()).unwrap_or_default();
        let options = ask::test(&self.object.spec);
        let plan = plan::test(&wish.name, &before, &options);
        drop(before);
        let done = match plan {
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

    pub(super) async fn say_tested(&mut self, done: Result<(), ActionError>) -> Result<(), Failure> {
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
}
