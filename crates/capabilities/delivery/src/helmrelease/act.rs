//! Does what was decided, and says in conditions and events how it went. The words are those of Flux.

mod ask;
mod make;
mod remedy;
mod stopped;
mod test;

use bythos_api::helmrelease::ReleaseAction;
use bythos_api::kustomization::ResourceInventory;
use bythos_helm::plan;
use bythos_helm::release::{History, ReleaseRecord, Status};
use bythos_operator::event::{Publisher, Severity};
use kube::ResourceExt as _;
use tracing::info;

use super::decide::Action;
use super::report::{self, Failure};
use super::state::{Standing, State};
use super::{Run, Wish};
use crate::condition::Reason;
use crate::kustomization::Id;
use crate::release::Releases;

impl Run<'_> {
    /// An error is a failure of which nothing is left in the cluster, or which is no failure of the release.
    pub(super) async fn act(
        &mut self,
        action: &Action,
        wish: &Wish,
        releases: &Releases<'_>,
        state: State,
    ) -> Result<(), Failure> {
        let State { standing, history: before } = state;
        let done = match action {
            Action::Install => self.make(ReleaseAction::Install, wish, releases, before).await,
            Action::Upgrade => self.make(ReleaseAction::Upgrade, wish, releases, before).await,
            Action::Resume => self.resume(wish, releases, before).await,
            Action::Recognize => match standing {
                Standing::RolledBack => self.recognize_rollback(wish, releases, &before).await,
                _ => self.recognize(&before),
            },
            Action::Unlock => self.unlock(wish, releases, &before).await,
            Action::Test => self.test(wish, releases, before).await,
            Action::RollBack(revision) => self.roll_back_to(*revision, wish, releases, before).await,
            Action::Uninstall => self.remedy_by_uninstall(releases, before).await,
            Action::CorrectDrift => match &standing {
                Standing::Drifted(differences) => self.correct(differences, releases).await,
                _ => Ok(()),
            },
        };
        report::summarize(self.object, &mut self.status, Some(wish));
        done
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

    pub(super) async fn publish(&self, severity: Severity, reason: Reason, message: &str) {
        let log = self.log.take();
        let text = match log.is_empty() {
            true => message.to_owned(),
            false => format!("{message}\n\nLast Helm logs:\n\n{log}"),
        };
        info!(namespace = self.object.namespace(), name = self.object.name_any(), message, "release");
        self.events().publish(self.object, severity, reason.as_str(), &text).await;
    }

    /// Events name the chart's version and the digest of the values, as those of Flux do.
    pub(super) fn events(&self) -> Publisher {
        self.context.events.annotated(report::event_annotations(&self.status))
    }
}

/// What tells whether an action came as far as the records: the newest revision, and where it stands.
type Newest = Option<(i64, Status)>;

fn newest(history: &History) -> Newest {
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
