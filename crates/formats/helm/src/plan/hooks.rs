//! The hooks of an event, as steps.

use jiff::Timestamp;

use super::PlanError;
use super::object::{Home, Object, keys, read};
use super::step::{HookStep, Step};
use crate::manifest::{DeletePolicy, HookEvent, LogPolicy};
use crate::release::{ApplyMethod, Change, HookPhase, RecordedHook, ReleaseRecord};

/// Whether the work was begun before, and stopped.
#[derive(Debug, Clone, Copy)]
pub(super) enum Progress {
    /// It was not.
    Fresh,
    /// It was begun then: what ran since need not run again.
    Since(Option<Timestamp>),
}

/// A run of the hooks of an event.
pub(super) struct Run<'r> {
    pub(super) record: &'r ReleaseRecord,
    pub(super) event: HookEvent,
    /// The event before, in the same action: a record does not tell which of both a hook ran for.
    pub(super) earlier: Option<HookEvent>,
    pub(super) progress: Progress,
    pub(super) method: ApplyMethod,
}

/// The places of an event's hooks in the record's list, in the order in which they run: by weight and name.
pub(super) fn of_event(record: &ReleaseRecord, event: HookEvent) -> Vec<usize> {
    let named = record.hooks.iter().enumerate().filter(|(_, hook)| hook.events.contains(&event));
    let mut named: Vec<(usize, &RecordedHook)> = named.collect();
    named.sort_by_key(|(_, hook)| (hook.weight, hook.name.clone()));
    named.into_iter().map(|(index, _)| index).collect()
}

/// The objects of a hook, without marks of the release.
pub(super) fn objects(record: &ReleaseRecord, hook: &RecordedHook) -> Result<Vec<Object>, PlanError> {
    let home = Home { release: &record.name, namespace: &record.namespace };
    read(&hook.manifest, &format!("hook {}", hook.path), home)
}

impl Run<'_> {
    pub(super) fn steps(&self) -> Result<Vec<Step>, PlanError> {
        let mut steps = Vec::new();
        let indexes = of_event(self.record, self.event);
        for index in &indexes {
            if let Some(hook) = self.record.hooks.get(*index) {
                self.one(*index, hook, &mut steps)?;
            }
        }
        for index in indexes.into_iter().rev() {
            if let Some(hook) = self.record.hooks.get(index) {
                self.after_success(index, hook, &mut steps)?;
            }
        }
        Ok(steps)
    }

    fn one(&self, index: usize, hook: &RecordedHook, steps: &mut Vec<Step>) -> Result<(), PlanError> {
        let phase = self.phase(hook);
        if phase == HookPhase::Succeeded {
            return Ok(());
        }
        let objects = objects(self.record, hook)?;
        let names = keys(&objects);
        let was_running = phase == HookPhase::Running;
        if hook.is_deleted(&DeletePolicy::BeforeHookCreation) && !was_running {
            steps.push(self.step(index, HookStep::Delete(names.clone())));
        }
        if !was_running {
            steps.push(self.change(Change::HookStarted { hook: index }));
        }
        let server_side = self.method == ApplyMethod::ServerSide;
        steps.push(self.step(index, HookStep::Create { objects, may_exist: was_running, server_side }));
        steps.push(self.step(index, HookStep::Await(names)));
        steps.push(self.change(Change::HookEnded { hook: index, phase: HookPhase::Succeeded }));
        Ok(())
    }

    fn after_success(
        &self,
        index: usize,
        hook: &RecordedHook,
        steps: &mut Vec<Step>,
    ) -> Result<(), PlanError> {
        if hook.output_log_policies.contains(&LogPolicy::HookSucceeded) {
            steps.push(self.step(index, HookStep::ShowLog));
        }
        if hook.is_deleted(&DeletePolicy::HookSucceeded) {
            let names = keys(&objects(self.record, hook)?);
            steps.push(self.step(index, HookStep::Delete(names)));
        }
        Ok(())
    }

    /// How far the hook came for this event, in this action.
    fn phase(&self, hook: &RecordedHook) -> HookPhase {
        let Progress::Since(begin) = self.progress else { return HookPhase::Never };
        let may_be_earlier = self.earlier.is_some_and(|earlier| hook.events.contains(&earlier));
        let ran = hook.last_run.started_at >= begin && hook.last_run.started_at.is_some();
        if ran && !may_be_earlier { hook.last_run.phase } else { HookPhase::Never }
    }

    fn step(&self, hook: usize, step: HookStep) -> Step {
        Step::Hook { event: self.event, hook, step }
    }

    fn change(&self, change: Change) -> Step {
        Step::ChangeRecord { revision: self.record.revision, change }
    }
}
