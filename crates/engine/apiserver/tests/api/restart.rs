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
        tokens: TokenSigner::ephemeral().unwrap(),
        service_network: "10.43.0.0/16".to_owned(),
        checks: vec![],
    };
    let api = ApiServer::start(config).await.unwrap();
    let admin = api.client(User::authenticated("admin", &["system:masters"]));
    for (path, object) in paths.iter().zip(before) {
        assert_eq!(get(&admin, path).await.ok(), object, "{path}");
    }
}

#[tokio::test]
async fn default_roles_are_mended_at_each_start() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { directory: Some(directory.path().to_owned()), history_events: 100 };
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let role = |name: &str| format!("{rbac}/clusterroles/{name}");
    let binding = format!("{rbac}/clusterrolebindings/system:discovery");
    {
        let Server { admin, api } = server_on(options.clone(), NodePort::default()).await;
        let fewer = json!({"rules": [{"apiGroups": ["x.io"], "resources": ["x"], "verbs": ["get"]}]});
        patch(&admin, "merge", &role("system:basic-user"), fewer.clone()).await.ok();
        let mut left_alone = fewer;
        left_alone["metadata"] =
            json!({"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}});
        patch(&admin, "merge", &role("system:auth-delegator"), left_alone).await.ok();
        delete(&admin, &role("view")).await.ok();
        let guests = json!({"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "guests"}]});
        patch(&admin, "merge", &binding, guests).await.ok();
        drop((admin, api));
    }
    eventually("the store to be let go", || async { Store::open(options.clone()).ok().map(drop) }).await;
    let Server { admin, .. } = server_on(options, NodePort::default()).await;
    let rules = get(&admin, &role("system:basic-user")).await.ok()["rules"].to_string();
    assert!(rules.contains("x.io") && rules.contains("selfsubjectaccessreviews"), "{rules}");
    let rules = get(&admin, &role("system:auth-delegator")).await.ok()["rules"].to_string();
    assert!(rules.contains("x.io") && !rules.contains("tokenreviews"), "{rules}");
    get(&admin, &role("view")).await.ok();
    let subjects = get(&admin, &binding).await.ok()["subjects"].to_string();
    assert!(subjects.contains("guests") && subjects.contains("system:authenticated"), "{subjects}");
}
