//! What to do next for a pod that should run: a pure function of what is wanted and what runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container as ContainerSpec, Pod, PodSpec};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::container;
use super::probes::Verdict;
use super::restart::RestartBackoff;
use super::runtime::{Container, Details, PodInRuntime, RunState};
use super::spec::{
    ContainerKind, ephemeral_containers, image, init_containers, kind_of_init, restarts_after,
    restarts_after_kill, sidecars,
};
use super::status::Failure;

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
    /// What is known of containers that run, by id.
    pub(crate) verdicts: &'a BTreeMap<String, Verdict>,
    /// Ids of containers whose `postStart` hook has not ended yet.
    pub(crate) hooked: &'a BTreeSet<String>,
    pub(crate) now: Timestamp,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing is to run any more: what still does is stopped. `Some` says why the pod has failed as a whole.
    Finished(Option<Failure>),
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
    pub(crate) made: Made,
}

/// What there is already of a container that is to be started, by its id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Nothing,
    /// It was created but not started.
    Created(String),
    /// Its start was broken off. It cannot be started again; another one takes its place.
    BrokenOff(String),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) id: String,
    pub(crate) name: String,
    /// In words, for the event.
    pub(crate) reason: String,
    /// Where it is not that of the pod.
    pub(crate) grace: Option<Duration>,
    /// Whether another one takes its place, with whatever code it ends.
    pub(crate) restarts: bool,
}

/// A container that crashed and waits for its next start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) name: String,
    pub(crate) delay: Duration,
    pub(crate) until: Timestamp,
}

/// When the time is over that the pod was given in all.
pub(crate) fn deadline(pod: &Pod) -> Option<Timestamp> {
    let seconds = pod.spec.as_ref()?.active_deadline_seconds?;
    let started_at = pod.status.as_ref()?.start_time.as_ref()?.0;
    started_at.saturating_add(SignedDuration::from_secs(seconds)).ok()
}

/// Whether the API knows that the pod has ended.
pub(crate) fn is_reported_finished(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// See the module's documentation.
pub(crate) fn decide(facts: &Facts<'_>) -> Plan {
    let Some(spec) = &facts.pod.spec else { return Plan::Finished(None) };
    if is_reported_finished(facts.pod) {
        return Plan::Finished(None);
    }
    if deadline(facts.pod).is_some_and(|deadline| deadline <= facts.now) {
        let message = "Pod was active on the node longer than the specified deadline".to_owned();
        return Plan::Finished(Some(Failure { reason: "DeadlineExceeded", message }));
    }
    if !spec.containers.iter().any(|container| facts.wants_to_run(spec, container)) {
        return Plan::Finished(None);
    }
    let Some(sandbox) = facts.runtime.ready_sandbox() else {
        let attempt = facts.runtime.sandboxes.first().map_or(0, |sandbox| sandbox.attempt + 1);
        return Plan::MakeSandbox { attempt };
    };
    let mut steps = Steps::default();
    facts.look_in(spec, &mut steps);
    match facts.initialize(spec, &sandbox.id, &mut steps) {
        Progress::Failed => return Plan::Finished(None),
        Progress::UnderWay => return Plan::Containers(steps),
        Progress::Done => {}
    }
    for container in &spec.containers {
        if facts.step(spec, container, &mut steps) == Following::Waits {
            break;
        }
    }
    Plan::Containers(steps)
}

enum Progress {
    Done,
    UnderWay,
    /// An init container failed, and the policy allows no other attempt.
    Failed,
}

/// Whether the containers that follow in the list may start.
#[derive(PartialEq, Eq)]
enum Following {
    MayStart,
    /// For the `postStart` hook of this one.
    Waits,
}

impl Facts<'_> {
    /// Ephemeral containers run once, whatever the others do.
    fn look_in(&self, spec: &PodSpec, steps: &mut Steps) {
        for container in ephemeral_containers(spec) {
            let latest = self.runtime.latest(&container.name);
            if latest.is_none_or(is_to_start) && self.reported_count(&container.name).is_none() {
                steps.start.push(self.first_start(&container.name, ContainerKind::Ephemeral, latest));
            }
        }
    }

    /// Goes through the init containers in their order: the first that is not done in this sandbox decides. Once a
    /// main container was made, only the sidecars matter, and nothing waits for them any more.
    fn initialize(&self, spec: &PodSpec, sandbox: &str, steps: &mut Steps) -> Progress {
        let here = |container: &&Container| container.sandbox_id == sandbox;
        let is_main = |name: &str| spec.containers.iter().any(|container| container.name == name);
        let has_begun =
            self.runtime.containers.iter().filter(here).any(|container| is_main(&container.notes.name));
        for container in init_containers(spec) {
            let latest = self.runtime.latest(&container.name).filter(here);
            let progress = match kind_of_init(container) {
                ContainerKind::Sidecar => self.accompany(spec, container, latest, steps),
                _ if has_begun => Progress::Done,
                kind => self.initialize_with(spec, kind, container, latest, steps),
            };
            match progress {
                Progress::Done => {}
                Progress::UnderWay if has_begun => {}
                progress => return progress,
            }
        }
        Progress::Done
    }

    fn initialize_with(
        &self,
        spec: &PodSpec,
        kind: ContainerKind,
        container: &ContainerSpec,
        latest: Option<&Container>,
        steps: &mut Steps,
    ) -> Progress {
        match latest {
            Some(ended) if ended.state == RunState::Ended => {
                if self.exit_code(ended) == 0 {
                    return Progress::Done;
                }
                if !self.restarts(spec, kind, container, ended) {
                    return Progress::Failed;
                }
                self.restart(container, kind, ended, steps);
            }
            Some(running) if running.state == RunState::Running => {}
            made => steps.start.push(self.first_start(&container.name, kind, made)),
        }
        Progress::UnderWay
    }

    /// A sidecar is done with its part of the beginning as soon as it has started.
    fn accompany(
        &self,
        spec: &PodSpec,
        container: &ContainerSpec,
        latest: Option<&Container>,
        steps: &mut Steps,
    ) -> Progress {
        match latest {
            Some(running) if running.state == RunState::Running => {
                steps.stop.extend(self.stop(spec, ContainerKind::Sidecar, container, running));
                if self.verdicts.get(&running.id).is_some_and(|verdict| verdict.started) {
                    return Progress::Done;
                }
            }
            Some(ended) if ended.state == RunState::Ended => {
                self.restart(container, ContainerKind::Sidecar, ended, steps);
            }
            made => steps.start.push(self.first_start(&container.name, ContainerKind::Sidecar, made)),
        }
        Progress::UnderWay
    }

    /// What to do for one main container.
    fn step(&self, spec: &PodSpec, container: &ContainerSpec, steps: &mut Steps) -> Following {
        let kind = ContainerKind::Main;
        match self.runtime.latest(&container.name) {
            Some(running) if running.state == RunState::Running => {
                steps.stop.extend(self.stop(spec, kind, container, running));
                if self.hooked.contains(&running.id) {
                    return Following::Waits;
                }
            }
            Some(ended) if ended.state == RunState::Ended => {
                if self.restarts(spec, kind, container, ended) {
                    self.restart(container, kind, ended, steps);
                }
            }
            None if !self.wants_to_run(spec, container) => {}
            made => {
                steps.start.push(self.first_start(&container.name, kind, made));
                if has_post_start_hook(container) {
                    return Following::Waits;
                }
            }
        }
        Following::MayStart
    }

    fn stop(
        &self,
        spec: &PodSpec,
        kind: ContainerKind,
        container: &ContainerSpec,
        running: &Container,
    ) -> Option<Stop> {
        let name = &container.name;
        let is_outdated = running.notes.hash != container::hash(name, image(container));
        let unhealthy = self.verdicts.get(&running.id).and_then(|verdict| verdict.unhealthy.as_ref());
        let (reason, grace, restarts) = match unhealthy {
            Some(unhealthy) => {
                let restarts = restarts_after_kill(spec, kind, container);
                (unhealthy.reason(name, restarts), unhealthy.grace, restarts)
            }
            None if is_outdated => {
                (format!("Container {name} definition changed, will be restarted"), None, true)
            }
            // A Bythos that has died since has found why.
            None if self.is_to_restart(running) => {
                (format!("Container {name} was being stopped, will be restarted"), None, true)
            }
            None => return None,
        };
        Some(Stop { id: running.id.clone(), name: name.clone(), reason, grace, restarts })
    }

    /// Whether another container takes the place of one that has ended.
    fn restarts(
        &self,
        spec: &PodSpec,
        kind: ContainerKind,
        container: &ContainerSpec,
        ended: &Container,
    ) -> bool {
        self.is_to_restart(ended) || restarts_after(spec, kind, container, self.exit_code(ended))
    }

    fn is_to_restart(&self, container: &Container) -> bool {
        self.details.get(&container.id).is_some_and(|details| details.is_to_restart)
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
            made: Made::Nothing,
        });
    }

    /// `made` is a container of this name that was made and has not run, if there is one.
    fn first_start(&self, name: &str, kind: ContainerKind, made: Option<&Container>) -> Start {
        Start {
            kind,
            name: name.to_owned(),
            restart_count: made.map_or_else(|| self.next_count(name), |made| made.notes.restart_count),
            is_restart: false,
            made: match made {
                None => Made::Nothing,
                Some(broken) if broken.state == RunState::BrokenOff => Made::BrokenOff(broken.id.clone()),
                Some(created) => Made::Created(created.id.clone()),
            },
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
        let lists = [
            &status.init_container_statuses,
            &status.container_statuses,
            &status.ephemeral_container_statuses,
        ];
        let reported = lists.into_iter().flatten().flatten().find(|container| container.name == name)?;
        let has_run = reported.container_id.as_deref().is_some_and(|id| !id.is_empty());
        has_run.then_some(u32::try_from(reported.restart_count).unwrap_or(0))
    }

    /// Whether a main container is to run, now or after its back-off.
    fn wants_to_run(&self, spec: &PodSpec, container: &ContainerSpec) -> bool {
        let kind = ContainerKind::Main;
        match self.runtime.latest(&container.name) {
            Some(ended) if ended.state == RunState::Ended => self.restarts(spec, kind, container, ended),
            Some(_) => true,
            None if self.reported_count(&container.name).is_some() => {
                restarts_after(spec, kind, container, LOST)
            }
            None => true,
        }
    }

    fn exit_code(&self, container: &Container) -> i32 {
        self.details.get(&container.id).map_or(LOST, |details| details.exit_code)
    }
}

fn is_to_start(container: &Container) -> bool {
    matches!(container.state, RunState::Created | RunState::BrokenOff)
}

fn has_post_start_hook(container: &ContainerSpec) -> bool {
    container.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.post_start.is_some())
}

/// The containers among those that run whose turn it is to end: sidecars outlive all others, and end in the
/// reverse order of their start, one after the other.
pub(crate) fn turn_to_end<'a>(spec: &PodSpec, runtime: &'a PodInRuntime) -> Vec<&'a Container> {
    let place = |name: &str| sidecars(spec).position(|sidecar| sidecar.name == name);
    let others: Vec<_> =
        runtime.running().filter(|container| place(&container.notes.name).is_none()).collect();
    if !others.is_empty() {
        return others;
    }
    runtime.running().max_by_key(|container| place(&container.notes.name)).into_iter().collect()
}

#[cfg(test)]
mod tests;
