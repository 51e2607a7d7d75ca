//! Requests and limits: what they make of a container in the kernel, and the class that they make of a pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::quantity;
use super::spec::all_containers;
use crate::cri::v1;

const PERIOD_MICROSECONDS: i64 = 100_000;

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
        let containers: Vec<_> = all_containers(spec).map(|(_, container)| container).collect();
        let resources = ["cpu", "memory"];
        let has_any = |container: &&Container| {
            resources
                .iter()
                .any(|name| limit(container, name).is_some() || request(container, name).is_some())
        };
        let is_guaranteed = |container: &&Container| {
            resources.iter().all(|name| {
                let limit = limit(container, name);
                limit.is_some() && (request(container, name).is_none() || request(container, name) == limit)
            })
        };
        if !containers.iter().any(has_any) {
            QosClass::BestEffort
        } else if containers.iter().all(is_guaranteed) {
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
) -> Result<v1::LinuxContainerResources, QuantityError> {
    let cpu_limit = read("limits", "cpu", limit(container, "cpu"))?;
    let cpu_request = read("requests", "cpu", request(container, "cpu"))?.or(cpu_limit);
    let memory_limit = read("limits", "memory", limit(container, "memory"))?;
    let memory_request = read("requests", "memory", request(container, "memory"))?.or(memory_limit);
    Ok(v1::LinuxContainerResources {
        cpu_period: PERIOD_MICROSECONDS,
        cpu_quota: cpu_limit.map_or(0, |milli| (milli.saturating_mul(PERIOD_MICROSECONDS) / 1000).max(1000)),
        cpu_shares: cpu_request.map_or(2, |milli| (milli.saturating_mul(1024) / 1000).clamp(2, 262_144)),
        memory_limit_in_bytes: memory_limit.unwrap_or(0),
        oom_score_adj: oom_score_adjustment(class, memory_request.unwrap_or(0), memory_bytes),
    })
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
    let (value, example) = match name {
        "cpu" => (quantity::thousandths(found), "500m"),
        _ => (quantity::whole(found), "128Mi"),
    };
    match value {
        Some(value) if value >= 0 => Ok(Some(value)),
        _ => Err(QuantityError { list, name, found: found.to_owned(), example }),
    }
}

fn limit<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    non_zero(container.resources.as_ref()?.limits.as_ref()?, name)
}

fn request<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    non_zero(container.resources.as_ref()?.requests.as_ref()?, name)
}

fn non_zero<'a>(quantities: &'a BTreeMap<String, Quantity>, name: &str) -> Option<&'a str> {
    quantities.get(name).map(|quantity| quantity.0.as_str()).filter(|text| *text != "0")
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
    fn limits_become_those_of_the_kernel() {
        let limited =
            container(json!({"limits": {"cpu": "1500m", "memory": "128Mi"}, "requests": {"cpu": "250m"}}));
        let resources = of_container(&limited, QosClass::Burstable, 1 << 30).unwrap();
        assert_eq!((resources.cpu_quota, resources.cpu_period), (150_000, 100_000));
        assert_eq!(resources.cpu_shares, 256);
        assert_eq!(resources.memory_limit_in_bytes, 128 << 20);
        assert_eq!(resources.oom_score_adj, 875);
        let free = of_container(&container(json!({})), QosClass::BestEffort, 1 << 30).unwrap();
        assert_eq!((free.cpu_quota, free.cpu_shares, free.memory_limit_in_bytes), (0, 2, 0));
    }

    #[test]
    fn a_quantity_that_is_none_is_named() {
        let wrong = container(json!({"limits": {"memory": "much"}}));
        assert_eq!(
            of_container(&wrong, QosClass::Burstable, 1).unwrap_err().to_string(),
            "resources.limits.memory: found \"much\", expected a quantity such as 128Mi"
        );
    }
}
