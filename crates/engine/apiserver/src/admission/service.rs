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
use serde_json::{Value, json};
use tokio::sync::Mutex;

use self::taken::{Services, Taken};
use super::Held;
use crate::object;
use crate::status::Failure;
use crate::write::Writing;

const NODE_PORT_FIRST: u16 = 30000;
const NODE_PORT_LAST: u16 = 32767;
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
    match object::text_at(new, "/spec/type").unwrap_or("ClusterIP") {
        "ExternalName" => release(new),
        type_ => {
            let needs_node_ports = matches!(type_, "NodePort" | "LoadBalancer");
            errors.extend(give_address(network, &taken, old, new).err());
            if needs_node_ports {
                errors.extend(give_node_ports(&taken, old, new));
            } else {
                drop_stale_node_ports(old, new);
            }
        }
    }
    if errors.is_empty() { Ok(Held::One { _guard: guard }) } else { Err(writing.invalid(&name, errors)) }
}

fn release(service: &mut Value) {
    let spec = object::field_mut(service, "spec");
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        spec.remove(field);
    }
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

fn give_node_ports(taken: &Taken<'_>, old: Option<&Value>, new: &mut Value) -> Vec<FieldError> {
    let old_ports = old.map(ports).unwrap_or_default();
    let mut mine: BTreeSet<u16> = ports(new).iter().filter_map(node_port).collect();
    let mut errors = Vec::new();
    let list = object::field_mut(new, "spec").get_mut("ports").and_then(Value::as_array_mut);
    for (index, port) in list.into_iter().flatten().enumerate() {
        let path = FieldPath::root().field("spec").field("ports").index(index).field("nodePort");
        if let Some(asked) = node_port(port) {
            errors.extend(check_node_port(taken, &path, asked));
            continue;
        }
        let had = old_ports.iter().find(|old| is_same_port(old, port)).and_then(node_port);
        let free = had.filter(|had| !mine.contains(had)).or_else(|| free_node_port(taken, &mine));
        match free {
            Some(free) => {
                mine.insert(free);
                object::fields_mut(port).insert("nodePort".to_owned(), json!(free));
            }
            None => errors.push(FieldError::required(path, "failed to allocate a nodePort: range is full")),
        }
    }
    errors
}

fn check_node_port(taken: &Taken<'_>, path: &FieldPath, asked: u16) -> Option<FieldError> {
    let why = if !(NODE_PORT_FIRST..=NODE_PORT_LAST).contains(&asked) {
        format!(
            "provided port is not in the valid range. The range of valid ports is {NODE_PORT_FIRST}-{NODE_PORT_LAST}"
        )
    } else if taken.has_node_port(asked) {
        "provided port is already allocated".to_owned()
    } else {
        return None;
    };
    Some(FieldError::of(path.clone(), Refusal::Invalid, &json!(asked), why))
}

fn free_node_port(taken: &Taken<'_>, mine: &BTreeSet<u16>) -> Option<u16> {
    let count = NODE_PORT_LAST - NODE_PORT_FIRST + 1;
    let start = rand::rng().random_range(0..count);
    (0..count)
        .map(|step| NODE_PORT_FIRST + (start + step) % count)
        .find(|port| !taken.has_node_port(*port) && !mine.contains(port))
}

/// A service that needs no node ports any more loses those that it was given.
fn drop_stale_node_ports(old: Option<&Value>, new: &mut Value) {
    let given: BTreeSet<u16> = old.map(ports).unwrap_or_default().iter().filter_map(node_port).collect();
    let list = object::field_mut(new, "spec").get_mut("ports").and_then(Value::as_array_mut);
    for port in list.into_iter().flatten() {
        if node_port(port).is_some_and(|port| given.contains(&port)) {
            object::fields_mut(port).remove("nodePort");
        }
    }
}

fn cluster_ip(service: &Value) -> Option<&str> {
    object::text_at(service, "/spec/clusterIP")
}

fn ports(service: &Value) -> &[Value] {
    service.pointer("/spec/ports").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn node_port(port: &Value) -> Option<u16> {
    let number = port.get("nodePort")?.as_u64()?;
    u16::try_from(number).ok().filter(|number| *number != 0)
}

fn is_same_port(old: &Value, new: &Value) -> bool {
    ["port", "protocol"].iter().all(|field| old.get(field) == new.get(field))
}
