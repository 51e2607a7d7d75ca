//! Cluster IPs and node ports of services.
//!
//! What is taken is read from the stored services, under a lock that is held until the commit; there is no second
//! state that could disagree with them.

mod taken;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::PoisonError;

use bythos_schema::{FieldError, FieldPath, Refusal};
use rand::Rng as _;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use self::taken::{Services, Taken};
use super::Held;
use crate::object;
use crate::status::Failure;
use crate::write::Writing;

const NODE_PORT_FIRST: u16 = 30000;
const NODE_PORT_LAST: u16 = 32767;
/// Field of the spec.
const HEALTH_PORT: &str = "healthCheckNodePort";
/// The place of cluster DNS in the network: given only to who asks for it by name.
const DNS_OFFSET: u32 = 10;

/// The network is not one in which addresses can be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "service network {network:?}: expected an IPv4 network such as \"10.43.0.0/16\", of at most 24 fixed bits"
)]
pub struct ServiceNetworkError {
    /// What was given.
    pub network: String,
}

/// The addresses that services can have.
pub(crate) struct ServiceNetwork {
    first: u32,
    /// Addresses in the network.
    count: u32,
    /// Held from the look at what is taken until the commit.
    allocating: Mutex<()>,
    services: std::sync::Mutex<Services>,
}

impl ServiceNetwork {
    pub(crate) fn parse(network: &str) -> Result<ServiceNetwork, ServiceNetworkError> {
        let parsed = network.split_once('/').and_then(|(address, bits)| {
            let address: Ipv4Addr = address.parse().ok()?;
            let bits: u32 = bits.parse().ok().filter(|bits| (8..=24).contains(bits))?;
            let count = 1 << (32 - bits);
            Some(ServiceNetwork {
                first: u32::from(address) & !(count - 1),
                count,
                allocating: Mutex::new(()),
                services: std::sync::Mutex::default(),
            })
        });
        parsed.ok_or_else(|| ServiceNetworkError { network: network.to_owned() })
    }

    /// The address of the API itself.
    pub(crate) fn kubernetes(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.first + 1)
    }

    fn holds(&self, address: Ipv4Addr) -> bool {
        // Neither the network's own address nor its last one.
        (self.first + 1..self.first + self.count - 1).contains(&u32::from(address))
    }

    /// An address that is not taken; from a random place on, so that a freed one is not given again at once.
    fn free(&self, taken: &Taken<'_>) -> Option<Ipv4Addr> {
        let usable = self.count - 2;
        let start = rand::rng().random_range(0..usable);
        (0..usable)
            .map(|step| self.first + 1 + (start + step) % usable)
            .filter(|address| *address != self.first + DNS_OFFSET && *address != self.first + 1)
            .map(Ipv4Addr::from)
            .find(|address| !taken.has_address(*address))
    }
}

/// Gives a service the addresses and ports that it needs, and keeps those that it has.
pub(crate) async fn admit<'a>(
    writing: &Writing<'a>,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<Held<'a>, Failure> {
    let network = &writing.state.services;
    let guard = network.allocating.lock().await;
    let name = object::name(new).to_owned();
    let mut services = network.services.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = services.taken_from(&writing.state.store, writing.namespace, &name);
    let mut errors = Vec::new();
    let type_ = object::text_at(new, "/spec/type").unwrap_or("ClusterIP");
    let has_node_ports = matches!(type_, "NodePort" | "LoadBalancer");
    if type_ != "ExternalName" {
        errors.extend(give_address(network, &taken, old, new).err());
    }
    if has_node_ports {
        errors.extend(give_node_ports(&taken, new));
    }
    if errors.is_empty() { Ok(Held::One { _guard: guard }) } else { Err(writing.invalid(&name, errors)) }
}

fn give_address(
    network: &ServiceNetwork,
    taken: &Taken<'_>,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<(), FieldError> {
    let path = FieldPath::root().field("spec").field("clusterIPs").index(0);
    let first_of_list = object::text_at(new, "/spec/clusterIPs/0");
    let asked = cluster_ip(new).or(first_of_list).or(old.and_then(cluster_ip)).map(str::to_owned);
    let kept = asked.is_some() && asked.as_deref() == old.and_then(cluster_ip);
    let refused = |found: &str, why: &str| {
        let detail = format!("failed to allocate IP {found}: {why}");
        FieldError::of(path.clone(), Refusal::Invalid, &json!(found), detail)
    };
    let given = match asked.as_deref() {
        Some("None") => "None".to_owned(),
        Some(asked) if kept => asked.to_owned(),
        Some(asked) => match asked.parse::<Ipv4Addr>() {
            Ok(address) if !network.holds(address) => {
                return Err(refused(asked, "the provided network does not contain it"));
            }
            Ok(address) if taken.has_address(address) => {
                return Err(refused(asked, "provided IP is already allocated"));
            }
            Ok(address) => address.to_string(),
            Err(_) => return Err(refused(asked, "it is no IPv4 address")),
        },
        None => network.free(taken).ok_or_else(|| refused("", "range is full"))?.to_string(),
    };
    let spec = object::field_mut(new, "spec");
    spec.insert("clusterIP".to_owned(), json!(given));
    spec.insert("clusterIPs".to_owned(), json!([given]));
    spec.entry("ipFamilies").or_insert_with(|| json!(["IPv4"]));
    spec.entry("ipFamilyPolicy").or_insert_with(|| json!("SingleStack"));
    Ok(())
}

/// Gives a service that is reached from outside its ports on the node. What an update keeps was filled in already.
fn give_node_ports(taken: &Taken<'_>, service: &mut Value) -> Vec<FieldError> {
    let (chooses, is_checked) = (wants_node_ports(service), has_health_port(service));
    let mut numbers = NodePorts { taken, mine: node_ports(service).collect() };
    let spec = object::field_mut(service, "spec");
    let path = FieldPath::root().field("spec");
    let mut errors = Vec::new();
    let list = spec.get_mut("ports").and_then(Value::as_array_mut);
    for (index, port) in list.into_iter().flatten().enumerate() {
        if chooses || node_port(port).is_some() {
            let path = path.field("ports").index(index);
            errors.extend(numbers.give(object::fields_mut(port), "nodePort", &path).err());
        }
    }
    if is_checked {
        errors.extend(numbers.give(spec, HEALTH_PORT, &path).err());
    }
    errors
}

/// Whether ports that ask for no number are given one.
fn wants_node_ports(service: &Value) -> bool {
    let allocates = service.pointer("/spec/allocateLoadBalancerNodePorts").and_then(Value::as_bool);
    object::text_at(service, "/spec/type") != Some("LoadBalancer") || allocates.unwrap_or(true)
}

/// Whether the node tells on a port of its own whether it has endpoints of this service.
fn has_health_port(service: &Value) -> bool {
    object::text_at(service, "/spec/type") == Some("LoadBalancer")
        && object::text_at(service, "/spec/externalTrafficPolicy") == Some("Local")
}

/// The ports on the node that one service is given.
struct NodePorts<'a> {
    taken: &'a Taken<'a>,
    mine: BTreeSet<u16>,
}

impl NodePorts<'_> {
    /// Checks the port that `field` of `holder` asks for, or chooses one.
    fn give(
        &mut self,
        holder: &mut Map<String, Value>,
        field: &str,
        above: &FieldPath,
    ) -> Result<(), FieldError> {
        let path = above.field(field);
        if let Some(asked) = holder.get(field).and_then(port_number) {
            return self.check(path, asked);
        }
        let Some(free) = self.free() else {
            return Err(FieldError::required(path, "failed to allocate a nodePort: range is full"));
        };
        self.mine.insert(free);
        holder.insert(field.to_owned(), json!(free));
        Ok(())
    }

    fn check(&self, path: FieldPath, asked: u16) -> Result<(), FieldError> {
        let why = if !(NODE_PORT_FIRST..=NODE_PORT_LAST).contains(&asked) {
            format!(
                "provided port is not in the valid range. The range of valid ports is {NODE_PORT_FIRST}-{NODE_PORT_LAST}"
            )
        } else if self.taken.has_node_port(asked) {
            "provided port is already allocated".to_owned()
        } else {
            return Ok(());
        };
        Err(FieldError::of(path, Refusal::Invalid, &json!(asked), why))
    }

    fn free(&self) -> Option<u16> {
        let count = NODE_PORT_LAST - NODE_PORT_FIRST + 1;
        let start = rand::rng().random_range(0..count);
        (0..count)
            .map(|step| NODE_PORT_FIRST + (start + step) % count)
            .find(|port| !self.taken.has_node_port(*port) && !self.mine.contains(port))
    }
}

fn cluster_ip(service: &Value) -> Option<&str> {
    object::text_at(service, "/spec/clusterIP")
}

fn ports(service: &Value) -> &[Value] {
    service.pointer("/spec/ports").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// All ports on the node that a service has.
fn node_ports(service: &Value) -> impl Iterator<Item = u16> {
    let health = service.get("spec").and_then(|spec| spec.get(HEALTH_PORT)).and_then(port_number);
    ports(service).iter().filter_map(node_port).chain(health)
}

fn node_port(port: &Value) -> Option<u16> {
    port.get("nodePort").and_then(port_number)
}

/// A port's number, if one is given.
fn port_number(number: &Value) -> Option<u16> {
    u16::try_from(number.as_u64()?).ok().filter(|number| *number != 0)
}
