//! What to do next for a pod that should run: a pure function of what is wanted and what runs.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container as ContainerSpec, Pod};
use k8s_openapi::jiff::Timestamp;

use super::container;
use super::restart::RestartBackoff;
use super::runtime::{Container, Details, PodInRuntime, RunState};
use super::spec::{ContainerKind, RestartPolicy, image, init_containers};

/// Exit code of a container of which nobody knows how it ended.
pub(crate) const LOST: i32 = 137;

/// All that the decision depends on.
pub(crate) struct Facts<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) runtime: &'a PodInRuntime,
    /// By container id.
    pub(crate) details: &'a BTreeMap<String, Details>,
    /// By container name.
    pub(crate) backoffs: &'a BTreeMap<String, RestartBackoff>,
    /// Why a running container must be stopped, by container id.
    pub(crate) unhealthy: &'a BTreeMap<String, String>,
    pub(crate) now: Timestamp,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// All containers have ended for good.
    Finished,
    /// There is no sandbox to run in.
    MakeSandbox { attempt: u32 },
    /// Start, stop and wait for these; all may be empty.
    Containers(Steps),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) start: Vec<Start>,
    pub(crate) stop: Vec<Stop>,
    pub(crate) hold: Vec<Hold>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) kind: ContainerKind,
    pub(crate) name: String,
    pub(crate) restart_count: u32,
    /// Whether one of this name ran in this sandbox before.
    pub(crate) is_restart: bool,
    /// One that was created but not started yet.
    pub(crate) created: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) id: String,
    pub(crate) name: String,
    /// In words, for the event.
    pub(crate) reason: String,
}

/// A container that crashed and waits for its next start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) name: String,
    pub(crate) delay: Duration,
    pub(crate) until: Timestamp,
}

/// See the module's documentation.
pub(crate) fn decide(facts: &Facts<'_>) -> Plan {
    let Some(spec) = &facts.pod.spec else { return Plan::Finished };
    if facts.is_reported_finished() {
        return Plan::Finished;
    }
    let policy = RestartPolicy::of(spec);
    let Some(sandbox) = facts.runtime.ready_sandbox() else {
        if !spec.containers.iter().any(|container| facts.wants_to_run(container, policy)) {
            return Plan::Finished;
        }
        let attempt = facts.runtime.sandboxes.first().map_or(0, |sandbox| sandbox.attempt + 1);
        return Plan::MakeSandbox { attempt };
    };
    let mut steps = Steps::default();
    match facts.initialize(init_containers(spec), policy, &sandbox.id, &mut steps) {
        Progress::Failed => return Plan::Finished,
        Progress::UnderWay => return Plan::Containers(steps),
        Progress::Done => {}
    }
    let mut left = false;
    for container in &spec.containers {
        left |= facts.step(container, ContainerKind::Main, policy, &mut steps);
    }
    if left { Plan::Containers(steps) } else { Plan::Finished }
}

enum Progress {
    Done,
    UnderWay,
    /// An init container failed, and the policy allows no other attempt.
    Failed,
}

impl Facts<'_> {
    fn is_reported_finished(&self) -> bool {
        let phase = self.pod.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    }

    /// The first init container that has not succeeded in this sandbox decides.
    fn initialize(
        &self,
        containers: &[ContainerSpec],
        policy: RestartPolicy,
        sandbox: &str,
        steps: &mut Steps,
    ) -> Progress {
        let is_init = |name: &str| containers.iter().any(|container| container.name == name);
        let here = |container: &&Container| container.sandbox_id == sandbox;
        if self.runtime.containers.iter().filter(here).any(|container| !is_init(&container.notes.name)) {
            return Progress::Done;
        }
        for container in containers {
            match self.runtime.latest(&container.name).filter(here) {
                Some(ended) if ended.state == RunState::Ended => {
                    let exit_code = self.exit_code(ended);
                    if exit_code == 0 {
                        continue;
                    }
                    if policy == RestartPolicy::Never {
                        return Progress::Failed;
                    }
                    self.restart(container, ContainerKind::Init, ended, steps);
                }
                Some(running) if running.state == RunState::Running => {}
                created => steps.start.push(self.first_start(container, ContainerKind::Init, created)),
            }
            return Progress::UnderWay;
        }
        Progress::Done
    }

    /// What to do for one container; false if it has ended for good.
    fn step(
        &self,
        spec: &ContainerSpec,
        kind: ContainerKind,
        policy: RestartPolicy,
        steps: &mut Steps,
    ) -> bool {
        let latest = self.runtime.latest(&spec.name);
        match latest {
            Some(running) if running.state == RunState::Running => {
                steps.stop.extend(self.stop(spec, running));
            }
            Some(ended) if ended.state == RunState::Ended => {
                if !policy.restarts_after(self.exit_code(ended)) {
                    return false;
                }
                self.restart(spec, kind, ended, steps);
            }
            None if !self.wants_to_run(spec, policy) => return false,
            created => steps.start.push(self.first_start(spec, kind, created)),
        }
        true
    }

    fn stop(&self, spec: &ContainerSpec, running: &Container) -> Option<Stop> {
        let is_outdated = running.notes.hash != container::hash(&spec.name, image(spec));
        let reason = match self.unhealthy.get(&running.id) {
            Some(reason) => reason.clone(),
            None if is_outdated => format!("Container {} definition changed, will be restarted", spec.name),
            None => return None,
        };
        Some(Stop { id: running.id.clone(), name: spec.name.clone(), reason })
    }

    fn restart(&self, spec: &ContainerSpec, kind: ContainerKind, ended: &Container, steps: &mut Steps) {
        let ended_at = self.details.get(&ended.id).and_then(|details| details.finished_at);
        let backoff = self.backoffs.get(&spec.name).copied().unwrap_or_default();
        if let Some((delay, until)) = backoff.holds(ended_at.unwrap_or(self.now), self.now) {
            steps.hold.push(Hold { name: spec.name.clone(), delay, until });
            return;
        }
        steps.start.push(Start {
            kind,
            name: spec.name.clone(),
            restart_count: self.next_count(&spec.name),
            is_restart: true,
            created: None,
        });
    }

    /// `created` is a container of this name that was made and not started, if there is one.
    fn first_start(&self, spec: &ContainerSpec, kind: ContainerKind, created: Option<&Container>) -> Start {
        Start {
            kind,
            name: spec.name.clone(),
            restart_count: created
                .map_or_else(|| self.next_count(&spec.name), |made| made.notes.restart_count),
            is_restart: false,
            created: created.map(|container| container.id.clone()),
        }
    }

    /// One more than the highest known, also by the API: CRI forgets when the engine is shut down.
    fn next_count(&self, name: &str) -> u32 {
        let in_runtime = self.runtime.latest(name).map(|container| container.notes.restart_count);
        in_runtime.max(self.reported_count(name)).map_or(0, |count| count.saturating_add(1))
    }

    /// Restart count of the container of this name that the API says there was.
    fn reported_count(&self, name: &str) -> Option<u32> {
        let status = self.pod.status.as_ref()?;
        let lists = [&status.init_container_statuses, &status.container_statuses];
        let reported = lists.into_iter().flatten().flatten().find(|container| container.name == name)?;
        let has_run = reported.container_id.as_deref().is_some_and(|id| !id.is_empty());
        has_run.then_some(u32::try_from(reported.restart_count).unwrap_or(0))
    }

    fn wants_to_run(&self, spec: &ContainerSpec, policy: RestartPolicy) -> bool {
        match self.runtime.latest(&spec.name) {
            Some(container) if container.state == RunState::Ended => {
                policy.restarts_after(self.exit_code(container))
            }
            Some(_) => true,
            None if self.reported_count(&spec.name).is_some() => policy.restarts_after(LOST),
            None => true,
        }
    }

    fn exit_code(&self, container: &Container) -> i32 {
        self.details.get(&container.id).map_or(LOST, |details| details.exit_code)
    }
}

#[cfg(test)]
mod tests;
