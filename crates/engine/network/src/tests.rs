//! The network as the kernel sees it: a host, pods linked by the real CNI plugin, and the world outside, each in a
//! network namespace of its own.

mod changes;
mod host_ports;
mod names;
mod namespace;
mod policies;
pub(crate) mod samples;
mod whole;

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use serde_json::json;

use self::namespace::{Namespace, Talker, TestHost, dial, may_make_namespaces};
use crate::config::NetworkConfig;
use crate::services::ServiceState;
use crate::table::{Fragment, Owner, Table};
use crate::{nft, prepare_host, ruleset, services, teardown_host};

const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 43, 0, 20);
const NODE_PORT: u16 = 30080;

/// A Service on port 80 and on [`NODE_PORT`] that leads to port 8080 of `endpoints`.
fn service(endpoints: &[Ipv4Addr], affinity: &str) -> Vec<ServiceState> {
    let spec = json!({
        "type": "NodePort", "clusterIP": SERVICE, "sessionAffinity": affinity,
        "ports": [{ "port": 80, "nodePort": NODE_PORT }, { "name": "udp", "port": 53, "protocol": "UDP" }],
    });
    let endpoints: Vec<_> = endpoints.iter().map(|address| json!({ "addresses": [address] })).collect();
    let slice = samples::slice("default", "web", &json!(endpoints), &json!([{ "port": 8080 }]));
    services::read(&samples::service("default", "web", &spec), &[&slice]).into_iter().collect()
}

/// The table with these services, not written yet.
fn table(config: &NetworkConfig, services: &[ServiceState]) -> Table {
    let mut table = Table::new(config.table());
    table.replace(&Owner::Network, &Fragment::default(), ruleset::fixed(config));
    for service in services {
        let owner = Owner::Service(service.key.clone());
        table.replace(&owner, &Fragment::default(), ruleset::of_service(config, service));
    }
    table
}

fn apply(host: &Namespace, config: &NetworkConfig, services: &[ServiceState]) {
    let script = table(config, services).script().unwrap();
    host.enter(|| nft::apply(&script)).unwrap();
}

fn at(address: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(address, port)
}

#[test]
fn a_service_reaches_its_endpoints_from_the_host_and_from_pods_which_see_who_asks() {
    let Some(host) = TestHost::prepare() else { return };
    let (one, two) = (host.add_pod(), host.add_pod());
    let _talkers = [Talker::start(&one, 8080), Talker::start(&two, 8080)];
    apply(&host.namespace, &host.config, &service(&[one.address, two.address], "None"));
    let asker = host.add_pod();
    let gateway = Ipv4Addr::new(10, 42, 0, 1);
    for (from, source) in [(&host.namespace, gateway), (&asker.namespace, asker.address)] {
        for target in [at(SERVICE, 80), at(gateway, NODE_PORT)] {
            let mut answered = BTreeSet::new();
            for _ in 0..40 {
                let answer = dial(from, target).unwrap();
                assert_eq!(answer.asked_by, source, "{target}");
                answered.insert(answer.answered_by);
            }
            assert_eq!(answered, BTreeSet::from([one.address, two.address]), "{target}");
        }
    }
}

#[test]
fn a_pod_reaches_itself_through_its_service() {
    let Some(host) = TestHost::prepare() else { return };
    let pod = host.add_pod();
    let _talker = Talker::start(&pod, 8080);
    apply(&host.namespace, &host.config, &service(&[pod.address], "None"));
    let answer = dial(&pod.namespace, at(SERVICE, 80)).unwrap();
    assert_eq!(answer.answered_by, pod.address);
    assert_eq!(answer.asked_by, Ipv4Addr::new(10, 42, 0, 1), "its own address would not come back to it");
}

#[test]
fn a_client_with_affinity_stays_with_one_endpoint_also_when_the_rules_are_applied_again() {
    let Some(host) = TestHost::prepare() else { return };
    let pods = [host.add_pod(), host.add_pod(), host.add_pod()];
    let _talkers: Vec<_> = pods.iter().map(|pod| Talker::start(pod, 8080)).collect();
    let endpoints: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let mut answered = BTreeSet::new();
    for _ in 0..10 {
        apply(&host.namespace, &host.config, &service(&endpoints, "ClientIP"));
        answered.insert(dial(&host.namespace, at(SERVICE, 80)).unwrap().answered_by);
    }
    assert_eq!(answered.len(), 1, "{answered:?}");
}

#[test]
fn what_no_endpoint_serves_is_refused_at_once() {
    let Some(host) = TestHost::prepare() else { return };
    let pod = host.add_pod();
    apply(&host.namespace, &host.config, &service(&[], "None"));
    let nobody = Ipv4Addr::new(10, 43, 0, 99);
    let gateway = Ipv4Addr::new(10, 42, 0, 1);
    for from in [&host.namespace, &pod.namespace] {
        for target in [at(SERVICE, 80), at(nobody, 80), at(gateway, NODE_PORT)] {
            let begin = Instant::now();
            let refused = dial(from, target).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused, "{target}");
            assert!(begin.elapsed() < Duration::from_millis(500), "{target} took {:?}", begin.elapsed());
        }
        let refused = from.enter(|| namespace::ask_by_udp(at(SERVICE, 53), b"anyone?")).unwrap_err();
        // What the host itself sends is refused by the sending call already.
        let refusals = [io::ErrorKind::ConnectionRefused, io::ErrorKind::PermissionDenied];
        assert!(refusals.contains(&refused.kind()), "{refused}");
    }
}

#[test]
fn the_world_outside_sees_the_hosts_address_and_answers() {
    let Some(host) = TestHost::prepare() else { return };
    let pod = host.add_pod();
    let world = host.add_world();
    let _talker = Talker::start(&world, 8080);
    apply(&host.namespace, &host.config, &service(&[world.address], "None"));
    let uplink = Ipv4Addr::new(192, 0, 2, 1);
    for target in [at(world.address, 8080), at(SERVICE, 80)] {
        assert_eq!(dial(&pod.namespace, target).unwrap().asked_by, uplink, "pod to {target}");
        assert_eq!(dial(&host.namespace, target).unwrap().asked_by, uplink, "host to {target}");
    }
    let inside = Talker::start(&pod, 8080);
    apply(&host.namespace, &host.config, &service(&[pod.address], "None"));
    let answer = dial(&world.namespace, at(uplink, NODE_PORT)).unwrap();
    assert_eq!((answer.answered_by, answer.asked_by), (pod.address, world.address), "world to the node port");
    drop(inside);
}

#[test]
fn the_rules_of_every_sort_of_service_are_accepted_by_the_kernel() {
    let Some(host) = TestHost::prepare() else { return };
    for services in [Vec::new(), samples::all(), samples::all(), Vec::new()] {
        apply(&host.namespace, &host.config, &services);
    }
}

#[test]
fn teardown_leaves_the_host_as_it_was_and_both_may_be_repeated() {
    if !may_make_namespaces() {
        return;
    }
    let namespace = Namespace::new();
    let folder = tempfile::tempdir().unwrap();
    let config = namespace::config(folder.path());
    let before = namespace.describe();
    assert!(before.contains("ip_forward 0"), "{before}");
    for _ in 0..2 {
        let prepared = namespace.enter(|| prepare_host(&config)).unwrap();
        assert!(!prepared.forwarded_before);
        assert!(prepared.conflist.is_file());
        apply(&namespace, &config, &samples::all());
    }
    let during = namespace.describe();
    assert!(during.contains("10.42.0.1/32") && during.contains("ip_forward 1"), "{during}");
    for _ in 0..2 {
        namespace.enter(|| teardown_host(&config)).unwrap();
        // The device that was down before is the one thing that stays up: others may count on it by now.
        assert_eq!(namespace.describe(), before.replace("lo down", "lo up"));
    }
    assert!(std::fs::read_dir(&config.cni_conf_dir).unwrap().next().is_none());
}
