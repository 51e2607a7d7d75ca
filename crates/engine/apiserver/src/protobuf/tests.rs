//! Bodies as Go clients write them.

use serde_json::json;

use super::*;

/// A field of a message, with its content already encoded.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let type_meta = [bytes(1, api_version.as_bytes()), bytes(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), bytes(1, &type_meta), bytes(2, raw), bytes(3, b""), bytes(4, b"")].concat()
}

#[test]
fn kubectl_auth_can_i_is_read() {
    // As kubectl 1.32 sends it: zeros of fields that are no pointers are written out.
    let sent = b"k8s\x00\n2\n\x17authorization.k8s.io/v1\x12\x17SelfSubjectAccessReview\x12<\n\x10\n\x00\x12\x00\
        \x1a\x00\"\x00*\x002\x008\x00B\x00\x12\x1e\n\x1c\n\x07default\x12\x03get\x1a\x00\"\x00*\x04pods2\x00:\x00\
        \x1a\x08\x08\x00\x12\x00\x1a\x00 \x00\x1a\x00\"\x00";
    assert_eq!(
        decode(sent).unwrap(),
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}}})
    );
}

#[test]
fn maps_bytes_times_and_pointers_are_read() {
    let entry = [bytes(1, b"k"), bytes(2, b"\x01\x02")].concat();
    let metadata = [bytes(1, b"s"), bytes(8, &[0x08, 0x01])].concat();
    let raw = [bytes(1, &metadata), bytes(2, &entry), bytes(3, b"Opaque"), vec![5 << 3, 0]].concat();
    assert_eq!(
        decode(&body("v1", "Secret", &raw)).unwrap(),
        json!({"apiVersion": "v1", "kind": "Secret", "data": {"k": "AQI="}, "type": "Opaque", "immutable": false,
            "metadata": {"name": "s", "creationTimestamp": "1970-01-01T00:00:01Z"}})
    );
}

#[test]
fn inlined_messages_and_ports_by_name_are_read() {
    let port = bytes(2, &[&[0x08, 1, 0x10, 0][..], &bytes(3, b"http")].concat());
    let get = bytes(2, &[bytes(1, b"/ready"), port].concat());
    let probe = bytes(11, &bytes(1, &get));
    let container = [bytes(1, b"main"), probe].concat();
    let raw = [bytes(1, b""), bytes(2, &bytes(2, &container)), bytes(3, b"")].concat();
    assert_eq!(
        decode(&body("v1", "Pod", &raw)).unwrap(),
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "main",
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}}]}})
    );
}

#[test]
fn versions_of_a_kind_that_differ_are_read_as_they_are() {
    let spec =
        |fourth: &[u8]| bytes(2, &[bytes(1, &bytes(2, b"web")), vec![3 << 3, 9], fourth.to_vec()].concat());
    let read = |version: &str, fourth: &[u8]| {
        let object = decode(&body(version, "HorizontalPodAutoscaler", &spec(fourth))).unwrap();
        object["spec"].clone()
    };
    assert_eq!(
        read("autoscaling/v1", &[4 << 3, 50]),
        json!({"scaleTargetRef": {"name": "web"}, "maxReplicas": 9, "targetCPUUtilizationPercentage": 50})
    );
    assert_eq!(
        read("autoscaling/v2", &bytes(4, &bytes(1, b"Resource"))),
        json!({"scaleTargetRef": {"name": "web"}, "maxReplicas": 9, "metrics": [{"type": "Resource"}]})
    );
}

#[test]
fn kinds_of_one_name_are_read_by_their_group() {
    let read = |api_version: &str, number: u8| {
        decode(&body(api_version, "Event", &bytes(number, b"no image"))).unwrap()
    };
    assert_eq!(read("v1", 4)["message"], "no image");
    assert_eq!(read("events.k8s.io/v1", 10)["note"], "no image");
}

#[test]
fn every_stored_kind_is_read() {
    // Clients send definitions in JSON: what is described in them has no form in protobuf but JSON.
    let is_read = |kind: &bythos_kinds::Kind| kind.stored && kind.kind != "CustomResourceDefinition";
    for kind in bythos_kinds::built_in().into_iter().filter(is_read) {
        let (api_version, name) = (kind.api_version(), &kind.kind);
        let read = decode(&body(&api_version, name, &bytes(1, &bytes(1, b"x"))));
        assert_eq!(
            read.map(|object| object["metadata"]["name"].clone()),
            Ok(json!("x")),
            "{api_version} {name}"
        );
    }
}

#[test]
fn what_is_not_known_is_refused() {
    assert_eq!(decode(b"{}"), Err(DecodeError::NoMagic));
    let unknown = DecodeError::UnknownKind { kind: "Widget".to_owned() };
    assert_eq!(decode(&body("example.org/v1", "Widget", b"")), Err(unknown));
    let raw = bytes(15, b"x");
    let unknown = DecodeError::UnknownField { message: "Secret", number: 15 };
    assert_eq!(decode(&body("v1", "Secret", &raw)), Err(unknown));
    assert_eq!(decode(&body("v1", "Secret", b"\x0a\x50x")), Err(DecodeError::Malformed(Malformed)));
    let wrong = DecodeError::WrongType { message: "Secret", number: 1 };
    assert_eq!(decode(&body("v1", "Secret", &[0x08, 1])), Err(wrong));
}
