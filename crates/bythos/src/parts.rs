//! The one table that lists the parts. To add a part, add its line.

use anyhow::Result;
use bythos_network::{NetworkConfig, NetworkSettings};
use bythos_node::{ImageGcPolicy, NodeConfig};
use bythos_operator::Part;
use bythos_operator::kubelet::NodePort;

use crate::host::{self, CNI_PLUGINS};
use crate::settings::Settings;

/// Which parts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Everything, on this machine.
    Machine,
    /// The API and its controllers alone: no pods, no network, no capabilities.
    ControlPlane,
}

/// The parts of this ground, in the order in which they are shown.
pub(crate) fn table(settings: &Settings, node: &NodePort, ground: Ground) -> Result<Vec<Part>> {
    let mut parts =
        vec![bythos_controllers::part(settings.layout.root.join("volumes")), bythos_scheduler::part()];
    if ground == Ground::Machine {
        let others = [
            bythos_node::part(node_config(settings)?, node.clone()),
            bythos_certificates::part(),
            bythos_ingress::part(),
            bythos_forge::part(),
            bythos_delivery::part(),
        ];
        let listeners = others.iter().flat_map(|part| &part.listeners);
        let own_ports =
            listeners.map(|spec| settings.port(spec.name, spec.port)).chain([settings.api_port()]);
        parts.push(bythos_network::part(network_beside(settings, own_ports.collect())?));
        parts.extend(others);
    }
    Ok(parts)
}

/// The network's settings, as `up` and `down` both need them.
pub(crate) fn network(settings: &Settings) -> Result<NetworkConfig> {
    network_beside(settings, Vec::new())
}

/// The network's settings, with the ports of the host that are not for services.
fn network_beside(settings: &Settings, reserved_ports: Vec<u16>) -> Result<NetworkConfig> {
    let network = NetworkConfig::new(NetworkSettings {
        id: settings.layout.id.clone(),
        pod_network: settings.pod_network.clone(),
        service_network: settings.service_network.clone(),
        gateway: settings.gateway()?,
        dns_address: settings.dns_address()?,
        cluster_domain: "cluster.local".to_owned(),
        cni_conf_dir: settings.layout.cni_configuration(),
        state_dir: settings.layout.run().join("network"),
        ingress_address: Some(settings.gateway()?),
        host_addresses: vec![host::outward_address().unwrap_or(settings.gateway()?)],
        reserved_ports,
    })?;
    Ok(network)
}

/// The node's settings, as `up`, `down` and `image` need them.
pub(crate) fn node_config(settings: &Settings) -> Result<NodeConfig> {
    let layout = &settings.layout;
    Ok(NodeConfig {
        root: layout.root.clone(),
        run_dir: layout.run(),
        id: layout.id.clone(),
        node_name: settings.node_name.clone(),
        cluster_dns: settings.dns_address()?,
        cluster_domain: "cluster.local".to_owned(),
        pod_network: settings.pod_network.clone(),
        node_address: host::outward_address().unwrap_or(settings.gateway()?),
        host_pod_logs: layout.pod_logs(),
        pods_dir: layout.pods(),
        cni_conf_dir: layout.cni_configuration(),
        cni_bin_dir: CNI_PLUGINS.into(),
        image_gc: ImageGcPolicy::default(),
    })
}
