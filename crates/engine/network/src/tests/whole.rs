//! The part as the binary runs it, on our own engine: from objects to packets.

use std::net::Ipv4Addr;

use bythos_operator::{HealthReport, HealthState};
use bythos_testing::{Engine, eventually};
use hickory_proto::rr::RecordType;
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
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

async fn story(host: &TestHost, pod: &Peer) -> anyhow::Result<()> {
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

#[test]
fn a_service_answers_by_name_and_address_soon_after_it_is_made_and_until_it_is_deleted() {
    let Some(host) = TestHost::prepare() else { return };
    let pod = host.add_pod();
    let _talker = Talker::start(&pod, 8080);
    host.namespace.enter(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(story(&host, &pod)).unwrap();
    });
    let tables = host.namespace.describe();
    assert!(
        tables.contains("table inet bythos-1a2b3c4d"),
        "the rules go on while Bythos does not run: {tables}"
    );
}
