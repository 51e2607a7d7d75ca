//! Changes, as the kernel takes them: only what changed is written, and what goes on is not disturbed.

#![expect(clippy::needless_pass_by_value, reason = "cases are written in place")]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use serde_json::{Value, json};

use super::namespace::{Peer, Talker, TestHost, dial};
use super::{NODE_PORT, SERVICE, at, samples, table};
use crate::conntrack::{self, Outdated};
use crate::nft;
use crate::ruleset;
use crate::services::{ServiceState, read};
use crate::table::{Fragment, Owner, Table};

/// A service on port 80 that leads to port 8080 of `endpoints`, changed by `change`.
fn service(endpoints: &[Ipv4Addr], change: Value, status: Value) -> ServiceState {
    let mut spec = json!({ "clusterIP": SERVICE, "ports": [{ "port": 80 }] });
    for (key, value) in change.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    let endpoints: Vec<_> = endpoints.iter().map(|address| json!({ "addresses": [address] })).collect();
    let mut service = samples::service("default", "web", &spec);
    service.status = serde_json::from_value(status).unwrap();
    let slice = samples::slice("default", "web", &json!(endpoints), &json!([{ "port": 8080 }]));
    read(&service, &[&slice]).unwrap()
}

struct Stage<'a> {
    host: &'a TestHost,
    table: Table,
    now: Fragment,
}

impl<'a> Stage<'a> {
    fn new(host: &'a TestHost) -> Self {
        Stage { host, table: table(&host.config, &[]), now: Fragment::default() }
    }

    fn put(&mut self, service: &ServiceState) {
        let new = ruleset::of_service(&self.host.config, service);
        self.table.replace(&Owner::Service(service.key.clone()), &self.now, new.clone());
        self.now = new;
        if let Some(script) = self.table.script() {
            self.host.namespace.enter(|| nft::apply(&script)).unwrap();
        }
        self.table.is_applied();
    }

    fn answered(&self) -> Option<Ipv4Addr> {
        dial(&self.host.namespace, at(SERVICE, 80)).ok().map(|answer| answer.answered_by)
    }
}

#[test]
fn endpoints_join_and_leave_without_a_new_table() {
    let Some(host) = TestHost::prepare() else { return };
    let pods = [host.add_pod(), host.add_pod(), host.add_pod()];
    let _talkers: Vec<_> = pods.iter().map(|pod| Talker::start(pod, 8080)).collect();
    let all: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let mut stage = Stage::new(&host);
    for endpoints in [&all[..1], &all[..], &all[1..], &[], &all[..2]] {
        stage.put(&service(endpoints, json!({}), json!(null)));
        let answered: BTreeSet<_> = (0..30).filter_map(|_| stage.answered()).collect();
        assert_eq!(answered, endpoints.iter().copied().collect::<BTreeSet<_>>());
    }
}

#[test]
fn a_client_with_affinity_keeps_its_endpoint_when_others_join_and_gets_another_when_it_leaves() {
    let Some(host) = TestHost::prepare() else { return };
    let pods = [host.add_pod(), host.add_pod(), host.add_pod(), host.add_pod()];
    let _talkers: Vec<_> = pods.iter().map(|pod| Talker::start(pod, 8080)).collect();
    let all: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let sticky =
        |endpoints: &[Ipv4Addr]| service(endpoints, json!({ "sessionAffinity": "ClientIP" }), json!(null));
    let mut stage = Stage::new(&host);
    stage.put(&sticky(&all[..1]));
    assert_eq!(stage.answered(), Some(all[0]));
    for endpoints in [&all[..2], &all[..3], &all[..]] {
        stage.put(&sticky(endpoints));
        assert_eq!(stage.answered(), Some(all[0]), "of {endpoints:?}");
    }
    stage.put(&sticky(&all[1..]));
    let next = stage.answered().unwrap();
    assert_ne!(next, all[0]);
    stage.put(&sticky(&all));
    assert_eq!(stage.answered(), Some(next), "the first one is back, and the client stays");
}

#[test]
fn a_balancer_and_an_address_from_elsewhere_lead_to_the_service_for_those_who_may_ask() {
    let Some(host) = TestHost::prepare() else { return };
    let (pod, asker, world) = (host.add_pod(), host.add_pod(), host.add_world());
    let _talker = Talker::start(&pod, 8080);
    let (uplink, elsewhere) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 1));
    let status = json!({ "loadBalancer": { "ingress": [{ "ip": uplink }] } });
    let balancer = |sources: Value| {
        let change = json!({ "type": "LoadBalancer", "externalIPs": [elsewhere],
            "loadBalancerSourceRanges": sources });
        service(&[pod.address], change, status.clone())
    };
    let mut stage = Stage::new(&host);
    stage.put(&balancer(json!(null)));
    let answer = dial(&world.namespace, at(uplink, 80)).unwrap();
    assert_eq!((answer.answered_by, answer.asked_by), (pod.address, world.address));
    assert_eq!(dial(&asker.namespace, at(elsewhere, 80)).unwrap().answered_by, pod.address);
    stage.put(&balancer(json!(["203.0.113.0/24"])));
    assert!(dial(&world.namespace, at(uplink, 80)).is_err(), "it is not among those who may ask");
    stage.put(&balancer(json!(["203.0.113.0/24", "192.0.2.0/24"])));
    assert_eq!(dial(&world.namespace, at(uplink, 80)).unwrap().answered_by, pod.address);
}

#[test]
fn local_traffic_stays_on_this_machine_and_is_refused_where_nobody_here_serves_it() {
    let Some(host) = TestHost::prepare() else { return };
    let (here, asker, elsewhere) = (host.add_pod(), host.add_pod(), host.add_world());
    let _talkers = [Talker::start(&here, 8080), Talker::start(&elsewhere, 8080)];
    let gateway = Ipv4Addr::new(10, 42, 0, 1);
    let service = |has_pod_here: bool, internal: &str, external: &str| {
        let mut endpoints = vec![json!({ "addresses": [elsewhere.address] })];
        endpoints.extend(has_pod_here.then(|| json!({ "addresses": [here.address], "nodeName": "one" })));
        let spec = json!({ "type": "NodePort", "clusterIP": SERVICE, "ports": [{ "port": 80, "nodePort": NODE_PORT }],
            "internalTrafficPolicy": internal, "externalTrafficPolicy": external });
        let slice = samples::slice("default", "web", &json!(endpoints), &json!([{ "port": 8080 }]));
        read(&samples::service("default", "web", &spec), &[&slice]).unwrap()
    };
    let answered = |port: u16| -> BTreeSet<Ipv4Addr> {
        let target = if port == 80 { SERVICE } else { gateway };
        let asked = (0..30).filter_map(|_| dial(&asker.namespace, at(target, port)).ok());
        asked.map(|answer| answer.answered_by).collect()
    };
    let (all, here_alone) =
        (BTreeSet::from([here.address, elsewhere.address]), BTreeSet::from([here.address]));
    let mut stage = Stage::new(&host);
    stage.put(&service(true, "Cluster", "Cluster"));
    assert_eq!((answered(80), answered(NODE_PORT)), (all.clone(), all.clone()));
    stage.put(&service(true, "Local", "Cluster"));
    assert_eq!((answered(80), answered(NODE_PORT)), (here_alone.clone(), all.clone()), "internal");
    stage.put(&service(true, "Cluster", "Local"));
    assert_eq!((answered(80), answered(NODE_PORT)), (all, here_alone), "external");
    stage.put(&service(false, "Local", "Local"));
    for target in [at(SERVICE, 80), at(gateway, NODE_PORT)] {
        let refused = dial(&asker.namespace, target).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "{target}");
    }
}

#[test]
fn a_client_with_affinity_is_forgotten_when_it_was_silent_for_the_time_out() {
    let Some(host) = TestHost::prepare() else { return };
    let (one, two) = (host.add_pod(), host.add_pod());
    let _talkers = [Talker::start(&one, 8080), Talker::start(&two, 8080)];
    let askers: Vec<_> = (0..6).map(|_| host.add_pod()).collect();
    let timeout = Duration::from_secs(2);
    let sticky = |endpoints: &[Ipv4Addr]| {
        let affinity = json!({ "clientIP": { "timeoutSeconds": timeout.as_secs() } });
        let change = json!({ "sessionAffinity": "ClientIP", "sessionAffinityConfig": affinity });
        service(endpoints, change, json!(null))
    };
    let answered = || -> BTreeSet<Ipv4Addr> {
        askers.iter().map(|asker| dial(&asker.namespace, at(SERVICE, 80)).unwrap().answered_by).collect()
    };
    let mut stage = Stage::new(&host);
    stage.put(&sticky(&[one.address]));
    assert_eq!(answered(), BTreeSet::from([one.address]));
    stage.put(&sticky(&[one.address, two.address]));
    assert_eq!(answered(), BTreeSet::from([one.address]), "all stay though another has joined");
    // Silence itself is what is tested: whoever asked in between would be remembered for longer.
    std::thread::sleep(timeout + Duration::from_millis(200));
    assert_eq!(
        answered(),
        BTreeSet::from([one.address, two.address]),
        "each goes where its address leads it"
    );
}

/// Answers each datagram with its own address, until the test ends.
pub(crate) fn start_udp(peer: &Peer) {
    let socket = peer.namespace.enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 8080))).unwrap();
    let own = peer.address;
    std::thread::spawn(move || {
        while let Ok((_, client)) = socket.recv_from(&mut [0; 64]) {
            drop(socket.send_to(&own.octets(), client));
        }
    });
}

#[test]
fn a_client_that_goes_on_asking_by_udp_is_led_to_the_endpoints_that_are_left() {
    let Some(host) = TestHost::prepare() else { return };
    let (one, two, asker) = (host.add_pod(), host.add_pod(), host.add_pod());
    start_udp(&one);
    start_udp(&two);
    let by_udp = |endpoint: Ipv4Addr| {
        let slice = samples::slice(
            "default",
            "web",
            &json!([{ "addresses": [endpoint] }]),
            &json!([{ "port": 8080, "protocol": "UDP" }]),
        );
        let spec = json!({ "clusterIP": SERVICE, "ports": [{ "port": 80, "protocol": "UDP" }] });
        read(&samples::service("default", "web", &spec), &[&slice]).unwrap()
    };
    let mut stage = Stage::new(&host);
    stage.put(&by_udp(one.address));
    let socket = asker.namespace.enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let answered = || {
        socket.send_to(b"who?", at(SERVICE, 80)).unwrap();
        let mut address = [0; 4];
        socket.recv(&mut address).unwrap();
        Ipv4Addr::from(address)
    };
    assert_eq!(answered(), one.address);
    stage.put(&by_udp(two.address));
    assert_eq!(answered(), one.address, "the kernel remembers");
    let gone = Outdated { endpoints: [(one.address, 8080)].into(), ..Outdated::default() };
    assert_eq!(host.namespace.enter(|| conntrack::forget_udp(&gone)).unwrap(), 1);
    assert_eq!(answered(), two.address);
}

#[test]
fn a_change_is_as_short_with_five_thousand_services_as_with_ten() {
    let folder = tempfile::tempdir().unwrap();
    let config = super::namespace::config(folder.path());
    let change = |count: u16| {
        let many: Vec<_> = (0..count)
            .map(|number| {
                let [high, low] = number.to_be_bytes();
                let address = Ipv4Addr::new(10, 43, 100 + high, low);
                let mut one = service(&[address], json!({ "clusterIP": address }), json!(null));
                one.key.name = format!("service-{number}");
                one
            })
            .collect();
        let mut table = table(&config, &many);
        table.is_applied();
        let new = service(&[SERVICE], json!({}), json!(null));
        let fragment = ruleset::of_service(&config, &new);
        table.replace(&Owner::Service(new.key), &Fragment::default(), fragment);
        table.script().unwrap()
    };
    assert_eq!(change(10), change(5000));
}
