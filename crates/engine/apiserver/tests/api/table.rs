//! Tables, as `kubectl get` asks for them, and metadata alone.

use serde_json::json;

use crate::*;

const TABLE: [(&str, &str); 1] =
    [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")];

#[tokio::test]
async fn lists_objects_and_watches_come_as_tables() {
    let Server { admin, .. } = server().await;
    post(&admin, DEPLOYMENTS, deployment("a", 2)).await.ok();
    for path in [DEPLOYMENTS.to_owned(), format!("{DEPLOYMENTS}/a")] {
        let table = send(&admin, "GET", &path, &TABLE, "").await.ok();
        assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
        assert_eq!(table["columnDefinitions"][0]["name"], "Name");
        let row = &table["rows"][0];
        assert_eq!(row["cells"][0], "a");
        assert_eq!(
            row["cells"].as_array().unwrap().len(),
            table["columnDefinitions"].as_array().unwrap().len()
        );
        assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    }
    let watched = format!("{DEPLOYMENTS}?watch=1&timeoutSeconds=1");
    let events = send(&admin, "GET", &watched, &TABLE, "").await;
    let event: Value = serde_json::from_str(events.text.lines().next().unwrap()).unwrap();
    assert_eq!((&event["type"], &event["object"]["rows"][0]["cells"][0]), (&json!("ADDED"), &json!("a")));
}

#[tokio::test]
async fn the_client_says_what_rows_contain() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({"k": "v"}))).await.ok();
    let none = send(&admin, "GET", &format!("{CONFIG_MAPS}?includeObject=None"), &TABLE, "").await.ok();
    assert!(none["rows"][0].get("object").is_none());
    let whole = send(&admin, "GET", &format!("{CONFIG_MAPS}?includeObject=Object"), &TABLE, "").await.ok();
    assert_eq!(whole["rows"][0]["object"]["data"]["k"], "v");
}

#[tokio::test]
async fn metadata_comes_alone_if_asked_for() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({"k": "v"}))).await.ok();
    let accept = [("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")];
    let list = send(&admin, "GET", CONFIG_MAPS, &accept, "").await.ok();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["metadata"]["name"], "a");
    assert!(list["items"][0].get("data").is_none());
}
