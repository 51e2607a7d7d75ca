//! Requests and limits: what they make of a container in the kernel, and the class that they make of a pod.

use std::collections::BTreeMap;

use bythos_quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as QuantityText;

use super::spec::{ContainerKind, all_containers};
use crate::containerd::cgroup::CgroupVersion;
use crate::cri::v1;

pub(crate) const PERIOD_MICROSECONDS: i64 = 100_000;
const SHARES_MIN: i64 = 2;
const SHARES_MAX: i64 = 262_144;

/// Who gives way first when memory runs short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QosClass {
    /// Requests equal limits, for processor and memory, in every container.
    Guaranteed,
    Burstable,
    /// Nothing is requested or limited.
    BestEffort,
}

impl QosClass {
    pub(crate) fn of(spec: &PodSpec) -> Self {
        // What is said of the pod as a whole stands for all its containers.
        let of_pod = spec.resources.iter().collect::<Vec<_>>();
        let of_containers = || all_containers(spec).filter_map(|(_, container)| container.resources.as_ref());
        let (said, all) = match of_pod.is_empty() {
            false => (of_pod, true),
            true => {
                let said: Vec<_> = of_containers().collect();
                let all = said.len() == all_containers(spec).count();
                (said, all)
            }
        };
        let names = ["cpu", "memory"];
        let has_any = |resources: &&ResourceRequirements| {
            names.iter().any(|name| limit(resources, name).is_some() || request(resources, name).is_some())
        };
        let is_guaranteed = |resources: &&ResourceRequirements| {
            names.iter().all(|name| {
                let limit = limit(resources, name);
                let request = request(resources, name);
                limit.is_some() && (request.is_none() || is_same_amount(request, limit))
            })
        };
        if !said.iter().any(has_any) {
            QosClass::BestEffort
        } else if all && said.iter().all(is_guaranteed) {
            QosClass::Guaranteed
        } else {
            QosClass::Burstable
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            QosClass::Guaranteed => "Guaranteed",
            QosClass::Burstable => "Burstable",
            QosClass::BestEffort => "BestEffort",
        }
    }

    /// The cgroup, below the engine's, in which pods of this class lie; empty for the engine's own.
    pub(crate) fn cgroup(self) -> &'static str {
        match self {
            QosClass::Guaranteed => "",
            QosClass::Burstable => "burstable",
            QosClass::BestEffort => "besteffort",
        }
    }
}

/// A quantity that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("resources.{list}.{name}: found {found:?}, expected a quantity such as {example}")]
pub(crate) struct QuantityError {
    list: &'static str,
    name: &'static str,
    found: String,
    example: &'static str,
}

/// What the kernel is told of a container; `memory_bytes` is what the node has.
pub(crate) fn of_container(
    container: &Container,
    class: QosClass,
    memory_bytes: i64,
    version: CgroupVersion,
) -> Result<v1::LinuxContainerResources, QuantityError> {
    let Figures { cpu_limit, cpu_request, memory_limit, memory_request } =
        Figures::of(&container.resources.clone().unwrap_or_default())?;
    // All processes of a container end together when it has filled its memory; version 1 cannot do that.
    let unified = match version {
        CgroupVersion::V1 => Default::default(),
        CgroupVersion::V2 => [("memory.oom.group".to_owned(), "1".to_owned())].into(),
    };
    Ok(v1::LinuxContainerResources {
        cpu_period: PERIOD_MICROSECONDS,
        cpu_quota: cpu_limit.map_or(0, quota),
        cpu_shares: cpu_request.map_or(SHARES_MIN, shares),
        memory_limit_in_bytes: memory_limit.unwrap_or(0),
        oom_score_adj: oom_score_adjustment(class, memory_request.unwrap_or(0), memory_bytes),
        unified,
    })
}

/// Microseconds of processor in each period, for so many thousandths of one.
fn quota(milli: i64) -> i64 {
    (milli.saturating_mul(PERIOD_MICROSECONDS) / 1000).max(1000)
}

fn shares(milli: i64) -> i64 {
    (milli.saturating_mul(1024) / 1000).clamp(SHARES_MIN, SHARES_MAX)
}

/// Processor in thousandths, memory in bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    cpu_limit: Option<i64>,
    cpu_request: Option<i64>,
    memory_limit: Option<i64>,
    memory_request: Option<i64>,
}

impl Figures {
    fn of(resources: &ResourceRequirements) -> Result<Self, QuantityError> {
        let cpu_limit = read("limits", "cpu", limit(resources, "cpu"))?;
        let memory_limit = read("limits", "memory", limit(resources, "memory"))?;
        Ok(Figures {
            cpu_limit,
            cpu_request: read("requests", "cpu", request(resources, "cpu"))?.or(cpu_limit),
            memory_limit,
            memory_request: read("requests", "memory", request(resources, "memory"))?.or(memory_limit),
        })
    }
}

/// What the kernel is told of a pod as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PodLimits {
    pub(crate) cpu_shares: i64,
    /// Microseconds in each period of [`PERIOD_MICROSECONDS`].
    pub(crate) cpu_quota: Option<i64>,
    pub(crate) memory_bytes: Option<i64>,
}

impl PodLimits {
    /// What the manifest says of the pod, or else what its containers come to. A pod is limited as a whole only if
    /// all its containers are.
    pub(crate) fn of(spec: &PodSpec) -> Result<Self, QuantityError> {
        let own = Figures::of(&spec.resources.clone().unwrap_or_default())?;
        let total = |figure: fn(&Figures) -> Option<i64>| total(spec, figure);
        let cpu_limit = own.cpu_limit.or(total(|figures| figures.cpu_limit)?);
        let cpu_request = own.cpu_request.or(total(|figures| Some(figures.cpu_request.unwrap_or(0)))?);
        Ok(PodLimits {
            cpu_shares: shares(cpu_request.unwrap_or(0)),
            cpu_quota: cpu_limit.map(quota),
            memory_bytes: own.memory_limit.or(total(|figures| figures.memory_limit)?),
        })
    }
}

/// The largest sum of a figure at any time of the pod's life; `None` if it is missing of one container.
fn total(spec: &PodSpec, figure: fn(&Figures) -> Option<i64>) -> Result<Option<i64>, QuantityError> {
    let (mut beside, mut highest_init) = (0_i64, 0_i64);
    for (kind, container) in all_containers(spec) {
        let Some(value) = figure(&Figures::of(&container.resources.clone().unwrap_or_default())?) else {
            return Ok(None);
        };
        match kind {
            ContainerKind::Init => highest_init = highest_init.max(beside.saturating_add(value)),
            _ => beside = beside.saturating_add(value),
        }
    }
    Ok(Some(beside.max(highest_init)))
}

/// Bytes that the pod may use at most, if all its containers are limited.
pub(crate) fn memory_limit(spec: &PodSpec) -> Option<i64> {
    PodLimits::of(spec).ok()?.memory_bytes.filter(|bytes| *bytes > 0)
}

/// The kubelet's: a burstable container is the safer, the more of the node's memory it requests.
fn oom_score_adjustment(class: QosClass, memory_request: i64, memory_bytes: i64) -> i64 {
    match class {
        QosClass::Guaranteed => -997,
        QosClass::BestEffort => 1000,
        QosClass::Burstable => {
            let share = memory_request.saturating_mul(1000).checked_div(memory_bytes).unwrap_or(0);
            (1000 - share).clamp(3, 999)
        }
    }
}

fn read(list: &'static str, name: &'static str, found: Option<&str>) -> Result<Option<i64>, QuantityError> {
    let Some(found) = found else { return Ok(None) };
    let (figure, example): (fn(Quantity) -> i128, _) = match name {
        "cpu" => (Quantity::thousandths, "500m"),
        _ => (Quantity::units, "128Mi"),
    };
    let value = found.parse().ok().and_then(|amount| i64::try_from(figure(amount)).ok());
    match value {
        Some(value) if value >= 0 => Ok(Some(value)),
        _ => Err(QuantityError { list, name, found: found.to_owned(), example }),
    }
}

/// However they are written.
fn is_same_amount(one: Option<&str>, other: Option<&str>) -> bool {
    let amount = |text: Option<&str>| text.and_then(|text| text.parse::<Quantity>().ok());
    amount(one) == amount(other)
}

fn limit<'a>(resources: &'a ResourceRequirements, name: &str) -> Option<&'a str> {
    non_zero(resources.limits.as_ref()?, name)
}

fn request<'a>(resources: &'a ResourceRequirements, name: &str) -> Option<&'a str> {
    non_zero(resources.requests.as_ref()?, name)
}

fn non_zero<'a>(quantities: &'a BTreeMap<String, QuantityText>, name: &str) -> Option<&'a str> {
    let text = quantities.get(name)?.0.as_str();
    (text.parse::<Quantity>() != Ok(Quantity::ZERO)).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn container(resources: Value) -> Container {
        let mut container = json!({"name": "web"});
        container["resources"] = resources;
        serde_json::from_value(container).unwrap()
    }

    #[track_caller]
    fn check_class(resources: Value, expected: QosClass) {
        let spec = PodSpec { containers: vec![container(resources)], ..PodSpec::default() };
        assert_eq!(QosClass::of(&spec), expected);
    }

    #[test]
    fn requests_and_limits_make_the_class() {
        check_class(json!({}), QosClass::BestEffort);
        check_class(json!({"requests": {"cpu": "0"}}), QosClass::BestEffort);
        check_class(json!({"requests": {"cpu": "1"}}), QosClass::Burstable);
        check_class(json!({"limits": {"cpu": "1"}}), QosClass::Burstable);
        check_class(json!({"limits": {"cpu": "1", "memory": "1Gi"}}), QosClass::Guaranteed);
        let both =
            json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}});
        check_class(both, QosClass::Burstable);
    }

    #[test]
    fn amounts_make_the_class_and_not_how_they_are_written() {
        let same = json!({
            "limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"},
        });
        check_class(same, QosClass::Guaranteed);
        check_class(json!({"requests": {"cpu": "0m", "memory": "0Gi"}}), QosClass::BestEffort);
    }

    #[test]
    fn limits_become_those_of_the_kernel() {
        let limited =
            container(json!({"limits": {"cpu": "1500m", "memory": "128Mi"}, "requests": {"cpu": "250m"}}));
        let resources = of_container(&limited, QosClass::Burstable, 1 << 30, CgroupVersion::V1).unwrap();
        assert_eq!((resources.cpu_quota, resources.cpu_period), (150_000, 100_000));
        assert_eq!(resources.cpu_shares, 256);
        assert_eq!(resources.memory_limit_in_bytes, 128 << 20);
        assert_eq!(resources.oom_score_adj, 875);
        let free =
            of_container(&container(json!({})), QosClass::BestEffort, 1 << 30, CgroupVersion::V2).unwrap();
        assert_eq!((free.cpu_quota, free.cpu_shares, free.memory_limit_in_bytes), (0, 2, 0));
        assert_eq!(free.unified["memory.oom.group"], "1");
    }

    #[track_caller]
    fn check_pod(spec: Value, expected: (i64, Option<i64>, Option<i64>)) {
        let limits = PodLimits::of(&serde_json::from_value(spec).unwrap()).unwrap();
        assert_eq!((limits.cpu_shares, limits.cpu_quota, limits.memory_bytes), expected);
    }

    #[test]
    fn a_pod_is_limited_by_the_sum_of_its_containers_if_all_are_limited() {
        let limited = json!({"limits": {"cpu": "500m", "memory": "64Mi"}});
        let one = json!({"name": "a", "resources": limited});
        check_pod(json!({"containers": [one, one]}), (1024, Some(100_000), Some(128 << 20)));
        check_pod(json!({"containers": [one, {"name": "b"}]}), (512, None, None));
        check_pod(json!({"containers": [{"name": "b"}]}), (2, None, None));
        let large = json!({"name": "init", "resources": {"limits": {"cpu": "2", "memory": "32Mi"}}});
        let with_init = json!({"initContainers": [large], "containers": [one]});
        check_pod(with_init, (2048, Some(200_000), Some(64 << 20)));
        let sidecar = json!({"name": "side", "restartPolicy": "Always", "resources": limited});
        let with_sidecar = json!({"initContainers": [sidecar], "containers": [one]});
        check_pod(with_sidecar, (1024, Some(100_000), Some(128 << 20)));
        let whole = json!({"containers": [{"name": "b"}], "resources": {"limits": {"memory": "1Gi"}}});
        check_pod(whole, (2, None, Some(1 << 30)));
    }

    #[test]
    fn a_quantity_that_is_none_is_named() {
        let wrong = container(json!({"limits": {"memory": "much"}}));
        assert_eq!(
            of_container(&wrong, QosClass::Burstable, 1, CgroupVersion::V1).unwrap_err().to_string(),
            "resources.limits.memory: found \"much\", expected a quantity such as 128Mi"
        );
    }
}
