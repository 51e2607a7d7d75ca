//! EndpointSlices: addresses follow the pods.

use anyhow::Result;
use k8s_openapi::api::core::v1::{Pod, Service};
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
