//! OpenAPI: what clients read about kinds.

use std::collections::BTreeSet;

use prost::Message;
use serde_json::json;

use crate::*;

/// Every `$ref` leads somewhere in the document.
#[track_caller]
fn check_references(document: &Value) {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(document, &mut found);
    assert!(!found.is_empty());
    for target in found {
        let pointer = target.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    }
}

fn boats() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced", "names": {"plural": "boats", "kind": "Boat"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "description": "Boat floats.", "properties": {"spec": {
                    "type": "object", "properties": {"crew": {"type": "integer", "nullable": true}}}}}}}]}})
}

#[tokio::test]
async fn version_2_speaks_of_every_kind_and_of_what_can_be_done_to_it() {
    let Server { admin, .. } = server().await;
    let document = get(&admin, "/openapi/v2").await.ok();
    assert_eq!(document["swagger"], "2.0");
    check_references(&document);
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
        {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice, also at {method} {path}");
            assert!(operation["x-kubernetes-group-version-kind"]["kind"].is_string(), "{id}");
        }
    }
    for id in [
        "listCoreV1NamespacedPod",
        "listCoreV1PodForAllNamespaces",
        "watchCoreV1NamespacedPodList",
        "readCoreV1NamespacedPodStatus",
        "deleteAppsV1CollectionNamespacedDeployment",
        "patchAppsV1NamespacedDeploymentScale",
        "createRbacAuthorizationV1ClusterRole",
        "createAuthorizationV1SelfSubjectAccessReview",
        "replaceCoreV1NamespaceFinalize",
    ] {
        assert!(ids.contains(id), "no {id}");
    }
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    let dry_run = patch["parameters"].as_array().unwrap().iter().any(|found| found["name"] == "dryRun");
    assert!(dry_run, "kubectl looks for dryRun at a patch: {patch}");
    let pod = &document["definitions"]["io.k8s.api.core.v1.Pod"];
    assert_eq!(
        pod["x-kubernetes-group-version-kind"],
        json!([{"group": "", "version": "v1", "kind": "Pod"}])
    );
    assert!(pod["description"].as_str().unwrap().contains("containers"));
}

#[tokio::test]
async fn every_document_of_version_3_stands_alone() {
    let Server { admin, .. } = server().await;
    let index = get(&admin, "/openapi/v3").await.ok();
    for (path, entry) in index["paths"].as_object().unwrap() {
        let document = get(&admin, entry["serverRelativeURL"].as_str().unwrap()).await.ok();
        assert_eq!(document["openapi"], "3.0.0", "{path}");
        check_references(&document);
    }
    let document = get(&admin, "/openapi/v3/apis/apps/v1").await.ok();
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    let schemas = &document["components"]["schemas"];
    assert!(
        schemas["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["replicas"]["description"].is_string()
    );
    get(&admin, "/openapi/v3/apis/nope/v1").await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn a_custom_kind_comes_and_goes_with_its_definition() {
    let Server { admin, .. } = server().await;
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    get(&admin, "/openapi/v2").await.ok();
    post(&admin, definitions, boats()).await.ok();
    let two = get(&admin, "/openapi/v2").await.ok();
    let boat = &two["definitions"]["org.example.v1.Boat"];
    assert_eq!(boat["description"], "Boat floats.");
    assert_eq!(boat["properties"]["spec"]["properties"]["crew"], json!({}), "version 2 knows no null");
    assert!(two["paths"]["/apis/example.org/v1/namespaces/{namespace}/boats/{name}"].is_object());
    let three = get(&admin, "/openapi/v3/apis/example.org/v1").await.ok();
    let patch = &three["paths"]["/apis/example.org/v1/namespaces/{namespace}/boats/{name}"]["patch"];
    let patches = patch["requestBody"]["content"].as_object().unwrap();
    assert!(!patches.contains_key("application/strategic-merge-patch+json"), "kubectl would send it");
    let boat = &three["components"]["schemas"]["org.example.v1.Boat"];
    assert_eq!(boat["properties"]["spec"]["properties"]["crew"]["nullable"], true);
    delete(&admin, &format!("{definitions}/boats.example.org")).await.ok();
    eventually("the kind to go", || async {
        let document = get(&admin, "/openapi/v2").await.ok();
        document["definitions"].get("org.example.v1.Boat").is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_document_that_the_client_has_is_not_sent_again() {
    let Server { admin, .. } = server().await;
    let first = get(&admin, "/openapi/v2").await;
    let etag = first.headers["etag"].to_str().unwrap();
    let again = send(&admin, "GET", "/openapi/v2", &[("if-none-match", etag)], "").await;
    assert_eq!((again.code.as_u16(), again.text.as_str()), (304, ""));
    post(&admin, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", boats()).await.ok();
    let changed = send(&admin, "GET", "/openapi/v2", &[("if-none-match", etag)], "").await;
    assert_eq!(changed.code, 200);
}

/// gnostic's messages, as far as clients look into them here.
#[derive(Clone, PartialEq, Message)]
struct Document {
    #[prost(string, tag = "1")]
    swagger: String,
    #[prost(message, optional, tag = "8")]
    paths: Option<Paths>,
    #[prost(message, optional, tag = "9")]
    definitions: Option<Definitions>,
}

#[derive(Clone, PartialEq, Message)]
struct Paths {
    #[prost(message, repeated, tag = "2")]
    path: Vec<NamedPath>,
}

#[derive(Clone, PartialEq, Message)]
struct NamedPath {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Definitions {
    #[prost(message, repeated, tag = "1")]
    additional_properties: Vec<NamedSchema>,
}

#[derive(Clone, PartialEq, Message)]
struct NamedSchema {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Schema>,
}

#[derive(Clone, PartialEq, Message)]
struct Schema {
    #[prost(string, tag = "1")]
    reference: String,
    #[prost(string, tag = "4")]
    description: String,
    #[prost(string, repeated, tag = "19")]
    required: Vec<String>,
    #[prost(message, optional, tag = "25")]
    properties: Option<Definitions>,
    #[prost(message, repeated, tag = "31")]
    vendor_extension: Vec<NamedAny>,
}

#[derive(Clone, PartialEq, Message)]
struct NamedAny {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "2")]
    yaml: String,
}

impl Definitions {
    fn get(&self, name: &str) -> &Schema {
        let found = self.additional_properties.iter().find(|schema| schema.name == name);
        found.and_then(|schema| schema.value.as_ref()).unwrap_or_else(|| panic!("no {name}"))
    }
}

#[tokio::test]
async fn the_protobuf_form_says_the_same_as_json() {
    let Server { admin, .. } = server().await;
    let accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let request = Request::get("/openapi/v2").header("accept", accept).body(Body::from(Vec::new())).unwrap();
    let response = admin.send(request).await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(content_type, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let binary = Document::decode(bytes).unwrap();
    let plain = get(&admin, "/openapi/v2").await.ok();

    assert_eq!(binary.swagger, "2.0");
    let paths: BTreeSet<&str> =
        binary.paths.iter().flat_map(|paths| &paths.path).map(|path| &*path.name).collect();
    assert_eq!(paths, plain["paths"].as_object().unwrap().keys().map(String::as_str).collect());
    let definitions = binary.definitions.unwrap();
    assert_eq!(definitions.additional_properties.len(), plain["definitions"].as_object().unwrap().len());
    let spec = definitions.get("io.k8s.api.core.v1.PodSpec");
    assert_eq!(spec.required, ["containers"]);
    let properties = spec.properties.as_ref().unwrap();
    assert_eq!(properties.get("affinity").reference, "#/definitions/io.k8s.api.core.v1.Affinity");
    let containers = properties.get("containers");
    assert!(!containers.description.is_empty());
    let marks: Vec<(&str, &str)> = containers
        .vendor_extension
        .iter()
        .map(|any| (&*any.name, any.value.as_ref().map_or("", |value| &*value.yaml)))
        .collect();
    assert!(marks.contains(&("x-kubernetes-patch-merge-key", "\"name\"")), "{marks:?}");
    assert!(marks.contains(&("x-kubernetes-list-map-keys", "[\"name\"]")), "{marks:?}");
}
