//! The revisions of one release.

use std::sync::Arc;

use super::{ReleaseRecord, Status};

/// The revisions of one release, the oldest first.
#[derive(Debug, Clone, Default)]
pub struct History(Vec<Arc<ReleaseRecord>>);

impl History {
    /// In any order.
    pub fn new(records: impl IntoIterator<Item = ReleaseRecord>) -> History {
        let mut records: Vec<_> = records.into_iter().map(Arc::new).collect();
        records.sort_by_key(|record| record.revision);
        History(records)
    }

    /// All, the oldest first.
    pub fn records(&self) -> &[Arc<ReleaseRecord>] {
        &self.0
    }

    /// The newest.
    pub fn last(&self) -> Option<&Arc<ReleaseRecord>> {
        self.0.last()
    }

    /// The one of that number.
    pub fn revision(&self, revision: i64) -> Option<&Arc<ReleaseRecord>> {
        self.0.iter().find(|record| record.revision == revision)
    }

    /// All that say they are deployed, the newest first. There should be one; two that wrote at once may leave more.
    pub fn all_deployed(&self) -> impl Iterator<Item = &Arc<ReleaseRecord>> {
        self.0.iter().rev().filter(|record| record.info.status == Status::Deployed)
    }

    /// What the cluster has.
    pub fn deployed(&self) -> Option<&Arc<ReleaseRecord>> {
        self.all_deployed().next()
    }

    /// What an upgrade after `last` starts from: `last`, if it is deployed, else what is; and if nothing is, `last`, if
    /// it failed or was superseded.
    pub(crate) fn current<'h>(&'h self, last: &'h Arc<ReleaseRecord>) -> Option<&'h Arc<ReleaseRecord>> {
        if last.info.status == Status::Deployed {
            return Some(last);
        }
        let is_left = matches!(last.info.status, Status::Failed | Status::Superseded);
        self.deployed().or(is_left.then_some(last))
    }

    /// The newest revision that once was deployed: what a failed upgrade goes back to.
    pub fn last_successful(&self) -> Option<&Arc<ReleaseRecord>> {
        let is_success = |status| matches!(status, Status::Superseded | Status::Deployed);
        self.0.iter().rev().find(|record| is_success(record.info.status))
    }

    /// Whether `upgrade --install` must install: there is nothing, or it was taken away.
    pub fn wants_install(&self) -> bool {
        self.last().is_none_or(|last| last.info.status == Status::Uninstalled)
    }

    /// The number of the next revision.
    pub fn next_revision(&self) -> i64 {
        self.last().map_or(1, |last| last.revision + 1)
    }

    /// The records to delete before one more is made, so that no more than `max` are left; 0 is no limit. What is
    /// deployed is kept, however old.
    pub fn surplus(&self, max: usize) -> Vec<i64> {
        let Some(room) = max.checked_sub(1) else { return Vec::new() };
        let count = self.0.len().saturating_sub(room);
        let deployed = self.deployed().map(|record| record.revision);
        let old = self.0.iter().map(|record| record.revision).filter(|revision| Some(*revision) != deployed);
        old.take(count).collect()
    }

    /// The history before a revision.
    pub(crate) fn before(&self, revision: i64) -> History {
        History(self.0.iter().filter(|record| record.revision < revision).map(Arc::clone).collect())
    }
}
