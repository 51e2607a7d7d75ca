//! The objects of the node, as they should be: pure.

use std::collections::BTreeMap;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{Node, NodeAddress, NodeCondition, NodeSpec, NodeStatus, NodeSystemInfo};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference, Time};
use k8s_openapi::jiff::Timestamp;

use crate::config::NodeConfig;
use crate::host::Host;
use crate::images::archive::architecture;

const LEASE_NAMESPACE: &str = "kube-node-lease";
const LEASE_SECONDS: i32 = 40;
const PODS_MAX: u32 = 250;
const VERSION: &str = "v1.37.0+bythos";
const MEMORY_LEFT_BYTES_MIN: u64 = 100 << 20;
const STORAGE_LEFT_PERCENT_MIN: u64 = 10;
const PROCESSES_LEFT_PERCENT_MIN: u64 = 10;

/// What the status of the node says.
pub(super) struct Facts<'a> {
    pub(super) host: Host,
    pub(super) runtime_version: &'a str,
    /// Why pods cannot run.
    pub(super) not_ready: Option<String>,
}

/// The status apart from what changes with time alone.
pub(super) fn without_heartbeats(status: &NodeStatus) -> NodeStatus {
    let mut status = status.clone();
    for condition in status.conditions.iter_mut().flatten() {
        condition.last_heartbeat_time = None;
    }
    status
}

pub(super) fn node(config: &NodeConfig) -> Node {
    let labels = [
        ("kubernetes.io/hostname", config.node_name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", architecture()),
    ];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Node {
        metadata: ObjectMeta {
            name: Some(config.node_name.clone()),
            labels: Some(labels.into()),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec {
            pod_cidr: Some(config.pod_network.clone()),
            pod_cidrs: Some(vec![config.pod_network.clone()]),
            ..NodeSpec::default()
        }),
        status: None,
    }
}

pub(super) fn lease(config: &NodeConfig, node: &Node) -> Lease {
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: config.node_name.clone(),
        uid: node.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    };
    Lease {
        metadata: ObjectMeta {
            name: Some(config.node_name.clone()),
            namespace: Some(LEASE_NAMESPACE.to_owned()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(config.node_name.clone()),
            lease_duration_seconds: Some(LEASE_SECONDS),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..LeaseSpec::default()
        }),
    }
}

pub(super) fn status(
    config: &NodeConfig,
    facts: &Facts<'_>,
    before: &NodeStatus,
    now: Timestamp,
) -> NodeStatus {
    let resources = resources(&facts.host);
    let address = |type_: &str, address: String| NodeAddress { type_: type_.to_owned(), address };
    NodeStatus {
        addresses: Some(vec![
            address("InternalIP", config.node_address.to_string()),
            address("Hostname", config.node_name.clone()),
        ]),
        allocatable: Some(resources.clone()),
        capacity: Some(resources),
        conditions: Some(conditions(facts, before, now)),
        node_info: Some(info(&facts.host, facts.runtime_version)),
        ..NodeStatus::default()
    }
}

fn resources(host: &Host) -> BTreeMap<String, Quantity> {
    let kibibytes = |bytes: u64| format!("{}Ki", bytes / 1024);
    let resources = [
        ("cpu", host.processors.to_string()),
        ("memory", kibibytes(host.memory_bytes)),
        ("ephemeral-storage", kibibytes(host.storage_bytes)),
        ("pods", PODS_MAX.to_string()),
    ];
    resources.map(|(name, quantity)| (name.to_owned(), Quantity(quantity))).into()
}

fn info(host: &Host, runtime_version: &str) -> NodeSystemInfo {
    NodeSystemInfo {
        architecture: architecture().to_owned(),
        boot_id: host.boot_id.clone(),
        container_runtime_version: format!("containerd://{runtime_version}"),
        kernel_version: host.kernel.clone(),
        kubelet_version: VERSION.to_owned(),
        machine_id: host.machine_id.clone(),
        operating_system: "linux".to_owned(),
        os_image: host.os_image.clone(),
        system_uuid: host.machine_id.clone(),
        ..NodeSystemInfo::default()
    }
}

fn conditions(facts: &Facts<'_>, before: &NodeStatus, now: Timestamp) -> Vec<NodeCondition> {
    let old = before.conditions.as_deref().unwrap_or_default();
    let mut found = pressures(&facts.host).to_vec();
    found.push(match &facts.not_ready {
        None => {
            Found { type_: "Ready", holds: true, reason: "KubeletReady", message: "pods can run".to_owned() }
        }
        Some(reason) => {
            Found { type_: "Ready", holds: false, reason: "KubeletNotReady", message: reason.clone() }
        }
    });
    found.into_iter().map(|found| found.into_condition(old, now)).collect()
}

/// A condition as it was found.
#[derive(Clone)]
struct Found {
    type_: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

impl Found {
    fn into_condition(self, old: &[NodeCondition], now: Timestamp) -> NodeCondition {
        let status = if self.holds { "True" } else { "False" };
        let same = old.iter().find(|condition| condition.type_ == self.type_ && condition.status == status);
        let since = same.and_then(|condition| condition.last_transition_time.clone()).unwrap_or(Time(now));
        NodeCondition {
            type_: self.type_.to_owned(),
            status: status.to_owned(),
            reason: Some(self.reason.to_owned()),
            message: Some(self.message),
            last_heartbeat_time: Some(Time(now)),
            last_transition_time: Some(since),
        }
    }
}

/// The thresholds are those at which the kubelet evicts.
fn pressures(host: &Host) -> [Found; 3] {
    let percent_left = |left: u64, all: u64| left.saturating_mul(100).checked_div(all).unwrap_or(100);
    let storage_left = percent_left(host.storage_available_bytes, host.storage_bytes);
    let processes_left = percent_left(host.processes_max.saturating_sub(host.processes), host.processes_max);
    let memory_is_short = host.memory_available_bytes < MEMORY_LEFT_BYTES_MIN && host.memory_bytes > 0;
    let found = |type_, holds: bool, reasons: [&'static str; 2], what: &str| {
        let [low, high] = reasons;
        let (reason, words) = if holds { (high, "runs short of") } else { (low, "has enough") };
        Found { type_, holds, reason, message: format!("the node {words} {what}") }
    };
    [
        found(
            "MemoryPressure",
            memory_is_short,
            ["KubeletHasSufficientMemory", "KubeletHasInsufficientMemory"],
            "memory",
        ),
        found(
            "DiskPressure",
            storage_left < STORAGE_LEFT_PERCENT_MIN,
            ["KubeletHasNoDiskPressure", "KubeletHasDiskPressure"],
            "storage",
        ),
        found(
            "PIDPressure",
            processes_left < PROCESSES_LEFT_PERCENT_MIN,
            ["KubeletHasSufficientPID", "KubeletHasInsufficientPID"],
            "process ids",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        Host {
            processors: 4,
            memory_bytes: 8 << 30,
            memory_available_bytes: 4 << 30,
            storage_bytes: 100 << 30,
            storage_available_bytes: 50 << 30,
            processes: 300,
            processes_max: 32768,
            kernel: "6.1".to_owned(),
            os_image: "Debian".to_owned(),
            machine_id: "m".to_owned(),
            boot_id: "b".to_owned(),
        }
    }

    fn computed(host: Host, not_ready: Option<&str>, before: &NodeStatus, seconds: i64) -> NodeStatus {
        let not_ready = not_ready.map(str::to_owned);
        let facts = Facts { host, runtime_version: "1.6.20", not_ready };
        status(&crate::config::example(), &facts, before, Timestamp::from_second(seconds).unwrap())
    }

    fn true_conditions(status: &NodeStatus) -> Vec<&str> {
        let conditions = status.conditions.iter().flatten();
        conditions.filter(|condition| condition.status == "True").map(|c| c.type_.as_str()).collect()
    }

    #[test]
    fn a_healthy_node_is_ready_and_under_no_pressure() {
        let status = computed(host(), None, &NodeStatus::default(), 1);
        assert_eq!(true_conditions(&status), ["Ready"]);
        assert_eq!(status.capacity.as_ref().unwrap()["memory"].0, "8388608Ki");
        assert_eq!(status.capacity.unwrap()["pods"].0, "250");
    }

    #[test]
    fn shortage_is_told() {
        let short = Host {
            memory_available_bytes: 1 << 20,
            storage_available_bytes: 1 << 30,
            processes: 32000,
            ..host()
        };
        let status = computed(short, Some("no network"), &NodeStatus::default(), 1);
        assert_eq!(true_conditions(&status), ["MemoryPressure", "DiskPressure", "PIDPressure"]);
    }

    #[test]
    fn only_heartbeats_change_with_time() {
        let first = computed(host(), None, &NodeStatus::default(), 1);
        let second = computed(host(), None, &first, 2);
        assert_ne!(first, second);
        assert_eq!(without_heartbeats(&first), without_heartbeats(&second));
    }
}
