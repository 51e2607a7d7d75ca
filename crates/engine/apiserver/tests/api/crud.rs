//! Create, get, update: what is stamped, what conflicts, which fields are unknown, what dry run leaves alone.

use serde_json::json;

use crate::*;

#[tokio::test]
async fn an_object_is_created_read_updated_and_deleted() {
    let Server { admin, .. } = server().await;
    let created = post(&admin, CONFIG_MAPS, config_map("a", json!({"k": "v"}))).await;
    assert_eq!(created.code, 201);
    let created = created.ok();
    assert_eq!(created["metadata"]["namespace"], "default");
    assert_eq!(created["metadata"]["uid"].as_str().unwrap().len(), 36);
    assert!(created["metadata"]["creationTimestamp"].is_string());
    assert_eq!(created["metadata"]["managedFields"][0]["operation"], "Update");

    let path = format!("{CONFIG_MAPS}/a");
    assert_eq!(get(&admin, &path).await.ok(), created);

    let mut changed = created.clone();
    changed["data"]["k"] = json!("w");
    let updated = put(&admin, &path, changed).await.ok();
    assert_eq!(updated["data"]["k"], "w");
    assert_eq!(updated["metadata"]["uid"], created["metadata"]["uid"]);
    assert_ne!(updated["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);

    let gone = delete(&admin, &path).await.ok();
    assert_eq!((&gone["kind"], &gone["status"]), (&json!("Status"), &json!("Success")));
    get(&admin, &path).await.fails(404, "NotFound", r#"configmaps "a" not found"#);
}

#[tokio::test]
async fn a_second_object_of_a_name_is_refused() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let refused = post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await;
    refused.fails(409, "AlreadyExists", r#"configmaps "a" already exists"#);
}

#[tokio::test]
async fn an_update_from_an_old_revision_or_of_another_object_conflicts() {
    let Server { admin, .. } = server().await;
    let path = format!("{CONFIG_MAPS}/a");
    let first = post(&admin, CONFIG_MAPS, config_map("a", json!({"k": "1"}))).await.ok();
    let mut second = first.clone();
    second["data"]["k"] = json!("2");
    put(&admin, &path, second.clone()).await.ok();
    second["data"]["k"] = json!("3");
    let refused = put(&admin, &path, second).await;
    refused.fails(
        409,
        "Conflict",
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified",
    );

    let mut other = config_map("a", json!({}));
    other["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    put(&admin, &path, other).await.fails(409, "Conflict", "Precondition failed: UID in precondition");
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_not_committed() {
    let Server { admin, .. } = server().await;
    let created = post(&admin, CONFIG_MAPS, config_map("a", json!({"k": "v"}))).await.ok();
    let same = put(&admin, &format!("{CONFIG_MAPS}/a"), created.clone()).await.ok();
    assert_eq!(same, created);
}

#[tokio::test]
async fn a_name_is_generated_from_its_prefix() {
    let Server { admin, .. } = server().await;
    let mut object = config_map("", json!({}));
    object["metadata"] = json!({"generateName": "job-"});
    let created = post(&admin, CONFIG_MAPS, object).await.ok();
    let name = created["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("job-") && name.len() == 9, "{name}");
}

#[tokio::test]
async fn unknown_fields_are_dropped_with_a_warning_or_refused_as_the_client_wants() {
    let Server { admin, .. } = server().await;
    let mut object = deployment("a", 1);
    object["spec"]["foo"] = json!(1);
    let refused = post(&admin, &format!("{DEPLOYMENTS}?fieldValidation=Strict"), object.clone()).await;
    refused.fails(400, "BadRequest", r#"strict decoding error: unknown field "spec.foo""#);
    let warned = post(&admin, DEPLOYMENTS, object.clone()).await;
    assert_eq!(warned.warnings(), [r#"299 - "unknown field \"spec.foo\"""#]);
    assert!(warned.ok()["spec"].get("foo").is_none());
    object["metadata"]["name"] = json!("b");
    let ignored = post(&admin, &format!("{DEPLOYMENTS}?fieldValidation=Ignore"), object).await;
    assert_eq!(ignored.warnings(), [""; 0]);
    ignored.ok();
}

#[tokio::test]
async fn invalid_fields_are_named_with_their_paths() {
    let Server { admin, .. } = server().await;
    let mut object = deployment("a", 1);
    object["spec"]["template"]["spec"]["containers"][0]["name"] = json!("Not A Name");
    let refused = post(&admin, DEPLOYMENTS, object).await;
    let status = refused.fails(422, "Invalid", "Deployment.apps \"a\" is invalid: ");
    let causes = status["details"]["causes"].as_array().unwrap();
    assert!(causes.iter().any(|cause| cause["field"] == "spec.template.spec.containers[0].name"), "{status}");
    post(&admin, CONFIG_MAPS, config_map("UPPER", json!({}))).await.fails(422, "Invalid", "metadata.name");
}

#[tokio::test]
async fn a_dry_run_answers_as_if_and_leaves_everything_alone() {
    let Server { admin, .. } = server().await;
    let dry = format!("{CONFIG_MAPS}?dryRun=All");
    assert_eq!(post(&admin, &dry, config_map("a", json!({}))).await.code, 201);
    get(&admin, &format!("{CONFIG_MAPS}/a")).await.fails(404, "NotFound", "");
    let created = post(&admin, CONFIG_MAPS, config_map("a", json!({"k": "v"}))).await.ok();
    post(&admin, &dry, config_map("a", json!({}))).await.fails(409, "AlreadyExists", "");
    let path = format!("{CONFIG_MAPS}/a?dryRun=All");
    assert_eq!(put(&admin, &path, config_map("a", json!({"k": "w"}))).await.ok()["data"]["k"], "w");
    delete(&admin, &path).await.ok();
    assert_eq!(get(&admin, &format!("{CONFIG_MAPS}/a")).await.ok(), created);
}

#[tokio::test]
async fn bodies_may_be_yaml_and_answers_too() {
    let Server { admin, .. } = server().await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: \"yes\"\n";
    let headers = [("content-type", "application/yaml"), ("accept", "application/yaml")];
    let created = send(&admin, "POST", CONFIG_MAPS, &headers, yaml).await;
    assert_eq!(created.headers["content-type"], "application/yaml");
    assert!(created.text.contains("k: \"yes\"\n"), "{}", created.text);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_words() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, pod("a")).await.fails(400, "BadRequest", "does not match the expected");
    let mut elsewhere = config_map("a", json!({}));
    elsewhere["metadata"]["namespace"] = json!("kube-system");
    post(&admin, CONFIG_MAPS, elsewhere).await.fails(400, "BadRequest", "does not match the namespace");
    let json = [("content-type", "application/json")];
    send(&admin, "POST", CONFIG_MAPS, &json, "{").await.fails(400, "BadRequest", "not valid JSON");
    let protobuf = [("content-type", "application/vnd.kubernetes.protobuf")];
    send(&admin, "POST", CONFIG_MAPS, &protobuf, "k8s").await.fails(
        400,
        "BadRequest",
        "error decoding protobuf",
    );
    let cbor = [("content-type", "application/cbor")];
    send(&admin, "POST", CONFIG_MAPS, &cbor, "k8s").await.fails(415, "UnsupportedMediaType", "");
    send(&admin, "POST", CONFIG_MAPS, &json, &" ".repeat(3 << 20 | 1)).await.fails(
        413,
        "RequestEntityTooLarge",
        "",
    );
    get(&admin, "/apis/nowhere/v1/things").await.fails(
        404,
        "NotFound",
        "could not find the requested resource",
    );
    send(&admin, "POST", "/version", &[], "").await.fails(405, "MethodNotAllowed", "");
}

#[tokio::test]
async fn the_generation_counts_changes_of_what_is_wanted() {
    let Server { admin, .. } = server().await;
    let path = format!("{DEPLOYMENTS}/a");
    let created = post(&admin, DEPLOYMENTS, deployment("a", 1)).await.ok();
    assert_eq!(created["metadata"]["generation"], 1);
    let labelled = patch(&admin, "merge", &path, json!({"metadata": {"labels": {"x": "y"}}})).await.ok();
    assert_eq!(labelled["metadata"]["generation"], 1);
    let scaled = patch(&admin, "merge", &path, json!({"spec": {"replicas": 2}})).await.ok();
    assert_eq!(scaled["metadata"]["generation"], 2);
}

#[tokio::test]
async fn an_emptied_list_or_map_of_metadata_is_gone() {
    let Server { admin, .. } = server().await;
    let mut object = config_map("a", json!({}));
    object["metadata"]["labels"] = json!({});
    object["metadata"]["finalizers"] = json!(["example.org/hold"]);
    let made = post(&admin, CONFIG_MAPS, object).await.ok();
    assert!(made["metadata"].get("labels").is_none());
    let emptied = json!({"metadata": {"finalizers": [], "ownerReferences": []}});
    let changed = patch(&admin, "merge", &format!("{CONFIG_MAPS}/a"), emptied).await.ok();
    assert!(changed["metadata"].get("finalizers").is_none(), "{changed}");
    assert!(changed["metadata"].get("ownerReferences").is_none(), "{changed}");
}

/// Many charts give every object a namespace.
#[tokio::test]
async fn an_object_of_the_cluster_loses_the_namespace_that_it_was_given() {
    let Server { admin, .. } = server().await;
    let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    let role = |name: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name, "namespace": "shop"}, "rules": []})
    };
    let path = format!("{roles}/a");
    let applied = format!("{roles}/b?fieldManager=x");
    for answer in [
        post(&admin, roles, role("a")).await,
        put(&admin, &path, role("a")).await,
        patch(&admin, "merge", &path, json!({"metadata": {"namespace": "shop", "labels": {"a": "b"}}})).await,
        patch(&admin, "apply", &applied, role("b")).await,
        patch(&admin, "apply", &applied, role("b")).await,
    ] {
        assert!(answer.ok()["metadata"].get("namespace").is_none(), "{}", answer.text);
    }
}
