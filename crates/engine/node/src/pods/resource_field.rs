//! `resourceFieldRef`: what a container requests and is limited to, as text for its environment and files.

use bythos_quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceFieldSelector};

use super::spec;

/// What the node has to give; it stands in for a limit that a container does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) processors: i64,
    pub(crate) memory_bytes: i64,
    pub(crate) storage_bytes: i64,
}

/// There is no such figure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResourceFieldError {
    #[error("resourceFieldRef.containerName: the pod has no container named {name:?}")]
    NoContainer { name: String },
    #[error(
        "resourceFieldRef.resource: found {resource:?}, expected limits or requests of cpu, memory or \
         ephemeral-storage, as in limits.cpu"
    )]
    Unknown { resource: String },
    #[error("resourceFieldRef: {text:?} is not a quantity")]
    NotAQuantity { text: String },
}

/// The figure that `selector` names, in units of its divisor, rounded up. `own` is the container that the selector
/// stands in, where it stands in one.
pub(crate) fn text(
    spec: &PodSpec,
    own: Option<&Container>,
    selector: &ResourceFieldSelector,
    capacity: &Capacity,
) -> Result<String, ResourceFieldError> {
    let named = selector.container_name.as_deref().filter(|name| !name.is_empty());
    let container = match (named, own) {
        (None, Some(own)) => own.clone(),
        (name, _) => {
            let name = name.unwrap_or_default();
            let found = spec::container(spec, name);
            found.ok_or_else(|| ResourceFieldError::NoContainer { name: name.to_owned() })?.1.into_owned()
        }
    };
    let unknown = || ResourceFieldError::Unknown { resource: selector.resource.clone() };
    let (list, name) = selector.resource.split_once('.').ok_or_else(unknown)?;
    let whole = match name {
        "cpu" => capacity.processors,
        "memory" => capacity.memory_bytes,
        "ephemeral-storage" => capacity.storage_bytes,
        _ => return Err(unknown()),
    };
    let resources = container.resources.unwrap_or_default();
    let (quantities, otherwise) = match list {
        "limits" => (resources.limits, whole),
        "requests" => (resources.requests, 0),
        _ => return Err(unknown()),
    };
    let asked = quantities.as_ref().and_then(|quantities| quantities.get(name));
    // In thousandths, for a processor is often shared.
    let value = asked.map_or(Ok(otherwise.saturating_mul(1000)), |asked| thousandths(&asked.0))?;
    let divisor = match selector.divisor.as_ref().map(|divisor| thousandths(&divisor.0)).transpose()? {
        None | Some(0) => 1000,
        Some(divisor) => divisor,
    };
    Ok((value / divisor + i64::from(value % divisor != 0)).to_string())
}

fn thousandths(text: &str) -> Result<i64, ResourceFieldError> {
    let thousandths = text.parse().ok().map(Quantity::thousandths);
    let thousandths = thousandths.and_then(|thousandths| i64::try_from(thousandths).ok());
    thousandths.ok_or_else(|| ResourceFieldError::NotAQuantity { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(selector: Value, expected: Result<&str, &str>) {
        let spec: PodSpec = serde_json::from_value(json!({"containers": [
            {"name": "web", "resources": {
                "limits": {"cpu": "1500m", "memory": "64Mi"}, "requests": {"cpu": "250m"},
            }},
            {"name": "free"},
        ]}))
        .unwrap();
        let capacity = Capacity { processors: 4, memory_bytes: 8 << 30, storage_bytes: 100 << 30 };
        let selector = serde_json::from_value(selector).unwrap();
        let found = text(&spec, spec.containers.first(), &selector, &capacity);
        assert_eq!(
            found.map_err(|error| error.to_string()),
            expected.map(str::to_owned).map_err(str::to_owned)
        );
    }

    #[test]
    fn figures_are_counted_in_their_divisor_and_rounded_up() {
        check(json!({"resource": "limits.cpu"}), Ok("2"));
        check(json!({"resource": "limits.cpu", "divisor": "1m"}), Ok("1500"));
        check(json!({"resource": "requests.cpu", "divisor": "0"}), Ok("1"));
        check(json!({"resource": "limits.memory"}), Ok("67108864"));
        check(json!({"resource": "limits.memory", "divisor": "1Mi"}), Ok("64"));
    }

    #[test]
    fn what_is_not_limited_is_limited_by_the_node() {
        check(json!({"containerName": "free", "resource": "limits.cpu"}), Ok("4"));
        check(json!({"containerName": "free", "resource": "limits.memory", "divisor": "1Gi"}), Ok("8"));
        check(json!({"containerName": "free", "resource": "requests.memory"}), Ok("0"));
    }

    #[test]
    fn what_is_not_known_is_named() {
        let none = "resourceFieldRef.containerName: the pod has no container named \"none\"";
        check(json!({"containerName": "none", "resource": "limits.cpu"}), Err(none));
        let unknown = "resourceFieldRef.resource: found \"limits.gold\", expected limits or requests of cpu, memory or \
                       ephemeral-storage, as in limits.cpu";
        check(json!({"resource": "limits.gold"}), Err(unknown));
    }
}
