//! `pods/binding`: the scheduler gives a pod its node.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body::Body;
use crate::resources::Target;
use crate::status::Failure;
use crate::write::{self, Current, Door, Ownership};
use crate::{decode, object};

pub(crate) async fn create(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let options = target.call.write_options()?;
    let writing = target.writing(Door::Binding, &options);
    let binding = decode::value(target.call.content_type(), &target.call.body)?;
    let node = object::text_at(&binding, "/target/name")
        .ok_or_else(|| Failure::BadRequest("target.name: Required value: the node to bind to".to_owned()))?;
    let make = |current: &Current| {
        let pod = &current.object;
        let uid = object::meta(pod, "uid").unwrap_or_default();
        if let Some(expected) = object::meta(&binding, "uid").filter(|expected| *expected != uid) {
            let message =
                format!("Precondition failed: UID in precondition: {expected}, UID in object meta: {uid}");
            return Err(writing.conflict(target.name, message));
        }
        if object::is_ending(pod) {
            let message = format!("pod {} is being deleted, cannot be assigned to a host", target.name);
            return Err(writing.conflict(target.name, message));
        }
        if let Some(assigned) = object::text_at(pod, "/spec/nodeName") {
            let message = format!("pod {} is already assigned to node {assigned:?}", target.name);
            return Err(writing.conflict(target.name, message));
        }
        Ok((bound(pod, node), Ownership::Track))
    };
    write::change(&writing, target.name, &make).await?;
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
    target.call.answer_value(StatusCode::CREATED, &status)
}

fn bound(pod: &Value, node: &str) -> Value {
    let mut pod = pod.clone();
    object::field_mut(&mut pod, "spec").insert("nodeName".to_owned(), json!(node));
    let scheduled = json!({
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": null,
        "lastTransitionTime": object::now(),
    });
    let conditions = object::field_mut(&mut pod, "status").entry("conditions").or_insert_with(|| json!([]));
    if let Some(conditions) = conditions.as_array_mut() {
        conditions.retain(|condition| condition.get("type").and_then(Value::as_str) != Some("PodScheduled"));
        conditions.push(scheduled);
    }
    pod
}
