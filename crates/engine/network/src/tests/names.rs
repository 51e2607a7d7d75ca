//! Cluster DNS on real sockets: from a pod through the rules, and from the cluster to the host's resolvers.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::RecordType;
use tokio::sync::Notify;

use super::namespace::{self, Namespace, Peer, TestHost};
use super::samples;
use crate::dns::{DnsServer, Forwarder, Responder, Zone, ZoneConfig};
use crate::{NetworkConfig, NetworkSettings};

const CLUSTER_DNS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 43, 0, 10), 53);

fn message(name: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.parse().unwrap(), record_type));
    message.to_vec().unwrap()
}

pub(crate) fn say(answer: &Message) -> String {
    let answers = answer.answers.iter().map(|record| record.data.to_string());
    let authorities = answer.authorities.iter().map(|record| format!("by {}", record.name));
    let said: Vec<_> = answers.chain(authorities).collect();
    format!("{} {}", answer.metadata.response_code, said.join(", ")).trim().to_owned()
}

pub(crate) fn by_udp(from: &Namespace, name: &str, record_type: RecordType) -> Message {
    let question = message(name, record_type);
    let answer = from.enter(|| namespace::ask_by_udp(CLUSTER_DNS, &question)).unwrap();
    Message::from_vec(&answer).unwrap()
}

fn by_tcp(from: &Namespace, name: &str, record_type: RecordType) -> Message {
    let question = message(name, record_type);
    let mut connection = from.enter(|| TcpStream::connect(CLUSTER_DNS)).unwrap();
    connection.write_all(&u16::try_from(question.len()).unwrap().to_be_bytes()).unwrap();
    connection.write_all(&question).unwrap();
    let mut length = [0; 2];
    connection.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    connection.read_exact(&mut answer).unwrap();
    Message::from_vec(&answer).unwrap()
}

/// A cluster's DNS that knows the samples and asks the resolvers in `resolv_conf` for the rest.
fn cluster_responder(config: &NetworkConfig, resolv_conf: PathBuf) -> Responder {
    let mut zone = Zone::new(ZoneConfig::new(config, "bythos.localhost"));
    samples::all().iter().for_each(|service| zone.add(service));
    Responder::new(zone, Forwarder::new(resolv_conf, [config.gateway, config.dns_address]))
}

/// The host's resolver, played by a second cluster whose platform is `example.org` and whose domain is `corp.test`.
fn outside_responder(folder: &Path) -> Responder {
    let usual = NetworkSettings::usual("00000000", folder.to_owned(), folder.to_owned());
    let settings = NetworkSettings {
        cluster_domain: "corp.test".to_owned(),
        ingress_address: Some("192.0.2.7".parse().unwrap()),
        ..usual
    };
    let config = NetworkConfig::new(settings).unwrap();
    let zone = Zone::new(ZoneConfig::new(&config, "example.org"));
    Responder::new(zone, Forwarder::new(folder.join("none"), [config.gateway, config.dns_address]))
}

/// Runs both servers on the host while `ask` asks from a pod.
fn with_dns(resolv_conf: &str, ask: impl FnOnce(&Peer) + Send + 'static) {
    with_mortal_resolver(resolv_conf, |pod, _| ask(pod));
}

/// As [`with_dns`]; the host's resolver is gone for good once it is notified.
fn with_mortal_resolver(resolv_conf: &str, ask: impl FnOnce(&Peer, &Notify) + Send + 'static) {
    let Some(host) = TestHost::prepare() else { return };
    let pod = host.add_pod();
    super::apply(&host.namespace, &host.config, &samples::all());
    let folder = tempfile::tempdir().unwrap();
    let settings_path = folder.path().join("resolv.conf");
    std::fs::write(&settings_path, resolv_conf).unwrap();
    host.namespace.enter(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let responder = cluster_responder(&host.config, settings_path.clone());
            let outside_responder = outside_responder(folder.path());
            let mut cluster = DnsServer::bind(host.config.gateway, responder).await.unwrap();
            let mut outside = DnsServer::bind(Ipv4Addr::LOCALHOST, outside_responder).await.unwrap();
            let end = Arc::new(Notify::new());
            let ends = end.clone();
            let asking = tokio::task::spawn_blocking(move || ask(&pod, &end));
            let outside = async move {
                tokio::select! {
                    error = outside.run() => panic!("{error}"),
                    () = ends.notified() => drop(outside),
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                asked = asking => asked.unwrap(),
                error = cluster.run() => panic!("{error}"),
                () = outside => {}
            }
        });
    });
}

#[test]
fn a_pod_asks_the_cluster_address_by_udp_and_tcp() {
    with_dns("nameserver 127.0.0.1\n", |pod| {
        for ask in [by_udp, by_tcp] {
            let ask = |name, record_type| ask(&pod.namespace, name, record_type);
            let answer = ask("web.default.svc.cluster.local.", RecordType::A);
            assert_eq!(say(&answer), "No Error 10.43.0.20");
            assert!(answer.metadata.authoritative && answer.metadata.recursion_available);
            let answer = ask("web.default.svc.cluster.local.", RecordType::AAAA);
            assert_eq!(say(&answer), "No Error by cluster.local.");
            let answer = ask("nobody.default.svc.cluster.local.", RecordType::A);
            assert_eq!(say(&answer), "Non-Existent Domain by cluster.local.");
            let answer = ask("shop.bythos.localhost.", RecordType::A);
            assert_eq!(say(&answer), "No Error 10.42.0.1");
        }
    });
}

#[test]
fn other_names_are_asked_of_the_hosts_resolvers_and_aliases_followed_there() {
    with_dns("nameserver 10.42.0.1\nnameserver 127.0.0.1\nsearch corp.test\n", |pod| {
        let ask = |name, record_type| say(&by_udp(&pod.namespace, name, record_type));
        assert_eq!(ask("www.example.org.", RecordType::A), "No Error 192.0.2.7");
        assert_eq!(ask("www.example.org.", RecordType::AAAA), "No Error by example.org.");
        assert_eq!(ask("nobody.corp.test.", RecordType::A), "Non-Existent Domain by corp.test.");
        assert_eq!(
            ask("docs.default.svc.cluster.local.", RecordType::A),
            "No Error docs.example.org., 192.0.2.7"
        );
    });
}

#[test]
fn ports_addresses_and_headless_names_have_the_records_that_kubernetes_specifies() {
    with_dns("", |pod| {
        let ask = |name, record_type| say(&by_udp(&pod.namespace, name, record_type));
        let db = "db.default.svc.cluster.local.";
        let mut addresses: Vec<_> = by_udp(&pod.namespace, db, RecordType::A)
            .answers
            .iter()
            .map(|one| one.data.to_string())
            .collect();
        addresses.sort();
        assert_eq!(addresses, ["10.42.0.7", "10.42.0.8"], "only those that are ready");
        assert_eq!(ask("db-0.db.default.svc.cluster.local.", RecordType::A), "No Error 10.42.0.7");
        let web = "_http._tcp.web.default.svc.cluster.local.";
        assert_eq!(ask(web, RecordType::SRV), "No Error 0 100 80 web.default.svc.cluster.local.");
        let sql = ask("_sql._tcp.db.default.svc.cluster.local.", RecordType::SRV);
        assert!(sql.contains("5432 db-0.db.default.svc.cluster.local."), "{sql}");
        let back = ask("20.0.43.10.in-addr.arpa.", RecordType::PTR);
        assert_eq!(back, "No Error web.default.svc.cluster.local.");
        let back = ask("7.0.42.10.in-addr.arpa.", RecordType::PTR);
        assert_eq!(back, "No Error db-0.db.default.svc.cluster.local.");
    });
}

#[test]
fn what_the_hosts_resolvers_said_is_kept_when_they_are_gone() {
    with_mortal_resolver("nameserver 127.0.0.1\n", |pod, end| {
        let ask = |name| say(&by_udp(&pod.namespace, name, RecordType::A));
        assert_eq!(ask("www.example.org."), "No Error 192.0.2.7");
        end.notify_one();
        let begin = Instant::now();
        while ask("another.example.org.") == "No Error 192.0.2.7" {
            assert!(begin.elapsed() < Duration::from_secs(10), "the resolver does not go");
        }
        assert_eq!(ask("www.example.org."), "No Error 192.0.2.7");
    });
}

#[test]
fn without_a_resolver_that_answers_other_names_fail_at_once_and_the_clusters_do_not() {
    for (resolv_conf, expected) in [
        ("nameserver 192.0.2.99\n", ResponseCode::ServFail),
        ("nameserver 10.42.0.1\n", ResponseCode::Refused),
        ("", ResponseCode::Refused),
    ] {
        with_dns(resolv_conf, move |pod| {
            let begin = Instant::now();
            let answer = by_udp(&pod.namespace, "www.example.org.", RecordType::A);
            assert_eq!(answer.metadata.response_code, expected, "{resolv_conf:?}");
            assert!(begin.elapsed() < Duration::from_secs(1), "it took {:?}", begin.elapsed());
            let answer = by_udp(&pod.namespace, "web.default.svc.cluster.local.", RecordType::A);
            assert_eq!(say(&answer), "No Error 10.43.0.20");
        });
    }
}
