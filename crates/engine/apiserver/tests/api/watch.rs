//! Watches: what was there, every change without a gap, selectors, bookmarks, and their end.

use futures::{AsyncBufRead, AsyncBufReadExt as _, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::runtime::watcher;
use serde_json::json;

use crate::*;

/// The lines of a watch.
struct Lines<R>(R);

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The next event: its type, and its object.
    async fn next(&mut self) -> (String, Value) {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line));
        read.await.expect("an event in time").unwrap();
        assert!(!line.is_empty(), "the watch ended");
        let event: Value = serde_json::from_str(&line).unwrap();
        (event["type"].as_str().unwrap().to_owned(), event["object"].clone())
    }

    /// The next event, as its type and its object's name.
    async fn next_name(&mut self) -> String {
        let (type_, object) = self.next().await;
        format!("{type_} {}", object["metadata"]["name"].as_str().unwrap_or_default())
    }

    async fn ends(&mut self) -> bool {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line));
        read.await.expect("an end in time").unwrap() == 0
    }
}

async fn watch(client: &Client, path: &str) -> Lines<impl AsyncBufRead + Unpin + use<>> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let request = http::Request::get(format!("{path}{separator}watch=true")).body(vec![]).unwrap();
    Lines(Box::pin(client.request_stream(request).await.unwrap()))
}

#[tokio::test]
async fn what_is_there_cannot_be_newer_than_the_newest() {
    let Server { admin, .. } = server().await;
    let asked = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=1000000";
    get(&admin, &format!("{CONFIG_MAPS}?{asked}")).await.fails(504, "Timeout", "Too large resource version");
}

#[tokio::test]
async fn a_watch_without_a_revision_begins_with_what_is_there() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let mut events = watch(&admin, CONFIG_MAPS).await;
    assert_eq!(events.next_name().await, "ADDED a");
    post(&admin, CONFIG_MAPS, config_map("b", json!({}))).await.ok();
    assert_eq!(events.next_name().await, "ADDED b");
    patch(&admin, "merge", &format!("{CONFIG_MAPS}/b"), json!({"data": {"k": "v"}})).await.ok();
    let (type_, object) = events.next().await;
    assert_eq!((type_.as_str(), &object["data"]["k"]), ("MODIFIED", &json!("v")));
    delete(&admin, &format!("{CONFIG_MAPS}/b")).await.ok();
    let (type_, last) = events.next().await;
    assert_eq!((type_.as_str(), &last["data"]["k"]), ("DELETED", &json!("v")));
    assert_ne!(last["metadata"]["resourceVersion"], object["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn a_watch_resumes_without_a_gap_or_a_duplicate() {
    let Server { admin, .. } = server().await;
    let start =
        get(&admin, CONFIG_MAPS).await.ok()["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    for index in 0..20 {
        post(&admin, CONFIG_MAPS, config_map(&format!("c{index:02}"), json!({}))).await.ok();
    }
    let mut events = watch(&admin, &format!("{CONFIG_MAPS}?resourceVersion={start}")).await;
    let mut revision = String::new();
    for index in 0..10 {
        let (_, object) = events.next().await;
        assert_eq!(object["metadata"]["name"], format!("c{index:02}"));
        revision = object["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    }
    let mut events = watch(&admin, &format!("{CONFIG_MAPS}?resourceVersion={revision}")).await;
    for index in 10..20 {
        assert_eq!(events.next_name().await, format!("ADDED c{index:02}"));
    }
}

#[tokio::test]
async fn a_selector_turns_changes_into_what_they_mean_to_its_watcher() {
    let Server { admin, .. } = server().await;
    let path = format!("{CONFIG_MAPS}/a");
    let label = |value: &str| json!({"metadata": {"labels": {"tier": value}}});
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let mut events = watch(&admin, &format!("{CONFIG_MAPS}?labelSelector=tier%3Dweb")).await;
    patch(&admin, "merge", &path, label("web")).await.ok();
    assert_eq!(events.next_name().await, "ADDED a");
    patch(&admin, "merge", &path, json!({"data": {"k": "v"}})).await.ok();
    assert_eq!(events.next_name().await, "MODIFIED a");
    let changed = patch(&admin, "merge", &path, label("db")).await.ok();
    let (type_, object) = events.next().await;
    assert_eq!((type_.as_str(), &object["metadata"]["labels"]["tier"]), ("DELETED", &json!("web")));
    assert_eq!(object["metadata"]["resourceVersion"], changed["metadata"]["resourceVersion"]);
    patch(&admin, "merge", &path, label("web")).await.ok();
    assert_eq!(events.next_name().await, "ADDED a");
}

#[tokio::test]
async fn a_field_selector_watches_one_object() {
    let Server { admin, .. } = server().await;
    let mut events = watch(&admin, &format!("{CONFIG_MAPS}?fieldSelector=metadata.name%3Db")).await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    post(&admin, CONFIG_MAPS, config_map("b", json!({}))).await.ok();
    assert_eq!(events.next_name().await, "ADDED b");
}

#[tokio::test]
async fn a_streaming_list_ends_its_beginning_with_a_bookmark() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut events = watch(&admin, &format!("{CONFIG_MAPS}?{query}")).await;
    assert_eq!(events.next_name().await, "ADDED a");
    let (type_, object) = events.next().await;
    assert_eq!(type_, "BOOKMARK");
    assert_eq!(object["kind"], "ConfigMap");
    assert_eq!(object["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}

#[tokio::test(start_paused = true)]
async fn an_idle_watch_gets_a_bookmark_each_minute_and_ends_in_time() {
    let Server { admin, .. } = server().await;
    let mut events =
        watch(&admin, &format!("{CONFIG_MAPS}?allowWatchBookmarks=true&timeoutSeconds=150")).await;
    let secrets = "/api/v1/namespaces/default/secrets";
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
    let elsewhere = post(&admin, secrets, secret).await.ok();
    for _ in 0..2 {
        let mut line = String::new();
        events.0.read_line(&mut line).await.unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["type"], "BOOKMARK");
        assert_eq!(event["object"]["metadata"]["resourceVersion"], elsewhere["metadata"]["resourceVersion"]);
    }
    let mut line = String::new();
    assert_eq!(events.0.read_line(&mut line).await.unwrap(), 0);
}

#[tokio::test]
async fn a_forgotten_revision_is_an_error_event() {
    let Server { admin, .. } =
        server_on(Options { directory: None, history_events: 4 }, NodePort::default()).await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    for index in 0..40 {
        patch(&admin, "merge", &format!("{CONFIG_MAPS}/a"), json!({"data": {"k": index.to_string()}}))
            .await
            .ok();
    }
    let mut events = watch(&admin, &format!("{CONFIG_MAPS}?resourceVersion=2")).await;
    let (type_, status) = events.next().await;
    assert_eq!(
        (type_.as_str(), &status["code"], &status["reason"]),
        ("ERROR", &json!(410), &json!("Expired"))
    );
    assert!(events.ends().await);
}

#[tokio::test]
async fn a_watch_may_be_asked_for_longer_than_time_lasts() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let mut events = watch(&admin, &format!("{CONFIG_MAPS}?timeoutSeconds={}", u64::MAX)).await;
    assert_eq!(events.next_name().await, "ADDED a");
}

#[tokio::test]
async fn running_watches_are_counted() {
    let Server { admin, api } = server().await;
    let before = api.watches();
    let events = watch(&admin, CONFIG_MAPS).await;
    let more = watch(&admin, "/apis/apps/v1/deployments").await;
    assert_eq!(api.watches().get("configmaps"), Some(&1));
    assert_eq!(api.watches().get("deployments.apps"), Some(&1));
    drop((events, more));
    eventually("the watches' end", || async { (api.watches() == before).then_some(()) }).await;
}

#[tokio::test]
async fn kube_watches_in_process_in_both_of_its_ways() {
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let Server { admin, .. } = server().await;
        let maps: Api<ConfigMap> = Api::default_namespaced(admin.clone());
        post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
        let mut events = watcher(maps, config).boxed();
        let mut seen = Vec::new();
        loop {
            let next = tokio::time::timeout(PATIENCE, events.try_next()).await.unwrap();
            match next.unwrap().unwrap() {
                watcher::Event::InitApply(map) => {
                    seen.push(map.metadata.name.unwrap());
                }
                watcher::Event::InitDone => {
                    post(&admin, CONFIG_MAPS, config_map("b", json!({}))).await.ok();
                }
                watcher::Event::Apply(map) => {
                    seen.push(map.metadata.name.unwrap());
                    break;
                }
                _ => {}
            }
        }
        assert_eq!(seen, ["a", "b"]);
    }
}

#[tokio::test]
async fn the_old_paths_of_watches_are_served() {
    let Server { admin, .. } = server().await;
    for name in ["a", "b"] {
        post(&admin, CONFIG_MAPS, config_map(name, json!({}))).await.ok();
    }
    for (path, expect) in [
        ("/api/v1/watch/configmaps", vec!["a", "b"]),
        ("/api/v1/watch/namespaces/default/configmaps", vec!["a", "b"]),
        ("/api/v1/watch/namespaces/default/configmaps/b", vec!["b"]),
        ("/api/v1/watch/namespaces/other/configmaps", vec![]),
    ] {
        let events = get(&admin, &format!("{path}?timeoutSeconds=1")).await;
        let names: Vec<String> = events
            .text
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["object"]["metadata"]["name"].to_string()
            })
            .collect();
        assert_eq!(names, expect.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>(), "{path}");
    }
    let refused = send(&admin, "DELETE", "/api/v1/watch/configmaps", &[], "").await;
    refused.fails(405, "MethodNotAllowed", "");
}

#[tokio::test]
async fn a_watch_without_initial_events_begins_now() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let path = format!(
        "{CONFIG_MAPS}?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&timeoutSeconds=1"
    );
    assert_eq!(get(&admin, &path).await.text, "");
}
