//! The status of a pod: a pure function of its specification and of what is known of its containers.

mod conditions;
mod container;

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, HostIP, Pod, PodIP, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::fields::Addresses;
use super::probes::Verdict;
use super::resources::QosClass;
use super::runtime::{Details, PodInRuntime};
use super::spec::{ContainerKind, RestartPolicy, all_containers, ephemeral_containers, image};

/// Why a container does not run yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// As `kubectl get pods` shows it, for example `ErrImagePull`.
    pub(crate) reason: &'static str,
    /// The cause, in words; may be empty.
    pub(crate) message: String,
}

/// Why a pod has failed as a whole, whatever its containers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// As `kubectl get pods` shows it, for example `DeadlineExceeded`.
    pub(crate) reason: &'static str,
    /// In words.
    pub(crate) message: String,
}

/// Whether containers of the pod will still be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outlook {
    GoesOn,
    /// No, and how they have ended says whether the pod has succeeded.
    Finished,
    Failed(Failure),
}

/// All that the status depends on.
pub(crate) struct Known<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) runtime: &'a PodInRuntime,
    /// By container id.
    pub(crate) details: &'a BTreeMap<String, Details>,
    /// By container name.
    pub(crate) waiting: &'a BTreeMap<String, Waiting>,
    /// By container id.
    pub(crate) verdicts: &'a BTreeMap<String, Verdict>,
    pub(crate) addresses: &'a Addresses,
    pub(crate) outlook: &'a Outlook,
    pub(crate) now: Timestamp,
}

/// The status of all containers of a pod.
struct Statuses {
    init: Vec<ContainerStatus>,
    sidecars: Vec<ContainerStatus>,
    main: Vec<ContainerStatus>,
}

impl Statuses {
    /// Those that live as long as the pod.
    fn lasting(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.sidecars.iter().chain(&self.main)
    }
}

/// The status that the API should show.
pub(crate) fn compute(known: &Known<'_>) -> PodStatus {
    let before = known.pod.status.clone().unwrap_or_default();
    let Some(spec) = &known.pod.spec else { return before };
    let of = |(kind, container): (ContainerKind, &Container)| {
        (kind, container::status(known, kind, &container.name, image(container)))
    };
    let (mut statuses, mut init) = (Statuses { init: vec![], sidecars: vec![], main: vec![] }, Vec::new());
    for (kind, status) in all_containers(spec).map(of) {
        match kind {
            ContainerKind::Main => statuses.main.push(status),
            kind => {
                init.push(status.clone());
                let list = match kind {
                    ContainerKind::Sidecar => &mut statuses.sidecars,
                    _ => &mut statuses.init,
                };
                list.push(status);
            }
        }
    }
    let ephemeral: Vec<_> = ephemeral_containers(spec)
        .iter()
        .map(|container| {
            let image = container.image.as_deref().unwrap_or_default();
            container::status(known, ContainerKind::Ephemeral, &container.name, image)
        })
        .collect();
    let phase = match before.phase.as_deref() {
        Some(last @ ("Succeeded" | "Failed")) => last,
        _ => phase(spec, known.outlook, &statuses),
    };
    let failure = match known.outlook {
        Outlook::Failed(failure) => Some(failure),
        Outlook::GoesOn | Outlook::Finished => None,
    };
    let conditions = conditions::compute(known, spec, &before, phase, &statuses);
    let addresses = addresses(&before, known, phase);
    let some = |statuses: Vec<ContainerStatus>| Some(statuses).filter(|statuses| !statuses.is_empty());
    PodStatus {
        conditions: Some(conditions),
        container_statuses: Some(statuses.main),
        ephemeral_container_statuses: some(ephemeral),
        host_ip: Some(known.addresses.host.to_string()),
        host_ips: Some(vec![HostIP { ip: known.addresses.host.to_string() }]),
        init_container_statuses: some(init),
        message: failure.map(|failure| failure.message.clone()).or(before.message),
        observed_generation: known.pod.metadata.generation.or(before.observed_generation),
        phase: Some(phase.to_owned()),
        pod_ip: addresses.first().cloned(),
        pod_ips: match addresses.is_empty() {
            true => None,
            false => Some(addresses.into_iter().map(|ip| PodIP { ip }).collect()),
        },
        qos_class: before.qos_class.or_else(|| Some(QosClass::of(spec).as_str().to_owned())),
        reason: failure.map(|failure| failure.reason.to_owned()).or(before.reason),
        start_time: before.start_time.or(Some(Time(known.now))),
        ..before
    }
}

/// A pod that has ended keeps the addresses that it had.
fn addresses(before: &PodStatus, known: &Known<'_>, phase: &str) -> Vec<String> {
    let now: Vec<_> = known.addresses.pod.iter().map(IpAddr::to_string).collect();
    if now.is_empty() && matches!(phase, "Succeeded" | "Failed") {
        return before.pod_ips.iter().flatten().map(|address| address.ip.clone()).collect();
    }
    now
}

/// Upstream's rules (Pod Lifecycle, "Pod phase"). Sidecars have a say only in the beginning.
fn phase(spec: &PodSpec, outlook: &Outlook, statuses: &Statuses) -> &'static str {
    let is_finished = match outlook {
        Outlook::Failed(_) => return "Failed",
        Outlook::Finished => true,
        Outlook::GoesOn => false,
    };
    let policy = RestartPolicy::of(spec);
    let init_failed =
        statuses.init.iter().any(|status| container::exit_code(status).is_some_and(|code| code != 0));
    if init_failed && is_finished
        || init_failed && policy == RestartPolicy::Never && statuses.sidecars.is_empty()
    {
        return "Failed";
    }
    let is_running =
        |status: &ContainerStatus| status.state.as_ref().is_some_and(|state| state.running.is_some());
    let has_run =
        |status: &ContainerStatus| is_running(status) || container::last_exit_code(status).is_some();
    if is_finished {
        let succeeded = statuses.main.iter().all(|status| container::last_exit_code(status) == Some(0));
        return if succeeded { "Succeeded" } else { "Failed" };
    }
    let is_initialized = statuses.init.iter().all(|status| container::exit_code(status) == Some(0))
        && statuses.sidecars.iter().all(has_run);
    if !statuses.main.iter().all(has_run) || !is_initialized && !statuses.main.iter().any(is_running) {
        return "Pending";
    }
    "Running"
}

#[cfg(test)]
mod tests;
