use serde_json::json;

use super::*;

fn release(fields: &Value) -> HelmRelease {
    let mut spec = json!({ "interval": "10m", "chartRef": { "kind": "HelmChart", "name": "web" } });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": { "name": "web", "namespace": "flux-system" }, "spec": spec,
    }))
    .unwrap()
}

#[test]
fn the_definition_is_that_of_flux() {
    let definition = definition();
    assert_eq!(definition.metadata.name.as_deref(), Some("helmreleases.helm.toolkit.fluxcd.io"));
    assert_eq!(definition.spec.names.short_names, Some(vec!["hr".to_owned()]));
    let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
    let root = &schema["openAPIV3Schema"]["properties"];
    assert_eq!(root["spec"]["required"], json!(["interval"]));
    let values = &root["spec"]["properties"]["values"];
    assert_eq!(values["x-kubernetes-preserve-unknown-fields"], true);
    let chart = &root["spec"]["properties"]["chart"]["properties"]["spec"]["properties"];
    assert_eq!(chart["version"]["default"], "*");
    assert_eq!(chart["reconcileStrategy"]["default"], "ChartVersion");
    assert_eq!(root["status"]["default"]["observedGeneration"], -1);
}

#[test]
fn names_and_namespaces_are_those_of_flux() {
    let names = |fields| {
        let release = release(&fields);
        (release.release_name(), release.release_namespace(), release.storage_namespace())
    };
    let owned = |name: &str, namespace: &str, storage: &str| {
        (name.to_owned(), namespace.to_owned(), storage.to_owned())
    };
    assert_eq!(names(json!({})), owned("web", "flux-system", "flux-system"));
    assert_eq!(names(json!({ "targetNamespace": "shop" })), owned("shop-web", "shop", "flux-system"));
    assert_eq!(
        names(json!({ "targetNamespace": "shop", "releaseName": "x", "storageNamespace": "kept" })),
        owned("x", "shop", "kept")
    );
}

#[test]
fn what_is_not_said_is_what_flux_takes() {
    let spec = release(&json!({})).spec;
    assert_eq!((spec.timeout().as_secs(), spec.max_history()), (300, 5));
    assert_eq!(spec.drift_mode(), DriftMode::Disabled);
    let spec = release(&json!({ "maxHistory": 0, "driftDetection": { "mode": "warn" } })).spec;
    assert_eq!((spec.max_history(), spec.drift_mode()), (0, DriftMode::Warn));
    let retry = |strategy: Value| serde_json::from_value::<ActionStrategy>(strategy).unwrap().retry_after();
    assert_eq!(retry(json!({ "name": "RemediateOnFailure" })), None);
    assert_eq!(retry(json!({ "name": "RetryOnFailure" })).unwrap().as_secs(), 300);
}

#[test]
fn a_release_is_tested_when_one_test_failed_or_all_succeeded() {
    let tested = |hooks: Value| {
        let mut snapshot = json!({
            "digest": "", "name": "", "namespace": "", "version": 1, "status": "deployed", "chartName": "",
            "chartVersion": "", "configDigest": "", "firstDeployed": "2026-01-01T00:00:00Z",
            "lastDeployed": "2026-01-01T00:00:00Z",
        });
        snapshot["testHooks"] = hooks;
        serde_json::from_value::<Snapshot>(snapshot).unwrap().has_been_tested()
    };
    assert!(!tested(Value::Null));
    assert!(tested(json!({})));
    assert!(tested(json!({ "a": { "phase": "Succeeded" } })));
    assert!(!tested(json!({ "a": { "phase": "Succeeded" }, "b": { "phase": "Running" } })));
    assert!(tested(json!({ "a": { "phase": "Failed" }, "b": {} })));
}

#[test]
fn values_keep_what_they_hold() {
    let values = json!({ "a": { "b": null, "c": [1, "2"] } });
    let spec = release(&json!({ "values": values })).spec;
    assert_eq!(Value::Object(spec.values.unwrap()), values);
}
