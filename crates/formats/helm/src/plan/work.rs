//! What installs, upgrades and rollbacks have in common: from the record that says "pending" to the one that says
//! "deployed".

use std::sync::Arc;

use super::hooks::{Progress, Run};
use super::object::{Home, Object, keys, read_marked};
use super::options::{Options, Propagation, Wait};
use super::step::{Apply, DeleteIf, Manner, Step};
use super::{Action, Plan, PlanError};
use crate::manifest::HookEvent;
use crate::release::{ApplyMethod, Change, History, ReleaseRecord, Status};

/// Everything that the work on a pending record stands on.
pub(super) struct Work<'w> {
    pub(super) action: Action,
    pub(super) record: &'w Arc<ReleaseRecord>,
    /// What an upgrade or a rollback starts from.
    pub(super) original: Option<&'w ReleaseRecord>,
    pub(super) options: &'w Options,
    pub(super) progress: Progress,
}

impl Work<'_> {
    /// `first` and then the work.
    pub(super) fn plan(&self, first: Vec<Step>, last: Vec<Step>) -> Result<Plan, PlanError> {
        let mut steps = first;
        steps.extend(self.steps()?);
        steps.extend(last);
        steps.push(self.change(Change::Deployed { description: self.description() }));
        Ok(Plan {
            action: self.action,
            release: self.record.name.clone(),
            namespace: self.record.namespace.clone(),
            revision: self.record.revision,
            steps,
            record: Arc::clone(self.record),
            options: self.options.clone(),
            original: self.original.map(|original| original.revision),
        })
    }

    fn steps(&self) -> Result<Vec<Step>, PlanError> {
        let targets = read_marked(&self.record.manifest, home(self.record))?;
        let originals = match self.original {
            Some(original) => read_marked(&original.manifest, home(original))?,
            None => Vec::new(),
        };
        let (before, after) = self.events();
        let mut steps = self.hooks(before, None)?;
        let names = keys(&targets);
        let deletions = deletions(&originals, &targets);
        steps.extend(targets.into_iter().map(|target| Step::Apply(self.apply(target, &originals))));
        steps.extend(deletions);
        if self.options.wait() != Wait::Hooks {
            let with_jobs = self.options.wait() == Wait::ReadyAndJobsDone;
            steps.push(Step::AwaitReady { objects: names, with_jobs });
        }
        steps.extend(self.hooks(after, Some(before))?);
        Ok(steps)
    }

    fn events(&self) -> (HookEvent, HookEvent) {
        match self.action {
            Action::Upgrade => (HookEvent::PreUpgrade, HookEvent::PostUpgrade),
            Action::Rollback => (HookEvent::PreRollback, HookEvent::PostRollback),
            _ => (HookEvent::PreInstall, HookEvent::PostInstall),
        }
    }

    fn hooks(&self, event: HookEvent, earlier: Option<HookEvent>) -> Result<Vec<Step>, PlanError> {
        if self.options.no_hooks {
            return Ok(Vec::new());
        }
        let method = self.record.apply_method;
        Run { record: self.record, event, earlier, progress: self.progress, method }.steps()
    }

    fn apply(&self, target: Object, originals: &[Object]) -> Apply {
        let manner = match self.record.apply_method {
            ApplyMethod::ServerSide => Manner::ServerSide {
                force_conflicts: self.options.force_conflicts,
                takes_over: self.takes_over(),
            },
            ApplyMethod::ClientSide if self.options.force_replace => Manner::Replace,
            ApplyMethod::ClientSide => {
                let original = originals.iter().find(|original| original.key.is_same(&target.key));
                Manner::ThreeWay { previous: original.map(|original| Arc::clone(&original.value)) }
            }
        };
        Apply { object: target, manner }
    }

    fn takes_over(&self) -> bool {
        let was_client_side = |original: &ReleaseRecord| original.apply_method == ApplyMethod::ClientSide;
        self.action != Action::Upgrade || self.original.is_none_or(was_client_side)
    }

    fn description(&self) -> Option<String> {
        let default = match self.action {
            // It was set when the record was made.
            Action::Rollback => return None,
            Action::Upgrade => "Upgrade complete",
            _ => "Install complete",
        };
        Some(self.options.description.clone().unwrap_or_else(|| default.to_owned()))
    }

    fn change(&self, change: Change) -> Step {
        Step::ChangeRecord { revision: self.record.revision, change }
    }
}

/// What the revision before had and this one has not.
fn deletions(originals: &[Object], targets: &[Object]) -> Vec<Step> {
    let is_left = |original: &&Object| !targets.iter().any(|target| target.key.is_same(&original.key));
    let left = originals.iter().filter(is_left).filter(|object| !object.key.name.is_empty());
    let delete = |object: &Object| Step::Delete {
        object: object.key.clone(),
        only_if: DeleteIf::NotKept,
        propagation: Propagation::Background,
    };
    left.map(delete).collect()
}

pub(super) fn home(record: &ReleaseRecord) -> Home<'_> {
    Home { release: &record.name, namespace: &record.namespace }
}

/// Nobody else may be at work.
pub(super) fn check_idle(last: &ReleaseRecord) -> Result<(), PlanError> {
    let ReleaseRecord { name, revision, info, .. } = last;
    if info.status.is_pending() {
        return Err(PlanError::Pending { name: name.clone(), revision: *revision, status: info.status });
    }
    Ok(())
}

/// Makes room for one more record, and makes it.
pub(super) fn create(record: &Arc<ReleaseRecord>, history: &History, options: &Options) -> Vec<Step> {
    let surplus = history.surplus(options.history_max).into_iter();
    let mut steps: Vec<Step> = surplus.map(|revision| Step::DeleteRecord { revision }).collect();
    steps.push(Step::CreateRecord(Arc::clone(record)));
    steps
}

/// Every revision that says it is deployed is superseded.
pub(super) fn supersede_deployed(history: &History) -> Vec<Step> {
    let deployed = history.all_deployed().map(|record| record.revision);
    let change = Change::Superseded { description: None };
    deployed.map(|revision| Step::ChangeRecord { revision, change: change.clone() }).collect()
}

/// The one that an upgrade started from is superseded, whatever it was.
pub(super) fn supersede(original: &ReleaseRecord) -> Vec<Step> {
    if original.info.status == Status::Superseded {
        return Vec::new();
    }
    let change = Change::Superseded { description: None };
    vec![Step::ChangeRecord { revision: original.revision, change }]
}
