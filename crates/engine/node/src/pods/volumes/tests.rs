use std::sync::Arc;

use bythos_operator::error_chain;
use serde_json::{Value, json};

use super::*;

fn objects() -> Objects {
    let config_map = json!({"data": {"a": "1", "b": "2"}, "binaryData": {"c": "Aw=="}});
    let secret = json!({"data": {"password": "c2VjcmV0"}});
    Objects {
        config_maps: BTreeMap::from([(
            "c".to_owned(),
            Arc::new(serde_json::from_value(config_map).unwrap()),
        )]),
        secrets: BTreeMap::from([("s".to_owned(), Arc::new(serde_json::from_value(secret).unwrap()))]),
        ..Objects::default()
    }
}

fn prepared(volume: Value) -> Result<Wanted, Cause> {
    prepare_in(&crate::config::example(), volume).wanted
}

fn prepare_in(config: &NodeConfig, mut volume: Value) -> Prepared {
    volume["name"] = json!("v");
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "web-0", "uid": "1-2", "labels": {"app": "web"}},
        "spec": {"containers": [], "volumes": [volume]},
    }))
    .unwrap();
    let addresses = Addresses { pod: Vec::new(), host: [192, 0, 2, 1].into() };
    prepare(config, &pod, pod.spec.as_ref().unwrap(), &objects(), &addresses).remove(0)
}

/// Files as `path=text` and their modes.
#[track_caller]
fn check(volume: Value, expected: &[(&str, &str, u32)]) {
    let Content::Projected(payload) = prepared(volume).unwrap().content else { panic!("not projected") };
    let found: Vec<_> = payload
        .iter()
        .map(|(path, file)| (path.as_str(), std::str::from_utf8(&file.bytes).unwrap(), file.mode))
        .collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn refused(volume: Value, expected: &str) {
    let error = VolumeError { volume: "v".to_owned(), source: prepared(volume).unwrap_err() };
    assert_eq!(error_chain(&error), format!("MountVolume.SetUp failed for volume \"v\": {expected}"));
}

#[test]
fn whole_objects_become_files() {
    check(
        json!({"configMap": {"name": "c"}}),
        &[("a", "1", 0o644), ("b", "2", 0o644), ("c", "\u{3}", 0o644)],
    );
    check(json!({"secret": {"secretName": "s", "defaultMode": 256}}), &[("password", "secret", 0o400)]);
}

#[test]
fn items_choose_keys_paths_and_modes() {
    let items = json!([{"key": "a", "path": "sub/file", "mode": 448}]);
    check(json!({"configMap": {"name": "c", "items": items}}), &[("sub/file", "1", 0o700)]);
}

#[test]
fn projections_are_put_together() {
    let sources = json!([
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "config/a"}]}},
        {"secret": {"name": "s"}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
    ]);
    check(
        json!({"projected": {"sources": sources, "defaultMode": 416}}),
        &[("config/a", "1", 0o640), ("labels", "app=\"web\"", 0o640), ("password", "secret", 0o640)],
    );
}

#[test]
fn what_is_missing_is_named_unless_it_is_optional() {
    refused(json!({"configMap": {"name": "none"}}), "configmap \"none\" not found");
    refused(
        json!({"secret": {"secretName": "s", "items": [{"key": "k", "path": "k"}]}}),
        "secret \"s\" has no key \"k\", which items references",
    );
    check(json!({"configMap": {"name": "none", "optional": true}}), &[]);
}

#[test]
fn a_path_out_of_the_volume_is_refused() {
    for path in ["../x", "a/../../x", "/x", "..data", "a//b", ""] {
        let items = json!([{"key": "a", "path": path}]);
        let volume = json!({"configMap": {"name": "c", "items": items}});
        assert!(prepared(volume).is_err(), "{path}");
    }
}

#[test]
fn what_goes_away_after_the_volume_was_made_leaves_it_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let config = NodeConfig { pods_dir: folder.path().join("pods"), ..crate::config::example() };
    let made = |name: &str| realize(&config, vec![prepare_in(&config, json!({"configMap": {"name": name}}))]);
    assert!(made("none").is_err());
    let place = made("c").unwrap().remove("v").unwrap();
    assert!(place.is_read_only);
    assert_eq!(std::fs::read_to_string(place.path.join("a")).unwrap(), "1");
    assert_eq!(made("none").unwrap().remove("v"), Some(place.clone()));
    std::fs::remove_dir_all(&place.path).unwrap();
    assert!(made("none").is_err());
}

#[test]
fn secrets_never_lie_on_the_disk() {
    let path = |volume: Value| prepared(volume).unwrap().path;
    assert!(path(json!({"secret": {"secretName": "s"}})).starts_with("/run/bythos/0a1b2c3d"));
    assert!(path(json!({"projected": {"sources": []}})).starts_with("/run/bythos/0a1b2c3d"));
    let config = path(json!({"configMap": {"name": "c"}}));
    assert_eq!(config, Path::new("/var/lib/kubelet/pods/1-2/volumes/kubernetes.io~configmap/v"));
}

#[test]
fn a_volume_in_memory_is_no_larger_than_the_pod_may_be() {
    let content = |volume: Value| prepared(volume).unwrap().content;
    let memory = json!({"emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}});
    assert_eq!(content(memory), Content::Memory(Some(64 << 20)));
    assert_eq!(content(json!({"emptyDir": {"medium": "Memory"}})), Content::Memory(None));
    let limited: PodSpec = serde_json::from_value(
        json!({"containers": [{"name": "web", "resources": {"limits": {"memory": "32Mi"}}}]}),
    )
    .unwrap();
    let asked = serde_json::from_value(json!({"medium": "Memory", "sizeLimit": "64Mi"})).unwrap();
    assert_eq!(empty(&asked, &limited).unwrap(), Content::Memory(Some(32 << 20)));
    refused(
        json!({"emptyDir": {"medium": "Memory", "sizeLimit": "much"}}),
        "emptyDir.sizeLimit: found \"much\", expected a quantity such as 64Mi",
    );
}

#[test]
fn a_token_is_readable_by_the_pods_user_or_group_alone() {
    let volume = json!({"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}});
    let file = |context: Value| {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-0", "uid": "1-2"},
            "spec": {"containers": [{"name": "web"}], "volumes": [volume], "securityContext": context},
        }))
        .unwrap();
        let tokens = super::super::tokens::examples::tokens("", "secret");
        let objects = Objects { tokens, ..Objects::default() };
        let addresses = Addresses { pod: Vec::new(), host: [192, 0, 2, 1].into() };
        let spec = pod.spec.as_ref().unwrap();
        let mut all = prepare(&crate::config::example(), &pod, spec, &objects, &addresses);
        let Content::Projected(mut payload) = all.remove(0).wanted.unwrap().content else {
            panic!("not projected")
        };
        let file = payload.remove("token").unwrap();
        assert_eq!(file.bytes, b"secret");
        (file.mode, file.owner)
    };
    assert_eq!(file(json!({})), (0o644, None));
    assert_eq!(file(json!({"runAsUser": 1000})), (0o600, Some(1000)));
    assert_eq!(file(json!({"runAsUser": 1000, "fsGroup": 2000})), (0o600, None));
    refused(
        json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}),
        "failed to fetch token: it was not asked for",
    );
}
