//! What clients read before they ask: groups, versions, resources, health, OpenAPI.

use std::sync::Arc;

use serde_json::json;

use crate::*;

fn names<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list[field].as_array().unwrap().iter().filter_map(|item| item["name"].as_str()).collect()
}

#[tokio::test]
async fn groups_versions_and_resources_are_listed() {
    let Server { admin, .. } = server().await;
    assert_eq!(get(&admin, "/api").await.ok()["versions"], json!(["v1"]));
    assert!(names(&get(&admin, "/apis").await.ok(), "groups").contains(&"apps"));
    assert_eq!(get(&admin, "/apis/apps").await.ok()["preferredVersion"]["version"], "v1");
    let apps = get(&admin, "/apis/apps/v1").await.ok();
    let resources = names(&apps, "resources");
    for expected in ["deployments", "deployments/status", "deployments/scale"] {
        assert!(resources.contains(&expected), "{expected} in {resources:?}");
    }
    let pods = get(&admin, "/api/v1").await.ok();
    let pods =
        pods["resources"].as_array().unwrap().iter().find(|resource| resource["name"] == "pods").unwrap();
    assert_eq!((&pods["kind"], &pods["shortNames"]), (&json!("Pod"), &json!(["po"])));
    get(&admin, "/apis/nowhere").await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn everything_comes_at_once_if_asked_for() {
    let Server { admin, .. } = server().await;
    let accept = [(
        "accept",
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
         application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
    )];
    let answer = send(&admin, "GET", "/apis", &accept, "").await;
    assert!(answer.headers["content-type"].to_str().unwrap().contains("as=APIGroupDiscoveryList"));
    let list = answer.ok();
    let apps =
        list["items"].as_array().unwrap().iter().find(|group| group["metadata"]["name"] == "apps").unwrap();
    let resources = apps["versions"][0]["resources"].as_array().unwrap();
    let deployments = resources.iter().find(|resource| resource["resource"] == "deployments").unwrap();
    assert_eq!(deployments["responseKind"]["kind"], "Deployment");
    assert!(
        deployments["subresources"].as_array().unwrap().iter().any(|door| door["subresource"] == "scale")
    );
}

#[tokio::test]
async fn health_is_reported_check_by_check() {
    let Server { admin, api } = server().await;
    assert_eq!(get(&admin, "/readyz").await.text, "ok");
    let failing = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let check = failing.clone();
    api.add_check(
        "part/forge",
        Arc::new(move || {
            if check.load(std::sync::atomic::Ordering::SeqCst) {
                Err("its disk is full".to_owned())
            } else {
                Ok(())
            }
        }),
    );
    let failed = get(&admin, "/readyz").await;
    assert_eq!(failed.code, 500);
    assert_eq!(failed.text, "[+]ping ok\n[-]part/forge failed: its disk is full\nreadyz check failed\n");
    assert_eq!(get(&admin, "/readyz/part/forge").await.code, 500);
    assert_eq!(get(&admin, "/readyz?exclude=part/forge").await.text, "ok");
    assert_eq!(get(&admin, "/livez").await.text, "ok");
    failing.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(
        get(&admin, "/readyz?verbose").await.text,
        "[+]ping ok\n[+]part/forge ok\nreadyz check passed\n"
    );
}

#[tokio::test]
async fn the_version_is_one_that_clients_parse() {
    let Server { admin, .. } = server().await;
    let version = admin.apiserver_version().await.unwrap();
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "37"));
    assert_eq!(version.git_version, "v1.37.0+bythos");
}
