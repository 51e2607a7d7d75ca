//! What the status remembers of revisions, and how it tells whether somebody else changed them. Pure.

use std::collections::BTreeMap;

use bythos_api::helmrelease::{Filter, HelmReleaseStatus, ReleaseAction, Snapshot, TestHookStatus};
use bythos_helm::HookEvent;
use bythos_helm::release::{History, HookPhase, ReleaseRecord, Status};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::artifact;
use crate::release::{ChartNames, is_chosen};

/// How the digests of snapshots are made here. Flux has a way of its own, and trusts others.
const API_VERSION: &str = "bythos/v1";

/// Snapshots that are kept where nothing else says how many.
const SNAPSHOTS_MAX: usize = 5;

/// The digest of values, as Flux makes it: of their YAML, and of nothing where there are none.
pub(super) fn config_digest(values: &Map<String, Value>) -> String {
    if values.is_empty() {
        return artifact::digest(b"");
    }
    artifact::digest(bythos_yaml::to_string(&Value::Object(values.clone())).as_bytes())
}

/// The digest of a record without its chart, of which the name and the version are enough, and without tests, which run
/// at any time.
fn digest(record: &ReleaseRecord) -> String {
    let chart = ChartNames::of(record);
    let hooks: Vec<_> = record.hooks.iter().filter(|hook| !hook.events.contains(&HookEvent::Test)).collect();
    let content = json!({
        "name": record.name, "namespace": record.namespace, "version": record.revision, "info": record.info,
        "chart": [chart.name, chart.version], "config": record.config, "manifest": record.manifest, "hooks": hooks,
    });
    artifact::digest(content.to_string().as_bytes())
}

/// A revision as the status remembers it.
fn of(record: &ReleaseRecord, action: Option<ReleaseAction>) -> Snapshot {
    let chart = ChartNames::of(record);
    let moment = |moment: Option<Timestamp>| Time(moment.unwrap_or_default());
    Snapshot {
        api_version: Some(API_VERSION.to_owned()),
        digest: digest(record),
        name: record.name.clone(),
        namespace: record.namespace.clone(),
        version: record.revision,
        status: record.info.status.to_string(),
        action,
        chart_name: chart.name,
        chart_version: chart.version,
        app_version: Some(chart.app_version).filter(|version| !version.is_empty()),
        config_digest: config_digest(&record.config),
        first_deployed: moment(record.info.first_deployed),
        last_deployed: moment(record.info.last_deployed),
        deleted: record.info.deleted.map(Time),
        test_hooks: None,
        oci_digest: None,
    }
}

/// Whether a record is the one that was remembered. One that Flux remembered is known by its name and revision.
pub(super) fn is_of(snapshot: &Snapshot, record: &ReleaseRecord) -> bool {
    let is_named = snapshot.name == record.name
        && snapshot.namespace == record.namespace
        && snapshot.version == record.revision;
    is_named && (snapshot.api_version.as_deref() != Some(API_VERSION) || snapshot.digest == digest(record))
}

/// Takes in what became of the records: those that are remembered are remembered as they are now, and the newest one comes
/// to them with what made it.
pub(super) fn remember(status: &mut HelmReleaseStatus, history: &History, action: Option<ReleaseAction>) {
    for snapshot in &mut status.history {
        if let Some(record) = history.revision(snapshot.version).filter(|it| it.name == snapshot.name) {
            let known = std::mem::replace(snapshot, of(record, None));
            snapshot.action = known.action;
            snapshot.test_hooks = known.test_hooks;
            snapshot.oci_digest = known.oci_digest;
        }
    }
    if let Some(last) = history.last()
        && !status.history.iter().any(|it| it.version == last.revision)
    {
        status.history.push(of(last, action));
    }
    status.history.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.version));
}

/// Takes in that a release is gone, records and all.
pub(super) fn forget(
    status: &mut HelmReleaseStatus,
    history: &History,
    action: ReleaseAction,
    now: Timestamp,
) {
    remember(status, history, None);
    let latest = status.history.first_mut();
    if let Some(latest) = latest.filter(|latest| history.revision(latest.version).is_none()) {
        latest.status = Status::Uninstalled.to_string();
        latest.deleted = Some(Time(now));
        latest.action = Some(action);
    }
}

/// How the tests of a revision went.
pub(super) fn remember_tests(snapshot: &mut Snapshot, record: &ReleaseRecord, filters: &[Filter]) {
    let tests = record.hooks.iter().filter(|hook| hook.events.contains(&HookEvent::Test));
    let chosen = tests.filter(|hook| is_chosen(&hook.name, filters));
    let status = |run: &bythos_helm::release::HookRun| TestHookStatus {
        last_started: run.started_at.map(Time),
        last_completed: run.completed_at.map(Time),
        phase: phase(run.phase).map(str::to_owned),
    };
    let all: BTreeMap<String, TestHookStatus> =
        chosen.map(|hook| (hook.name.clone(), status(&hook.last_run))).collect();
    snapshot.test_hooks = Some(all);
}

fn phase(phase: HookPhase) -> Option<&'static str> {
    match phase {
        HookPhase::Never => None,
        HookPhase::Running => Some("Running"),
        HookPhase::Succeeded => Some("Succeeded"),
        HookPhase::Failed => Some("Failed"),
        HookPhase::Unknown => Some("Unknown"),
    }
}

/// The newest revision before the latest that succeeded: what a failed upgrade goes back to.
pub(super) fn previous(history: &[Snapshot], ignores_tests: bool) -> Option<&Snapshot> {
    history.iter().skip(1).find(|it| it.is_success() && (ignores_tests || !it.has_failed_test()))
}

/// Forgets what is older than [`previous`]; without it, all but the newest.
pub(super) fn truncate(history: &mut Vec<Snapshot>, ignores_tests: bool) {
    let before = previous(history, ignores_tests).map(|previous| previous.version);
    match before {
        Some(version) => history.retain(|it| it.version >= version),
        None => history.truncate(SNAPSHOTS_MAX),
    }
}

/// Forgets all but the newest.
pub(super) fn truncate_all(history: &mut Vec<Snapshot>) {
    history.truncate(SNAPSHOTS_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(revision: i64, status: Status) -> ReleaseRecord {
        let mut record = ReleaseRecord { revision, name: "web".to_owned(), ..ReleaseRecord::default() };
        record.info.status = status;
        record
    }

    #[test]
    fn a_record_that_somebody_changed_is_no_longer_the_one_that_was_remembered() {
        let history = History::new([record(1, Status::Deployed)]);
        let mut status = HelmReleaseStatus::default();
        remember(&mut status, &history, Some(ReleaseAction::Install));
        let snapshot = &status.history[0];
        assert!(is_of(snapshot, &record(1, Status::Deployed)));
        assert!(!is_of(snapshot, &record(1, Status::Superseded)));
        assert!(!is_of(snapshot, &record(2, Status::Deployed)));
        let of_flux = Snapshot {
            api_version: Some("v2".to_owned()),
            digest: "sha256:00".to_owned(),
            ..snapshot.clone()
        };
        assert!(is_of(&of_flux, &record(1, Status::Deployed)));
        assert!(!is_of(&of_flux, &record(2, Status::Deployed)));
    }

    #[test]
    fn what_is_remembered_follows_the_records_and_goes_back_to_the_last_success() {
        let mut status = HelmReleaseStatus::default();
        let mut records = Vec::new();
        let after = [Status::Superseded, Status::Superseded, Status::Failed, Status::Failed];
        for (index, ended) in after.into_iter().enumerate() {
            let revision = i64::try_from(index).unwrap() + 1;
            records.push(record(revision, Status::Deployed));
            remember(&mut status, &History::new(records.clone()), Some(ReleaseAction::Upgrade));
            records[index].info.status = ended;
        }
        remember(&mut status, &History::new(records), None);
        let seen = |history: &[Snapshot]| -> Vec<(i64, String)> {
            history.iter().map(|it| (it.version, it.status.clone())).collect()
        };
        let line = |version: i64, status: &str| (version, status.to_owned());
        let all = [line(4, "failed"), line(3, "failed"), line(2, "superseded"), line(1, "superseded")];
        assert_eq!(seen(&status.history), all);
        assert_eq!(previous(&status.history, false).unwrap().version, 2);
        truncate(&mut status.history, false);
        assert_eq!(seen(&status.history), all[..3]);
    }

    #[test]
    fn no_values_have_the_digest_of_nothing() {
        let nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(config_digest(&Map::new()), nothing);
        let values = json!({ "a": 1 });
        assert_eq!(config_digest(values.as_object().unwrap()), artifact::digest(b"a: 1\n"));
    }
}
