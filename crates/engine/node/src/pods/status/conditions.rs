//! The conditions of a pod.

use k8s_openapi::api::core::v1::{PodCondition, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Failure, Known, Outlook, Statuses, container};
use crate::pods::eviction::EVICTED;

const OWN: [&str; 4] = ["PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"];

/// Says that it was not the pod's own doing that it ended.
const DISRUPTION: &str = "DisruptionTarget";

/// Why a condition is what it is.
#[derive(Debug, Default)]
struct Cause {
    reason: &'static str,
    message: String,
}

/// The node's own conditions, and those of others as they are.
pub(super) fn compute(
    known: &Known<'_>,
    spec: &PodSpec,
    before: &PodStatus,
    phase: &str,
    statuses: &Statuses,
) -> Vec<PodCondition> {
    let old = before.conditions.as_deref().unwrap_or_default();
    let has_network = known.runtime.ready_sandbox().is_some() && !known.addresses.pod.is_empty();
    let network = if has_network { None } else { Some(Cause::default()) };
    let initialized = not_initialized(statuses, phase);
    let containers = not_ready(statuses, phase);
    let ready = containers.as_ref().map(Cause::clone_of).or_else(|| closed_gate(spec, old));
    let found = [network, initialized, containers, ready];
    let mut conditions: Vec<_> =
        OWN.into_iter().zip(found).map(|(type_, cause)| unless_hindered(known, old, type_, cause)).collect();
    conditions.extend(old.iter().filter(|condition| !OWN.contains(&condition.type_.as_str())).cloned());
    if let Outlook::Failed(Failure { reason: EVICTED, message }) = known.outlook {
        conditions.retain(|condition| condition.type_ != DISRUPTION);
        let cause = Cause { reason: "TerminationByKubelet", message: message.clone() };
        conditions.push(condition(known, old, DISRUPTION, "True", &cause));
    }
    conditions
}

impl Cause {
    fn clone_of(cause: &Cause) -> Cause {
        Cause { reason: cause.reason, message: cause.message.clone() }
    }
}

fn not_initialized(statuses: &Statuses, phase: &str) -> Option<Cause> {
    let has_started = statuses.main.iter().any(|status| status.container_id.is_some());
    let init = statuses.init.iter().filter(|status| container::exit_code(status) != Some(0));
    let sidecars = statuses.sidecars.iter().filter(|status| status.started != Some(true));
    let unfinished: Vec<_> = init.chain(sidecars).map(|status| status.name.as_str()).collect();
    if unfinished.is_empty() || has_started && phase != "Failed" {
        return None;
    }
    let message = format!("containers with incomplete status: [{}]", unfinished.join(" "));
    Some(Cause { reason: "ContainersNotInitialized", message })
}

fn not_ready(statuses: &Statuses, phase: &str) -> Option<Cause> {
    match phase {
        "Succeeded" => return Some(Cause { reason: "PodCompleted", message: String::new() }),
        "Failed" => return Some(Cause { reason: "PodFailed", message: String::new() }),
        _ => {}
    }
    let unready: Vec<_> =
        statuses.lasting().filter(|status| !status.ready).map(|status| status.name.as_str()).collect();
    if unready.is_empty() {
        return None;
    }
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    Some(Cause { reason: "ContainersNotReady", message })
}

fn closed_gate(spec: &PodSpec, conditions: &[PodCondition]) -> Option<Cause> {
    let is_open = |type_: &str| conditions.iter().any(|known| known.type_ == type_ && known.status == "True");
    let gate = spec.readiness_gates.iter().flatten().find(|gate| !is_open(&gate.condition_type))?;
    let message = format!("the condition {:?} of the pod's readiness gates is not true", gate.condition_type);
    Some(Cause { reason: "ReadinessGatesNotReady", message })
}

/// A condition that is true unless something speaks against it.
fn unless_hindered(
    known: &Known<'_>,
    old: &[PodCondition],
    type_: &str,
    cause: Option<Cause>,
) -> PodCondition {
    let status = if cause.is_none() { "True" } else { "False" };
    condition(known, old, type_, status, &cause.unwrap_or_default())
}

fn condition(
    known: &Known<'_>,
    old: &[PodCondition],
    type_: &str,
    status: &str,
    cause: &Cause,
) -> PodCondition {
    let same = old.iter().find(|condition| condition.type_ == type_ && condition.status == status);
    let since = same.and_then(|condition| condition.last_transition_time.clone()).unwrap_or(Time(known.now));
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    PodCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: text(cause.reason),
        message: text(&cause.message),
        last_transition_time: Some(since),
        observed_generation: known.pod.metadata.generation,
        last_probe_time: None,
    }
}
