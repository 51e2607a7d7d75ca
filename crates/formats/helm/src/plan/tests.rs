mod cluster;
mod failures;
mod kills;
mod steps;
mod takeover;
mod three_way;
mod values;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Install, Options, PlanError, Upgrade, install, upgrade};
use crate::Limits;
use crate::release::{History, ReleaseRecord};
use crate::render::render;
use crate::tests::{chart, request};

pub(super) const APPLICATION: &[(&str, &str)] = &[
    ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
    ("values.yaml", "color: blue\nold: true\nnew: false\n"),
    (
        "templates/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {color: {{ .Values.color }}}\n",
    ),
    (
        "templates/claim.yaml",
        "{{ if .Values.old }}\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: claim\n  annotations: \
         {helm.sh/resource-policy: keep}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: old}\n{{ end }}\n",
    ),
    (
        "templates/new.yaml",
        "{{ if .Values.new }}\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: new}\n{{ end }}\n",
    ),
    (
        "templates/before.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: before\n  annotations:\n    helm.sh/hook: \
         pre-install,pre-upgrade,pre-rollback,pre-delete\n",
    ),
    (
        "templates/after.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: after\n  annotations:\n    helm.sh/hook: \
         post-install,post-upgrade,post-rollback,post-delete\n    helm.sh/hook-weight: '5'\n    \
         helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  \
         name: early\n  annotations:\n    helm.sh/hook: post-install,post-upgrade\n    helm.sh/hook-weight: '-1'\n",
    ),
    ("templates/NOTES.txt", "Enjoy {{ .Values.color }}"),
];

pub(super) fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What a chart gives with these values.
pub(super) fn rendered(texts: &[(&str, &str)], values: Value, now: i64) -> ReleaseRecord {
    let Value::Object(values) = values else { panic!("values are fields") };
    let values = values.into();
    let chart = chart(texts);
    let request = request(&chart, &values);
    let rendered = render(&request, Limits::CHARTS).unwrap();
    ReleaseRecord::new(&request, &rendered, moment(now))
}

pub(super) fn first() -> ReleaseRecord {
    rendered(APPLICATION, json!({}), 100)
}

pub(super) fn second() -> ReleaseRecord {
    rendered(APPLICATION, json!({"color": "red", "old": false, "new": true}), 200)
}

pub(super) fn deployed(mut record: ReleaseRecord, revision: i64) -> ReleaseRecord {
    record.revision = revision;
    record.info.status = crate::release::Status::Deployed;
    record
}

#[track_caller]
fn refused<T>(plan: Result<T, PlanError>, expected: &str) {
    let error = plan.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_name_in_use_is_refused_and_a_free_one_taken() {
    let history = History::new([deployed(first(), 1)]);
    refused(install(first(), &history, &Install::default()), "cannot reuse a name that is still in use");
    let mut failed = deployed(first(), 1);
    failed.info.status = crate::release::Status::Failed;
    let history = History::new([failed]);
    refused(install(first(), &history, &Install::default()), "still in use");
    let replace = Install { replace: true, ..Install::default() };
    assert_eq!(install(first(), &history, &replace).unwrap().revision, 2);
    let mut wrong = first();
    wrong.name = "Not_A_Name".to_owned();
    refused(install(wrong, &History::default(), &Install::default()), "invalid release name \"Not_A_Name\"");
}

#[test]
fn nothing_begins_while_something_is_pending() {
    let mut pending = deployed(first(), 2);
    pending.info.status = crate::release::Status::PendingUpgrade;
    let history = History::new([deployed(first(), 1), pending]);
    refused(
        upgrade(second(), &history, &Upgrade::default()),
        "another operation (install/upgrade/rollback) is in progress",
    );
    refused(install(first(), &history, &Install::default()), "still in use");
}

#[test]
fn an_upgrade_needs_something_deployed() {
    refused(upgrade(second(), &History::default(), &Upgrade::default()), "\"rel\" has no deployed releases");
    let mut gone = deployed(first(), 1);
    gone.info.status = crate::release::Status::Uninstalled;
    refused(upgrade(second(), &History::new([gone]), &Upgrade::default()), "has no deployed releases");
}

#[test]
fn options_that_stand_against_each_other_are_refused() {
    let force = Options { force_conflicts: true, force_replace: true, ..Options::default() };
    let install_with =
        |options| install(first(), &History::default(), &Install { options, ..Install::default() });
    refused(install_with(force), "cannot be used together");
    refused(install_with(Options { force_replace: true, ..Options::default() }), "set server-side to false");
    let client = Options { force_conflicts: true, server_side: super::ServerSide::Off, ..Options::default() };
    refused(install_with(client), "set server-side to true");
}
