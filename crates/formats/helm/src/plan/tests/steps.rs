//! What each action does when nothing goes wrong.

use super::cluster::{Cluster, End};
use super::{APPLICATION, deployed, first, moment, rendered, second};
use crate::plan::{
    CrdPolicy, Install, Options, Plan, Rollback, Step, Uninstall, Upgrade, Wait, definitions, install, kept,
    rollback, take_others, test, uninstall, upgrade,
};
use crate::release::{History, ReleaseRecord, Status};
use crate::tests::chart;
use serde_json::json;

fn no_hooks() -> Options {
    Options { no_hooks: true, ..Options::default() }
}

fn begin(record: ReleaseRecord, options: Options) -> Plan {
    install(record, &History::default(), &Install { options, ..Install::default() }).unwrap()
}

#[track_caller]
fn check_log(cluster: &Cluster, expected: &[&str]) {
    assert_eq!(cluster.log, expected);
}

#[test]
fn an_install_runs_hooks_by_weight_around_objects_in_their_order() {
    let mut cluster = Cluster::default();
    assert_eq!(cluster.run(&begin(first(), Options::default())), End::Done);
    check_log(
        &cluster,
        &[
            "run hook Job/before",
            "create ConfigMap/config",
            "create PersistentVolumeClaim/claim",
            "create Service/old",
            "run hook Secret/early",
            "run hook Job/after",
            "delete hook Job/after",
        ],
    );
    assert_eq!(cluster.statuses(), ["1 deployed: Install complete"]);
    let config = &cluster.objects["ConfigMap/config"]["metadata"];
    assert_eq!(config["labels"], json!({"app.kubernetes.io/managed-by": "Helm"}));
    assert_eq!(
        config["annotations"],
        json!({"meta.helm.sh/release-name": "rel", "meta.helm.sh/release-namespace": "ns"})
    );
    assert!(cluster.objects["Job/before"]["metadata"].get("labels").is_none(), "hooks carry no marks");
}

#[test]
fn an_upgrade_makes_changes_and_takes_away_but_what_asks_to_be_kept() {
    let mut cluster = Cluster::default();
    cluster.run(&begin(first(), no_hooks()));
    cluster.log.clear();
    let request = Upgrade { options: no_hooks(), ..Upgrade::default() };
    let plan = upgrade(second(), &cluster.history(), &request).unwrap();
    assert_eq!(cluster.run(&plan), End::Done);
    check_log(
        &cluster,
        &[
            "change ConfigMap/config",
            "create Deployment/new",
            "keep PersistentVolumeClaim/claim",
            "delete Service/old",
        ],
    );
    assert_eq!(cluster.statuses(), ["1 superseded: Install complete", "2 deployed: Upgrade complete"]);
    assert_eq!(plan.record.info.notes, "Enjoy red");
    assert_eq!(plan.record.info.first_deployed, Some(moment(100)));
}

#[test]
fn a_kind_in_another_version_is_the_same_object() {
    let object = |version: &str| {
        let text = format!("apiVersion: {version}\nkind: Ingress\nmetadata: {{name: i}}\n");
        rendered(&[APPLICATION[0], ("templates/i.yaml", &text)], json!({}), 1)
    };
    let history = History::new([deployed(object("networking.k8s.io/v1beta1"), 1)]);
    let plan = upgrade(object("networking.k8s.io/v1"), &history, &Upgrade::default()).unwrap();
    assert!(!plan.steps.iter().any(|step| matches!(step, Step::Delete { .. })), "{:?}", plan.steps);
}

#[test]
fn a_rollback_brings_objects_and_notes_back_as_a_new_revision() {
    let mut cluster = Cluster::default();
    cluster.run(&begin(first(), no_hooks()));
    let plan = upgrade(second(), &cluster.history(), &Upgrade { options: no_hooks(), ..Upgrade::default() });
    cluster.run(&plan.unwrap());
    let request = Rollback { options: no_hooks(), revision: None };
    let plan = rollback("rel", &cluster.history(), &request, moment(300)).unwrap();
    assert_eq!(cluster.run(&plan), End::Done);
    assert_eq!(
        cluster.statuses(),
        ["1 superseded: Install complete", "2 superseded: Upgrade complete", "3 deployed: Rollback to 1"]
    );
    let history = cluster.history();
    let last = history.last().unwrap();
    assert_eq!((last.info.rollback_revision, last.info.notes.as_str()), (1, "Enjoy blue"));
    assert!(cluster.objects.contains_key("Service/old") && !cluster.objects.contains_key("Deployment/new"));
    let missing = Rollback { revision: Some(9), ..Rollback::default() };
    let error = rollback("rel", &history, &missing, moment(1)).unwrap_err().to_string();
    assert_eq!(error, "release \"rel\" has no 9 version; there are [1, 2, 3]");
}

#[test]
fn an_uninstall_takes_away_the_other_way_round_and_only_what_is_its_own() {
    let mut cluster = Cluster::default();
    cluster.run(&begin(first(), no_hooks()));
    cluster.objects.get_mut("ConfigMap/config").unwrap()["metadata"]["annotations"] = json!({});
    cluster.log.clear();
    let request = Uninstall { options: no_hooks(), keep_history: true, ..Uninstall::default() };
    let plan = uninstall("rel", &cluster.history(), &request).unwrap();
    assert_eq!(cluster.run(&plan), End::Done);
    check_log(&cluster, &["delete Service/old", "keep ConfigMap/config"]);
    assert_eq!(cluster.statuses(), ["1 uninstalled: Uninstallation complete"]);
    let kept = kept(&plan.record).unwrap();
    assert_eq!((kept[0].kind.as_str(), kept[0].name.as_str()), ("PersistentVolumeClaim", "claim"));
    let error = uninstall("rel", &cluster.history(), &request).unwrap_err().to_string();
    assert_eq!(error, "the release named \"rel\" is already deleted");
    cluster.run(&uninstall("rel", &cluster.history(), &Uninstall::default()).unwrap());
    assert_eq!(cluster.statuses(), [""; 0]);
}

#[test]
fn only_so_many_records_are_kept_and_always_the_deployed_one() {
    let mut cluster = Cluster::default();
    cluster.put(&deployed(first(), 1));
    for revision in 2..=5 {
        let mut failed = deployed(first(), revision);
        failed.info.status = Status::Failed;
        cluster.put(&failed);
    }
    let options = Options { history_max: 3, no_hooks: true, ..Options::default() };
    let plan = upgrade(second(), &cluster.history(), &Upgrade { options, ..Upgrade::default() }).unwrap();
    assert_eq!(cluster.run(&plan), End::Done);
    let revisions: Vec<i64> = cluster.records.keys().copied().collect();
    assert_eq!(revisions, [1, 5, 6]);
    assert_eq!(History::new([deployed(first(), 1)]).surplus(0), [0; 0]);
}

#[test]
fn definitions_come_first_and_those_that_are_there_stay() {
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\nspec: {a: 1}\n";
    let chart = chart(&[APPLICATION[0], ("crds/x.yaml", crd)]);
    let mut cluster = Cluster::default();
    cluster.objects.insert("CustomResourceDefinition/x".to_owned(), json!({"spec": {"a": 0}}));
    let mut plan = begin(first(), no_hooks());
    for (policy, a) in [(CrdPolicy::Skip, 0), (CrdPolicy::Create, 0), (CrdPolicy::CreateReplace, 1)] {
        plan.steps = definitions(&chart, policy).unwrap();
        assert_eq!(plan.steps.is_empty(), policy == CrdPolicy::Skip);
        assert_eq!(cluster.run(&plan), End::Done);
        assert_eq!(cluster.objects["CustomResourceDefinition/x"]["spec"]["a"], a);
    }
}

#[test]
fn what_defines_no_kind_can_be_taken_out_of_the_definitions() {
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\n";
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\n";
    let mut cluster = Cluster::default();
    let mut plan = begin(first(), no_hooks());
    let both = chart(&[APPLICATION[0], ("crds/x.yaml", crd), ("crds/y.yaml", other)]);
    plan.steps = definitions(&both, CrdPolicy::Create).unwrap();
    let taken = take_others(&mut plan.steps);
    assert_eq!(taken.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["map"]);
    assert_eq!(cluster.run(&plan), End::Done);
    assert_eq!(cluster.objects.keys().collect::<Vec<_>>(), ["CustomResourceDefinition/x"]);
    let mut steps =
        definitions(&chart(&[APPLICATION[0], ("crds/y.yaml", other)]), CrdPolicy::Create).unwrap();
    assert_eq!((take_others(&mut steps).len(), steps.len()), (1, 0));
}

#[test]
fn an_uninstall_waits_only_where_it_is_asked_to() {
    let mut cluster = Cluster::default();
    cluster.run(&begin(first(), no_hooks()));
    for (wait, expected) in [(Wait::Hooks, false), (Wait::Ready, true), (Wait::ReadyAndJobsDone, true)] {
        let request = Uninstall { options: Options { wait, ..no_hooks() }, ..Uninstall::default() };
        let plan = uninstall("rel", &cluster.history(), &request).unwrap();
        let waits = plan.steps.iter().any(|step| matches!(step, Step::AwaitGone { .. }));
        assert_eq!(waits, expected, "{wait:?}");
    }
}

#[test]
fn lists_are_taken_apart_and_objects_without_a_name_refused() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n- \
                {apiVersion: v1, kind: ConfigMapList, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}]}\n";
    let mut cluster = Cluster::default();
    cluster.run(&begin(rendered(&[APPLICATION[0], ("templates/l.yaml", list)], json!({}), 1), no_hooks()));
    check_log(&cluster, &["create Secret/a", "create ConfigMap/b"]);
    let nameless =
        rendered(&[APPLICATION[0], ("templates/x.yaml", "apiVersion: v1\nkind: Secret\n")], json!({}), 1);
    let error = install(nameless, &History::default(), &Install::default()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the manifest of release \"rel\": expected apiVersion, kind and metadata.name, found \"v1\", \"Secret\" and \"\""
    );
}

#[test]
fn tests_run_as_hooks_of_a_release_that_is_there() {
    let job = "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n";
    let mut cluster = Cluster::default();
    cluster.run(&begin(
        rendered(&[APPLICATION[0], ("templates/t.yaml", job)], json!({}), 1),
        Options::default(),
    ));
    let plan = test("rel", &cluster.history(), &Options::default()).unwrap();
    assert_eq!(cluster.run(&plan), End::Done);
    check_log(&cluster, &["run hook Pod/t"]);
    assert_eq!(cluster.statuses(), ["1 deployed: Install complete"]);
}
