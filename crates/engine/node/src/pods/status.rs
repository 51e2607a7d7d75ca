//! The status of a pod: a pure function of its specification and of what is known of its containers.

mod conditions;
mod container;

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{ContainerStatus, HostIP, Pod, PodIP, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::fields::Addresses;
use super::probes::Verdict;
use super::resources::QosClass;
use super::runtime::{Details, PodInRuntime};
use super::spec::{ContainerKind, RestartPolicy, init_containers};

/// Why a container does not run yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// As `kubectl get pods` shows it, for example `ErrImagePull`.
    pub(crate) reason: &'static str,
    /// The cause, in words; may be empty.
    pub(crate) message: String,
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
    /// Whether no container will be started any more.
    pub(crate) is_finished: bool,
    pub(crate) now: Timestamp,
}

/// The status that the API should show.
pub(crate) fn compute(known: &Known<'_>) -> PodStatus {
    let before = known.pod.status.clone().unwrap_or_default();
    let Some(spec) = &known.pod.spec else { return before };
    let init: Vec<_> = init_containers(spec)
        .iter()
        .map(|container| container::status(known, ContainerKind::Init, container))
        .collect();
    let main: Vec<_> = spec
        .containers
        .iter()
        .map(|container| container::status(known, ContainerKind::Main, container))
        .collect();
    let phase = match before.phase.as_deref() {
        Some(last @ ("Succeeded" | "Failed")) => last,
        _ => phase(spec, known.is_finished, &init, &main),
    };
    let conditions = conditions::compute(known, spec, &before, phase, &init, &main);
    let addresses = addresses(&before, known, phase);
    PodStatus {
        conditions: Some(conditions),
        container_statuses: Some(main),
        host_ip: Some(known.addresses.host.to_string()),
        host_ips: Some(vec![HostIP { ip: known.addresses.host.to_string() }]),
        init_container_statuses: if init.is_empty() { None } else { Some(init) },
        observed_generation: known.pod.metadata.generation.or(before.observed_generation),
        phase: Some(phase.to_owned()),
        pod_ip: addresses.first().cloned(),
        pod_ips: match addresses.is_empty() {
            true => None,
            false => Some(addresses.into_iter().map(|ip| PodIP { ip }).collect()),
        },
        qos_class: before.qos_class.or_else(|| Some(QosClass::of(spec).as_str().to_owned())),
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

/// Upstream's rules (Pod Lifecycle, "Pod phase").
fn phase(
    spec: &PodSpec,
    is_finished: bool,
    init: &[ContainerStatus],
    main: &[ContainerStatus],
) -> &'static str {
    let policy = RestartPolicy::of(spec);
    let init_failed = init.iter().any(|status| container::exit_code(status).is_some_and(|code| code != 0));
    if init_failed && (policy == RestartPolicy::Never || is_finished) {
        return "Failed";
    }
    let is_initialized = init.iter().all(|status| container::exit_code(status) == Some(0));
    let is_running =
        |status: &ContainerStatus| status.state.as_ref().is_some_and(|state| state.running.is_some());
    let has_run =
        |status: &ContainerStatus| is_running(status) || container::last_exit_code(status).is_some();
    if is_finished {
        let succeeded = main.iter().all(|status| container::last_exit_code(status) == Some(0));
        return if succeeded { "Succeeded" } else { "Failed" };
    }
    if !main.iter().all(has_run) || !is_initialized && !main.iter().any(is_running) {
        return "Pending";
    }
    "Running"
}

#[cfg(test)]
mod tests;
