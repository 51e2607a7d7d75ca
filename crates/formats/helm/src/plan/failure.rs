//! What to do when a step failed.

use jiff::Timestamp;

use super::hooks::{objects, of_event};
use super::object::{ObjectKey, keys};
use super::options::{Options, Propagation, Rollback, Uninstall};
use super::step::{DeleteIf, HookStep, Step};
use super::{Action, Plan, PlanError, rollback, uninstall};
use crate::manifest::{DeletePolicy, HookEvent, LogPolicy};
use crate::release::{Change, History, HookPhase, ReleaseRecord};

/// What to do after a step failed.
#[derive(Debug, Clone)]
pub struct FailedPlan {
    /// The steps. If one of them fails, the others are carried out nonetheless.
    pub steps: Vec<Step>,
    /// The step of the plan to go on with; nothing ends the plan. The failure is told either way.
    pub go_on_at: Option<usize>,
    /// What to plan and carry out then.
    pub remedy: Option<Remedy>,
    /// What to tell the user.
    pub message: String,
}

/// How a failure is made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// What was made is taken away.
    Uninstall,
    /// The last revision that succeeded is brought back.
    RollBack,
}

impl Remedy {
    /// For a release that failed, if it was not a remedy itself.
    pub(super) fn of(record: &ReleaseRecord) -> Option<Remedy> {
        let is_first = record.info.first_deployed == record.info.last_deployed;
        match record.info.rollback_revision {
            0 if is_first => Some(Remedy::Uninstall),
            0 => Some(Remedy::RollBack),
            _ => None,
        }
    }

    /// Its plan, with the history as it is now.
    ///
    /// # Errors
    /// There is nothing to go back to, or a record holds something else than manifests.
    pub fn plan(self, history: &History, options: &Options, now: Timestamp) -> Result<Plan, PlanError> {
        let last = history.last().ok_or_else(|| PlanError::NotFound(String::new()))?;
        let options = Options {
            description: None,
            rollback_on_failure: false,
            wait: options.wait(),
            ..options.clone()
        };
        match self {
            Remedy::Uninstall => {
                uninstall(&last.name, history, &Uninstall { options, ..Uninstall::default() })
            }
            Remedy::RollBack => {
                let good = history.last_successful();
                let good = good.ok_or_else(|| PlanError::NoDeployedRelease(last.name.clone()))?;
                rollback(&last.name, history, &Rollback { options, revision: Some(good.revision) }, now)
            }
        }
    }
}

impl Plan {
    /// What to do after the step at `failed` failed with `error`. `created` are the objects that steps of this plan made.
    ///
    /// # Errors
    /// A record holds something else than manifests.
    pub fn after_failure(
        &self,
        failed: usize,
        error: &str,
        created: &[ObjectKey],
    ) -> Result<FailedPlan, PlanError> {
        let message = self.message(failed, error);
        if !self.has_record(failed) {
            return Ok(FailedPlan { steps: Vec::new(), go_on_at: None, remedy: None, message });
        }
        let mut steps = self.hook_failed(failed)?;
        steps.extend(self.record_failed(failed, &message));
        if self.cleans_up(failed) {
            steps.extend(created.iter().cloned().map(delete));
        }
        let remedy = match self.action {
            Action::Install if self.options.rollback_on_failure => Some(Remedy::Uninstall),
            Action::Upgrade if self.options.rollback_on_failure => Some(Remedy::RollBack),
            _ => None,
        };
        Ok(FailedPlan { steps, go_on_at: self.go_on_at(failed), remedy, message })
    }

    /// Whether there is a record by then that says what was begun.
    fn has_record(&self, failed: usize) -> bool {
        let created = self.steps.iter().position(|step| matches!(step, Step::CreateRecord(_)));
        created.is_none_or(|created| failed > created)
    }

    fn event(&self, step: usize) -> Option<(HookEvent, usize)> {
        match self.steps.get(step)? {
            Step::Hook { event, hook, .. } => Some((*event, *hook)),
            _ => None,
        }
    }

    /// In Helm's words.
    fn message(&self, failed: usize, error: &str) -> String {
        match (self.action, self.event(failed)) {
            (Action::Install, Some((event, _))) => format!("failed {}: {error}", event.name()),
            (Action::Upgrade, Some((event, _))) => format!("{} hooks failed: {error}", event.name()),
            (Action::Install, None) if !self.has_record(failed) => {
                format!("unable to continue with install: {error}")
            }
            (Action::Upgrade, None) if !self.has_record(failed) => {
                format!("unable to continue with update: {error}")
            }
            _ => error.to_owned(),
        }
    }

    /// What becomes of the hook that failed, and of those before it.
    fn hook_failed(&self, failed: usize) -> Result<Vec<Step>, PlanError> {
        let Some((event, index)) = self.event(failed) else { return Ok(Vec::new()) };
        let Some(Step::Hook { step: HookStep::Await(_) | HookStep::Create { .. }, .. }) =
            self.steps.get(failed)
        else {
            return Ok(Vec::new());
        };
        let ended = Change::HookEnded { hook: index, phase: HookPhase::Failed };
        let mut steps = vec![Step::ChangeRecord { revision: self.revision, change: ended }];
        let Some(hook) = self.record.hooks.get(index) else { return Ok(steps) };
        let step = |hook, step| Step::Hook { event, hook, step };
        if hook.output_log_policies.contains(&LogPolicy::HookFailed) {
            steps.push(step(index, HookStep::ShowLog));
        }
        if hook.is_deleted(&DeletePolicy::HookFailed) {
            steps.push(step(index, HookStep::Delete(keys(&objects(&self.record, hook)?))));
        }
        let earlier = of_event(&self.record, event).into_iter().take_while(|earlier| *earlier != index);
        for earlier in earlier {
            let Some(hook) = self.record.hooks.get(earlier) else { continue };
            if hook.is_deleted(&DeletePolicy::HookSucceeded) {
                steps.push(step(earlier, HookStep::Delete(keys(&objects(&self.record, hook)?))));
            }
        }
        Ok(steps)
    }

    fn record_failed(&self, failed: usize, message: &str) -> Vec<Step> {
        let name = &self.release;
        let description = match self.action {
            Action::Install => format!("Release {name:?} failed: {message}"),
            Action::Upgrade => format!("Upgrade {name:?} failed: {message}"),
            Action::Rollback if self.is_about_objects(failed) => {
                format!("Rollback {name:?} failed: {message}")
            }
            Action::Rollback => format!("Release {name:?} failed: {message}"),
            Action::Uninstall | Action::Test => return Vec::new(),
        };
        let change = Change::Failed { description };
        let mut steps = vec![Step::ChangeRecord { revision: self.revision, change }];
        if let Some(original) =
            self.original.filter(|_| self.action == Action::Rollback && self.is_about_objects(failed))
        {
            let change = Change::Superseded { description: None };
            steps.insert(0, Step::ChangeRecord { revision: original, change });
        }
        steps
    }

    fn is_about_objects(&self, step: usize) -> bool {
        matches!(self.steps.get(step), Some(Step::Apply(_) | Step::Delete { .. }))
    }

    fn cleans_up(&self, failed: usize) -> bool {
        let is_of_action = match self.action {
            Action::Upgrade => true,
            Action::Rollback => self.is_about_objects(failed),
            _ => false,
        };
        self.options.cleanup_on_fail && is_of_action
    }

    /// Once its objects are on their way out, an uninstall goes on.
    fn go_on_at(&self, failed: usize) -> Option<usize> {
        if self.action != Action::Uninstall {
            return None;
        }
        match (self.steps.get(failed)?, self.event(failed)) {
            (Step::AwaitGone { .. }, _) => Some(failed + 1),
            (_, Some((HookEvent::PostDelete, _))) => {
                let is_left = |step: &Step| match step {
                    Step::DeleteRecord { .. } => true,
                    Step::ChangeRecord { change, .. } => {
                        matches!(change, Change::Superseded { .. } | Change::Uninstalled { .. })
                    }
                    _ => false,
                };
                self.steps.iter().position(is_left)
            }
            _ => None,
        }
    }
}

fn delete(object: ObjectKey) -> Step {
    Step::Delete { object, only_if: DeleteIf::Always, propagation: Propagation::Background }
}
