//! CustomResourceDefinitions: their kinds are served at once, behave like others, and go with all their objects.

use futures::AsyncBufReadExt as _;
use serde_json::json;

use crate::*;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.org/v1/namespaces/default/widgets";

fn definition() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                {"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "required": ["size"], "properties": {
                            "size": {"type": "integer", "minimum": 1},
                            "color": {"type": "string", "default": "red"},
                            "replicas": {"type": "integer"}}},
                        "status": {"type": "object", "properties": {
                            "ready": {"type": "boolean"}, "replicas": {"type": "integer"}}}}}},
                    "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas"}},
                    "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]},
                {"name": "v1beta1", "served": true, "storage": false,
                    "schema": {"openAPIV3Schema": {"type": "object",
                        "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn a_definition_is_established_and_its_kind_served_at_once() {
    let Server { admin, .. } = server().await;
    get(&admin, WIDGETS).await.fails(404, "NotFound", "could not find the requested resource");
    let created = post(&admin, DEFINITIONS, definition()).await.ok();
    let conditions = created["status"]["conditions"].as_array().unwrap();
    for type_ in ["NamesAccepted", "Established"] {
        assert!(conditions.iter().any(|c| c["type"] == type_ && c["status"] == "True"), "{type_}");
    }
    assert_eq!(created["status"]["acceptedNames"]["listKind"], "WidgetList");
    assert_eq!(created["status"]["storedVersions"], json!(["v1"]));
    let list = get(&admin, WIDGETS).await.ok();
    assert_eq!((&list["kind"], &list["items"]), (&json!("WidgetList"), &json!([])));
    assert_eq!(get(&admin, "/apis/example.org").await.ok()["preferredVersion"]["version"], "v1");
}

#[tokio::test]
async fn a_definition_may_name_the_kind_of_its_lists() {
    let Server { admin, .. } = server().await;
    let mut named = definition();
    named["spec"]["names"]["listKind"] = json!("Widgetry");
    post(&admin, DEFINITIONS, named).await.ok();
    assert_eq!(get(&admin, WIDGETS).await.ok()["kind"], "Widgetry");
}

#[tokio::test]
async fn custom_objects_are_pruned_defaulted_validated_and_have_doors() {
    let Server { admin, .. } = server().await;
    post(&admin, DEFINITIONS, definition()).await.ok();
    let mut object = widget("a", json!({"size": 1, "what": true}));
    object["status"] = json!({"ready": true});
    let answer = post(&admin, WIDGETS, object).await;
    assert_eq!(answer.warnings(), [r#"299 - "unknown field \"spec.what\"""#]);
    let created = answer.ok();
    assert_eq!(created["spec"], json!({"size": 1, "color": "red"}));
    assert!(created.get("status").is_none());
    assert_eq!(created["metadata"]["generation"], 1);

    post(&admin, WIDGETS, widget("b", json!({"size": 0}))).await.fails(422, "Invalid", "spec.size");
    post(&admin, WIDGETS, widget("b", json!({}))).await.fails(422, "Invalid", "spec.size: Required value");
    let path = format!("{WIDGETS}/a");
    let unversioned = widget("a", json!({"size": 2}));
    put(&admin, &path, unversioned).await.fails(422, "Invalid", "must be specified for an update");
    let status = json!({"status": {"ready": true, "replicas": 2}});
    let patched = patch(&admin, "merge", &format!("{path}/status"), status).await.ok();
    assert_eq!((&patched["status"]["ready"], &patched["metadata"]["generation"]), (&json!(true), &json!(1)));
    let scaled =
        patch(&admin, "merge", &format!("{path}/scale"), json!({"spec": {"replicas": 3}})).await.ok();
    assert_eq!(scaled["status"]["replicas"], 2);
    let seen = get(&admin, &path).await.ok();
    assert_eq!((&seen["spec"]["replicas"], &seen["metadata"]["generation"]), (&json!(3), &json!(2)));
    let strategic = patch(&admin, "strategic-merge", &path, json!({})).await;
    strategic.fails(415, "UnsupportedMediaType", "");
    let applied =
        patch(&admin, "apply", &format!("{WIDGETS}/c?fieldManager=x"), widget("c", json!({"size": 4}))).await;
    assert_eq!((applied.code.as_u16(), &applied.json()["spec"]["color"]), (201, &json!("red")));

    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let table = send(&admin, "GET", WIDGETS, &accept, "").await.ok();
    assert_eq!(table["columnDefinitions"][1]["name"], "Size");
    assert_eq!(table["rows"][1]["cells"], json!(["c", 4]));
}

#[tokio::test]
async fn an_object_is_seen_in_the_version_that_is_asked_for() {
    let Server { admin, .. } = server().await;
    post(&admin, DEFINITIONS, definition()).await.ok();
    let path = "/apis/example.org/v1beta1/namespaces/default/widgets";
    let mut old = widget("a", json!({"size": 1}));
    old["apiVersion"] = json!("example.org/v1beta1");
    assert_eq!(post(&admin, path, old).await.ok()["apiVersion"], "example.org/v1beta1");
    assert_eq!(get(&admin, &format!("{WIDGETS}/a")).await.ok()["apiVersion"], "example.org/v1");
    let list = get(&admin, path).await.ok();
    assert_eq!(list["items"][0]["apiVersion"], "example.org/v1beta1");
}

#[tokio::test]
async fn objects_are_read_as_their_definition_is_now() {
    let Server { admin, .. } = server().await;
    post(&admin, DEFINITIONS, definition()).await.ok();
    let old = post(&admin, WIDGETS, widget("a", json!({"size": 1, "color": "blue"}))).await.ok();
    let mut next = definition();
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let properties = next.pointer_mut(schema).unwrap().as_object_mut().unwrap();
    properties.remove("color");
    properties.insert("shape".to_owned(), json!({"type": "string", "default": "round"}));
    properties["replicas"]["default"] = json!(3);
    next["spec"]["versions"][0]["selectableFields"] = json!([{"jsonPath": ".spec.shape"}]);
    let path = format!("{DEFINITIONS}/widgets.example.org");
    patch(&admin, "merge", &path, json!({"spec": next["spec"]})).await.ok();

    let expected = json!({"size": 1, "shape": "round", "replicas": 3});
    let path = format!("{WIDGETS}/a");
    let seen = get(&admin, &path).await.ok();
    assert_eq!(seen["spec"], expected);
    assert_eq!(seen["metadata"]["resourceVersion"], old["metadata"]["resourceVersion"]);
    for selected in ["", "?fieldSelector=spec.shape%3Dround"] {
        assert_eq!(get(&admin, &format!("{WIDGETS}{selected}")).await.ok()["items"][0]["spec"], expected);
    }
    let request = http::Request::get(format!("{WIDGETS}?watch=1")).body(vec![]).unwrap();
    let mut line = String::new();
    Box::pin(admin.request_stream(request).await.unwrap()).read_line(&mut line).await.unwrap();
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["object"]["spec"], expected);
    assert_eq!(get(&admin, &format!("{path}/scale")).await.ok()["spec"]["replicas"], 3);

    let known = json!([{"op": "test", "path": "/spec/shape", "value": "round"},
        {"op": "replace", "path": "/spec/size", "value": 2}]);
    let patched = patch(&admin, "json", &path, known).await.ok();
    assert_eq!(patched["spec"], json!({"size": 2, "shape": "round", "replicas": 3}));
    assert_eq!(get(&admin, &path).await.ok(), patched);
}

/// What only the version through which it is written knows is not stored, and so seen in no version.
#[tokio::test]
async fn what_is_written_through_another_version_fits_the_stored_one() {
    let Server { admin, .. } = server().await;
    post(&admin, DEFINITIONS, definition()).await.ok();
    let path = "/apis/example.org/v1beta1/namespaces/default/widgets";
    let mut loose = widget("a", json!({"size": 1, "what": true}));
    loose["apiVersion"] = json!("example.org/v1beta1");
    let written = post(&admin, path, loose).await.ok();
    assert_eq!(written["spec"], json!({"size": 1, "color": "red"}));
    assert_eq!(get(&admin, &format!("{WIDGETS}/a")).await.ok()["spec"], written["spec"]);
}

/// The definition with rules at `spec`.
fn with_rules(rules: Value) -> Value {
    let mut definition = definition();
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    definition.pointer_mut(spec).unwrap()["x-kubernetes-validations"] = rules;
    definition
}

#[tokio::test]
async fn rules_hold_on_creation_and_update_with_field_and_reason() {
    let Server { admin, .. } = server().await;
    let rules = json!([
        {"rule": "!has(self.replicas) || self.replicas <= self.size", "message": "no more replicas than size",
            "fieldPath": ".replicas", "reason": "FieldValueForbidden"},
        {"rule": "self.size >= oldSelf.size", "messageExpression": "'size must not shrink from %d'.format([oldSelf.size])"}]);
    post(&admin, DEFINITIONS, with_rules(rules)).await.ok();
    let refused = post(&admin, WIDGETS, widget("a", json!({"size": 1, "replicas": 2}))).await;
    let status = refused.fails(422, "Invalid", "spec.replicas: Forbidden: no more replicas than size");
    assert_eq!(status["details"]["causes"][0]["reason"], "FieldValueForbidden");
    assert_eq!(status["details"]["causes"][0]["field"], "spec.replicas");
    post(&admin, WIDGETS, widget("a", json!({"size": 3, "replicas": 2}))).await.ok();
    let path = format!("{WIDGETS}/a");
    patch(&admin, "merge", &path, json!({"spec": {"size": 4}})).await.ok();
    let refused = patch(&admin, "merge", &path, json!({"spec": {"size": 2}})).await;
    refused.fails(422, "Invalid", "spec: Invalid value: size must not shrink from 4");
    let applied =
        patch(&admin, "apply", &format!("{path}?fieldManager=x&force=true"), widget("a", json!({"size": 1})))
            .await;
    applied.fails(422, "Invalid", "must not shrink");
    // The replicas are a door of their own, but the rules are those of the whole.
    let scaled = patch(&admin, "merge", &format!("{path}/scale"), json!({"spec": {"replicas": 9}})).await;
    scaled.fails(422, "Invalid", "no more replicas than size");
    patch(&admin, "merge", &format!("{path}/status"), json!({"status": {"ready": true}})).await.ok();
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_or_costs_too_much_is_refused() {
    let Server { admin, .. } = server().await;
    let wrong = with_rules(json!([{"rule": "self.sise > 1"}]));
    let start = "spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value";
    let status = post(&admin, DEFINITIONS, wrong).await.fails(422, "Invalid", start);
    assert!(status["message"].as_str().unwrap().contains("undefined field 'sise'"), "{status}");
    let mut dear = with_rules(json!([{"rule": "self.names.all(x, self.names.exists_one(y, x == y))"}]));
    let properties = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    dear.pointer_mut(properties).unwrap()["names"] = json!({"type": "array", "items": {"type": "string"}});
    post(&admin, DEFINITIONS, dear).await.fails(422, "Invalid", "estimated rule cost exceeds budget");
}

#[tokio::test]
async fn what_a_stricter_definition_finds_wrong_does_not_hold_up_other_changes() {
    let Server { admin, .. } = server().await;
    post(&admin, DEFINITIONS, definition()).await.ok();
    post(&admin, WIDGETS, widget("a", json!({"size": 1, "color": "blue"}))).await.ok();
    let mut stricter = with_rules(json!([]));
    let spec =
        stricter.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties").unwrap();
    spec["size"]["minimum"] = json!(5);
    spec["color"]["x-kubernetes-validations"] = json!([{"rule": "self != 'blue'"}]);
    spec["color"]["maxLength"] = json!(10);
    let path = format!("{DEFINITIONS}/widgets.example.org");
    patch(&admin, "merge", &path, json!({"spec": stricter["spec"]})).await.ok();
    let path = format!("{WIDGETS}/a");
    patch(&admin, "merge", &path, json!({"spec": {"replicas": 2}})).await.ok();
    patch(&admin, "merge", &path, json!({"metadata": {"labels": {"a": "b"}}})).await.ok();
    let refused = patch(&admin, "merge", &path, json!({"spec": {"size": 2}})).await;
    refused.fails(422, "Invalid", "spec.size: Invalid value: 2");
    post(&admin, WIDGETS, widget("b", json!({"size": 5, "color": "blue"}))).await.fails(
        422,
        "Invalid",
        "spec.color",
    );
}

#[tokio::test]
async fn objects_are_selected_by_the_fields_of_their_definition() {
    let Server { admin, .. } = server().await;
    let mut selectable = definition();
    selectable["spec"]["versions"][0]["selectableFields"] = json!([{"jsonPath": ".spec.color"}]);
    post(&admin, DEFINITIONS, selectable).await.ok();
    for (name, color) in [("a", "red"), ("b", "blue")] {
        post(&admin, WIDGETS, widget(name, json!({"size": 1, "color": color}))).await.ok();
    }
    let found = get(&admin, &format!("{WIDGETS}?fieldSelector=spec.color%3Dblue")).await.ok();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["metadata"]["name"], "b");
    let unknown = get(&admin, &format!("{WIDGETS}?fieldSelector=spec.size%3D1")).await;
    unknown.fails(400, "BadRequest", "field label not supported: spec.size");
}

#[tokio::test]
async fn whoever_uses_a_deprecated_version_is_told() {
    let Server { admin, .. } = server().await;
    let mut old = definition();
    old["spec"]["versions"][1]["deprecated"] = json!(true);
    post(&admin, DEFINITIONS, old).await.ok();
    assert_eq!(get(&admin, WIDGETS).await.warnings(), [""; 0]);
    let answer = get(&admin, "/apis/example.org/v1beta1/namespaces/default/widgets").await;
    assert_eq!(answer.warnings(), [r#"299 - "example.org/v1beta1 Widget is deprecated""#]);
}

#[tokio::test]
async fn whoever_sees_a_definition_established_finds_its_kind() {
    let Server { admin, .. } = server().await;
    let request = http::Request::get(format!("{DEFINITIONS}?watch=1")).body(vec![]).unwrap();
    let mut watch = Box::pin(admin.request_stream(request).await.unwrap());
    for round in 0..20 {
        let mut one = definition();
        let plural = format!("widgets{round}");
        one["metadata"]["name"] = json!(format!("{plural}.example.org"));
        let kind = format!("Widget{round}");
        one["spec"]["names"] = json!({"plural": plural, "singular": kind.to_lowercase(), "kind": kind});
        let poster = admin.clone();
        let posted = tokio::spawn(async move { post(&poster, DEFINITIONS, one).await.ok() });
        let mut line = String::new();
        watch.read_line(&mut line).await.unwrap();
        let path = format!("/apis/example.org/v1/namespaces/default/{plural}");
        assert_eq!(get(&admin, &path).await.ok()["items"], json!([]), "{line}");
        posted.await.unwrap();
    }
}

#[tokio::test]
async fn a_definition_that_makes_no_sense_is_refused_with_paths() {
    let Server { admin, .. } = server().await;
    let mut wrong = definition();
    wrong["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"] =
        json!({});
    post(&admin, DEFINITIONS, wrong).await.fails(422, "Invalid", "spec.versions[0].schema.openAPIV3Schema");
    let mut misnamed = definition();
    misnamed["metadata"]["name"] = json!("gadgets.example.org");
    post(&admin, DEFINITIONS, misnamed).await.fails(422, "Invalid", "metadata.name");
}

#[tokio::test]
async fn names_that_another_definition_has_are_not_accepted() {
    let Server { admin, .. } = server().await;
    post(&admin, DEFINITIONS, definition()).await.ok();
    let mut second = definition();
    second["metadata"]["name"] = json!("gadgets.example.org");
    second["spec"]["names"] = json!({"plural": "gadgets", "singular": "gadget", "kind": "Widget"});
    let created = post(&admin, DEFINITIONS, second).await.ok();
    let accepted = &created["status"]["conditions"][0];
    assert_eq!((&accepted["type"], &accepted["status"]), (&json!("NamesAccepted"), &json!("False")));
    get(&admin, "/apis/example.org/v1/gadgets").await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn a_deleted_definition_takes_its_objects_and_watches_with_it() {
    let Server { admin, .. } = server().await;
    post(&admin, DEFINITIONS, definition()).await.ok();
    post(&admin, WIDGETS, widget("free", json!({"size": 1}))).await.ok();
    let mut held = widget("held", json!({"size": 1}));
    held["metadata"]["finalizers"] = json!(["example.org/hold"]);
    post(&admin, WIDGETS, held).await.ok();
    let request = http::Request::get(format!("{WIDGETS}?watch=1")).body(vec![]).unwrap();
    let mut watch = Box::pin(admin.request_stream(request).await.unwrap());

    let path = format!("{DEFINITIONS}/widgets.example.org");
    delete(&admin, &path).await.ok();
    post(&admin, WIDGETS, widget("late", json!({"size": 1}))).await.fails(405, "MethodNotAllowed", "");
    eventually("the end of the object that nothing holds", || async {
        (get(&admin, &format!("{WIDGETS}/free")).await.code == 404).then_some(())
    })
    .await;
    eventually("the beginning of the end of the other one", || async {
        let held = get(&admin, &format!("{WIDGETS}/held")).await.ok();
        held["metadata"]["deletionTimestamp"].is_string().then_some(())
    })
    .await;
    get(&admin, &path).await.ok();
    patch(&admin, "merge", &format!("{WIDGETS}/held"), json!({"metadata": {"finalizers": null}})).await.ok();
    eventually("the end of the definition", || async {
        (get(&admin, &path).await.code == 404).then_some(())
    })
    .await;
    get(&admin, WIDGETS).await.fails(404, "NotFound", "could not find the requested resource");
    let mut line = String::new();
    let end = async { while watch.read_line(&mut line).await.unwrap() > 0 {} };
    tokio::time::timeout(PATIENCE, end).await.expect("the watch ends");

    post(&admin, DEFINITIONS, definition()).await.ok();
    assert_eq!(get(&admin, WIDGETS).await.ok()["items"], json!([]));
}
