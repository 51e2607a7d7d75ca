//! What every client library does, here through kube-rs: create, read, update, watch, conflict.
//!
//! `tests/python/checks.py` does the same through the client of Python, check by check and under the same names.

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent, WatchParams,
};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Error, ResourceExt as _};
use serde_json::json;

use crate::*;

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "default")
}

fn map(name: &str, value: &str) -> ConfigMap {
    serde_json::from_value(config_map(name, json!({ "k": value }))).unwrap()
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(outcome: Result<T, Error>, code: u16, reason: &str) {
    match outcome {
        Err(Error::Api(status)) => assert_eq!((status.code, status.reason.as_str()), (code, reason)),
        other => panic!("expected {code} {reason}, found {other:?}"),
    }
}

#[tokio::test]
async fn what_is_created_is_stamped_and_is_there_once() {
    let Server { admin, .. } = server().await;
    let api = maps(&admin);
    let made = api.create(&PostParams::default(), &map("a", "1")).await.unwrap();
    assert!(made.uid().is_some() && made.resource_version().is_some() && made.creation_timestamp().is_some());
    check_refused(api.create(&PostParams::default(), &map("a", "1")).await, 409, "AlreadyExists");
    let mut generated = map("", "1");
    generated.metadata.generate_name = Some("gen-".to_owned());
    let generated = api.create(&PostParams::default(), &generated).await.unwrap();
    assert!(generated.name_any().starts_with("gen-") && generated.name_any().len() > 4);
}

#[tokio::test]
async fn what_was_created_is_read_as_it_is() {
    let Server { admin, .. } = server().await;
    let api = maps(&admin);
    let made = api.create(&PostParams::default(), &map("a", "1")).await.unwrap();
    assert_eq!(api.get("a").await.unwrap(), made);
    check_refused(api.get("b").await, 404, "NotFound");
    assert!(api.get_opt("b").await.unwrap().is_none());
}

#[tokio::test]
async fn lists_select_and_come_in_pages() {
    let Server { admin, .. } = server().await;
    let api = maps(&admin);
    for index in 0..5 {
        let mut object = map(&format!("m{index}"), "1");
        object.labels_mut().insert("odd".to_owned(), (index % 2 == 1).to_string());
        api.create(&PostParams::default(), &object).await.unwrap();
    }
    let odd = api.list(&ListParams::default().labels("odd=true")).await.unwrap();
    assert_eq!(odd.items.len(), 2);
    let one = api.list(&ListParams::default().fields("metadata.name=m3")).await.unwrap();
    assert_eq!(one.items.len(), 1);
    let first = api.list(&ListParams::default().limit(2)).await.unwrap();
    let token = first.metadata.continue_.clone().unwrap();
    let rest = api.list(&ListParams::default().continue_token(&token)).await.unwrap();
    assert_eq!((first.items.len(), rest.items.len()), (2, 3));
    assert_eq!(first.metadata.resource_version, rest.metadata.resource_version);
}

#[tokio::test]
async fn an_update_of_an_older_revision_is_a_conflict() {
    let Server { admin, .. } = server().await;
    let api = maps(&admin);
    let made = api.create(&PostParams::default(), &map("a", "1")).await.unwrap();
    let mut newer = made.clone();
    newer.data = map("a", "2").data;
    let updated = api.replace("a", &PostParams::default(), &newer).await.unwrap();
    assert_ne!(updated.resource_version(), made.resource_version());
    check_refused(api.replace("a", &PostParams::default(), &made).await, 409, "Conflict");
    assert_eq!(api.get("a").await.unwrap().data, newer.data);
}

#[tokio::test]
async fn patches_change_what_they_name() {
    let Server { admin, .. } = server().await;
    let api: Api<Deployment> = Api::namespaced(admin.clone(), "default");
    let made: Deployment = serde_json::from_value(deployment("web", 1)).unwrap();
    api.create(&PostParams::default(), &made).await.unwrap();
    let merge = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    let merged = api.patch("web", &PatchParams::default(), &merge).await.unwrap();
    assert_eq!(merged.labels().get("a").map(String::as_str), Some("b"));
    let containers =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s:1"}]}}}});
    let both = api.patch("web", &PatchParams::default(), &Patch::Strategic(containers)).await.unwrap();
    assert_eq!(both.spec.template.spec.unwrap().containers.len(), 2);
    let replicas = Patch::Merge(json!({"spec": {"replicas": 4}}));
    let scaled = api.patch_scale("web", &PatchParams::default(), &replicas).await.unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(4));
}

#[tokio::test]
async fn an_apply_takes_no_field_of_another_unless_forced() {
    let Server { admin, .. } = server().await;
    let api = maps(&admin);
    api.patch("a", &PatchParams::apply("one"), &Patch::Apply(map("a", "1"))).await.unwrap();
    let other = PatchParams::apply("two");
    check_refused(api.patch("a", &other, &Patch::Apply(map("a", "2"))).await, 409, "Conflict");
    let forced = api.patch("a", &other.force(), &Patch::Apply(map("a", "2"))).await.unwrap();
    assert_eq!(forced.data, map("a", "2").data);
}

#[tokio::test]
async fn a_watch_tells_every_change_once_and_goes_on_where_it_ended() {
    let Server { admin, .. } = server().await;
    let api = maps(&admin);
    let start = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    api.create(&PostParams::default(), &map("a", "1")).await.unwrap();
    api.patch("a", &PatchParams::default(), &Patch::Merge(json!({"data": {"k": "2"}}))).await.unwrap();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let mut seen = Vec::new();
    let mut revision = start;
    for _ in 0..3 {
        // Each watch sees one event and ends: the next goes on behind it.
        let events = api.watch(&WatchParams::default(), &revision).await.unwrap().boxed();
        let (event, _) = events.into_future().await;
        let (kind, object) = match event.unwrap().unwrap() {
            WatchEvent::Added(object) => ("ADDED", object),
            WatchEvent::Modified(object) => ("MODIFIED", object),
            WatchEvent::Deleted(object) => ("DELETED", object),
            other => panic!("{other:?}"),
        };
        revision = object.resource_version().unwrap();
        seen.push(kind);
    }
    assert_eq!(seen, ["ADDED", "MODIFIED", "DELETED"]);
}

#[tokio::test]
async fn a_watch_from_a_forgotten_revision_is_expired() {
    let Server { admin, .. } =
        server_on(Options { directory: None, history_events: 4 }, NodePort::default()).await;
    let api = maps(&admin);
    api.create(&PostParams::default(), &map("a", "0")).await.unwrap();
    for value in 0..40 {
        let patch = Patch::Merge(json!({"data": {"k": value.to_string()}}));
        api.patch("a", &PatchParams::default(), &patch).await.unwrap();
    }
    let mut events = api.watch(&WatchParams::default(), "1").await.unwrap().boxed();
    match events.try_next().await.unwrap() {
        Some(WatchEvent::Error(status)) => {
            assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn watchers_list_and_watch_and_stream_alike() {
    let Server { admin, .. } = server().await;
    let api = maps(&admin);
    api.create(&PostParams::default(), &map("a", "1")).await.unwrap();
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let objects = watcher(api.clone(), config).applied_objects();
        let mut objects = std::pin::pin!(objects);
        assert_eq!(objects.try_next().await.unwrap().unwrap().name_any(), "a");
        let name = format!("b{}", api.list(&ListParams::default()).await.unwrap().items.len());
        api.create(&PostParams::default(), &map(&name, "1")).await.unwrap();
        while objects.try_next().await.unwrap().unwrap().name_any() != name {}
    }
}

#[tokio::test]
async fn a_deletion_holds_its_preconditions_and_a_selection_goes_together() {
    let Server { admin, .. } = server().await;
    let api = maps(&admin);
    let made = api.create(&PostParams::default(), &map("a", "1")).await.unwrap();
    let precondition = |uid: Option<String>| DeleteParams {
        preconditions: Some(Preconditions { uid, resource_version: None }),
        ..DeleteParams::default()
    };
    check_refused(api.delete("a", &precondition(Some("other".to_owned()))).await, 409, "Conflict");
    api.delete("a", &precondition(made.uid())).await.unwrap();
    check_refused(api.get("a").await, 404, "NotFound");
    for name in ["b", "c"] {
        api.create(&PostParams::default(), &map(name, "1")).await.unwrap();
    }
    api.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    assert!(api.list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_dry_run_leaves_nothing() {
    let Server { admin, .. } = server().await;
    let api = maps(&admin);
    let dry = PostParams { dry_run: true, field_manager: None };
    assert_eq!(api.create(&dry, &map("a", "1")).await.unwrap().name_any(), "a");
    check_refused(api.get("a").await, 404, "NotFound");
}

#[tokio::test]
async fn a_status_is_written_apart() {
    let Server { admin, .. } = server().await;
    let api: Api<Deployment> = Api::namespaced(admin.clone(), "default");
    let made: Deployment = serde_json::from_value(deployment("web", 1)).unwrap();
    api.create(&PostParams::default(), &made).await.unwrap();
    let patch = Patch::Merge(json!({"spec": {"replicas": 9}, "status": {"replicas": 3}}));
    let patched = api.patch_status("web", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!((patched.spec.replicas, patched.status.unwrap().replicas), (Some(1), Some(3)));
}

#[tokio::test]
async fn a_refusal_names_its_causes() {
    let Server { admin, .. } = server().await;
    let api: Api<Service> = Api::namespaced(admin.clone(), "default");
    let bad = json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 99999}]}});
    match api.create(&PostParams::default(), &serde_json::from_value(bad).unwrap()).await {
        Err(Error::Api(status)) => {
            assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
            let causes = status.details.unwrap().causes;
            assert_eq!(causes.first().map(|cause| cause.field.as_str()), Some("spec.ports[0].port"));
        }
        other => panic!("{other:?}"),
    }
}
