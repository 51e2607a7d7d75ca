//! A restart on the same folder: everything is there, and nothing is made twice.

use serde_json::json;

use crate::*;

#[tokio::test]
async fn a_restart_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { directory: Some(directory.path().to_owned()), history_events: 100 };
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {"group": "example.org", "scope": "Cluster", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let widgets = "/apis/example.org/v1/widgets";
    let paths = [format!("{CONFIG_MAPS}/a"), format!("{widgets}/w"), "/api/v1/namespaces/default".to_owned()];
    let before = {
        let Server { admin, api } = server_on(options.clone(), NodePort::default()).await;
        post(&admin, CONFIG_MAPS, config_map("a", json!({"k": "v"}))).await.ok();
        post(&admin, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition).await.ok();
        let widget =
            json!({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}, "x": 1});
        post(&admin, widgets, widget).await.ok();
        let mut objects = Vec::new();
        for path in &paths {
            objects.push(get(&admin, path).await.ok());
        }
        drop((admin, api));
        objects
    };
    let store = eventually("the store to be let go", || async { Store::open(options.clone()).ok() }).await;
    let config = Config {
        store,
        node: NodePort::default(),
        service_network: "10.43.0.0/16".to_owned(),
        checks: vec![],
    };
    let api = ApiServer::start(config).await.unwrap();
    let admin = api.client(User::authenticated("admin", &["system:masters"]));
    for (path, object) in paths.iter().zip(before) {
        assert_eq!(get(&admin, path).await.ok(), object, "{path}");
    }
}
