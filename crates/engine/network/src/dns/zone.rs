//! The names that the cluster itself knows: a pure table, to which services are added and from which they are removed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use hickory_proto::rr::rdata::{A, CNAME, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};
use ipnet::{IpNet, Ipv4Net};

use crate::config::NetworkConfig;
use crate::services::{PortState, Reach, ServiceState};

/// How long an answer may be kept, in seconds: the time within which a client follows a change.
const TIME_TO_LIVE_SECONDS: u32 = 5;
/// Version of the specification that the names follow.
const SPECIFICATION: &str = "1.1.0";

/// What the names depend on besides the services.
#[derive(Debug, Clone)]
pub(crate) struct ZoneConfig {
    cluster_domain: LowerName,
    pod_network: Ipv4Net,
    service_network: Ipv4Net,
    platform: Option<(LowerName, Ipv4Addr)>,
}

impl ZoneConfig {
    /// `platform_domain` is the domain whose every host is the ingress; it counts only if there is an ingress.
    pub(crate) fn new(config: &NetworkConfig, platform_domain: &str) -> Self {
        let domain = Name::from_utf8(platform_domain).ok().filter(|name| !name.is_root()).map(|mut name| {
            name.set_fqdn(true);
            LowerName::new(&name)
        });
        ZoneConfig {
            cluster_domain: config.cluster_domain.clone(),
            pod_network: config.pod_network,
            service_network: config.service_network,
            platform: domain.zip(config.ingress_address),
        }
    }

    /// The apex of the reverse names to which `name` belongs, if it is one of the cluster's networks.
    fn reverse_origin(&self, name: &LowerName) -> Option<LowerName> {
        let IpNet::V4(asked) = name.parse_arpa_name().ok()? else { return None };
        let networks = [self.service_network, self.pod_network];
        let ours = networks.into_iter().find(|network| network.contains(&asked))?;
        // Reverse names have a label per byte; `in-addr` and `arpa` come on top.
        let labels = usize::from(ours.prefix_len() / 8) + 2;
        Some(LowerName::new(&name.trim_to(labels)))
    }
}

/// What is known about a name and a type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Known {
    /// These records, and records that the asker will want next.
    Records { answers: Vec<Record>, additionals: Vec<Record> },
    /// The name stands for another one.
    Alias { record: Record, target: LowerName },
    /// The name is there, with records of other types.
    OtherTypes { authority: Record },
    /// There is no such name.
    NoSuchName { authority: Record },
    /// The name is not the cluster's.
    Elsewhere,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Zone {
    config: ZoneConfig,
    /// Every name that exists, also those that exist only because a longer one does.
    names: BTreeMap<LowerName, Entry>,
}

/// What a name has.
#[derive(Debug, Default)]
struct Entry {
    records: Vec<RData>,
    /// How many records it and the names below it have.
    uses: usize,
}

/// A record and where it belongs.
struct Placed {
    name: LowerName,
    /// Missing for a name that merely exists.
    data: Option<RData>,
    /// Up to where the names above it exist because of it.
    apex: LowerName,
}

impl Zone {
    pub(crate) fn new(config: ZoneConfig) -> Self {
        let mut zone = Zone { names: BTreeMap::new(), config };
        let version = RData::TXT(TXT::new(vec![SPECIFICATION.to_owned()]));
        let mut always = Names { config: &zone.config, placed: Vec::new() };
        for (labels, data) in [(["svc"], None), (["pod"], None), (["dns-version"], Some(version))] {
            always.add(&labels, data);
        }
        for placed in always.placed {
            zone.insert(placed);
        }
        zone
    }

    /// The cluster knows the names of this service.
    pub(crate) fn add(&mut self, service: &ServiceState) {
        for placed in Names::of(&self.config, service) {
            self.insert(placed);
        }
    }

    /// The cluster does not know the names of this service any more; it must be as it was when it was added.
    pub(crate) fn remove(&mut self, service: &ServiceState) {
        for placed in Names::of(&self.config, service) {
            self.delete(&placed);
        }
    }

    fn insert(&mut self, Placed { name, data, apex }: Placed) {
        self.names.entry(name.clone()).or_default().records.extend(data);
        for name in up_to(name, &apex) {
            self.names.entry(name).or_default().uses += 1;
        }
    }

    fn delete(&mut self, placed: &Placed) {
        if let (Some(entry), Some(data)) = (self.names.get_mut(&placed.name), &placed.data)
            && let Some(at) = entry.records.iter().position(|record| record == data)
        {
            entry.records.remove(at);
        }
        for name in up_to(placed.name.clone(), &placed.apex) {
            let Some(entry) = self.names.get_mut(&name) else { continue };
            entry.uses = entry.uses.saturating_sub(1);
            if entry.uses == 0 {
                self.names.remove(&name);
            }
        }
    }

    /// What the cluster knows about `name` and `record_type`.
    pub(crate) fn look_up(&self, name: &LowerName, record_type: RecordType) -> Known {
        if let Some((domain, ingress)) = &self.config.platform
            && domain.zone_of(name)
        {
            return known(name, record_type, &[RData::A(A(*ingress))], domain);
        }
        let origin = if self.config.cluster_domain.zone_of(name) {
            self.config.cluster_domain.clone()
        } else if let Some(origin) = self.config.reverse_origin(name) {
            origin
        } else {
            return Known::Elsewhere;
        };
        if let Some(entry) = self.names.get(name) {
            return self.with_additionals(known(name, record_type, &entry.records, &origin));
        }
        match self.pod(name) {
            Some(PodName::Pod(address)) => known(name, record_type, &[RData::A(A(address))], &origin),
            Some(PodName::Namespace) => known(name, record_type, &[], &origin),
            None => Known::NoSuchName { authority: authority(&origin) },
        }
    }

    /// `<a-b-c-d>.<namespace>.pod.<domain>`: the address is in the name, and only pods have such names.
    fn pod(&self, name: &LowerName) -> Option<PodName> {
        let origin_labels = self.config.cluster_domain.iter().count();
        let labels: Vec<&[u8]> = name.iter().collect();
        let own = labels.get(..labels.len().checked_sub(origin_labels)?)?;
        match own {
            [_, pod] if *pod == b"pod" => Some(PodName::Namespace),
            [address, _, pod] if *pod == b"pod" => {
                let address = std::str::from_utf8(address).ok()?.replace('-', ".").parse().ok()?;
                self.config.pod_network.contains(&address).then_some(PodName::Pod(address))
            }
            _ => None,
        }
    }

    fn with_additionals(&self, known: Known) -> Known {
        let Known::Records { answers, .. } = known else { return known };
        let mut additionals = Vec::new();
        for answer in &answers {
            if let RData::SRV(service) = &answer.data {
                let target = LowerName::new(&service.target);
                let addresses = self.names.get(&target).into_iter().flat_map(|entry| &entry.records);
                additionals.extend(addresses.map(|data| record(&target, data.clone())));
            }
        }
        Known::Records { answers, additionals }
    }
}

/// The names that one service has.
struct Names<'a> {
    config: &'a ZoneConfig,
    placed: Vec<Placed>,
}

impl<'a> Names<'a> {
    fn of(config: &'a ZoneConfig, service: &ServiceState) -> Vec<Placed> {
        let mut names = Names { config, placed: Vec::new() };
        let labels = [service.key.name.as_str(), service.key.namespace.as_str(), "svc"];
        match &service.reach {
            Reach::ClusterAddress(address) => names.add_balanced(&labels, *address, &service.ports),
            Reach::Headless => names.add_headless(&labels, service),
            Reach::Alias(target) => {
                if let Ok(mut target) = Name::from_utf8(target) {
                    target.set_fqdn(true);
                    names.add(&labels, Some(RData::CNAME(CNAME(target))));
                }
            }
        }
        names.placed
    }

    fn add_balanced(&mut self, labels: &[&str], address: Ipv4Addr, ports: &[PortState]) {
        let Some(name) = self.add(labels, Some(RData::A(A(address)))) else { return };
        self.add_pointer(address, &name);
        for port in ports {
            self.add_port(labels, port, SRV::new(0, 100, port.port, name.clone().into()));
        }
    }

    /// The specification wants a headless service without a ready endpoint to have no name at all.
    fn add_headless(&mut self, labels: &[&str], service: &ServiceState) {
        let mut targets = BTreeMap::new();
        for (address, hostname) in &service.addresses {
            self.add(labels, Some(RData::A(A(*address))));
            let hostname = hostname.clone().unwrap_or_else(|| address.to_string().replace('.', "-"));
            let own_labels: Vec<&str> =
                [hostname.as_str()].into_iter().chain(labels.iter().copied()).collect();
            if let Some(own_name) = self.add(&own_labels, Some(RData::A(A(*address)))) {
                self.add_pointer(*address, &own_name);
                targets.insert(*address, own_name);
            }
        }
        for port in &service.ports {
            let share = 100 / u16::try_from(port.endpoints.len()).unwrap_or(u16::MAX).max(1);
            for (address, target_port) in &port.endpoints {
                if let Some(target) = targets.get(address) {
                    let record = SRV::new(0, share.max(1), *target_port, target.clone().into());
                    self.add_port(labels, port, record);
                }
            }
        }
    }

    fn add_port(&mut self, labels: &[&str], port: &PortState, record: SRV) {
        if let Some(name) = &port.name {
            let (name, protocol) = (format!("_{name}"), format!("_{}", port.protocol));
            let own: Vec<&str> =
                [name.as_str(), protocol.as_str()].into_iter().chain(labels.iter().copied()).collect();
            self.add(&own, Some(RData::SRV(record)));
        }
    }

    /// Adds a name below the cluster's domain, and returns it; `None` if it is longer than a name may be.
    fn add(&mut self, labels: &[&str], record: Option<RData>) -> Option<LowerName> {
        let origin = Name::from(self.config.cluster_domain.clone());
        let all = labels.iter().map(|label| label.as_bytes()).chain(origin.iter());
        let name = LowerName::new(&Name::from_labels(all).ok()?);
        let apex = self.config.cluster_domain.clone();
        self.placed.push(Placed { name: name.clone(), data: record, apex });
        Some(name)
    }

    fn add_pointer(&mut self, address: Ipv4Addr, name: &LowerName) {
        let pointer = LowerName::new(&Name::from(std::net::IpAddr::V4(address)));
        if let Some(apex) = self.config.reverse_origin(&pointer) {
            let data = Some(RData::PTR(PTR(name.clone().into())));
            self.placed.push(Placed { name: pointer, data, apex });
        }
    }
}

/// The name and those above it, up to the apex.
fn up_to(name: LowerName, apex: &LowerName) -> impl Iterator<Item = LowerName> {
    std::iter::successors(Some(name), move |name| {
        let is_top = name == apex || name.is_root();
        (!is_top).then(|| name.base_name())
    })
}

enum PodName {
    Pod(Ipv4Addr),
    Namespace,
}

fn known(name: &LowerName, record_type: RecordType, records: &[RData], origin: &LowerName) -> Known {
    let wanted = |data: &&RData| record_type == RecordType::ANY || data.record_type() == record_type;
    let mut answers: Vec<Record> = Vec::new();
    for data in records.iter().filter(wanted) {
        // Two ports of a service may say the same.
        if !answers.iter().any(|known| known.data == *data) {
            answers.push(record(name, data.clone()));
        }
    }
    if !answers.is_empty() {
        return Known::Records { answers, additionals: Vec::new() };
    }
    if record_type == RecordType::SOA && name == origin {
        return Known::Records { answers: vec![authority(origin)], additionals: Vec::new() };
    }
    for data in records {
        if let RData::CNAME(CNAME(target)) = data {
            return Known::Alias { record: record(name, data.clone()), target: LowerName::new(target) };
        }
    }
    Known::OtherTypes { authority: authority(origin) }
}

fn record(name: &LowerName, data: RData) -> Record {
    Record::from_rdata(name.clone().into(), TIME_TO_LIVE_SECONDS, data)
}

/// The record that says how long "there is nothing" may be remembered.
fn authority(origin: &LowerName) -> Record {
    let below = |label: &str| {
        let origin = Name::from(origin.clone());
        Name::from_ascii(label).and_then(|name| name.append_domain(&origin)).unwrap_or(origin)
    };
    let data = SOA::new(below("ns.dns"), below("hostmaster"), 1, 7200, 1800, 86400, TIME_TO_LIVE_SECONDS);
    record(origin, RData::SOA(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NetworkSettings;
    use crate::tests::samples;

    fn zone() -> Zone {
        let settings = NetworkSettings::usual("1a2b3c4d", "/etc/cni".into(), "/run/network".into());
        let config = NetworkConfig::new(settings).unwrap();
        let mut zone = Zone::new(ZoneConfig::new(&config, "bythos.localhost"));
        samples::all().iter().for_each(|service| zone.add(service));
        zone
    }

    fn say(records: &[Record]) -> String {
        let mut said: Vec<_> = records.iter().map(|record| record.data.to_string()).collect();
        said.sort();
        said.join(", ")
    }

    #[track_caller]
    fn check(name: &str, record_type: RecordType, expected: &str) {
        let name: LowerName = name.parse().unwrap();
        let found = match zone().look_up(&name, record_type) {
            Known::Records { answers, additionals } if additionals.is_empty() => say(&answers),
            Known::Records { answers, additionals } => format!("{} + {}", say(&answers), say(&additionals)),
            Known::Alias { target, .. } => format!("alias of {target}"),
            Known::OtherTypes { authority } => format!("nothing of this type in {}", authority.name),
            Known::NoSuchName { authority } => format!("no such name in {}", authority.name),
            Known::Elsewhere => "elsewhere".to_owned(),
        };
        assert_eq!(found, expected, "{name} {record_type}");
    }

    #[test]
    fn a_service_has_its_cluster_address_and_its_named_ports() {
        check("web.default.svc.cluster.local.", RecordType::A, "10.43.0.20");
        check("WEB.Default.svc.cluster.local.", RecordType::A, "10.43.0.20");
        check("idle.default.svc.cluster.local.", RecordType::A, "10.43.0.30");
        check(
            "_http._tcp.web.default.svc.cluster.local.",
            RecordType::SRV,
            "0 100 80 web.default.svc.cluster.local. + 10.43.0.20",
        );
        check(
            "_dns._udp.kube-dns.kube-system.svc.cluster.local.",
            RecordType::SRV,
            "0 100 53 kube-dns.kube-system.svc.cluster.local. + 10.43.0.10",
        );
    }

    #[test]
    fn a_headless_service_has_the_addresses_of_its_ready_endpoints_and_a_name_for_each() {
        check("db.default.svc.cluster.local.", RecordType::A, "10.42.0.7, 10.42.0.8");
        check("db-0.db.default.svc.cluster.local.", RecordType::A, "10.42.0.7");
        check("10-42-0-8.db.default.svc.cluster.local.", RecordType::A, "10.42.0.8");
        check("db-2.db.default.svc.cluster.local.", RecordType::A, "no such name in cluster.local.");
        check(
            "_sql._tcp.db.default.svc.cluster.local.",
            RecordType::SRV,
            "0 50 5432 10-42-0-8.db.default.svc.cluster.local., \
             0 50 5432 db-0.db.default.svc.cluster.local. + 10.42.0.7, 10.42.0.8",
        );
    }

    #[test]
    fn a_service_outside_is_an_alias() {
        check("docs.default.svc.cluster.local.", RecordType::A, "alias of docs.example.org.");
        check("docs.default.svc.cluster.local.", RecordType::CNAME, "docs.example.org.");
    }

    #[test]
    fn a_name_that_is_there_has_nothing_of_another_type_and_one_that_is_not_does_not_exist() {
        check("web.default.svc.cluster.local.", RecordType::AAAA, "nothing of this type in cluster.local.");
        check("default.svc.cluster.local.", RecordType::A, "nothing of this type in cluster.local.");
        check("_tcp.web.default.svc.cluster.local.", RecordType::A, "nothing of this type in cluster.local.");
        check("cluster.local.", RecordType::A, "nothing of this type in cluster.local.");
        check("other.default.svc.cluster.local.", RecordType::A, "no such name in cluster.local.");
        check("other.default.svc.cluster.local.", RecordType::AAAA, "no such name in cluster.local.");
        check("www.example.org.default.svc.cluster.local.", RecordType::A, "no such name in cluster.local.");
        check("dns-version.cluster.local.", RecordType::TXT, "1.1.0");
    }

    #[test]
    fn a_pod_has_a_name_made_of_its_address() {
        check("10-42-0-7.default.pod.cluster.local.", RecordType::A, "10.42.0.7");
        check(
            "10-42-0-7.default.pod.cluster.local.",
            RecordType::AAAA,
            "nothing of this type in cluster.local.",
        );
        check("8-8-8-8.default.pod.cluster.local.", RecordType::A, "no such name in cluster.local.");
        check("default.pod.cluster.local.", RecordType::A, "nothing of this type in cluster.local.");
        check("web.default.pod.cluster.local.", RecordType::A, "no such name in cluster.local.");
    }

    #[test]
    fn addresses_lead_back_to_names() {
        check("20.0.43.10.in-addr.arpa.", RecordType::PTR, "web.default.svc.cluster.local.");
        check("7.0.42.10.in-addr.arpa.", RecordType::PTR, "db-0.db.default.svc.cluster.local.");
        check("99.0.43.10.in-addr.arpa.", RecordType::PTR, "no such name in 43.10.in-addr.arpa.");
        check("0.43.10.in-addr.arpa.", RecordType::PTR, "nothing of this type in 43.10.in-addr.arpa.");
        check("8.8.8.8.in-addr.arpa.", RecordType::PTR, "elsewhere");
    }

    #[test]
    fn every_host_of_the_platform_is_the_ingress() {
        check("shop.bythos.localhost.", RecordType::A, "10.42.0.1");
        check("a.b.bythos.localhost.", RecordType::A, "10.42.0.1");
        check("bythos.localhost.", RecordType::A, "10.42.0.1");
        check("shop.bythos.localhost.", RecordType::AAAA, "nothing of this type in bythos.localhost.");
        check("localhost.", RecordType::A, "elsewhere");
    }

    #[test]
    fn a_service_that_goes_takes_its_names_and_leaves_those_of_others() {
        let mut zone = zone();
        let before = zone.names.len();
        let services = samples::all();
        for service in services.iter().filter(|service| service.key.name != "web") {
            zone.remove(service);
        }
        let name = |name: &str| name.parse::<LowerName>().unwrap();
        assert!(matches!(
            zone.look_up(&name("web.default.svc.cluster.local."), RecordType::A),
            Known::Records { .. }
        ));
        let gone = zone.look_up(&name("kube-system.svc.cluster.local."), RecordType::A);
        assert!(matches!(gone, Known::NoSuchName { .. }), "{gone:?}");
        services.iter().filter(|service| service.key.name != "web").for_each(|service| zone.add(service));
        assert_eq!(zone.names.len(), before);
    }

    #[test]
    fn other_names_are_not_the_clusters() {
        check("example.org.", RecordType::A, "elsewhere");
        check("local.", RecordType::A, "elsewhere");
    }
}
