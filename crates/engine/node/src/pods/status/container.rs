//! The status of one container.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::plan::LOST;
use super::super::runtime::{Container, Details, RunState};
use super::super::spec::{ContainerKind, RestartPolicy, init_containers};
use super::{Known, Outlook, Waiting};

/// The status of the container `name`, which the specification gives `image`.
pub(super) fn status(known: &Known<'_>, kind: ContainerKind, name: &str, image: &str) -> ContainerStatus {
    let reported = reported(known, name);
    let Some(latest) = known.runtime.latest(name) else {
        return not_in_runtime(known, kind, name, image, reported);
    };
    let details = known.details.get(&latest.id).cloned().unwrap_or_default();
    let earlier = known
        .runtime
        .instances(name)
        .nth(1)
        .map(|earlier| terminated(known, earlier))
        .or_else(|| reported.and_then(|status| earlier_of(status, latest)));
    let (state, last_state) = match (latest.state, known.waiting.get(name)) {
        (RunState::Running, _) => {
            let running = ContainerStateRunning { started_at: details.started_at.map(Time) };
            (ContainerState { running: Some(running), ..ContainerState::default() }, earlier)
        }
        (RunState::Ended, Some(reason)) => (waiting(reason), Some(terminated(known, latest))),
        (RunState::Ended, None) => (terminated(known, latest), earlier),
        (RunState::Created | RunState::BrokenOff, reason) => {
            (waiting_or_default(known, kind, reason), earlier)
        }
    };
    let is_running = latest.state == RunState::Running;
    let verdict = known.verdicts.get(&latest.id).cloned().unwrap_or_default();
    let is_ready = match kind {
        ContainerKind::Main | ContainerKind::Sidecar => is_running && verdict.ready && verdict.started,
        ContainerKind::Init => state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0),
        ContainerKind::Ephemeral => false,
    };
    ContainerStatus {
        name: name.to_owned(),
        image: image.to_owned(),
        image_id: details.image_id,
        container_id: Some(format!("containerd://{}", latest.id)),
        restart_count: i32::try_from(latest.notes.restart_count).unwrap_or(i32::MAX),
        ready: is_ready,
        started: Some(is_running && (!kind.is_lasting() || verdict.started)),
        state: Some(state),
        last_state,
        ..ContainerStatus::default()
    }
}

/// The code with which the container has ended and stays ended.
pub(super) fn exit_code(status: &ContainerStatus) -> Option<i32> {
    status.state.as_ref()?.terminated.as_ref().map(|ended| ended.exit_code)
}

/// As [`exit_code`], or that of the container before the one that waits.
pub(super) fn last_exit_code(status: &ContainerStatus) -> Option<i32> {
    exit_code(status).or_else(|| status.last_state.as_ref()?.terminated.as_ref().map(|ended| ended.exit_code))
}

fn reported<'a>(known: &Known<'a>, name: &str) -> Option<&'a ContainerStatus> {
    let status = known.pod.status.as_ref()?;
    let lists =
        [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    lists.into_iter().flatten().flatten().find(|status| status.name == name)
}

/// CRI has no container of this name: there was none yet, or the engine was shut down since.
fn not_in_runtime(
    known: &Known<'_>,
    kind: ContainerKind,
    name: &str,
    image: &str,
    reported: Option<&ContainerStatus>,
) -> ContainerStatus {
    let before = reported.filter(|status| status.container_id.is_some());
    if let Some(ended) = before.filter(|status| exit_code(status).is_some()) {
        return ended.clone();
    }
    let lost = before.map(|status| lost(known, status));
    let is_final = *known.outlook != Outlook::GoesOn
        || kind == ContainerKind::Ephemeral
        || kind != ContainerKind::Sidecar && RestartPolicy::of_known(known) == RestartPolicy::Never;
    let (state, last_state) = match lost {
        Some(lost) if is_final => (lost, None),
        lost => (waiting_or_default(known, kind, known.waiting.get(name)), lost),
    };
    ContainerStatus {
        name: name.to_owned(),
        image: image.to_owned(),
        image_id: before.map(|status| status.image_id.clone()).unwrap_or_default(),
        container_id: before.and_then(|status| status.container_id.clone()),
        restart_count: before.map_or(0, |status| status.restart_count),
        ready: false,
        started: Some(false),
        state: Some(state),
        last_state,
        ..ContainerStatus::default()
    }
}

impl RestartPolicy {
    fn of_known(known: &Known<'_>) -> Self {
        known.pod.spec.as_ref().map_or(RestartPolicy::Always, RestartPolicy::of)
    }
}

fn lost(known: &Known<'_>, status: &ContainerStatus) -> ContainerState {
    let ended = ContainerStateTerminated {
        exit_code: LOST,
        reason: Some("ContainerStatusUnknown".to_owned()),
        message: Some("the container ended while nobody watched it".to_owned()),
        container_id: status.container_id.clone(),
        finished_at: Some(Time(known.now)),
        ..ContainerStateTerminated::default()
    };
    // What was said once is not said again with another time.
    let said = status.last_state.as_ref().filter(|state| {
        state.terminated.as_ref().is_some_and(|known| known.container_id == status.container_id)
    });
    said.cloned().unwrap_or_else(|| ContainerState { terminated: Some(ended), ..ContainerState::default() })
}

/// The end of the container before `latest` that the API remembers after CRI has forgotten it.
fn earlier_of(reported: &ContainerStatus, latest: &Container) -> Option<ContainerState> {
    let own_id = format!("containerd://{}", latest.id);
    let is_of_other = |state: &&ContainerState| {
        state.terminated.as_ref().is_some_and(|ended| ended.container_id.as_ref() != Some(&own_id))
    };
    [&reported.last_state, &reported.state].into_iter().flatten().find(is_of_other).cloned()
}

fn terminated(known: &Known<'_>, container: &Container) -> ContainerState {
    let lost = Details { exit_code: LOST, reason: "ContainerStatusUnknown".to_owned(), ..Details::default() };
    let details = known.details.get(&container.id).cloned().unwrap_or(lost);
    let reason = match (details.reason.as_str(), details.exit_code) {
        ("", 0) => "Completed".to_owned(),
        ("", _) => "Error".to_owned(),
        (reason, _) => reason.to_owned(),
    };
    let ended = ContainerStateTerminated {
        exit_code: details.exit_code,
        reason: Some(reason),
        message: Some(details.message).filter(|message| !message.is_empty()),
        started_at: details.started_at.map(Time),
        finished_at: details.finished_at.map(Time),
        container_id: Some(format!("containerd://{}", container.id)),
        ..ContainerStateTerminated::default()
    };
    ContainerState { terminated: Some(ended), ..ContainerState::default() }
}

fn waiting_or_default(known: &Known<'_>, kind: ContainerKind, reason: Option<&Waiting>) -> ContainerState {
    let has_init = known.pod.spec.as_ref().is_some_and(|spec| !init_containers(spec).is_empty());
    let default = match kind {
        ContainerKind::Init | ContainerKind::Sidecar => "PodInitializing",
        ContainerKind::Main if has_init => "PodInitializing",
        ContainerKind::Main | ContainerKind::Ephemeral => "ContainerCreating",
    };
    waiting(reason.unwrap_or(&Waiting { reason: default, message: String::new() }))
}

fn waiting(reason: &Waiting) -> ContainerState {
    let waiting = ContainerStateWaiting {
        reason: Some(reason.reason.to_owned()),
        message: Some(reason.message.clone()).filter(|message| !message.is_empty()),
    };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}
