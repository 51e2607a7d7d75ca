//! Binds the sockets that the parts declare.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bythos_operator::Part;
use bythos_operator::part::{BoundListener, Reach};

use crate::settings::Settings;

/// The bound listeners of a part, by name.
pub(super) type Bound = BTreeMap<&'static str, BoundListener>;

/// Refuses settings for listeners that no part has.
pub(super) fn check(settings: &Settings, parts: &[Part]) -> Result<()> {
    let known: Vec<&str> = parts.iter().flat_map(|part| &part.listeners).map(|spec| spec.name).collect();
    settings.check_listeners(&known)
}

/// Names of the Services through which listeners are reached.
pub(super) fn services(parts: &[Part]) -> Vec<&'static str> {
    parts.iter().flat_map(|part| &part.listeners).filter_map(|spec| spec.service).collect()
}

/// Binds the listeners of all parts before any of them runs, so that a port that is taken stops nothing half way.
pub(super) fn bind(
    settings: &Settings,
    parts: Vec<Part>,
    tls: &Arc<rustls::ServerConfig>,
) -> Result<Vec<(Part, Bound)>> {
    let bind_one = |part: Part| {
        let bound = bind_part(settings, &part, tls)?;
        Ok((part, bound))
    };
    parts.into_iter().map(bind_one).collect()
}

fn bind_part(settings: &Settings, part: &Part, tls: &Arc<rustls::ServerConfig>) -> Result<Bound> {
    let mut bound = Bound::new();
    for spec in &part.listeners {
        let address = match spec.reach {
            Reach::World => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Reach::Cluster => settings.gateway()?,
        };
        let port = settings.port(spec.name, spec.port);
        let socket = TcpListener::bind((address, port)).with_context(|| cannot_bind(spec.name, port))?;
        socket.set_nonblocking(true)?;
        bound.insert(spec.name, BoundListener { socket, tls: spec.tls.then(|| tls.clone()) });
    }
    Ok(bound)
}

/// What to do when a port is taken.
pub(super) fn cannot_bind(listener: &str, port: u16) -> String {
    format!(
        "failed to listen on port {port}; stop what uses it (`ss -ltnp` names it), or set ports.{listener} in config.yaml"
    )
}
