//! What a Kustomization may ask for beyond building and applying.

use bythos_operator::condition::get;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::git::Remote;
use super::harness::{Delivery, deployment, eventually, gone, map, maps, pairs};

/// A remote with one commit, its source, and a kustomization `apps` of it.
async fn applied(files: &[(&str, &str)], fields: &Value) -> (Delivery, Remote, String) {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(files);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", fields).await;
    delivery.applied("apps", &commit).await;
    (delivery, remote, commit)
}

#[tokio::test]
async fn objects_are_applied_as_the_named_account_may() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    let fields = json!({ "serviceAccountName": "shopkeeper", "retryInterval": "1h" });
    delivery.kustomization("apps", &fields).await;
    let words = "system:serviceaccount:flux-system:shopkeeper";
    delivery.says("apps", "False", "ReconciliationFailed", words).await;
    assert_eq!(maps(&delivery).await, pairs(&[]));

    let subject = json!([{ "kind": "ServiceAccount", "name": "shopkeeper", "namespace": "flux-system" }]);
    let rules = json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"] }]);
    let metadata = json!({ "name": "shopkeeper", "namespace": "shop" });
    let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "shopkeeper" });
    for object in [
        json!({ "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": "shopkeeper", "namespace": "flux-system" } }),
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules }),
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": role, "subjects": subject }),
    ] {
        delivery.apply_value(&object).await;
    }
    delivery.ask("apps").await;
    delivery.applied("apps", &commit).await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));
    remote.push(&[("a.yaml", &map("a", "1")), ("other.yaml", &map("b", "1").replace("shop", "default"))]);
    delivery.announce().await;
    let words = "ConfigMap/default/b dry-run failed (Forbidden)";
    delivery.says("apps", "False", "ReconciliationFailed", words).await;
}

#[tokio::test]
async fn what_an_account_that_is_gone_applied_stays_behind() {
    let (delivery, _remote, _) = applied(&[("a.yaml", &map("a", "1"))], &json!({})).await;
    delivery.kustomization("apps", &json!({ "serviceAccountName": "nobody" })).await;
    let kustomizations = delivery.api::<bythos_api::kustomization::Kustomization>("flux-system");
    kustomizations.delete("apps", &Default::default()).await.unwrap();
    eventually("the kustomization to go", || async {
        kustomizations.get_opt("apps").await.unwrap().is_none().then_some(())
    })
    .await
    .unwrap();
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));
}

#[tokio::test]
async fn expressions_tell_the_health_of_kinds_that_have_none() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[("a.yaml", &map("a", "cold"))]);
    delivery.source(&remote, &json!({})).await;
    let check = json!([{
        "apiVersion": "v1", "kind": "ConfigMap",
        "failed": "data.key == 'broken'", "current": "data.key == 'warm'",
    }]);
    delivery
        .kustomization("apps", &json!({ "wait": true, "healthCheckExprs": check, "retryInterval": "1h" }))
        .await;
    let words = "waiting for ConfigMap/shop/a: 'InProgress': \"data.key == 'warm'\" does not hold yet";
    delivery.says("apps", "Unknown", "Progressing", words).await;
    let change = |value: &str| Patch::Merge(json!({ "data": { "key": value } }));
    let config_maps = delivery.api::<ConfigMap>("shop");
    config_maps.patch("a", &PatchParams::default(), &change("warm")).await.unwrap();
    delivery.applied("apps", &commit).await;
    let commit = remote.push(&[("a.yaml", &map("a", "broken"))]);
    delivery.announce().await;
    let words = "failed early due to stalled resources: [ConfigMap/shop/a status: 'Failed'";
    let object = delivery.says("apps", "False", "HealthCheckFailed", words).await;
    let history = object.status.unwrap().history;
    assert_eq!(history[0].last_reconciled_status, "HealthCheckFailed");
    assert!(history[0].metadata.as_ref().unwrap()["revision"].ends_with(&commit));

    let check = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "current": "data.key ==" }]);
    delivery.kustomization("apps", &json!({ "wait": true, "healthCheckExprs": check })).await;
    let words = "spec.healthCheckExprs[0].current: ERROR";
    let object = delivery.says("apps", "False", "InvalidCELExpression", words).await;
    assert_eq!(get(&object.status.unwrap().conditions, "Stalled").unwrap().status, "True");
}

#[tokio::test]
async fn an_expression_tells_whether_a_dependency_is_ready() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[("base/a.yaml", &map("a", "1")), ("apps/b.yaml", &map("b", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("base", &json!({ "path": "base" })).await;
    delivery.applied("base", &commit).await;
    let depends = |expression: &str| json!({ "path": "apps", "dependsOn": [{ "name": "base", "readyExpr": expression }], "retryInterval": "1h" });
    delivery.kustomization("apps", &depends("dep.metadata.labels['stage'] == self.metadata.name")).await;
    let words = "dependency 'base': failed to evaluate the CEL expression";
    delivery.says("apps", "False", "DependencyNotReady", words).await;
    let ready = "dep.status.conditions.exists(c, c.type == 'Ready' && c.status == 'False')";
    delivery.kustomization("apps", &depends(ready)).await;
    let words = "dependency 'flux-system/base' is not ready according to readyExpr eval";
    delivery.says("apps", "False", "DependencyNotReady", words).await;
    delivery.kustomization("apps", &depends("dep.status.observedGeneration")).await;
    delivery.says("apps", "False", "InvalidCELExpression", "expected an expression of type bool").await;
    delivery.kustomization("apps", &depends("dep.status.observedGeneration >= 1")).await;
    delivery.applied("apps", &commit).await;
}

#[tokio::test]
async fn ignored_fields_are_left_to_others() {
    let ignore = json!({ "ignore": [{ "paths": ["/data/key"], "target": { "kind": "ConfigMap" } }] });
    let (delivery, remote, _) = applied(&[("a.yaml", &map("a", "1"))], &ignore).await;
    let config_maps = delivery.api::<ConfigMap>("shop");
    let by_hand = Patch::Merge(json!({ "data": { "key": "by hand" } }));
    let changed = config_maps.patch("a", &PatchParams::default(), &by_hand).await.unwrap();
    delivery.ask("apps").await;
    let after = config_maps.get("a").await.unwrap();
    assert_eq!(after.resource_version(), changed.resource_version());
    // With another change it is applied, and the field still keeps its value.
    let more = map("a", "2").replace("\ndata: {", "\ndata: {more: '1', ");
    let commit = remote.push(&[("a.yaml", &more)]);
    delivery.announce().await;
    delivery.applied("apps", &commit).await;
    let data = config_maps.get("a").await.unwrap().data.unwrap();
    assert_eq!((data["key"].as_str(), data["more"].as_str()), ("by hand", "1"));
}

#[tokio::test]
async fn what_kubectl_applied_is_taken_over() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let config_maps = delivery.api::<ConfigMap>("shop");
    let by_kubectl = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "a", "namespace": "shop", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
        } },
        "data": { "key": "1", "old": "1" },
    });
    let params = PatchParams::apply("kubectl").force();
    config_maps.patch("a", &params, &Patch::Apply(&by_kubectl)).await.unwrap();
    let commit = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    delivery.applied("apps", &commit).await;
    let object = config_maps.get("a").await.unwrap();
    assert_eq!(object.data.unwrap(), [("key".to_owned(), "1".to_owned())].into());
    assert!(object.metadata.annotations.unwrap_or_default().is_empty());
    let managers: Vec<String> =
        object.metadata.managed_fields.unwrap().into_iter().filter_map(|it| it.manager).collect();
    assert_eq!(managers, ["kustomize-controller"]);
}

#[tokio::test]
async fn an_immutable_field_is_changed_only_by_force() {
    let (delivery, remote, _) = applied(&[("web.yaml", &deployment("replicas: 1"))], &json!({})).await;
    let before = delivery.api::<Deployment>("shop").get("web").await.unwrap();
    let other = deployment("replicas: 1").replace("app: web}", "app: other}");
    let commit = remote.push(&[("web.yaml", &other)]);
    delivery.announce().await;
    delivery.says("apps", "False", "ReconciliationFailed", "field is immutable").await;
    delivery.kustomization("apps", &json!({ "force": true })).await;
    delivery.applied("apps", &commit).await;
    let after = delivery.api::<Deployment>("shop").get("web").await.unwrap();
    assert_ne!(after.uid(), before.uid());
}

#[tokio::test]
async fn marks_of_an_object_ask_for_another_treatment() {
    let marked = |name: &str, mark: &str| {
        let annotation = format!("namespace: shop, annotations: {{kustomize.toolkit.fluxcd.io/{mark}}}");
        map(name, "1").replace("namespace: shop", &annotation)
    };
    let files = |value: &str| {
        let texts = [
            marked("left", "reconcile: Disabled"),
            marked("once", "ssa: ifNotPresent"),
            marked("never", "ssa: Ignore"),
            marked("merged", "ssa: Merge"),
            marked("kept", "prune: Disabled"),
        ];
        texts.map(|text| text.replace("'1'", &format!("'{value}'")))
    };
    let [left, once, never, merged, kept] = files("1");
    let all = [
        ("left.yaml", left.as_str()),
        ("once.yaml", &once),
        ("never.yaml", &never),
        ("merged.yaml", &merged),
        ("kept.yaml", &kept),
    ];
    let (delivery, remote, _) = applied(&all, &json!({})).await;
    assert_eq!(maps(&delivery).await, pairs(&[("kept", "1"), ("merged", "1"), ("once", "1")]));
    let [_, once, _, merged, _] = files("2");
    let commit = remote.push(&[("once.yaml", &once), ("merged.yaml", &merged)]);
    delivery.announce().await;
    delivery.applied("apps", &commit).await;
    assert_eq!(maps(&delivery).await, pairs(&[("kept", "1"), ("merged", "2"), ("once", "1")]));
}

#[tokio::test]
async fn variables_that_change_are_applied_at_once_where_they_are_watched() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let words = |value: &str| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "words", "namespace": "flux-system", "labels": { "reconcile.fluxcd.io/watch": "Enabled" } },
            "data": { "greeting": value },
        })
    };
    delivery.apply_value(&words("hello")).await;
    let text = map("a", "${greeting^^} ${greeting/l/L} ${name:-nobody} $${kept}");
    let kept = map("kept", "${greeting}").replace(
        "namespace: shop",
        "namespace: shop, labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}",
    );
    let commit = remote.push(&[("a.yaml", &text), ("kept.yaml", &kept)]);
    delivery.source(&remote, &json!({})).await;
    let from = json!({ "postBuild": { "substituteFrom": [{ "kind": "ConfigMap", "name": "words" }] } });
    delivery.kustomization("apps", &from).await;
    delivery.applied("apps", &commit).await;
    let expected = |one: &str| pairs(&[("a", one), ("kept", "${greeting}")]);
    assert_eq!(maps(&delivery).await, expected("HELLO heLlo nobody ${kept}"));
    delivery.apply_value(&words("all well")).await;
    eventually("the new words", || async {
        (maps(&delivery).await == expected("ALL WELL aLl well nobody ${kept}")).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn components_that_are_missing_can_be_ignored() {
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -blue\n";
    let files = [
        ("apps/kustomization.yaml", "resources: [a.yaml]\n"),
        ("apps/a.yaml", &map("a", "1")),
        ("blue/kustomization.yaml", component),
    ];
    let fields = json!({
        "path": "apps", "components": ["../blue", "../green"], "ignoreMissingComponents": true,
        "buildMetadata": ["originAnnotations"],
    });
    let (delivery, ..) = applied(&files, &fields).await;
    assert_eq!(maps(&delivery).await, pairs(&[("a-blue", "1")]));
    let object = delivery.api::<ConfigMap>("shop").get("a-blue").await.unwrap();
    assert!(object.annotations()["config.kubernetes.io/origin"].contains("path: a.yaml"));
    delivery.kustomization("apps", &json!({ "path": "apps", "components": ["../green"] })).await;
    delivery.says("apps", "False", "BuildFailed", "green").await;
}

#[tokio::test]
async fn the_history_counts_equal_attempts() {
    let (delivery, remote, _) =
        applied(&[("a.yaml", &map("a", "1"))], &json!({ "retryInterval": "1h" })).await;
    delivery.ask("apps").await;
    let bad = remote.push(&[("a.yaml", &map("a", "1").replace("\ndata:", "\ndate:"))]);
    delivery.announce().await;
    let object = delivery.says("apps", "False", "ReconciliationFailed", "date").await;
    let history = object.status.unwrap().history;
    let seen: Vec<(&str, i64)> =
        history.iter().map(|it| (it.last_reconciled_status.as_str(), it.total_reconciliations)).collect();
    assert_eq!(seen, [("ReconciliationFailed", 1), ("ReconciliationSucceeded", 2)]);
    assert!(history[0].digest.starts_with("sha256:"));
    assert!(history[0].metadata.as_ref().unwrap()["revision"].ends_with(&bad));
}

#[tokio::test]
async fn an_object_deleted_by_hand_comes_back() {
    let (delivery, ..) = applied(&[("a.yaml", &map("a", "1"))], &json!({})).await;
    let config_maps = delivery.api::<ConfigMap>("shop");
    config_maps.delete("a", &Default::default()).await.unwrap();
    gone(&delivery, "a").await;
    delivery.ask("apps").await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));
}
