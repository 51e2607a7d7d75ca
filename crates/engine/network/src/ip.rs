//! The `ip` program: links, addresses and routes of this network namespace.
//!
//! A handful of calls per start do not justify a netlink library; each is one that may be repeated.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::program::{ProgramError, output, run};

pub(crate) fn raise_loopback() -> Result<(), ProgramError> {
    ip(&["link", "set", "dev", "lo", "up"])
}

pub(crate) fn add_to_loopback(address: Ipv4Addr) -> Result<(), ProgramError> {
    ip(&["address", "replace", &host_prefix(address), "dev", "lo"])
}

pub(crate) fn remove_from_loopback(address: Ipv4Addr) -> Result<(), ProgramError> {
    // `flush` succeeds where nothing is to be removed, other than `delete`.
    ip(&["address", "flush", "dev", "lo", "to", &host_prefix(address)])
}

pub(crate) fn route_to_loopback(network: Ipv4Net, source: Ipv4Addr) -> Result<(), ProgramError> {
    ip(&["route", "replace", &network.to_string(), "dev", "lo", "src", &source.to_string()])
}

pub(crate) fn remove_route_to_loopback(network: Ipv4Net) -> Result<(), ProgramError> {
    ip(&["route", "flush", "exact", &network.to_string(), "dev", "lo"])
}

/// The device that leads to a pod; `None` if none does, as when the pod has just gone.
pub(crate) fn device_to(address: Ipv4Addr) -> Result<Option<String>, ProgramError> {
    let route = output("ip", &["-4", "-oneline", "route", "show", "exact", &host_prefix(address)])?;
    let mut words = route.split_whitespace().skip_while(|word| *word != "dev");
    Ok(words.nth(1).map(str::to_owned))
}

fn host_prefix(address: Ipv4Addr) -> String {
    format!("{address}/32")
}

fn ip(arguments: &[&str]) -> Result<(), ProgramError> {
    run("ip", &[&["-4"], arguments].concat(), "")
}
