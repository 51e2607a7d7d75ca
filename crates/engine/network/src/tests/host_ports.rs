//! Ports of the host that lead to pods, as everyone who asks for them finds them.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::time::Duration;

use serde_json::{from_value, json};

use super::changes::start_udp;
use super::namespace::{Namespace, Peer, Talker, TestHost, command, dial};
use super::{at, table};
use crate::conntrack::{self, Outdated};
use crate::host_ports::HostPorts;
use crate::table::{Fragment, Owner, Table};
use crate::{loopback, nft, ruleset};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 42, 0, 1);
const UPLINK: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Ports of the host that lead to the pod's 8080: at every address, at one, and at the loopback device.
const ANY: u16 = 8000;
const AT_UPLINK: u16 = 8001;
const AT_LOOPBACK: u16 = 8002;
/// One of a machine beside the host.
const ELSEWHERE: u16 = 8003;
const WORLD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn host_ports(pod: &Peer) -> HostPorts {
    let port = |protocol: &str, number: u16, address: Option<Ipv4Addr>| {
        json!({
            "containerPort": 8080, "hostPort": number, "protocol": protocol, "hostIP": address,
        })
    };
    let ports = json!([
        port("TCP", ANY, None),
        port("UDP", ANY, None),
        port("TCP", AT_UPLINK, Some(UPLINK)),
        port("TCP", AT_LOOPBACK, Some(Ipv4Addr::LOCALHOST)),
        port("TCP", ELSEWHERE, Some(WORLD)),
    ]);
    let pod = json!({ "spec": { "containers": [{ "name": "c", "ports": ports }] }, "status": { "podIP": pod.address } });
    HostPorts::read(&from_value(pod).unwrap()).unwrap()
}

/// Adds the pod's ports to the table that the kernel has.
fn put(host: &TestHost, table: &mut Table, pod: &Peer) {
    let ports = host_ports(pod);
    let owner = Owner::HostPorts(bythos_operator::ObjectKey::namespaced("default", "edge"));
    table.replace(&owner, &Fragment::default(), ruleset::of_host_ports(&host.config, &ports));
    let script = table.script().unwrap();
    host.namespace.enter(|| nft::apply(&script)).unwrap();
    host.namespace.enter(|| loopback::open(&[pod.address].into())).unwrap();
}

/// A host whose kernel has a table without ports of pods.
fn start(host: &TestHost) -> Table {
    let mut table = table(&host.config, &[]);
    let script = table.script().unwrap();
    host.namespace.enter(|| nft::apply(&script)).unwrap();
    table.is_applied();
    table
}

#[test]
fn a_port_of_the_host_leads_to_its_pod_from_the_host_from_pods_and_from_outside() {
    let Some(host) = TestHost::prepare() else { return };
    let (pod, asker, world) = (host.add_pod(), host.add_pod(), host.add_world());
    let _talker = Talker::start(&pod, 8080);
    put(&host, &mut start(&host), &pod);
    let cases: [(&str, &Namespace, Ipv4Addr, u16, Option<Ipv4Addr>); 13] = [
        ("host, loopback", &host.namespace, Ipv4Addr::LOCALHOST, ANY, Some(GATEWAY)),
        ("host, uplink", &host.namespace, UPLINK, ANY, Some(UPLINK)),
        ("host, gateway", &host.namespace, GATEWAY, ANY, Some(GATEWAY)),
        ("another pod", &asker.namespace, UPLINK, ANY, Some(asker.address)),
        ("another pod, gateway", &asker.namespace, GATEWAY, ANY, Some(asker.address)),
        ("the pod itself", &pod.namespace, UPLINK, ANY, Some(GATEWAY)),
        ("outside", &world.namespace, UPLINK, ANY, Some(world.address)),
        ("outside, one address", &world.namespace, UPLINK, AT_UPLINK, Some(world.address)),
        ("another address", &host.namespace, GATEWAY, AT_UPLINK, None),
        ("loopback alone", &host.namespace, Ipv4Addr::LOCALHOST, AT_LOOPBACK, Some(GATEWAY)),
        ("outside, loopback alone", &world.namespace, UPLINK, AT_LOOPBACK, None),
        ("an address of another machine", &asker.namespace, WORLD, ELSEWHERE, None),
        ("another port", &world.namespace, UPLINK, 8080, None),
    ];
    for (case, from, address, port, expected) in cases {
        let answer = dial(from, at(address, port)).ok();
        assert!(answer.iter().all(|answer| answer.answered_by == pod.address), "{case}");
        assert_eq!(answer.map(|answer| answer.asked_by), expected, "{case}");
    }
}

#[test]
fn a_pod_with_ports_of_the_host_does_not_reach_what_listens_at_the_hosts_loopback_addresses() {
    let Some(host) = TestHost::prepare() else { return };
    let pod = host.add_pod();
    put(&host, &mut start(&host), &pod);
    let target = at(Ipv4Addr::LOCALHOST, 9000);
    let listener = host.namespace.enter(|| TcpListener::bind(target)).unwrap();
    // Whoever is root in a pod can send packets for the host's loopback address on their way.
    pod.namespace.enter(|| {
        command("ip", &["address", "flush", "dev", "lo"]);
        command(
            "ip",
            &["route", "add", "127.0.0.1/32", "via", &GATEWAY.to_string(), "src", &pod.address.to_string()],
        );
        std::fs::write("/proc/sys/net/ipv4/conf/eth0/route_localnet", "1").unwrap();
    });
    let found = dial(&pod.namespace, target).unwrap_err();
    assert_eq!(found.kind(), std::io::ErrorKind::TimedOut, "{found}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().and_then(|(mut stream, _)| stream.read(&mut [0])).is_err());
}

#[test]
fn a_client_that_asked_by_udp_before_there_was_a_pod_reaches_it_when_it_has_come() {
    let Some(host) = TestHost::prepare() else { return };
    let (pod, world) = (host.add_pod(), host.add_world());
    start_udp(&pod);
    let mut table = start(&host);
    let socket = world.namespace.enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let answered = || {
        socket.send_to(b"who?", at(UPLINK, ANY)).unwrap();
        let mut address = [0; 4];
        socket.recv(&mut address).ok().map(|_| Ipv4Addr::from(address))
    };
    assert_eq!(answered(), None, "nobody is there yet");
    put(&host, &mut table, &pod);
    assert_eq!(answered(), None, "the kernel remembers");
    let outdated = Outdated { host_ports: host_ports(&pod).udp_numbers().collect(), ..Outdated::default() };
    assert_eq!(host.namespace.enter(|| conntrack::forget_udp(&outdated)).unwrap(), 1);
    assert_eq!(answered(), Some(pod.address));
}
