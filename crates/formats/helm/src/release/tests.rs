use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    ApplyMethod, Driver, History, HookPhase, RECORD_BYTES_MAX, ReleaseRecord, Status, check_release_name,
    list_selector, release_selector,
};
use crate::manifest::{DeletePolicy, HookEvent};
use crate::tests::{chart, request};
use crate::{Limits, render};

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn packed(json: &Value) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(json.to_string().as_bytes()).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

fn secret(record: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {
            "name": "sh.helm.release.v1.web.v3",
            "labels": {
                "name": "web", "owner": "helm", "status": "deployed", "version": "3",
                "createdAt": "1700000000", "modifiedAt": "1700000009", "team": "blue",
            },
        },
        "data": {"release": STANDARD.encode(packed(record))},
    })
}

/// As Helm 3 writes it: no apply method, empty texts for times that are none.
fn of_helm_3() -> Value {
    json!({
        "name": "web",
        "info": {
            "first_deployed": "2024-05-01T10:00:00.123456789+02:00", "last_deployed": "2024-06-01T10:00:00Z",
            "deleted": "", "description": "Upgrade complete", "status": "deployed", "notes": "Hello",
        },
        "chart": {
            "metadata": {"name": "nginx", "version": "1.2.3", "apiVersion": "v2", "appVersion": "1.27"},
            "lock": null,
            "templates": [{"name": "templates/a.yaml", "data": "YTogMQo="}],
            "values": {"replicas": 1},
            "schema": "e30=",
            "files": null,
        },
        "config": {"replicas": 2},
        "manifest": "---\n# Source: nginx/templates/a.yaml\na: 1\n",
        "hooks": [{
            "name": "migrate", "kind": "Job", "path": "nginx/templates/job.yaml", "manifest": "kind: Job",
            "events": ["pre-install", "crd-install", "test-success"],
            "last_run": {"started_at": "2024-05-01T08:00:00Z", "completed_at": "", "phase": "Succeeded"},
            "weight": -5, "delete_policies": ["hook-succeeded", "odd"],
        }],
        "version": 3,
        "namespace": "shop",
    })
}

#[test]
fn a_record_of_helm_3_is_read() {
    let record = ReleaseRecord::from_object(&secret(&of_helm_3()), RECORD_BYTES_MAX).unwrap();
    assert_eq!((record.name.as_str(), record.namespace.as_str(), record.revision), ("web", "shop", 3));
    assert_eq!((record.info.status, record.apply_method), (Status::Deployed, ApplyMethod::ClientSide));
    assert_eq!(record.info.first_deployed, Some(moment("2024-05-01T08:00:00.123456789Z")));
    assert_eq!(record.info.deleted, None);
    assert_eq!(record.config["replicas"], 2);
    assert_eq!(record.labels.iter().collect::<Vec<_>>(), [(&"team".to_owned(), &"blue".to_owned())]);
    let [hook] = record.hooks.as_slice() else { panic!("{:?}", record.hooks) };
    assert_eq!(hook.events, [HookEvent::PreInstall, HookEvent::Test]);
    assert_eq!(hook.delete_policies, [DeletePolicy::HookSucceeded, DeletePolicy::Other("odd".to_owned())]);
    assert_eq!((hook.weight, hook.last_run.phase), (-5, HookPhase::Succeeded));
    assert_eq!(record.chart.metadata().unwrap().unwrap().app_version, "1.27");
    let chart = record.chart.read().unwrap().unwrap();
    assert_eq!(
        (chart.name(), chart.templates.len(), chart.values["replicas"].as_i64()),
        ("nginx", 1, Some(1))
    );
    assert_eq!(chart.schema.as_deref(), Some(b"{}".as_slice()));
}

#[test]
fn a_config_map_holds_a_record_with_one_base64_less() {
    let object =
        json!({"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"release": packed(&of_helm_3())}});
    assert_eq!(ReleaseRecord::from_object(&object, RECORD_BYTES_MAX).unwrap().name, "web");
    // Before records were packed, they were JSON.
    let plain = STANDARD.encode(of_helm_3().to_string());
    let object = json!({"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"release": plain}});
    assert_eq!(ReleaseRecord::from_object(&object, RECORD_BYTES_MAX).unwrap().revision, 3);
}

#[test]
fn what_is_written_is_what_helm_writes() {
    let mut record = ReleaseRecord::from_object(&secret(&of_helm_3()), RECORD_BYTES_MAX).unwrap();
    record.info.status = Status::Superseded;
    let object = record.to_object(Driver::Secret, moment("2024-07-01T00:00:00Z")).unwrap();
    assert_eq!(object["metadata"]["name"], "sh.helm.release.v1.web.v3");
    assert_eq!(object["metadata"]["namespace"], "shop");
    assert_eq!(object["type"], "helm.sh/release.v1");
    assert_eq!(
        object["metadata"]["labels"],
        json!({
            "name": "web", "owner": "helm", "status": "superseded", "version": "3",
            "createdAt": "1700000000", "modifiedAt": "1719792000", "team": "blue",
        })
    );
    let written = unpacked(&object);
    let mut expected = of_helm_3();
    expected["info"]["status"] = "superseded".into();
    expected["info"]["first_deployed"] = "2024-05-01T08:00:00.123456789Z".into();
    expected["info"].as_object_mut().unwrap().remove("deleted");
    expected["hooks"][0]["last_run"].as_object_mut().unwrap().remove("completed_at");
    expected["hooks"][0]["events"] = json!(["pre-install", "test"]);
    expected["apply_method"] = "csa".into();
    assert_eq!(written, expected);
}

fn unpacked(object: &Value) -> Value {
    use std::io::Read as _;
    let text = STANDARD.decode(object["data"]["release"].as_str().unwrap()).unwrap();
    let packed = STANDARD.decode(text).unwrap();
    let mut json = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut json).unwrap();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn a_new_release_is_recorded_with_its_chart() {
    let chart = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\nkeywords: [k]\nannotations: {a: b}\n"),
        ("values.yaml", "a: 1\n"),
        ("templates/a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"),
        ("README.md", "read"),
    ]);
    let values = json!({"b": 2});
    let values = values.as_object().unwrap().clone().into();
    let request = request(&chart, &values);
    let rendered = render(&request, Limits::CHARTS).unwrap();
    let now = moment("2024-07-01T00:00:00.5Z");
    let record = ReleaseRecord::new(&request, &rendered, now);
    let written = unpacked(&record.to_object(Driver::Secret, now).unwrap());
    assert_eq!(
        written,
        json!({
            "name": "rel", "namespace": "ns", "version": 1, "apply_method": "ssa",
            "info": {
                "first_deployed": "2024-07-01T00:00:00.5Z", "last_deployed": "2024-07-01T00:00:00.5Z", "status": "unknown",
            },
            "config": {"b": 2},
            "manifest": "---\n# Source: c/templates/a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n\n",
            "chart": {
                "metadata": {
                    "apiVersion": "v2", "name": "c", "version": "1.0.0", "keywords": ["k"], "annotations": {"a": "b"},
                },
                "lock": null, "values": {"a": 1}, "schema": null, "schemamodtime": "0001-01-01T00:00:00Z",
                "templates": [{
                    "name": "templates/a.yaml",
                    "data": STANDARD.encode("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"),
                }],
                "files": [{"name": "README.md", "data": STANDARD.encode("read")}],
            },
        })
    );
}

#[track_caller]
fn refused(object: &Value, max: u64, expected: &str) {
    let error = ReleaseRecord::from_object(object, max).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn what_is_no_record_is_refused_with_its_name() {
    refused(
        &json!({"metadata": {"name": "x"}}),
        RECORD_BYTES_MAX,
        "Secret x: expected a release in data.release",
    );
    let with = |data: &str| json!({"metadata": {"name": "x"}, "data": {"release": data}});
    refused(&with("%"), RECORD_BYTES_MAX, "failed to decode the release in x");
    refused(&with(&STANDARD.encode("%")), RECORD_BYTES_MAX, "failed to decode the release in x");
    let broken = STANDARD.encode(STANDARD.encode(b"\x1f\x8b\x08nonsense"));
    refused(&with(&broken), RECORD_BYTES_MAX, "failed to unpack the release in x");
    refused(&secret(&json!("text")), RECORD_BYTES_MAX, "failed to read the release in");
    refused(&secret(&json!({"version": 1})), RECORD_BYTES_MAX, "expected a name and a version from 1");
    refused(&secret(&of_helm_3()), 100, "is larger than 100 bytes");
    let bomb = json!({"manifest": " ".repeat(1 << 20)});
    refused(&secret(&bomb), 1 << 16, "is larger than 65536 bytes");
}

#[test]
fn labels_that_are_helms_own_are_refused() {
    let mut record = ReleaseRecord::default();
    record.labels.insert("owner".to_owned(), "me".to_owned());
    let error = record.to_object(Driver::Secret, moment("2024-07-01T00:00:00Z")).unwrap_err();
    assert!(error.to_string().starts_with("the label \"owner\" is reserved"), "{error}");
    assert_eq!(list_selector(), "owner=helm");
    assert_eq!(release_selector("web"), "name=web,owner=helm");
}

#[test]
fn names_of_releases_are_those_of_objects_and_shorter() {
    for good in ["a", "web-1", "a.b", &"x".repeat(53)] {
        check_release_name(good).unwrap();
    }
    for bad in ["", "A", "-a", "a-", "a..b", "a_b", ".a", &"x".repeat(54)] {
        check_release_name(bad).unwrap_err();
    }
}

#[test]
fn a_history_knows_its_last_its_deployed_and_what_is_too_much() {
    let record = |revision, status| {
        let mut record = ReleaseRecord { revision, ..ReleaseRecord::default() };
        record.info.status = status;
        record
    };
    let history = History::new([
        record(3, Status::Failed),
        record(1, Status::Superseded),
        record(2, Status::Deployed),
        record(4, Status::Failed),
    ]);
    let revision = |found: Option<&std::sync::Arc<ReleaseRecord>>| found.map(|record| record.revision);
    assert_eq!((revision(history.last()), revision(history.deployed())), (Some(4), Some(2)));
    assert_eq!(revision(history.last_successful()), Some(2));
    assert_eq!(history.next_revision(), 5);
    assert_eq!(history.surplus(4), [1]);
    assert_eq!(history.surplus(2), [1, 3, 4]);
    assert!(!history.wants_install() && History::default().wants_install());
    assert!(History::new([record(1, Status::Uninstalled)]).wants_install());
}
