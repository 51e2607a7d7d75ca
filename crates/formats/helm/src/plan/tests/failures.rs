//! What happens when a step fails.

use serde_json::json;

use super::cluster::{Cluster, End};
use super::{APPLICATION, first, moment, rendered, second};
use crate::plan::{
    FailedPlan, Install, Options, Plan, Remedy, Rollback, Uninstall, Upgrade, Wait, install, resume,
    rollback, uninstall, upgrade,
};
use crate::release::History;

fn waiting() -> Options {
    Options { wait: Wait::Ready, no_hooks: true, ..Options::default() }
}

fn begin(options: Options) -> Plan {
    install(first(), &History::default(), &Install { options, ..Install::default() }).unwrap()
}

/// Carries a plan out that fails, and what is to be done then.
#[track_caller]
fn fail(cluster: &mut Cluster, plan: &Plan) -> FailedPlan {
    let End::Failed { step, error, created } = cluster.run(plan) else { panic!("it did not fail") };
    let failed = plan.after_failure(step, &error, &created).unwrap();
    cluster.run_failure(plan, &failed.steps);
    failed
}

fn installed() -> Cluster {
    let mut cluster = Cluster::default();
    assert_eq!(cluster.run(&begin(waiting())), End::Done);
    cluster.log.clear();
    cluster
}

#[test]
fn a_failed_install_says_why() {
    let mut cluster = Cluster { broken: ["Service/old".to_owned()].into(), ..Cluster::default() };
    let failed = fail(&mut cluster, &begin(waiting()));
    assert_eq!(failed.remedy, None);
    assert_eq!(cluster.statuses(), ["1 failed: Release \"rel\" failed: Service/old did not become ready"]);
    let mut cluster = Cluster { broken: ["Job/before".to_owned()].into(), ..Cluster::default() };
    let failed = fail(&mut cluster, &begin(Options::default()));
    assert_eq!(failed.message, "failed pre-install: Job/before did not become ready");
    assert!(!cluster.objects.contains_key("ConfigMap/config"));
}

#[test]
fn a_failed_upgrade_leaves_the_last_revision_deployed() {
    let mut cluster = installed();
    cluster.broken = ["Deployment/new".to_owned()].into();
    let options = Options { cleanup_on_fail: true, ..waiting() };
    let plan = upgrade(second(), &cluster.history(), &Upgrade { options, ..Upgrade::default() }).unwrap();
    fail(&mut cluster, &plan);
    assert_eq!(
        cluster.statuses(),
        [
            "1 deployed: Install complete",
            "2 failed: Upgrade \"rel\" failed: Deployment/new did not become ready"
        ]
    );
    assert!(!cluster.objects.contains_key("Deployment/new"), "what was made is cleaned up");
    // The next one starts from what is deployed.
    cluster.broken.clear();
    let plan = upgrade(second(), &cluster.history(), &Upgrade { options: waiting(), ..Upgrade::default() });
    assert_eq!(cluster.run(&plan.unwrap()), End::Done);
    assert_eq!(cluster.history().revision(1).unwrap().info.status, crate::release::Status::Superseded);
}

#[test]
fn rollback_on_failure_brings_the_last_good_revision_back_also_after_a_kill() {
    let mut cluster = installed();
    cluster.broken = ["Deployment/new".to_owned()].into();
    let options = Options { rollback_on_failure: true, no_hooks: true, ..Options::default() };
    let request = Upgrade { options: options.clone(), ..Upgrade::default() };
    let plan = upgrade(second(), &cluster.history(), &request).unwrap();
    let failed = fail(&mut cluster, &plan);
    assert_eq!(failed.remedy, Some(Remedy::RollBack), "it waits though it was not asked to");
    let told = failed.remedy.unwrap().plan(&cluster.history(), &options, moment(900)).unwrap();
    let resumed = resume(&cluster.history(), &options, &Uninstall::default()).unwrap().unwrap();
    assert_eq!((told.action, told.revision, told.steps.len()), (resumed.action, 3, resumed.steps.len()));
    assert_eq!(cluster.run(&resumed), End::Done);
    assert_eq!(cluster.statuses().last().unwrap(), "3 deployed: Rollback to 1");
    assert!(resume(&cluster.history(), &options, &Uninstall::default()).unwrap().is_none());
}

#[test]
fn rollback_on_failure_takes_a_failed_install_away() {
    let mut cluster = Cluster { broken: ["Service/old".to_owned()].into(), ..Cluster::default() };
    let options = Options { rollback_on_failure: true, no_hooks: true, ..Options::default() };
    let failed = fail(&mut cluster, &begin(options.clone()));
    let plan = failed.remedy.unwrap().plan(&cluster.history(), &options, moment(900)).unwrap();
    assert_eq!(cluster.run(&plan), End::Done);
    assert!(cluster.records.is_empty());
    let left: Vec<&String> = cluster.objects.keys().collect();
    assert_eq!(left, ["PersistentVolumeClaim/claim"]);
}

#[test]
fn a_remedy_that_fails_is_not_tried_again() {
    let mut cluster = installed();
    cluster.broken = ["ConfigMap/config".to_owned()].into();
    let request = Rollback { options: waiting(), revision: Some(1) };
    let plan = rollback("rel", &cluster.history(), &request, moment(500)).unwrap();
    fail(&mut cluster, &plan);
    assert_eq!(
        cluster.statuses().last().unwrap(),
        "2 failed: Release \"rel\" failed: ConfigMap/config did not become ready"
    );
    let options = Options { rollback_on_failure: true, ..waiting() };
    assert!(resume(&cluster.history(), &options, &Uninstall::default()).unwrap().is_none());
}

const HOOKS: &[(&str, &str)] = &[
    APPLICATION[0],
    (
        "templates/h.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: one\n  annotations: {helm.sh/hook: pre-install, \
         helm.sh/hook-delete-policy: hook-succeeded}\n---\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: two\n  \
         annotations: {helm.sh/hook: pre-install, helm.sh/hook-weight: '1', helm.sh/hook-delete-policy: hook-failed, \
         helm.sh/hook-output-log-policy: hook-failed}\n---\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: three\n  \
         annotations: {helm.sh/hook: pre-install, helm.sh/hook-weight: '2'}\n",
    ),
];

#[test]
fn a_hook_that_fails_is_deleted_and_logged_as_its_policies_say() {
    let mut cluster = Cluster { broken: ["Job/two".to_owned()].into(), ..Cluster::default() };
    let record = rendered(HOOKS, json!({}), 1);
    let plan = install(record, &History::default(), &Install::default()).unwrap();
    fail(&mut cluster, &plan);
    assert_eq!(
        cluster.log,
        ["run hook Job/one", "run hook Job/two", "show log", "delete hook Job/two", "delete hook Job/one"]
    );
    let history = cluster.history();
    let phases: Vec<_> = history.last().unwrap().hooks.iter().map(|hook| hook.last_run.phase).collect();
    use crate::release::HookPhase::{Failed, Never, Succeeded};
    assert_eq!(phases, [Succeeded, Failed, Never]);
}

#[test]
fn an_uninstall_goes_on_after_its_last_hooks_failed() {
    let mut cluster = Cluster::default();
    assert_eq!(cluster.run(&begin(Options::default())), End::Done);
    cluster.broken = ["Job/after".to_owned()].into();
    let plan = uninstall("rel", &cluster.history(), &Uninstall::default()).unwrap();
    let mut rest = plan.clone();
    let failed = fail(&mut cluster, &plan);
    rest.steps.drain(..failed.go_on_at.unwrap());
    assert_eq!(cluster.run(&rest), End::Done);
    assert!(cluster.records.is_empty());
    // A hook before it stops it.
    let mut cluster = Cluster::default();
    cluster.run(&begin(Options::default()));
    cluster.broken = ["Job/before".to_owned()].into();
    let plan = uninstall("rel", &cluster.history(), &Uninstall::default()).unwrap();
    assert_eq!(fail(&mut cluster, &plan).go_on_at, None);
    assert!(cluster.objects.contains_key("ConfigMap/config"));
}
