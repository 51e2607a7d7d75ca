//! What a pod asks of a node: amounts of resources and ports of the host. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::quantity::{Amount, ParseQuantity};

/// Amounts by the name of the resource.
pub(crate) type Amounts = BTreeMap<String, Amount>;

/// A port of the host that a pod takes for itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostPort {
    /// Empty: on all addresses.
    address: String,
    protocol: String,
    port: i32,
}

impl HostPort {
    /// Whether both cannot be taken on the same host.
    pub(crate) fn conflicts_with(&self, other: &HostPort) -> bool {
        let overlap = self.address.is_empty() || other.address.is_empty() || self.address == other.address;
        overlap && self.protocol == other.protocol && self.port == other.port
    }
}

/// See the module's documentation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) amounts: Amounts,
    pub(crate) host_ports: BTreeSet<HostPort>,
}

impl Demand {
    /// The demand of `pod`.
    pub(crate) fn of(pod: &Pod) -> Result<Demand, ParseQuantity> {
        let Some(spec) = &pod.spec else { return Ok(Demand::default()) };
        Ok(Demand { amounts: requests(spec)?, host_ports: host_ports(spec) })
    }
}

/// Reads a list of quantities.
pub(crate) fn amounts(quantities: Option<&BTreeMap<String, Quantity>>) -> Result<Amounts, ParseQuantity> {
    let quantities = quantities.into_iter().flatten();
    quantities.map(|(name, quantity)| Ok((name.clone(), Amount::parse(quantity)?))).collect()
}

/// Adds `more` to `sum`.
pub(crate) fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let entry = sum.entry(name.clone()).or_default();
        *entry = entry.plus(*amount);
    }
}

/// What the pod needs at the moment when it needs most: all containers with all sidecars, or an init container with
/// the sidecars that started before it; what the pod as a whole asks for counts instead; and the overhead on top.
fn requests(spec: &PodSpec) -> Result<Amounts, ParseQuantity> {
    let mut sidecars = Amounts::new();
    let mut most_at_init = Amounts::new();
    for container in spec.init_containers.iter().flatten() {
        let own = container_requests(container)?;
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut sidecars, &own);
            raise(&mut most_at_init, &sidecars);
        } else {
            let mut together = sidecars.clone();
            add(&mut together, &own);
            raise(&mut most_at_init, &together);
        }
    }
    let mut total = sidecars;
    for container in &spec.containers {
        add(&mut total, &container_requests(container)?);
    }
    raise(&mut total, &most_at_init);
    total.extend(amounts(spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()))?);
    add(&mut total, &amounts(spec.overhead.as_ref())?);
    Ok(total)
}

fn container_requests(container: &Container) -> Result<Amounts, ParseQuantity> {
    amounts(container.resources.as_ref().and_then(|resources| resources.requests.as_ref()))
}

/// Raises each amount to at least that of `floor`.
fn raise(amounts: &mut Amounts, floor: &Amounts) {
    for (name, amount) in floor {
        let entry = amounts.entry(name.clone()).or_default();
        *entry = (*entry).max(*amount);
    }
}

fn host_ports(spec: &PodSpec) -> BTreeSet<HostPort> {
    let sidecars =
        spec.init_containers.iter().flatten().filter(|one| one.restart_policy.as_deref() == Some("Always"));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let taken = ports.filter_map(|port| {
        let number = port.host_port.filter(|number| *number > 0)?;
        let address = port.host_ip.as_deref().filter(|address| *address != "0.0.0.0").unwrap_or_default();
        Some(HostPort {
            address: address.to_owned(),
            protocol: port.protocol.as_deref().unwrap_or("TCP").to_owned(),
            port: number,
        })
    });
    taken.collect()
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn demand(spec: Value) -> Demand {
        let pod: Pod = from_value(json!({ "spec": spec })).unwrap();
        Demand::of(&pod).unwrap()
    }

    fn container(cpu: &str) -> Value {
        json!({ "name": "c", "resources": { "requests": { "cpu": cpu } } })
    }

    fn sidecar(cpu: &str) -> Value {
        json!({ "name": "s", "restartPolicy": "Always", "resources": { "requests": { "cpu": cpu } } })
    }

    #[track_caller]
    fn check(case: &str, spec: Value, cpu: &str) {
        let expected = Amount::parse(&Quantity(cpu.to_owned())).unwrap();
        assert_eq!(demand(spec).amounts["cpu"], expected, "{case}");
    }

    #[test]
    fn a_pod_needs_what_it_needs_at_its_hungriest_moment() {
        let two = json!([container("100m"), container("0.2")]);
        check("containers together", json!({ "containers": two }), "300m");
        check(
            "a larger init container",
            json!({ "containers": two, "initContainers": [container("1")] }),
            "1",
        );
        check(
            "a smaller init container",
            json!({ "containers": two, "initContainers": [container("0.1")] }),
            "300m",
        );
        let init = json!([sidecar("100m"), container("1"), sidecar("2")]);
        check("sidecars stay", json!({ "containers": two, "initContainers": init }), "2400m");
        let init = json!([container("1"), sidecar("100m"), container("500m")]);
        check("sidecars before an init container", json!({ "containers": two, "initContainers": init }), "1");
        check("overhead", json!({ "containers": two, "overhead": { "cpu": "50m" } }), "350m");
        let whole = json!({ "containers": two, "resources": { "requests": { "cpu": "2" } } });
        check("the pod as a whole", whole, "2");
    }

    #[test]
    fn host_ports_conflict_on_the_same_address_only() {
        let ports = |entries: Value| {
            let spec = json!({ "containers": [{ "name": "c", "ports": entries }] });
            demand(spec).host_ports.into_iter().next()
        };
        let everywhere =
            ports(json!([{ "containerPort": 80, "hostPort": 80, "hostIP": "0.0.0.0" }])).unwrap();
        let one = ports(json!([{ "containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1" }])).unwrap();
        let other = ports(json!([{ "containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.2" }])).unwrap();
        let udp = ports(json!([{ "containerPort": 80, "hostPort": 80, "protocol": "UDP" }])).unwrap();
        assert!(everywhere.conflicts_with(&one) && one.conflicts_with(&everywhere));
        assert!(!one.conflicts_with(&other));
        assert!(!everywhere.conflicts_with(&udp));
        assert_eq!(ports(json!([{ "containerPort": 80 }])), None);
    }
}
