//! `ip("10.0.0.1")` and `cidr("10.0.0.0/8")`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{Function, global, library, method, mismatch};
use crate::price::Price;
use crate::types::Library;
use crate::types::Pattern::{self, Bool, Int, String};
use crate::value::{LibraryValue, Value};
use crate::{Fault, Meter};

const ONE: Price = Price::Fixed(1);
const TRAVERSE: Price = Price::Text(0, 1);
const IP: Pattern = Pattern::Library(Library::Ip);
const CIDR: Pattern = Pattern::Library(Library::Cidr);

const fn within(is_network: bool, is_text: bool) -> Price {
    Price::Within { is_network, is_text }
}

pub(super) const FUNCTIONS: &[Function] = &[
    global("ip", &[String], IP, TRAVERSE, ip),
    global("isIP", &[String], Bool, TRAVERSE, |arguments, _| {
        is("isIP", arguments, |text| address(text).is_some())
    }),
    global("ip.isCanonical", &[String], Bool, Price::Text(0, 2), is_canonical),
    method("family", &[IP], Int, ONE, family),
    method("isUnspecified", &[IP], Bool, ONE, |arguments, _| {
        property("isUnspecified", arguments, |ip| ip.is_unspecified())
    }),
    method("isLoopback", &[IP], Bool, ONE, |arguments, _| {
        property("isLoopback", arguments, |ip| ip.is_loopback())
    }),
    method("isLinkLocalMulticast", &[IP], Bool, ONE, |arguments, _| {
        property("isLinkLocalMulticast", arguments, is_link_local_multicast)
    }),
    method("isLinkLocalUnicast", &[IP], Bool, ONE, |arguments, _| {
        property("isLinkLocalUnicast", arguments, is_link_local_unicast)
    }),
    method("isGlobalUnicast", &[IP], Bool, ONE, |arguments, _| {
        property("isGlobalUnicast", arguments, is_global_unicast)
    }),
    global("cidr", &[String], CIDR, TRAVERSE, cidr),
    global("isCIDR", &[String], Bool, TRAVERSE, |arguments, _| {
        is("isCIDR", arguments, |text| network(text).is_some())
    }),
    method("containsIP", &[CIDR, IP], Bool, within(false, false), contains_ip),
    method("containsIP", &[CIDR, String], Bool, within(false, true), contains_ip),
    method("containsCIDR", &[CIDR, CIDR], Bool, within(true, false), contains_cidr),
    method("containsCIDR", &[CIDR, String], Bool, within(true, true), contains_cidr),
    method("ip", &[CIDR], IP, ONE, ip_of),
    method("masked", &[CIDR], CIDR, ONE, masked),
    method("prefixLength", &[CIDR], Int, ONE, prefix_length),
];

/// An address; those of IPv4 inside IPv6, and those with a zone, are none here.
fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let is_mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    (!is_mapped).then_some(address)
}

fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.parse().ok()?;
    let is_mapped = matches!(network.addr(), IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    (!is_mapped).then_some(network)
}

fn parsed_address(text: &str) -> Result<IpAddr, Fault> {
    address(text).ok_or_else(|| {
        Fault::failed(format!("IP Address {text:?} parse error during conversion from string"))
    })
}

fn parsed_network(text: &str) -> Result<IpNet, Fault> {
    network(text).ok_or_else(|| {
        Fault::failed(format!("network address parse error during conversion from string: {text:?}"))
    })
}

fn ip<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text)] = arguments else { return Err(mismatch("ip", arguments)) };
    library(LibraryValue::Ip(parsed_address(text)?))
}

fn cidr<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text)] = arguments else { return Err(mismatch("cidr", arguments)) };
    library(LibraryValue::Cidr(parsed_network(text)?))
}

fn is<'a>(name: &str, arguments: &[Value<'a>], holds: fn(&str) -> bool) -> Result<Value<'a>, Fault> {
    let [Value::String(text)] = arguments else { return Err(mismatch(name, arguments)) };
    Ok(Value::Bool(holds(text)))
}

fn is_canonical<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text)] = arguments else { return Err(mismatch("ip.isCanonical", arguments)) };
    Ok(Value::Bool(parsed_address(text)?.to_string() == **text))
}

fn of(name: &str, arguments: &[Value<'_>]) -> Result<IpAddr, Fault> {
    match arguments {
        [Value::Library(LibraryValue::Ip(address))] => Ok(*address),
        _ => Err(mismatch(name, arguments)),
    }
}

fn family<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    Ok(Value::Int(if of("family", arguments)?.is_ipv4() { 4 } else { 6 }))
}

fn property<'a>(name: &str, arguments: &[Value<'a>], holds: fn(&IpAddr) -> bool) -> Result<Value<'a>, Fault> {
    of(name, arguments).map(|address| Value::Bool(holds(&address)))
}

fn is_link_local_multicast(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_link_local_unicast(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn is_global_unicast(address: &IpAddr) -> bool {
    let is_broadcast = *address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !is_broadcast
        && *address != IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        && !address.is_unspecified()
        && !address.is_loopback()
        && !address.is_multicast()
        && !is_link_local_unicast(address)
}

fn network_of(name: &str, arguments: &[Value<'_>]) -> Result<IpNet, Fault> {
    match arguments.first() {
        Some(Value::Library(LibraryValue::Cidr(network))) => Ok(*network),
        _ => Err(mismatch(name, arguments)),
    }
}

fn contains_ip<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let network = network_of("containsIP", arguments)?;
    let address = match arguments.get(1) {
        Some(Value::Library(LibraryValue::Ip(address))) => *address,
        Some(Value::String(text)) => parsed_address(text)?,
        _ => return Err(mismatch("containsIP", arguments)),
    };
    Ok(Value::Bool(network.contains(&address)))
}

fn contains_cidr<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let network = network_of("containsCIDR", arguments)?;
    let other = match arguments.get(1) {
        Some(Value::Library(LibraryValue::Cidr(other))) => *other,
        Some(Value::String(text)) => parsed_network(text)?,
        _ => return Err(mismatch("containsCIDR", arguments)),
    };
    Ok(Value::Bool(network.contains(&other)))
}

fn ip_of<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    library(LibraryValue::Ip(network_of("ip", arguments)?.addr()))
}

fn masked<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    library(LibraryValue::Cidr(network_of("masked", arguments)?.trunc()))
}

fn prefix_length<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    Ok(Value::Int(i64::from(network_of("prefixLength", arguments)?.prefix_len())))
}
