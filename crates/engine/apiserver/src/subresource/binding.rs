//! `pods/binding`, and `bindings` beside it: the scheduler gives a pod its node.

use bythos_schema::{FieldError, FieldPath, Refusal};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body::Body;
use crate::resources::Target;
use crate::status::{CHANGED_MEANWHILE, Failure, ResourceName};
use crate::write::{self, Current, Door, Ownership, Writing};
use crate::{decode, object};

/// Binds the pod `name` of the target's namespace.
pub(crate) async fn create(target: &Target<'_>, name: &str) -> Result<Response<Body>, Failure> {
    let options = target.call.write_options()?;
    let binding = decode::of_kind(target.call, "", &["v1"], "Binding")?;
    let node = node(&binding)?;
    let registry = target.call.state.registry();
    let served = registry.of_resource("pods").ok_or(Failure::UnknownPath)?;
    let writing = Writing { served, ..target.writing(Door::Binding, &options) };
    let make = |current: &Current| {
        hold_preconditions(&writing, name, current, &binding)?;
        Ok((bound(&current.object, node, &binding), Ownership::Track))
    };
    write::change(&writing, name, &make).await?;
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
    target.call.answer_value(StatusCode::CREATED, &status)
}

/// The node that the binding names.
fn node(binding: &Value) -> Result<&str, Failure> {
    let target = FieldPath::root().field("target");
    let mut errors = Vec::new();
    let kind = object::text_at(binding, "/target/kind").unwrap_or_default();
    if !matches!(kind, "" | "Node") {
        let detail = "supported values: \"Node\", \"<empty>\"";
        errors.push(FieldError::of(target.field("kind"), Refusal::NotSupported, &json!(kind), detail));
    }
    let name = object::text_at(binding, "/target/name");
    if name.is_none() {
        errors.push(FieldError::required(target.field("name"), ""));
    }
    match name {
        Some(name) if errors.is_empty() => Ok(name),
        _ => Err(Failure::Invalid {
            kind: ResourceName::new("", "Binding"),
            name: object::name(binding).to_owned(),
            errors,
        }),
    }
}

fn hold_preconditions(
    writing: &Writing<'_>,
    name: &str,
    current: &Current,
    binding: &Value,
) -> Result<(), Failure> {
    let pod = &current.object;
    let uid = object::meta(pod, "uid").unwrap_or_default();
    if let Some(expected) = object::meta(binding, "uid").filter(|expected| *expected != uid) {
        let message =
            format!("Precondition failed: UID in precondition: {expected}, UID in object meta: {uid}");
        return Err(writing.conflict(name, message));
    }
    let revision = current.entry.revision.0.to_string();
    if object::meta(binding, "resourceVersion").is_some_and(|expected| expected != revision) {
        return Err(writing.conflict(name, CHANGED_MEANWHILE));
    }
    let refusal = if object::is_ending(pod) {
        format!("pod {name} is being deleted, cannot be assigned to a host")
    } else if let Some(assigned) = object::text_at(pod, "/spec/nodeName") {
        format!("pod {name} is already assigned to node {assigned:?}")
    } else if pod.pointer("/spec/schedulingGates").and_then(Value::as_array).is_some_and(|g| !g.is_empty()) {
        format!("pod {name} has non-empty .spec.schedulingGates")
    } else {
        return Ok(());
    };
    Err(writing.conflict(name, refusal))
}

/// The pod on its node, with what the scheduler noted about it.
fn bound(pod: &Value, node: &str, binding: &Value) -> Value {
    let mut pod = pod.clone();
    object::field_mut(&mut pod, "spec").insert("nodeName".to_owned(), json!(node));
    if let Some(Value::Object(notes)) = binding.pointer("/metadata/annotations") {
        let annotations = object::meta_mut(&mut pod).entry("annotations").or_insert(Value::Null);
        object::fields_mut(annotations).extend(notes.clone());
    }
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
