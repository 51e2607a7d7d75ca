//! The `AdmissionRequest` that expressions see as `request`.

use bythos_kinds::AdmissionOperation;
use serde_json::{Map, Value, json};

use crate::write::Writing;

pub(super) fn described(writing: &Writing<'_>, operation: AdmissionOperation, name: &str) -> Value {
    let (kind, user) = (&writing.served.kind, writing.user);
    let subresource = writing.door.subresource();
    let kind_of = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
    let resource = json!({"group": kind.group, "version": kind.version, "resource": kind.plural});
    let extra: Map<String, Value> =
        user.extra.iter().map(|(key, values)| (key.clone(), json!(values))).collect();
    json!({
        "uid": uuid::Uuid::new_v4().to_string(),
        "kind": kind_of,
        "resource": resource,
        "subResource": subresource,
        "requestKind": kind_of,
        "requestResource": resource,
        "requestSubResource": subresource,
        "name": name,
        "namespace": writing.namespace,
        "operation": operation.name(),
        "userInfo": {"username": user.name, "uid": user.uid, "groups": user.groups, "extra": extra},
        "dryRun": writing.options.dry_run,
        "options": {},
    })
}
