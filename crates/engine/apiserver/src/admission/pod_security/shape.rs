//! A pod as the standards look at it, and what they say of it.

use serde_json::Value;

use super::level::Version;

/// One rule of the standards.
pub(super) type Check = fn(&Pod<'_>, Version) -> Option<Violation>;

/// What a pod has that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.reason, self.detail)
    }
}

/// A pod, or the template of some.
pub(super) struct Pod<'a> {
    pub(super) metadata: &'a Value,
    pub(super) spec: &'a Value,
}

impl<'a> Pod<'a> {
    pub(super) fn of(object: &'a Value) -> Pod<'a> {
        Pod { metadata: &object["metadata"], spec: &object["spec"] }
    }

    /// All containers, by their names, in the order in which upstream visits them.
    pub(super) fn containers(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let spec = self.spec;
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let containers = lists.into_iter().flat_map(|list| items(&spec[list]));
        containers.map(|container| (container["name"].as_str().unwrap_or_default(), container))
    }

    /// The names of the containers that `is_bad` speaks of.
    pub(super) fn offenders(&self, is_bad: impl Fn(&Value) -> bool) -> Vec<&'a str> {
        self.containers().filter(|(_, container)| is_bad(container)).map(|(name, _)| name).collect()
    }

    /// `securityContext` of the pod.
    pub(super) fn security(&self) -> &'a Value {
        &self.spec["securityContext"]
    }

    pub(super) fn volumes(&self) -> &'a [Value] {
        items(&self.spec["volumes"])
    }

    pub(super) fn is_windows(&self) -> bool {
        self.spec["os"]["name"] == "windows"
    }
}

/// The items of a list; none if it is none.
pub(super) fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// `"a", "b"`
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}

/// `container "a"`, `containers "a", "b"`
pub(super) fn named(singular: &str, names: &[&str]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("{singular}{plural} {}", quoted(names.iter().copied()))
}

/// A violation by containers, if there are any: `container "a" {what}`.
pub(super) fn by_containers(names: &[&str], reason: &'static str, what: &str) -> Option<Violation> {
    let detail = || format!("{} {what}", named("container", names));
    (!names.is_empty()).then(|| Violation { reason, detail: detail() })
}
