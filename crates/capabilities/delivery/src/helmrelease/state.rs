//! How a release is, seen from what is wished.

use bythos_api::helmrelease::{DriftMode, HelmRelease, HelmReleaseStatus, Snapshot};
use bythos_helm::plan::{ValuesPolicy, upgrade_values};
use bythos_helm::release::{History, ReleaseRecord, Status};
use bythos_helm::set::UserValues;
use kube::{Resource as _, ResourceExt as _};

use super::chart::OWNER_NAME;
use super::drift::Difference;
use super::report::Failure;
use super::{Run, Wish, snapshot};
use crate::release::{ChartNames, Releases};

/// How a release is.
#[derive(Debug)]
pub(super) enum Standing {
    /// As it is wished.
    InSync,
    /// It is not there.
    Absent,
    /// Somebody else changed it: what this object remembers of it is worth nothing.
    Unmanaged,
    /// It was begun with the wish that holds, and stopped.
    Stopped,
    /// It is what this object tried last, and nobody saw the end.
    Unseen,
    /// It is the rollback with which this object made up for a failure, and nobody saw the end.
    RolledBack,
    /// It was begun with another wish, and stopped.
    Locked,
    /// It is being taken away, and that was stopped.
    Leaving,
    /// It is another chart, or has other values.
    OutOfSync,
    /// Objects are not as it left them.
    Drifted(Vec<Difference>),
    /// Its tests have not run.
    Untested,
    /// It failed, or a test of it did.
    Failed,
}

/// How a release is, and what is known of it.
pub(super) struct State {
    pub(super) standing: Standing,
    pub(super) history: History,
}

/// Whether the release that was made is another one than the one that is wished.
pub(super) fn has_moved(object: &HelmRelease, status: &HelmReleaseStatus, wish: &Wish) -> bool {
    let (Some(storage), Some(latest)) = (&status.storage_namespace, status.latest()) else { return false };
    let may_stay = object
        .spec
        .upgrade
        .as_ref()
        .is_some_and(|upgrade| upgrade.chart_name_change_strategy.as_deref() == Some("InPlaceUpdate"));
    *storage != object.storage_namespace()
        || latest.namespace != wish.namespace
        || latest.name != wish.name
        || (latest.chart_name != wish.chart.metadata.name && !may_stay)
}

/// Whether a record is of the chart and the values that are wished.
fn is_wished(record: &ReleaseRecord, wish: &Wish) -> Result<bool, Failure> {
    let chart = ChartNames::of(record);
    let is_chart = chart.name == wish.chart.metadata.name && chart.version == wish.chart.metadata.version;
    if !wish.preserves_values {
        return Ok(is_chart && snapshot::config_digest(&record.config) == wish.config_digest);
    }
    let merged = upgrade_values(ValuesPolicy::Reuse, record, wish.values.clone());
    let merged = merged.map_err(|error| Failure::State { words: error.to_string() })?;
    Ok(is_chart && merged.values.to_json() == UserValues::from(record.config.clone()).to_json())
}

impl Run<'_> {
    pub(super) async fn state(&self, wish: &Wish, releases: &Releases<'_>) -> Result<State, Failure> {
        let history = releases.history(&wish.name).await;
        let history =
            history.map_err(|error| Failure::State { words: bythos_operator::error_chain(&error) })?;
        let standing = self.standing(&history, wish, releases).await?;
        Ok(State { standing, history })
    }

    async fn standing(
        &self,
        history: &History,
        wish: &Wish,
        releases: &Releases<'_>,
    ) -> Result<Standing, Failure> {
        let Some(last) = history.last() else { return Ok(Standing::Absent) };
        let status = last.info.status;
        if status.is_pending() {
            let is_ours = status == Status::PendingRollback || is_wished(last, wish)?;
            return Ok(if is_ours { Standing::Stopped } else { Standing::Locked });
        }
        match (status, self.status.latest()) {
            (Status::Uninstalling, _) => Ok(Standing::Leaving),
            (Status::Uninstalled, _) => Ok(Standing::Absent),
            (_, latest)
                if latest.is_none_or(|latest| !snapshot::is_of(latest, last))
                    && self.is_last_attempt(last, wish)? =>
            {
                Ok(Standing::Unseen)
            }
            (_, None) => Ok(Standing::Unmanaged),
            (Status::Deployed, Some(latest)) if self.is_last_remedy(last, latest) => Ok(Standing::RolledBack),
            (_, Some(latest)) if !snapshot::is_of(latest, last) => Ok(Standing::Unmanaged),
            (Status::Failed, _) => Ok(Standing::Failed),
            (Status::Deployed, Some(latest)) => {
                if !is_wished(last, wish)? || self.has_other_postrender(wish) {
                    return Ok(Standing::OutOfSync);
                }
                if let Some(standing) = self.test_standing(latest) {
                    return Ok(standing);
                }
                self.drift_standing(last, releases).await
            }
            (other, _) => {
                let words = format!("unable to determine state for release with status '{other}'");
                Err(Failure::State { words })
            }
        }
    }

    /// Whether a record is what an earlier run tried before it was stopped: newer than what is remembered, of the wish that
    /// was noted before the attempt, and with objects that name this one.
    fn is_last_attempt(&self, record: &ReleaseRecord, wish: &Wish) -> Result<bool, Failure> {
        let noted = &self.began;
        let is_noted = noted.last_attempted_release_action.is_some()
            && noted.last_attempted_generation == self.object.meta().generation
            && noted.last_attempted_revision.as_ref() == Some(&wish.chart.metadata.version)
            && noted.last_attempted_config_digest.as_ref() == Some(&wish.config_digest);
        let is_newer = self.status.latest().is_none_or(|latest| latest.version < record.revision);
        let mark = format!("{OWNER_NAME}: {}\n", self.object.name_any());
        let is_marked = record.manifest.is_empty() || record.manifest.contains(&mark);
        Ok(is_noted && is_newer && is_marked && is_wished(record, wish)?)
    }

    /// Whether a record is the rollback that an earlier run carried out before it was stopped: the one after the revision
    /// that failed, back to the one that is remembered as good.
    fn is_last_remedy(&self, record: &ReleaseRecord, latest: &Snapshot) -> bool {
        let ignores_tests = super::decide::ignores_tests(self.object, &self.status);
        let good = snapshot::previous(&self.status.history, ignores_tests).map(|good| good.version);
        record.revision == latest.version + 1 && good == Some(record.info.rollback_revision)
    }

    /// Whether what is laid over the chart is not what it was at the last action. Only a new generation can tell.
    fn has_other_postrender(&self, wish: &Wish) -> bool {
        self.status.observed_generation != self.object.meta().generation
            && (self.status.observed_post_renderers_digest != wish.postrender.renderers
                || self.status.observed_common_metadata_digest != wish.postrender.common_metadata)
    }

    fn test_standing(&self, latest: &Snapshot) -> Option<Standing> {
        self.object.spec.test.as_ref().filter(|test| test.enable)?;
        if !latest.has_been_tested() {
            return Some(Standing::Untested);
        }
        let counts = !super::decide::ignores_tests(self.object, &self.status);
        (counts && latest.has_failed_test() && self.status.last_attempted_release_action.is_some())
            .then_some(Standing::Failed)
    }

    async fn drift_standing(
        &self,
        last: &ReleaseRecord,
        releases: &Releases<'_>,
    ) -> Result<Standing, Failure> {
        if self.object.spec.drift_mode() == DriftMode::Disabled {
            return Ok(Standing::InSync);
        }
        let differences = self.differences(last, releases).await?;
        Ok(if differences.is_empty() { Standing::InSync } else { Standing::Drifted(differences) })
    }
}
