//! Lists: selectors, and pages of one revision while others write.

use std::collections::BTreeSet;
use std::io::Read as _;

use serde_json::json;

use crate::*;

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn labels_and_fields_select() {
    let Server { admin, .. } = server().await;
    for (name, tier) in [("a", "web"), ("b", "db"), ("c", "web")] {
        let mut object = config_map(name, json!({}));
        object["metadata"]["labels"] = json!({"tier": tier});
        post(&admin, CONFIG_MAPS, object).await.ok();
    }
    for (query, expect) in [
        ("labelSelector=tier%3Dweb", vec!["a", "c"]),
        ("labelSelector=tier+in+(db)", vec!["b"]),
        ("labelSelector=tier!%3Dweb", vec!["b"]),
        ("labelSelector=!tier", vec![]),
        ("fieldSelector=metadata.name%3Dc", vec!["c"]),
        ("fieldSelector=metadata.namespace%3Dother", vec![]),
    ] {
        let list = get(&admin, &format!("{CONFIG_MAPS}?{query}")).await.ok();
        assert_eq!(names(&list), expect, "{query}");
    }
    let refused = get(&admin, &format!("{CONFIG_MAPS}?fieldSelector=data.k%3Dv")).await;
    refused.fails(400, "BadRequest", "field label not supported: data.k");
}

#[tokio::test]
async fn pages_show_one_revision_while_others_write() {
    let Server { admin, .. } = server().await;
    for index in 0..10 {
        post(&admin, CONFIG_MAPS, config_map(&format!("c{index}"), json!({}))).await.ok();
    }
    let first = get(&admin, &format!("{CONFIG_MAPS}?limit=4")).await.ok();
    assert_eq!(names(&first), ["c0", "c1", "c2", "c3"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 6);
    post(&admin, CONFIG_MAPS, config_map("c45", json!({}))).await.ok();
    delete(&admin, &format!("{CONFIG_MAPS}/c7")).await.ok();
    let mut seen: Vec<String> = names(&first).into_iter().map(str::to_owned).collect();
    let mut token = first["metadata"]["continue"].as_str().map(str::to_owned);
    while let Some(next) = token {
        let page = get(&admin, &format!("{CONFIG_MAPS}?limit=4&continue={next}")).await.ok();
        assert_eq!(page["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        token = page["metadata"]["continue"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, (0..10).map(|index| format!("c{index}")).collect::<Vec<_>>());
}

/// Clients that know of no resourceVersionMatch mean the very revision with which they ask for a page.
#[tokio::test]
async fn a_page_of_a_revision_shows_that_revision() {
    let Server { admin, .. } = server().await;
    let first = post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    post(&admin, CONFIG_MAPS, config_map("b", json!({}))).await.ok();
    let revision = first["metadata"]["resourceVersion"].as_str().unwrap();
    let of_then = get(&admin, &format!("{CONFIG_MAPS}?resourceVersion={revision}&limit=5")).await.ok();
    assert_eq!((names(&of_then), &of_then["metadata"]["resourceVersion"]), (vec!["a"], &json!(revision)));
    let no_older = "resourceVersionMatch=NotOlderThan&limit=5";
    for query in [no_older, "limit=0"] {
        let list = get(&admin, &format!("{CONFIG_MAPS}?resourceVersion={revision}&{query}")).await.ok();
        assert_eq!(names(&list), ["a", "b"], "{query}");
    }
}

#[tokio::test]
async fn pages_of_a_selection_are_filled() {
    let Server { admin, .. } = server().await;
    for index in 0..9 {
        let mut object = config_map(&format!("c{index}"), json!({}));
        object["metadata"]["labels"] = json!({"odd": (index % 2 == 1).to_string()});
        post(&admin, CONFIG_MAPS, object).await.ok();
    }
    let first = get(&admin, &format!("{CONFIG_MAPS}?limit=3&labelSelector=odd%3Dtrue")).await.ok();
    assert_eq!(names(&first), ["c1", "c3", "c5"]);
    let token = first["metadata"]["continue"].as_str().unwrap();
    let rest =
        get(&admin, &format!("{CONFIG_MAPS}?limit=3&labelSelector=odd%3Dtrue&continue={token}")).await.ok();
    assert_eq!(names(&rest), ["c7"]);
    assert!(rest["metadata"].get("continue").is_none());
}

#[tokio::test]
async fn a_list_shows_exactly_the_revision_that_is_asked_for() {
    let Server { admin, .. } = server().await;
    let made = post(&admin, CONFIG_MAPS, config_map("a", json!({"k": "old"}))).await.ok();
    let revision = made["metadata"]["resourceVersion"].as_str().unwrap();
    patch(&admin, "merge", &format!("{CONFIG_MAPS}/a"), json!({"data": {"k": "new"}})).await.ok();
    post(&admin, CONFIG_MAPS, config_map("b", json!({}))).await.ok();
    let then = get(&admin, &format!("{CONFIG_MAPS}?resourceVersion={revision}&resourceVersionMatch=Exact"))
        .await
        .ok();
    assert_eq!((names(&then), &then["metadata"]["resourceVersion"]), (vec!["a"], &json!(revision)));
    assert_eq!(then["items"][0]["data"]["k"], "old");
    let query = format!("resourceVersion={revision}&resourceVersionMatch=NotOlderThan");
    let now = get(&admin, &format!("{CONFIG_MAPS}?{query}")).await.ok();
    assert_eq!(names(&now), ["a", "b"]);
    assert_eq!(now["items"][0]["data"]["k"], "new");
}

#[tokio::test]
async fn a_revision_that_is_not_there_yet_is_to_be_asked_for_again() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    for path in [
        format!("{CONFIG_MAPS}?resourceVersion=1000000"),
        format!("{CONFIG_MAPS}?resourceVersion=1000000&resourceVersionMatch=NotOlderThan"),
        format!("{CONFIG_MAPS}?resourceVersion=1000000&resourceVersionMatch=Exact"),
        format!("{CONFIG_MAPS}/a?resourceVersion=1000000"),
    ] {
        let status = get(&admin, &path).await.fails(504, "Timeout", "Too large resource version: 1000000");
        assert_eq!(
            status["details"]["causes"],
            json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]),
            "{path}"
        );
        assert_eq!(status["details"]["retryAfterSeconds"], 1, "{path}");
    }
    let read = get(&admin, &format!("{CONFIG_MAPS}/a?resourceVersion=1")).await.ok();
    assert_eq!(read["metadata"]["name"], "a");
}

#[tokio::test]
async fn a_page_of_a_forgotten_revision_is_expired() {
    let Server { admin, .. } =
        server_on(Options { directory: None, history_events: 4 }, NodePort::default()).await;
    for index in 0..4 {
        post(&admin, CONFIG_MAPS, config_map(&format!("c{index}"), json!({}))).await.ok();
    }
    let first = get(&admin, &format!("{CONFIG_MAPS}?limit=2")).await.ok();
    for index in 0..40 {
        patch(&admin, "merge", &format!("{CONFIG_MAPS}/c0"), json!({"data": {"k": index.to_string()}}))
            .await
            .ok();
    }
    let token = first["metadata"]["continue"].as_str().unwrap();
    let expired = get(&admin, &format!("{CONFIG_MAPS}?limit=2&continue={token}")).await;
    let status = expired.fails(410, "Expired", "The provided continue parameter is too old");
    let next = status["metadata"]["continue"].as_str().unwrap();
    let rest = get(&admin, &format!("{CONFIG_MAPS}?limit=2&continue={next}")).await.ok();
    assert_eq!(names(&rest), ["c2", "c3"], "the pages go on with the newest");
}

#[tokio::test]
async fn parameters_that_contradict_each_other_are_refused() {
    let Server { admin, .. } = server().await;
    let refused = get(&admin, &format!("{CONFIG_MAPS}?resourceVersionMatch=Exact")).await;
    refused.fails(422, "Invalid", "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden");
    let refused = get(&admin, &format!("{CONFIG_MAPS}?watch=1&sendInitialEvents=true")).await;
    refused.fails(422, "Invalid", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
}

#[tokio::test]
async fn a_long_list_comes_compressed_to_who_asks_for_it() {
    let Server { admin, .. } = server().await;
    for index in 0..3 {
        let object = config_map(&format!("c{index}"), json!({ "k": "x".repeat(100_000) }));
        post(&admin, CONFIG_MAPS, object).await.ok();
    }
    let asked = [("accept-encoding", "gzip")];
    let bytes = |path: String, headers: &'static [(&str, &str)]| {
        let admin = admin.clone();
        async move {
            let mut request = Request::get(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = admin.send(request.body(Body::from(Vec::new())).unwrap()).await.unwrap();
            let coding = response.headers().get("content-encoding").cloned();
            (coding, response.into_body().collect().await.unwrap().to_bytes())
        }
    };
    let (coding, compressed) = bytes(CONFIG_MAPS.to_owned(), &[("accept-encoding", "gzip")]).await;
    assert_eq!(coding.unwrap(), "gzip");
    assert!(compressed.len() < 30_000, "{} bytes", compressed.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*compressed).read_to_string(&mut text).unwrap();
    let (coding, plain) = bytes(CONFIG_MAPS.to_owned(), &[]).await;
    assert!(coding.is_none());
    assert_eq!(text.as_bytes(), &*plain);
    let short = send(&admin, "GET", "/api/v1/namespaces/default/secrets", &asked, "").await;
    assert!(!short.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn a_list_across_namespaces_has_all() {
    let Server { admin, .. } = server().await;
    for namespace in ["default", "kube-system"] {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        post(&admin, &path, config_map("a", json!({}))).await.ok();
    }
    let list = get(&admin, "/api/v1/configmaps").await.ok();
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
    let namespaces: BTreeSet<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["metadata"]["namespace"].as_str().unwrap())
        .collect();
    assert_eq!(Vec::from_iter(namespaces), ["default", "kube-system"]);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let Server { admin, .. } = server().await;
    for (name, tier) in [("a", "web"), ("b", "db")] {
        let mut object = config_map(name, json!({}));
        object["metadata"]["labels"] = json!({"tier": tier});
        post(&admin, CONFIG_MAPS, object).await.ok();
    }
    let deleted = delete(&admin, &format!("{CONFIG_MAPS}?labelSelector=tier%3Dweb")).await.ok();
    assert_eq!(names(&deleted), ["a"]);
    assert_eq!(names(&get(&admin, CONFIG_MAPS).await.ok()), ["b"]);
}
