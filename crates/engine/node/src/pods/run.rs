//! Steps of a pod that should run: carries out the plan, probes, cleans up after restarts, reports.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bythos_operator::error_chain;
use k8s_openapi::api::core::v1::{Container as ContainerSpec, Pod, PodSpec};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;
use tracing::debug;

use super::hooks::PostStart;
use super::plan::{self, Facts, Hold as CrashHold, Plan, Steps};
use super::probes::{ContainerProbes, ProbeSpec, Probed, Verdict};
use super::restart::Retry;
use super::runtime::{PodInRuntime, RunState};
use super::spec::{self, ContainerKind, all_containers, grace_seconds, uses_host_network};
use super::start::{Hold, NotStarted, PodView};
use super::status::{Failure as PodFailure, Outlook, Waiting};
use super::supported::unsupported;
use super::terminate::remove_volumes;
use super::worker::{Failure, Outcome, StepError, Worker, earlier, instant_of};
use super::{admission, paths, pod_cgroup, sandbox};
use crate::cri::labels::{ContainerNotes, PodIdentity};
use crate::logs;

/// How many steps are taken before the status is written in between.
const STEPS_MAX: usize = 8;
/// The sandbox among the failures, which are known by container names.
const SANDBOX: &str = "";

/// What came of one round of the plan.
pub(super) enum Round {
    /// Something was started: look again.
    Again,
    Done {
        outlook: Outlook,
        until: Option<Instant>,
    },
}

impl Worker {
    /// Brings a pod that should run one or more steps further.
    pub(super) async fn keep_running(&mut self, pod: &Arc<Pod>) -> Result<Outcome, StepError> {
        let Some(spec) = &pod.spec else { return Ok(Outcome::Wait(None)) };
        let mut last = Round::Again;
        let mut runtime = self.look().await?;
        for _ in 0..STEPS_MAX {
            last = self.round(pod, spec, &runtime).await?;
            runtime = self.look().await?;
            if matches!(last, Round::Done { .. }) {
                break;
            }
        }
        self.remove_superseded(&runtime).await?;
        let is_probed_anew = self.probe(pod, spec, &runtime).await?;
        let (outlook, until) = match last {
            Round::Again => (Outlook::GoesOn, Some(Instant::now())),
            // What follows a sidecar waits for its verdict, which may be there from the start.
            Round::Done { outlook, .. } if is_probed_anew => (outlook, Some(Instant::now())),
            Round::Done { outlook, until } => (outlook, until),
        };
        self.write_status(pod, &runtime, &outlook).await?;
        let ahead =
            [plan::deadline(pod), self.tokens.renew_at().filter(|_| runtime.running().next().is_some())];
        let now = Timestamp::now();
        // What lies behind has been seen to in this round.
        let ahead =
            ahead.into_iter().flatten().filter(|time| outlook == Outlook::GoesOn && *time > now).min();
        Ok(Outcome::Wait(earlier(until, ahead.map(instant_of))))
    }

    async fn round(
        &mut self,
        pod: &Arc<Pod>,
        spec: &PodSpec,
        runtime: &PodInRuntime,
    ) -> Result<Round, StepError> {
        self.waiting.clear();
        let view = PodView { pod, spec, runtime };
        if let Some(eviction) = self.node.evictions.of(&self.identity.uid) {
            return self.evict(view, eviction).await;
        }
        let grace = Duration::from_secs(grace_seconds(spec));
        if let Some(rejection) = admission::rejection(spec) {
            return self.finish(view, Some(rejection), grace).await;
        }
        if let Some(message) = unsupported(pod) {
            let events = self.events(pod);
            self.warn_once(&events, "supported", "Failed", &message).await;
            self.all_wait(spec, &Waiting { reason: "CreateContainerConfigError", message });
            return Ok(Round::Done { outlook: Outlook::GoesOn, until: None });
        }
        self.run_post_start_hooks(view).await?;
        let hooked = self.post_start.iter().filter(|(_, hook)| **hook == PostStart::UnderWay);
        let plan = plan::decide(&Facts {
            pod,
            runtime,
            details: &self.details,
            backoffs: &self.backoffs,
            verdicts: &self.verdicts(),
            hooked: &hooked.map(|(id, _)| id.clone()).collect::<BTreeSet<_>>(),
            now: Timestamp::now(),
        });
        match plan {
            Plan::Finished(failure) => {
                if let Some(PodFailure { reason, message }) = &failure
                    && self.is_new(reason, message.clone())
                {
                    self.events(pod).normal(reason, message).await;
                }
                self.finish(view, failure, grace).await
            }
            Plan::MakeSandbox { attempt } => self.make_sandbox(view, attempt).await,
            Plan::Containers(steps) => self.carry_out(view, steps).await,
        }
    }

    /// Nothing is to run any more: what does is stopped, the network is given back, volumes go, logs stay.
    pub(super) async fn finish(
        &mut self,
        view: PodView<'_>,
        failure: Option<PodFailure>,
        grace: Duration,
    ) -> Result<Round, StepError> {
        if view.runtime.running().next().is_some() {
            self.stop_in_order(Some(view.pod), view.runtime, grace).await?;
            return Ok(Round::Done { outlook: Outlook::GoesOn, until: None });
        }
        for sandbox in view.runtime.sandboxes.iter().filter(|sandbox| sandbox.ready) {
            self.node.cri.stop_sandbox(&sandbox.id).await?;
        }
        // Not before the API knows: after a crash in between, a pod that may go on must not have lost its volumes.
        if plan::is_reported_finished(view.pod) {
            remove_volumes(&self.node.config, &self.identity.uid).await?;
        }
        Ok(Round::Done { outlook: failure.map_or(Outlook::Finished, Outlook::Failed), until: None })
    }

    async fn make_sandbox(&mut self, view: PodView<'_>, attempt: u32) -> Result<Round, StepError> {
        if let Some(hold) = self.sandbox_hold(view).await {
            self.all_wait(view.spec, &hold.waiting);
            return Ok(Round::Done { outlook: Outlook::GoesOn, until: hold.until });
        }
        if !view.runtime.sandboxes.is_empty() {
            let message = "Pod sandbox changed, it will be killed and re-created.";
            self.events(view.pod).normal("SandboxChanged", message).await;
        }
        // Of one that broke, whatever still runs in it and its network.
        for broken in &view.runtime.sandboxes {
            self.node.cri.stop_sandbox(&broken.id).await?;
        }
        let message = match self.run_sandbox(view, attempt).await {
            Ok(()) => {
                self.failures.remove(SANDBOX);
                return Ok(Round::Again);
            }
            Err(NotStarted::Failed(error)) => return Err(error),
            Err(NotStarted::Hold(hold)) if hold.until.is_some() => {
                self.all_wait(view.spec, &hold.waiting);
                return Ok(Round::Done { outlook: Outlook::GoesOn, until: hold.until });
            }
            Err(NotStarted::Hold(hold)) => hold.waiting.message,
        };
        let message = format!("Failed to create pod sandbox: {message}");
        self.events(view.pod).warning("FailedCreatePodSandBox", &message).await;
        let waiting = Waiting { reason: "ContainerCreating", message };
        let due = self.note_failure(SANDBOX, waiting.clone());
        self.all_wait(view.spec, &waiting);
        Ok(Round::Done { outlook: Outlook::GoesOn, until: Some(due) })
    }

    /// A hold without a time says why the attempt has failed.
    async fn run_sandbox(&self, view: PodView<'_>, attempt: u32) -> Result<(), NotStarted> {
        if let Err(error) = std::fs::create_dir_all(paths::log_dir(&self.node.config, &self.identity)) {
            let message = format!("failed to make the folder of its logs: {error}");
            return Err(NotStarted::hold("ContainerCreating", message));
        }
        if let Err(error) = pod_cgroup::prepare(&self.node, view.pod, view.spec) {
            return Err(NotStarted::hold("ContainerCreating", error_chain(&error)));
        }
        let config = sandbox::config(&self.node.config, view.pod, view.spec, attempt)
            .map_err(|error| NotStarted::hold("ContainerCreating", error.to_string()))?;
        for omitted in sandbox::resolver(&self.node.config, view.pod, view.spec).omitted {
            self.events(view.pod).warning("DNSConfigForming", &omitted).await;
        }
        match self.node.cri.run_sandbox(config).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_unreachable() => Err(error.into()),
            Err(error) if error.is_under_way() => Err(NotStarted::soon(error.message)),
            Err(error) => Err(NotStarted::hold("ContainerCreating", error.to_string())),
        }
    }

    /// Why no sandbox can be made now.
    async fn sandbox_hold(&mut self, view: PodView<'_>) -> Option<Hold> {
        if let Some(failure) = self.failures.get(SANDBOX)
            && let Some(due) = failure.retry.holds(Instant::now())
        {
            return Some(Hold { waiting: failure.waiting.clone(), until: Some(due) });
        }
        let no_network = self.node.no_network.borrow().clone();
        let reason = no_network.filter(|_| !uses_host_network(view.spec))?;
        let message = format!("network is not ready: {reason}");
        let events = self.events(view.pod);
        self.warn_once(&events, "network", "NetworkNotReady", &message).await;
        Some(Hold { waiting: Waiting { reason: "ContainerCreating", message }, until: None })
    }

    async fn carry_out(&mut self, view: PodView<'_>, steps: Steps) -> Result<Round, StepError> {
        let mut until = None;
        for hold in steps.hold {
            until = earlier(until, Some(instant_of(hold.until)));
            self.hold_back(view.pod, hold).await;
        }
        for stop in steps.stop {
            let Some(container) = view.runtime.running().find(|running| running.id == stop.id) else {
                continue;
            };
            let grace = stop.grace.unwrap_or(Duration::from_secs(grace_seconds(view.spec)));
            if stop.restarts {
                self.mark_for_restart(container)?;
            }
            self.stop(Some(view), container, grace, &stop.reason).await?;
            self.give_turn(&stop.id);
        }
        if view.runtime.running().next().is_some() {
            self.refresh_volumes(view).await?;
        }
        let mut started = false;
        for start in &steps.start {
            match self.start_container(view, start).await {
                Ok(()) => started = true,
                Err(NotStarted::Hold(hold)) => {
                    self.waiting.insert(start.name.clone(), hold.waiting);
                    until = earlier(until, hold.until);
                }
                Err(NotStarted::Failed(error)) => return Err(error),
            }
        }
        Ok(if started { Round::Again } else { Round::Done { outlook: Outlook::GoesOn, until } })
    }

    async fn hold_back(&mut self, pod: &Pod, hold: CrashHold) {
        let PodIdentity { namespace, name, uid } = &self.identity;
        let (container, seconds) = (&hold.name, hold.delay.as_secs());
        let pod_in_words = format!("{name}_{namespace}({uid})");
        let message =
            format!("back-off {seconds}s restarting failed container={container} pod={pod_in_words}");
        // The event has the same words each time, so that it is counted: once for each time that it waits.
        let occasion = format!("back-off until {}", hold.until);
        if self.is_new(container, occasion) {
            let kind = pod.spec.as_ref().and_then(|spec| Some(spec::container(spec, container)?.0));
            let events = self.events(pod).of_container(kind.unwrap_or(ContainerKind::Main), container);
            let words = format!("Back-off restarting failed container {container} in pod {pod_in_words}");
            events.warning("BackOff", &words).await;
        }
        self.waiting.insert(hold.name, Waiting { reason: "CrashLoopBackOff", message });
    }

    pub(super) fn note_failure(&mut self, name: &str, waiting: Waiting) -> Instant {
        let failure = self
            .failures
            .entry(name.to_owned())
            .or_insert_with(|| Failure { retry: Retry::of_setup(), waiting: waiting.clone() });
        failure.waiting = waiting;
        failure.retry.failed(Instant::now())
    }

    fn all_wait(&mut self, spec: &PodSpec, waiting: &Waiting) {
        for (_, container) in all_containers(spec) {
            self.waiting.insert(container.name.clone(), waiting.clone());
        }
    }

    /// Keeps, of each container that ended, the last one: for its log and its last state.
    async fn remove_superseded(&mut self, runtime: &PodInRuntime) -> Result<(), StepError> {
        let mut kept_sandboxes: Vec<&str> = runtime
            .ready_sandbox()
            .or(runtime.sandboxes.first())
            .map(|sandbox| sandbox.id.as_str())
            .into_iter()
            .collect();
        for container in &runtime.containers {
            let ended =
                runtime.instances(&container.notes.name).filter(|other| other.state == RunState::Ended);
            let is_last = ended.take(1).any(|last| last.id == container.id);
            if container.state != RunState::Ended || is_last {
                kept_sandboxes.push(&container.sandbox_id);
                continue;
            }
            debug!(container = container.id, "removing a container that was replaced");
            self.node.cri.remove_container(&container.id).await?;
            self.remove_files_of(&container.notes)?;
        }
        for sandbox in runtime.sandboxes.iter().filter(|sandbox| !sandbox.ready) {
            if !kept_sandboxes.contains(&sandbox.id.as_str()) {
                self.remove_sandbox(sandbox).await?;
            }
        }
        Ok(())
    }

    fn remove_files_of(&self, container: &ContainerNotes) -> Result<(), StepError> {
        let (config, name, count) = (&self.node.config, &container.name, container.restart_count);
        let uid = &self.identity.uid;
        let log = paths::log_dir(config, &self.identity).join(paths::log_file(name, count));
        let files = [
            paths::termination_message_file(config, uid, name, count),
            paths::post_start_mark(config, uid, name, count),
            paths::restart_mark(config, uid, name, count),
        ];
        for file in logs::files_of(&log).into_iter().chain(files) {
            match std::fs::remove_file(&file) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StepError::Clean { what: file.display().to_string(), source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Probes each container that runs, and no other; says whether that is new for any.
    async fn probe(
        &mut self,
        pod: &Arc<Pod>,
        spec: &PodSpec,
        runtime: &PodInRuntime,
    ) -> Result<bool, StepError> {
        let mut is_new = false;
        let running: Vec<_> = runtime.running().map(|container| container.id.as_str()).collect();
        self.probes.retain(|id, _| running.contains(&id.as_str()));
        let addresses = self.addresses(pod, runtime).await?;
        for container in runtime.running() {
            let is_known = self.probes.contains_key(&container.id)
                || self.post_start.get(&container.id).is_some_and(|hook| *hook != PostStart::Done);
            let Some((kind, named)) = spec::container(spec, &container.notes.name).filter(|_| !is_known)
            else {
                continue;
            };
            if !kind.is_lasting() {
                continue;
            }
            let probed = Probed {
                cri: self.node.cri.clone(),
                container_id: container.id.clone(),
                address: addresses.pod.first().map(ToString::to_string).unwrap_or_default(),
                started_at: self.details.get(&container.id).and_then(|details| details.started_at),
                events: self.events(pod).of_container(kind, &named.name),
                wake: self.wake.clone(),
            };
            let known = reported_verdict(pod, &named, &container.id);
            match ProbeSpec::of(&named) {
                Ok(specs) => {
                    is_new = true;
                    self.probes.insert(container.id.clone(), ContainerProbes::start(probed, specs, &known));
                }
                // A container is not started with probes like these; they can only have been made so afterwards.
                Err(error) => debug!(error = %error_chain(&error), "the container cannot be probed"),
            }
        }
        Ok(is_new)
    }
}

/// What the API says of this very container: probes of an earlier run of Bythos found it.
fn reported_verdict(pod: &Pod, spec: &ContainerSpec, id: &str) -> Verdict {
    let statuses = pod.status.iter().flat_map(|status| {
        [&status.container_statuses, &status.init_container_statuses].into_iter().flatten().flatten()
    });
    let is_same = |container_id: &String| container_id.strip_prefix("containerd://") == Some(id);
    let reported = statuses
        .into_iter()
        .find(|status| status.name == spec.name && status.container_id.as_ref().is_some_and(is_same));
    reported.map_or_else(Verdict::default, |status| Verdict {
        started: status.started == Some(true),
        ready: status.ready,
        unhealthy: None,
    })
}
