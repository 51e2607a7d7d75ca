//! The part as the binary runs it, on our own engine: from objects to packets.

use std::net::Ipv4Addr;

use bythos_operator::{HealthReport, HealthState};
use bythos_testing::{Engine, eventually};
use hickory_proto::rr::RecordType;
use k8s_openapi::api::core::v1::{Event, Namespace, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::task::block_in_place;

use super::namespace::{Peer, Talker, TestHost, dial};
use super::{at, names, samples};
use crate::part;

async fn until_ready(report: &mut HealthReport) {
    while report.state() != HealthState::Ready {
        let now = report.changed().await;
        assert!(!matches!(now, None | Some(HealthState::Failing(_))), "{now:?}");
    }
}

async fn make_namespaces(engine: &Engine) {
    let api = Api::<Namespace>::all(engine.admin.clone());
    for name in ["default", "kube-system"] {
        let object = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
        // The engine may bring them itself.
        drop(api.create(&PostParams::default(), &object).await);
    }
}

/// What the pod gets when it asks for `web` by name and then for port 80 there.
fn ask(pod: &Peer) -> Option<Ipv4Addr> {
    let name = "web.default.svc.cluster.local.";
    let found = block_in_place(|| names::say(&names::by_udp(&pod.namespace, name, RecordType::A)));
    let address = found.strip_prefix("No Error ")?.parse().ok()?;
    block_in_place(|| dial(&pod.namespace, at(address, 80))).ok().map(|answer| answer.answered_by)
}

async fn service_story(host: &TestHost, pod: &Peer) -> anyhow::Result<()> {
    let engine = Engine::start().await?;
    make_namespaces(&engine).await;
    let mut report = engine.run(&part(host.config.clone())).await?;
    until_ready(&mut report).await;
    assert_eq!(ask(pod), None);

    let services = Api::<Service>::namespaced(engine.admin.clone(), "default");
    let slices = Api::<EndpointSlice>::namespaced(engine.admin.clone(), "default");
    let service = samples::service("default", "web", &json!({ "ports": [{ "port": 80 }] }));
    let service = services.create(&PostParams::default(), &service).await?;
    let address: Ipv4Addr = service.spec.unwrap().cluster_ip.unwrap().parse()?;
    let endpoints = json!([{ "addresses": [pod.address] }]);
    let slice = samples::slice("default", "web", &endpoints, &json!([{ "port": 8080 }]));
    slices.create(&PostParams::default(), &slice).await?;
    let answered = eventually("the service to answer", async || ask(pod)).await?;
    assert_eq!(answered, pod.address);

    services.delete("web", &DeleteParams::default()).await?;
    eventually("the service to be gone", async || {
        let refused = block_in_place(|| dial(&pod.namespace, at(address, 80))).is_err();
        (refused && ask(pod).is_none()).then_some(())
    })
    .await
}

fn on_host(host: &TestHost, story: impl Future<Output = anyhow::Result<()>> + Send) {
    host.namespace.enter(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(story).unwrap();
    });
}

#[test]
fn a_service_answers_by_name_and_address_soon_after_it_is_made_and_until_it_is_deleted() {
    let Some(host) = TestHost::prepare() else { return };
    let pod = host.add_pod();
    let _talker = Talker::start(&pod, 8080);
    on_host(&host, service_story(&host, &pod));
    let tables = host.namespace.describe();
    assert!(
        tables.contains("table inet bythos-1a2b3c4d"),
        "the rules go on while Bythos does not run: {tables}"
    );
}

/// The addresses in the status of a service.
async fn balanced(services: &Api<Service>, name: &str) -> Option<Vec<String>> {
    let status = services.get(name).await.ok()?.status?.load_balancer?;
    Some(status.ingress?.into_iter().filter_map(|ingress| ingress.ip).collect())
}

/// What was told about an object.
async fn told(engine: &Engine, name: &str, reason: &str) -> Option<String> {
    let events = Api::<Event>::namespaced(engine.admin.clone(), "default");
    let events = events.list(&ListParams::default()).await.ok()?.items.into_iter();
    let is_it = |event: &Event| {
        event.involved_object.name.as_deref() == Some(name) && event.reason.as_deref() == Some(reason)
    };
    events.filter(is_it).find_map(|event| event.message)
}

async fn host_port_story(host: &TestHost, pod: &Peer) -> anyhow::Result<()> {
    let engine = Engine::start().await?;
    make_namespaces(&engine).await;
    let uplink: Ipv4Addr = "192.0.2.1".parse()?;
    let mut config = host.config.clone();
    (config.host_addresses, config.reserved_ports) = (vec![uplink], vec![6443]);
    let mut report = engine.run(&part(config)).await?;
    until_ready(&mut report).await;

    let pods = Api::<Pod>::namespaced(engine.admin.clone(), "default");
    let ports =
        json!([{ "containerPort": 8080, "hostPort": 8000 }, { "containerPort": 8080, "hostPort": 6443 }]);
    let edge = json!({ "metadata": { "name": "edge" },
        "spec": { "nodeName": "one", "containers": [{ "name": "c", "image": "c", "ports": ports }] } });
    pods.create(&PostParams::default(), &serde_json::from_value(edge)?).await?;
    let status = json!({ "status": { "phase": "Running", "podIP": pod.address } });
    pods.patch_status("edge", &PatchParams::default(), &Patch::Merge(status)).await?;
    let asked = || block_in_place(|| dial(&host.namespace, at(Ipv4Addr::LOCALHOST, 8000)));
    eventually("the port of the host to lead to the pod", async || asked().ok().map(drop)).await?;
    let words = eventually("the engine's port to be refused", async || {
        told(&engine, "edge", "HostPortConflict").await
    });
    assert_eq!(words.await?, "host port 6443 leads to no container: Bythos itself answers there");

    let services = Api::<Service>::namespaced(engine.admin.clone(), "default");
    for (name, port) in [("first", 80), ("second", 80), ("third", 8000)] {
        let spec = json!({ "type": "LoadBalancer", "ports": [{ "port": port }] });
        services.create(&PostParams::default(), &samples::service("default", name, &spec)).await?;
        if name == "first" {
            let given = eventually("the host's address", async || balanced(&services, "first").await).await?;
            assert_eq!(given, [uplink.to_string()]);
        }
    }
    for (name, holder) in [
        ("second", "port 80/TCP of the host is taken by service default/first"),
        ("third", "port 8000/TCP of the host is taken by pod default/edge (hostPort)"),
    ] {
        let reason = "SyncLoadBalancerFailed";
        let words = eventually("who has the port", async || told(&engine, name, reason).await).await?;
        assert_eq!(words, format!("Error syncing load balancer: {holder}"));
        assert_eq!(balanced(&services, name).await, None);
    }
    pods.delete("edge", &DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() }).await?;
    eventually("the port to be free", async || asked().is_err().then_some(())).await?;
    services.delete("first", &DeleteParams::default()).await?;
    for name in ["second", "third"] {
        eventually("those that waited to get the address", async || balanced(&services, name).await).await?;
    }
    Ok(())
}

#[test]
fn a_port_of_the_host_leads_to_its_pod_and_a_balancer_that_wants_it_waits_and_says_so() {
    let Some(host) = TestHost::prepare() else { return };
    let pod = host.add_pod();
    let _talker = Talker::start(&pod, 8080);
    on_host(&host, host_port_story(&host, &pod));
}
