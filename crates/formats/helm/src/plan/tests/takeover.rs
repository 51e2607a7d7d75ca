//! Taking over: objects of others, and releases that Helm 3 made.

use serde_json::{Value, json};

use super::cluster::{Cluster, End};
use super::{first, second};
use crate::plan::{
    Install, Manner, Options, Plan, ServerSide, Step, Upgrade, applied_managed_fields, install, upgrade,
};
use crate::release::{ApplyMethod, History};

fn install_over(cluster: &Cluster, take_ownership: bool) -> Plan {
    let request = Install { take_ownership, ..Install::default() };
    install(first(), &cluster.history(), &request).unwrap()
}

#[test]
fn an_object_of_somebody_else_stops_an_install_before_anything_is_written() {
    let mut cluster = Cluster::default();
    cluster.objects.insert("ConfigMap/config".to_owned(), json!({"metadata": {"name": "config"}}));
    let End::Failed { step, error, created } = cluster.run(&install_over(&cluster, false)) else {
        panic!("it passed")
    };
    assert_eq!(
        error,
        "ConfigMap \"config\" in namespace \"ns\" exists and cannot be imported into the current release: invalid \
         ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \
         \"Helm\"; annotation validation error: missing key \"meta.helm.sh/release-name\": must be set to \"rel\"; \
         annotation validation error: missing key \"meta.helm.sh/release-namespace\": must be set to \"ns\""
    );
    let failed = install_over(&cluster, false).after_failure(step, &error, &created).unwrap();
    assert!(failed.steps.is_empty() && failed.remedy.is_none());
    assert!(failed.message.starts_with("unable to continue with install: ConfigMap"), "{}", failed.message);
    assert!(cluster.records.is_empty());
}

#[test]
fn an_object_with_the_marks_of_the_release_is_adopted() {
    let mut cluster = Cluster::default();
    let marked = json!({"metadata": {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "rel", "meta.helm.sh/release-namespace": "ns"},
    }});
    cluster.objects.insert("ConfigMap/config".to_owned(), marked.clone());
    assert_eq!(cluster.run(&install_over(&cluster, false)), End::Done);
    let mut other = Cluster::default();
    let mut marked = marked;
    marked["metadata"]["annotations"]["meta.helm.sh/release-name"] = "other".into();
    other.objects.insert("ConfigMap/config".to_owned(), marked);
    let End::Failed { error, .. } = other.run(&install_over(&other, false)) else { panic!("it passed") };
    assert!(
        error.ends_with("key \"meta.helm.sh/release-name\" must equal \"rel\": current value is \"other\""),
        "{error}"
    );
}

#[test]
fn take_ownership_takes_what_is_anybodys() {
    let mut cluster = Cluster::default();
    cluster.objects.insert("ConfigMap/config".to_owned(), json!({"metadata": {"name": "config"}, "more": 1}));
    assert_eq!(cluster.run(&install_over(&cluster, true)), End::Done);
    let config = &cluster.objects["ConfigMap/config"];
    assert_eq!(config["metadata"]["annotations"]["meta.helm.sh/release-name"], "rel");
    assert_eq!(config["more"], 1);
}

/// A release as Helm 3 leaves it: no apply method, and objects that updates of `helm` own.
fn of_helm_3() -> Cluster {
    let mut cluster = Cluster::default();
    let options = Options { server_side: ServerSide::Off, no_hooks: true, ..Options::default() };
    let plan = install(first(), &History::default(), &Install { options, ..Install::default() }).unwrap();
    assert_eq!(plan.record.apply_method, ApplyMethod::ClientSide);
    assert_eq!(cluster.run(&plan), End::Done);
    let config = cluster.objects.get_mut("ConfigMap/config").unwrap();
    config["data"]["added"] = "by somebody".into();
    config["metadata"]["managedFields"] = json!([update("v1", &json!({"f:data": {"f:color": {}}}))]);
    cluster
}

fn update(version: &str, fields: &Value) -> Value {
    json!({"manager": "helm", "operation": "Update", "apiVersion": version, "fieldsV1": fields})
}

fn upgraded(cluster: &mut Cluster, server_side: ServerSide) -> Plan {
    let options = Options { server_side, no_hooks: true, ..Options::default() };
    let plan = upgrade(second(), &cluster.history(), &Upgrade { options, ..Upgrade::default() }).unwrap();
    assert_eq!(cluster.run(&plan), End::Done);
    plan
}

fn manner(plan: &Plan, name: &str) -> Manner {
    let applied = plan.steps.iter().find_map(|step| match step {
        Step::Apply(apply) if apply.object.key.name == name => Some(apply.manner.clone()),
        _ => None,
    });
    applied.unwrap()
}

#[test]
fn a_release_of_helm_3_goes_on_with_three_way_merges() {
    let mut cluster = of_helm_3();
    let plan = upgraded(&mut cluster, ServerSide::Auto);
    assert!(matches!(manner(&plan, "config"), Manner::ThreeWay { previous: Some(_) }));
    assert!(matches!(manner(&plan, "new"), Manner::ThreeWay { previous: None }));
    // What somebody else put there stays.
    assert_eq!(cluster.objects["ConfigMap/config"]["data"], json!({"color": "red", "added": "by somebody"}));
    assert_eq!(cluster.history().last().unwrap().apply_method, ApplyMethod::ClientSide);
}

#[test]
fn a_release_of_helm_3_is_taken_over_when_server_side_is_asked_for() {
    let mut cluster = of_helm_3();
    let plan = upgraded(&mut cluster, ServerSide::On);
    assert_eq!(manner(&plan, "config"), Manner::ServerSide { force_conflicts: false, takes_over: true });
    let fields = &cluster.objects["ConfigMap/config"]["metadata"]["managedFields"];
    assert_eq!(fields[0]["operation"], "Apply");
    // From then on there is nothing to take over.
    let plan = upgraded(&mut cluster, ServerSide::Auto);
    assert_eq!(manner(&plan, "config"), Manner::ServerSide { force_conflicts: false, takes_over: false });
}

#[test]
fn fields_owned_by_updates_become_fields_owned_by_apply() {
    let live = |entries: Value| json!({"metadata": {"managedFields": entries}});
    let apply =
        json!({"manager": "helm", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:a": {".": {}}}});
    let other =
        json!({"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:z": {}}});
    let status =
        json!({"manager": "helm", "operation": "Update", "apiVersion": "v1", "subresource": "status"});
    let updated = update("v1", &json!({"f:a": {"f:b": {}}}));
    let taken = applied_managed_fields(&live(json!([other, updated, status, apply]))).unwrap();
    let united = json!({
        "manager": "helm", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:a": {".": {}, "f:b": {}}}
    });
    assert_eq!(taken, [other.clone(), status.clone(), united]);
    let converted = applied_managed_fields(&live(json!([updated]))).unwrap();
    assert_eq!(converted[0]["operation"], "Apply");
    assert_eq!(converted[0]["fieldsV1"], updated["fieldsV1"]);
    assert_eq!(applied_managed_fields(&live(json!([other, status, apply]))), None);
    assert_eq!(applied_managed_fields(&json!({"metadata": {}})), None);
}
