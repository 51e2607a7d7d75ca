//! The limits of a pod's own storage, and which of them it has outgrown: pure.

use std::collections::BTreeMap;

use bythos_quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};

use super::usage::Usage;
use crate::pods::spec::all_containers;

const EPHEMERAL_STORAGE: &str = "ephemeral-storage";

/// A limit as it is written, and in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Limit {
    text: String,
    bytes: u64,
}

/// All that limit the storage of a pod.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// Of volumes on disk, by name; the kernel limits those in memory.
    volumes: BTreeMap<String, Limit>,
    /// By name.
    containers: BTreeMap<String, Limit>,
}

impl Limits {
    /// `None` if nothing limits the pod.
    pub(super) fn of(spec: &PodSpec) -> Option<Limits> {
        let volumes = spec.volumes.iter().flatten();
        let containers = all_containers(spec).map(|(_, container)| container);
        let limits = Limits {
            volumes: volumes.filter_map(|volume| Some((volume.name.clone(), of_volume(volume)?))).collect(),
            containers: containers
                .filter_map(|container| Some((container.name.clone(), of_container(container)?)))
                .collect(),
        };
        (limits != Limits::default()).then_some(limits)
    }

    /// Whether what containers write counts.
    pub(super) fn concern_containers(&self) -> bool {
        !self.containers.is_empty()
    }

    /// In upstream's words and order: volumes, the pod as a whole, single containers.
    pub(super) fn outgrown(&self, usage: &Usage) -> Option<String> {
        self.volume_outgrown(usage)
            .or_else(|| self.pod_outgrown(usage))
            .or_else(|| self.container_outgrown(usage))
    }

    fn volume_outgrown(&self, usage: &Usage) -> Option<String> {
        let (name, limit) = outgrown(&self.volumes, &usage.volumes)?;
        Some(format!("Usage of EmptyDir volume {name:?} exceeds the limit {:?}. ", limit.text))
    }

    fn pod_outgrown(&self, usage: &Usage) -> Option<String> {
        let limit = self.containers.values().map(|limit| limit.bytes).fold(0, u64::saturating_add);
        if self.containers.is_empty() || usage.total() <= limit {
            return None;
        }
        let limit = in_largest_unit(limit);
        Some(format!("Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "))
    }

    fn container_outgrown(&self, usage: &Usage) -> Option<String> {
        let (name, limit) = outgrown(&self.containers, &usage.containers)?;
        Some(format!("Container {name} exceeded its local ephemeral storage limit {:?}. ", limit.text))
    }
}

fn outgrown<'a>(
    limits: &'a BTreeMap<String, Limit>,
    used: &BTreeMap<String, u64>,
) -> Option<(&'a String, &'a Limit)> {
    limits.iter().find(|(name, limit)| used.get(*name).is_some_and(|bytes| *bytes > limit.bytes))
}

/// A limit of nothing is none.
fn of_volume(volume: &Volume) -> Option<Limit> {
    let empty_dir = volume.empty_dir.as_ref().filter(|source| source.medium.as_deref() != Some("Memory"))?;
    limit(&empty_dir.size_limit.as_ref()?.0).filter(|limit| limit.bytes > 0)
}

fn of_container(container: &Container) -> Option<Limit> {
    let limits = container.resources.as_ref()?.limits.as_ref()?;
    limit(&limits.get(EPHEMERAL_STORAGE)?.0)
}

fn limit(text: &str) -> Option<Limit> {
    let bytes = u64::try_from(text.parse::<Quantity>().ok()?.units()).ok()?;
    Some(Limit { text: text.to_owned(), bytes })
}

/// As a quantity, for example `12Mi`.
fn in_largest_unit(bytes: u64) -> String {
    let units = [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")];
    let fitting = units.into_iter().find(|(power, _)| bytes > 0 && bytes.is_multiple_of(1 << power));
    fitting.map_or_else(|| bytes.to_string(), |(power, unit)| format!("{}{unit}", bytes >> power))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec() -> Value {
        json!({
            "containers": [
                {"name": "web", "resources": {"limits": {"ephemeral-storage": "2Mi"}}},
                {"name": "log", "resources": {"limits": {"ephemeral-storage": "1Mi", "memory": "1Gi"}}},
                {"name": "free"},
            ],
            "volumes": [
                {"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}},
                {"name": "shared", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
                {"name": "open", "emptyDir": {}},
                {"name": "site", "configMap": {"name": "site"}},
            ],
        })
    }

    fn used(volumes: &[(&str, u64)], containers: &[(&str, u64)]) -> Usage {
        let owned =
            |used: &[(&str, u64)]| used.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect();
        Usage { volumes: owned(volumes), containers: owned(containers) }
    }

    #[track_caller]
    fn check(usage: &Usage, expected: Option<&str>) {
        let limits = Limits::of(&serde_json::from_value(spec()).unwrap()).unwrap();
        assert_eq!(limits.outgrown(usage).as_deref(), expected);
    }

    #[test]
    fn a_limit_may_be_reached_and_not_passed() {
        check(&used(&[("scratch", 1 << 20)], &[("web", 2 << 20)]), None);
    }

    #[test]
    fn a_volume_that_outgrows_its_limit_is_named_first() {
        let expected = "Usage of EmptyDir volume \"scratch\" exceeds the limit \"1Mi\". ";
        check(&used(&[("scratch", (1 << 20) + 1)], &[("web", 9 << 20)]), Some(expected));
    }

    #[test]
    fn all_storage_of_the_pod_counts_against_the_limits_of_its_containers_together() {
        let expected = "Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. ";
        check(&used(&[("open", 3 << 20)], &[("web", 1)]), Some(expected));
        check(&used(&[], &[("free", 4 << 20)]), Some(expected));
    }

    #[test]
    fn a_container_has_a_limit_of_its_own() {
        let expected = "Container log exceeded its local ephemeral storage limit \"1Mi\". ";
        check(&used(&[], &[("log", 2 << 20)]), Some(expected));
    }

    #[test]
    fn a_pod_without_limits_is_not_looked_at() {
        let spec = json!({
            "containers": [{"name": "web", "resources": {"limits": {"memory": "1Gi"}}}],
            "volumes": [{"name": "open", "emptyDir": {}}, {"name": "any", "emptyDir": {"sizeLimit": "0"}}],
        });
        assert_eq!(Limits::of(&serde_json::from_value(spec).unwrap()), None);
    }

    #[test]
    fn bytes_are_told_in_the_largest_unit_that_fits() {
        for (bytes, expected) in
            [(0, "0"), (1000, "1000"), (2048, "2Ki"), (3 << 30, "3Gi"), ((1 << 20) + 1, "1048577")]
        {
            assert_eq!(in_largest_unit(bytes), expected);
        }
    }
}
