//! EndpointSlices: addresses follow the pods.

use anyhow::Result;
use k8s_openapi::api::core::v1::{EndpointAddress, Endpoints, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::support::{Stage, create, merge, set_ready, settle};

/// `(address, ready)` of all endpoints of the Service `web`.
async fn endpoints(slices: &Api<EndpointSlice>) -> Option<Vec<(String, bool)>> {
    let items = slices.list(&Default::default()).await.ok()?.items;
    let of_web = items
        .iter()
        .filter(|slice| slice.labels().get("kubernetes.io/service-name").is_some_and(|name| name == "web"));
    let mut found: Vec<_> = of_web
        .flat_map(|slice| slice.endpoints.iter().flatten())
        .map(|one| {
            (one.addresses[0].clone(), one.conditions.as_ref().and_then(|all| all.ready) == Some(true))
        })
        .collect();
    found.sort();
    Some(found)
}

async fn until(slices: &Api<EndpointSlice>, what: &str, expected: &[(&str, bool)]) -> Result<()> {
    let expected: Vec<_> = expected.iter().map(|(address, ready)| ((*address).to_owned(), *ready)).collect();
    bythos_testing::eventually(what, || async {
        endpoints(slices).await.filter(|found| *found == expected).map(drop)
    })
    .await
}

#[tokio::test]
async fn endpoints_of_a_service_follow_its_pods() -> Result<()> {
    let stage = Stage::start().await?;
    let (services, pods, slices) = (stage.api::<Service>(), stage.api::<Pod>(), stage.api::<EndpointSlice>());
    let ports = json!([{ "name": "http", "port": 80, "targetPort": "http" }]);
    let service =
        json!({ "metadata": { "name": "web" }, "spec": { "selector": { "app": "web" }, "ports": ports } });
    create(&services, service).await?;
    stage.until_count("a slice without endpoints", &slices, 1).await?;
    for name in ["a", "b"] {
        let containers =
            json!([{ "name": "c", "image": "one", "ports": [{ "name": "http", "containerPort": 8080 }] }]);
        let pod = json!({ "metadata": { "name": name, "labels": { "app": "web" } }, "spec": { "containers": containers } });
        create(&pods, pod).await?;
    }
    set_ready(&pods, "a", 0, true).await?;
    set_ready(&pods, "b", 1, false).await?;
    until(&slices, "one ready endpoint", &[("10.42.0.2", true), ("10.42.0.3", false)]).await?;
    set_ready(&pods, "b", 1, true).await?;
    until(&slices, "two ready endpoints", &[("10.42.0.2", true), ("10.42.0.3", true)]).await?;
    merge(&pods, "a", json!({ "metadata": { "labels": { "app": "other" } } })).await?;
    until(&slices, "one endpoint", &[("10.42.0.3", true)]).await?;

    let items = slices.list(&Default::default()).await?.items;
    let port = items[0].ports.as_ref().and_then(|ports| ports.first()).and_then(|port| port.port);
    assert_eq!(port, Some(8080));
    services.delete("web", &Default::default()).await?;
    stage.until_count("no slice", &slices, 0).await?;
    Ok(())
}

#[tokio::test]
async fn what_others_publish_is_left_alone_and_what_is_ours_is_mended() -> Result<()> {
    let stage = Stage::start().await?;
    let (services, slices) = (stage.api::<Service>(), stage.api::<EndpointSlice>());
    let ports = json!([{ "port": 80 }]);
    create(&services, json!({ "metadata": { "name": "outside" }, "spec": { "ports": ports } })).await?;
    let foreign = json!({
        "metadata": { "name": "outside-1", "labels": { "kubernetes.io/service-name": "outside" } },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": ["192.0.2.1"] }],
    });
    create(&slices, foreign).await?;
    create(
        &services,
        json!({ "metadata": { "name": "web" }, "spec": { "selector": { "app": "web" }, "ports": ports } }),
    )
    .await?;
    let items = stage.until_count("ours beside the foreign one", &slices, 2).await?;
    let ours = items.iter().map(|slice| slice.name_any()).find(|name| name != "outside-1").unwrap();
    slices.delete(&ours, &Default::default()).await?;
    stage.until_count("ours again", &slices, 2).await?;
    settle(|| async {
        let foreign = slices.get("outside-1").await.unwrap();
        assert_eq!(foreign.endpoints.unwrap()[0].addresses, ["192.0.2.1"]);
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn endpoints_objects_say_what_the_slices_say_and_go_with_the_service() -> Result<()> {
    let stage = Stage::start().await?;
    let (services, pods, all) = (stage.api::<Service>(), stage.api::<Pod>(), stage.api::<Endpoints>());
    let spec = json!({ "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": 8080 }] });
    create(&services, json!({ "metadata": { "name": "web", "labels": { "tier": "front" } }, "spec": spec }))
        .await?;
    stage
        .until("empty Endpoints", &all, "web", |endpoints| endpoints.subsets.is_none().then_some(()))
        .await?;
    for (number, (name, is_ready)) in [("a", true), ("b", false)].into_iter().enumerate() {
        let pod = json!({
            "metadata": { "name": name, "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "c", "image": "one" }] },
        });
        create(&pods, pod).await?;
        set_ready(&pods, name, number, is_ready).await?;
    }
    let filled = |endpoints: &Endpoints| {
        let subset = endpoints.subsets.as_ref()?.first()?.clone();
        let (ready, unready) = (subset.addresses?, subset.not_ready_addresses?);
        let ip =
            |addresses: &[EndpointAddress]| addresses.iter().map(|one| one.ip.clone()).collect::<Vec<_>>();
        let port = subset.ports?.first()?.port;
        (ip(&ready) == ["10.42.0.2"] && ip(&unready) == ["10.42.0.3"] && port == 8080).then_some(())
    };
    stage.until("both addresses", &all, "web", filled).await?;
    assert_eq!(all.get("web").await?.labels()["tier"], "front");
    services.delete("web", &Default::default()).await?;
    stage.until_count("no Endpoints", &all, 0).await?;
    Ok(())
}

#[tokio::test]
async fn endpoints_written_by_hand_become_slices() -> Result<()> {
    let stage = Stage::start().await?;
    let (services, slices, all) =
        (stage.api::<Service>(), stage.api::<EndpointSlice>(), stage.api::<Endpoints>());
    let subsets = json!([{ "addresses": [{ "ip": "192.0.2.1" }], "ports": [{ "port": 5432 }] }]);
    create(&all, json!({ "metadata": { "name": "db" }, "subsets": subsets })).await?;
    create(&services, json!({ "metadata": { "name": "db" }, "spec": { "ports": [{ "port": 5432 }] } }))
        .await?;
    let slice = stage.until_count("a slice", &slices, 1).await?.remove(0);
    assert_eq!(slice.labels()["kubernetes.io/service-name"], "db");
    assert_eq!(slice.endpoints.as_ref().unwrap()[0].addresses, ["192.0.2.1"]);
    let subsets = json!([{ "addresses": [{ "ip": "192.0.2.2" }], "ports": [{ "port": 5432 }] }]);
    merge(&all, "db", json!({ "subsets": subsets })).await?;
    let moved =
        |slice: &EndpointSlice| (slice.endpoints.as_ref()?.first()?.addresses == ["192.0.2.2"]).then_some(());
    stage.until("the new address", &slices, &slice.name_any(), moved).await?;
    all.delete("db", &Default::default()).await?;
    stage.until_count("no slice", &slices, 0).await?;
    Ok(())
}
