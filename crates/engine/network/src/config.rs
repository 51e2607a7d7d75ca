//! What the network is: parsed once, so that no invalid value gets further than here.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use hickory_proto::rr::{LowerName, Name};
use ipnet::Ipv4Net;

/// The network's settings as someone wrote them; [`NetworkConfig::new`] checks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSettings {
    /// Short id of the engine's root: eight hexadecimal digits. It tells the tables of several engines apart.
    pub id: String,
    /// Network of the pods, for example `10.42.0.0/16`.
    pub pod_network: String,
    /// Network of the cluster IPs, for example `10.43.0.0/16`.
    pub service_network: String,
    /// The host's address as pods see it, in the pod network, for example `10.42.0.1`.
    pub gateway: IpAddr,
    /// Cluster IP of the cluster's DNS, in the service network, for example `10.43.0.10`.
    pub dns_address: IpAddr,
    /// Domain of the cluster's own names, for example `cluster.local`.
    pub cluster_domain: String,
    /// Folder in which containerd looks for its CNI configuration.
    pub cni_conf_dir: PathBuf,
    /// Folder that is emptied by a reboot: what was there before, and which pod has which address.
    pub state_dir: PathBuf,
    /// Address to which every host of the platform's domain resolves inside the cluster. Without it such names are
    /// asked of the host's resolvers, as any other.
    pub ingress_address: Option<IpAddr>,
    /// The host's own addresses, at which load balancers answer; the first is the usual one.
    pub host_addresses: Vec<IpAddr>,
    /// Ports of the host that are not for services: those on which the engine itself listens.
    pub reserved_ports: Vec<u16>,
}

impl NetworkSettings {
    /// The usual networks and names; the ingress answers at the gateway address.
    pub fn usual(id: impl Into<String>, cni_conf_dir: PathBuf, state_dir: PathBuf) -> Self {
        let gateway = IpAddr::V4(Ipv4Addr::new(10, 42, 0, 1));
        NetworkSettings {
            id: id.into(),
            pod_network: "10.42.0.0/16".to_owned(),
            service_network: "10.43.0.0/16".to_owned(),
            gateway,
            dns_address: IpAddr::V4(Ipv4Addr::new(10, 43, 0, 10)),
            cluster_domain: "cluster.local".to_owned(),
            cni_conf_dir,
            state_dir,
            ingress_address: Some(gateway),
            host_addresses: Vec::new(),
            reserved_ports: Vec::new(),
        }
    }
}

/// A setting of the network that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The id is something else than eight hexadecimal digits.
    #[error("id: {found:?} is not eight hexadecimal digits in lower case")]
    ParseId {
        /// What stands there.
        found: String,
    },
    /// Not a network in CIDR notation.
    #[error("{field}: {found:?} is not an IPv4 network such as 10.42.0.0/16")]
    ParseNetwork {
        /// Name of the setting.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What the parser said.
        #[source]
        source: ipnet::AddrParseError,
    },
    /// The address part has bits beyond the prefix.
    #[error("{field}: {found} is an address within a network; the network itself is {network}")]
    HostBits {
        /// Name of the setting.
        field: &'static str,
        /// What stands there.
        found: Ipv4Net,
        /// What was probably meant.
        network: Ipv4Net,
    },
    /// Too small or too large to be useful.
    #[error("{field}: {found} has a prefix of {} bits; expected 8 to 24", found.prefix_len())]
    Size {
        /// Name of the setting.
        field: &'static str,
        /// What stands there.
        found: Ipv4Net,
    },
    /// Pods and services would share addresses.
    #[error("service_network: {service_network} overlaps with pod_network {pod_network}")]
    Overlap {
        /// The network of the services.
        service_network: Ipv4Net,
        /// The network of the pods.
        pod_network: Ipv4Net,
    },
    /// IPv6 is not built yet.
    #[error("{field}: {found} is an IPv6 address; only IPv4 is supported so far")]
    Ipv6 {
        /// Name of the setting.
        field: &'static str,
        /// What stands there.
        found: IpAddr,
    },
    /// The address is not one of a host in its network.
    #[error("{field}: {found} is not an address of a host in {network}")]
    Outside {
        /// Name of the setting.
        field: &'static str,
        /// What stands there.
        found: Ipv4Addr,
        /// Where it has to be.
        network: Ipv4Net,
    },
    /// Not a domain name.
    #[error("cluster_domain: {found:?} is not a domain name such as cluster.local")]
    ParseDomain {
        /// What stands there.
        found: String,
    },
}

/// The network of one engine. See [`NetworkSettings`] for the meaning of each value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    pub(crate) id: String,
    pub(crate) pod_network: Ipv4Net,
    pub(crate) service_network: Ipv4Net,
    pub(crate) gateway: Ipv4Addr,
    pub(crate) dns_address: Ipv4Addr,
    pub(crate) cluster_domain: LowerName,
    pub(crate) cni_conf_dir: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) ingress_address: Option<Ipv4Addr>,
    pub(crate) host_addresses: Vec<Ipv4Addr>,
    pub(crate) reserved_ports: Vec<u16>,
}

impl NetworkConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first setting that cannot be used, by name.
    pub fn new(settings: NetworkSettings) -> Result<Self, ConfigError> {
        let pod_network = network("pod_network", &settings.pod_network)?;
        let service_network = network("service_network", &settings.service_network)?;
        if pod_network.contains(&service_network) || service_network.contains(&pod_network) {
            return Err(ConfigError::Overlap { service_network, pod_network });
        }
        let ingress_address =
            settings.ingress_address.map(|address| ipv4("ingress_address", address)).transpose()?;
        Ok(NetworkConfig {
            id: id(settings.id)?,
            gateway: host_in("gateway", settings.gateway, pod_network)?,
            dns_address: host_in("dns_address", settings.dns_address, service_network)?,
            cluster_domain: domain(&settings.cluster_domain)?,
            cni_conf_dir: settings.cni_conf_dir,
            state_dir: settings.state_dir,
            pod_network,
            service_network,
            ingress_address,
            // Until there is IPv6, its addresses are of no use.
            host_addresses: settings
                .host_addresses
                .into_iter()
                .filter_map(|address| if let IpAddr::V4(v4) = address { Some(v4) } else { None })
                .collect(),
            reserved_ports: settings.reserved_ports,
        })
    }

    /// Whether the engine itself answers there: no service and no pod may take it. `0.0.0.0` is every address.
    pub(crate) fn is_reserved(&self, address: Ipv4Addr, port: u16) -> bool {
        let is_own = self.host_addresses.contains(&address)
            || address == self.gateway
            || address.is_loopback()
            || address.is_unspecified();
        is_own && self.reserved_ports.contains(&port)
    }

    /// Name of the nftables table that holds everything of this engine.
    pub fn table(&self) -> String {
        format!("bythos-{}", self.id)
    }
}

fn id(found: String) -> Result<String, ConfigError> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if found.len() == 8 && found.bytes().all(is_digit) {
        Ok(found)
    } else {
        Err(ConfigError::ParseId { found })
    }
}

fn network(field: &'static str, found: &str) -> Result<Ipv4Net, ConfigError> {
    let parsed: Ipv4Net = found.parse().map_err(|source| ConfigError::ParseNetwork {
        field,
        found: found.to_owned(),
        source,
    })?;
    if parsed != parsed.trunc() {
        return Err(ConfigError::HostBits { field, found: parsed, network: parsed.trunc() });
    }
    if !(8..=24).contains(&parsed.prefix_len()) {
        return Err(ConfigError::Size { field, found: parsed });
    }
    Ok(parsed)
}

fn ipv4(field: &'static str, found: IpAddr) -> Result<Ipv4Addr, ConfigError> {
    match found {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(ConfigError::Ipv6 { field, found }),
    }
}

fn host_in(field: &'static str, found: IpAddr, network: Ipv4Net) -> Result<Ipv4Addr, ConfigError> {
    let found = ipv4(field, found)?;
    let is_host = network.contains(&found) && found != network.network() && found != network.broadcast();
    if is_host { Ok(found) } else { Err(ConfigError::Outside { field, found, network }) }
}

fn domain(found: &str) -> Result<LowerName, ConfigError> {
    let mut name =
        Name::from_ascii(found).map_err(|_| ConfigError::ParseDomain { found: found.to_owned() })?;
    if name.is_root() {
        return Err(ConfigError::ParseDomain { found: found.to_owned() });
    }
    name.set_fqdn(true);
    Ok(LowerName::new(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> NetworkSettings {
        NetworkSettings::usual("1a2b3c4d", "/etc/cni".into(), "/run/network".into())
    }

    #[track_caller]
    fn check(settings: NetworkSettings, expected: &str) {
        assert_eq!(NetworkConfig::new(settings).unwrap_err().to_string(), expected);
    }

    #[test]
    fn the_usual_settings_are_valid() {
        let config = NetworkConfig::new(usual()).unwrap();
        assert_eq!(config.table(), "bythos-1a2b3c4d");
        assert_eq!(config.gateway, Ipv4Addr::new(10, 42, 0, 1));
    }

    #[test]
    fn a_wrong_setting_is_refused_by_its_name() {
        check(
            NetworkSettings { id: "bythos".to_owned(), ..usual() },
            "id: \"bythos\" is not eight hexadecimal digits in lower case",
        );
        check(
            NetworkSettings { pod_network: "10.42.0.0".to_owned(), ..usual() },
            "pod_network: \"10.42.0.0\" is not an IPv4 network such as 10.42.0.0/16",
        );
        check(
            NetworkSettings { pod_network: "10.42.7.0/16".to_owned(), ..usual() },
            "pod_network: 10.42.7.0/16 is an address within a network; the network itself is 10.42.0.0/16",
        );
        check(
            NetworkSettings { service_network: "10.43.0.0/28".to_owned(), ..usual() },
            "service_network: 10.43.0.0/28 has a prefix of 28 bits; expected 8 to 24",
        );
        check(
            NetworkSettings { service_network: "10.0.0.0/8".to_owned(), ..usual() },
            "service_network: 10.0.0.0/8 overlaps with pod_network 10.42.0.0/16",
        );
        check(
            NetworkSettings { gateway: "10.43.0.1".parse().unwrap(), ..usual() },
            "gateway: 10.43.0.1 is not an address of a host in 10.42.0.0/16",
        );
        check(
            NetworkSettings { dns_address: "fd00::1".parse().unwrap(), ..usual() },
            "dns_address: fd00::1 is an IPv6 address; only IPv4 is supported so far",
        );
        check(
            NetworkSettings { cluster_domain: "cluster..local".to_owned(), ..usual() },
            "cluster_domain: \"cluster..local\" is not a domain name such as cluster.local",
        );
    }
}
