//! Whoever carries a plan out is killed after each step in turn, and once more while going on: what comes out is what
//! comes out when nobody is killed, and no hook runs twice.

use serde_json::json;

use super::cluster::{Cluster, End};
use super::{deployed, first, moment, second};
use crate::plan::{
    Install, Options, Plan, Rollback, Uninstall, Upgrade, Wait, install, resume, rollback, uninstall, upgrade,
};
use crate::release::{History, Status};

type Begin = fn(&History) -> Plan;

fn options() -> Options {
    Options { wait: Wait::Ready, ..Options::default() }
}

fn begin_install(history: &History) -> Plan {
    let request = Install { options: options(), create_namespace: true, ..Install::default() };
    install(first(), history, &request).unwrap()
}

fn begin_upgrade(history: &History) -> Plan {
    upgrade(second(), history, &Upgrade { options: options(), ..Upgrade::default() }).unwrap()
}

fn begin_rollback(history: &History) -> Plan {
    let request = Rollback { options: options(), revision: Some(1) };
    rollback("rel", history, &request, moment(1450)).unwrap()
}

fn keeping() -> Uninstall {
    Uninstall { options: options(), keep_history: true, ..Uninstall::default() }
}

fn begin_uninstall_keeping(history: &History) -> Plan {
    uninstall("rel", history, &keeping()).unwrap()
}

fn begin_uninstall(history: &History) -> Plan {
    uninstall("rel", history, &Uninstall::default()).unwrap()
}

fn after(steps: &[Begin]) -> Cluster {
    let mut cluster = Cluster::default();
    for begin in steps {
        let plan = begin(&cluster.history());
        assert_eq!(cluster.run(&plan), End::Done);
    }
    cluster.runs.clear();
    cluster.log.clear();
    // What was before lies in the past.
    cluster.clock = 500;
    cluster
}

/// Goes on until nothing is left to do. Nothing is begun anew once there is a record that says what is being done.
fn finish(cluster: &mut Cluster, begin: Begin, request: &Uninstall, wanted: &[String]) {
    for _ in 0..3 {
        let history = cluster.history();
        if let Some(plan) = resume(&history, &options(), request).unwrap() {
            assert_eq!(cluster.run(&plan), End::Done);
        } else if cluster.statuses() != wanted {
            assert_eq!(cluster.run(&begin(&history)), End::Done);
        } else {
            return;
        }
    }
    assert_eq!(cluster.statuses(), wanted);
}

#[track_caller]
fn check(before: &[Begin], begin: Begin, request: &Uninstall) {
    check_from(&after(before), begin, request);
}

#[track_caller]
fn check_from(start: &Cluster, begin: Begin, request: &Uninstall) {
    let mut undisturbed = start.clone();
    let plan = begin(&start.history());
    assert_eq!(undisturbed.run(&plan), End::Done);
    let wanted = undisturbed.statuses();
    for one in 0..=plan.steps.len() {
        // Every second kill with every first one would take minutes; these meet all steps.
        for two in (one % 6..=plan.steps.len()).step_by(6) {
            let mut cluster = start.clone();
            cluster.run_some(&plan, &mut one.clone());
            if let Some(rest) = resume(&cluster.history(), &options(), request).unwrap() {
                cluster.run_some(&rest, &mut two.clone());
            }
            finish(&mut cluster, begin, request, &wanted);
            assert_eq!(cluster.statuses(), wanted, "killed after {one} and {two} steps");
            assert_eq!(cluster.objects, undisturbed.objects, "killed after {one} and {two} steps");
            assert_eq!(cluster.runs, undisturbed.runs, "killed after {one} and {two} steps");
        }
    }
}

#[test]
fn an_install_goes_on_from_wherever_it_was_killed() {
    check(&[], begin_install, &Uninstall::default());
}

#[test]
fn an_upgrade_goes_on_from_wherever_it_was_killed() {
    check(&[begin_install], begin_upgrade, &Uninstall::default());
}

#[test]
fn an_upgrade_after_one_that_failed_goes_on_from_wherever_it_was_killed() {
    let mut start = after(&[begin_install]);
    let mut failed = deployed(second(), 2);
    failed.info.status = Status::Failed;
    start.put(&failed);
    start.clock = 500;
    check_from(&start, begin_upgrade, &Uninstall::default());
}

#[test]
fn a_rollback_goes_on_from_wherever_it_was_killed() {
    check(&[begin_install, begin_upgrade], begin_rollback, &Uninstall::default());
}

#[test]
fn an_uninstall_goes_on_from_wherever_it_was_killed() {
    check(&[begin_install, begin_upgrade], begin_uninstall_keeping, &keeping());
}

#[test]
fn an_uninstall_leaves_no_record_wherever_it_was_killed() {
    let start = after(&[begin_install, begin_upgrade]);
    let plan = begin_uninstall(&start.history());
    for one in 1..=plan.steps.len() {
        let mut cluster = start.clone();
        cluster.run_some(&plan, &mut one.clone());
        // What is still there says that it is being taken away, or is older than that.
        while let Some(rest) = resume(&cluster.history(), &options(), &Uninstall::default()).unwrap() {
            assert_eq!(cluster.run(&rest), End::Done);
        }
        assert_eq!(cluster.statuses(), [""; 0], "killed after {one} steps");
        let left: Vec<&String> = cluster.objects.keys().collect();
        assert_eq!(
            left,
            ["Job/before", "Namespace/ns", "PersistentVolumeClaim/claim", "Secret/early"],
            "killed after {one} steps"
        );
    }
}

#[test]
fn nothing_is_left_to_do_after_the_end() {
    let cluster = after(&[begin_install, begin_upgrade]);
    assert!(resume(&cluster.history(), &options(), &Uninstall::default()).unwrap().is_none());
    assert_eq!(cluster.statuses(), ["1 superseded: Install complete", "2 deployed: Upgrade complete"]);
    assert_eq!(cluster.objects["ConfigMap/config"]["data"], json!({"color": "red"}));
}
