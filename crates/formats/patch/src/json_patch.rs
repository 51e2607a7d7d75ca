//! JSON Patch, RFC 6902.

use json_patch::{Patch, PatchOperation};
use serde_json::Value;

use crate::PatchError;

/// Upstream's bound on the operations of one patch.
const OPERATIONS_MAX: usize = 10_000;

/// What copies and moves of one patch may carry together, in bytes of JSON: upstream's bound on copies. Without it a
/// short patch doubles an object as often as it likes.
const CARRIED_BYTES_MAX: usize = 3 << 20;

/// How deep a patch may nest values: less than what a JSON reader takes, so that the object can be read again.
const DEPTH_MAX: usize = 100;

/// JSON Patch, RFC 6902.
///
/// # Errors
/// The patch is not one, a path leads nowhere, or a test fails; or it is beyond the bounds on operations, copies or
/// depth. The target is then as it was.
pub fn json_patch(target: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let patch: Patch = serde_json::from_value(patch.clone())
        .map_err(|error| PatchError::new("patch", format!("is not a JSON patch (RFC 6902): {error}")))?;
    if patch.0.len() > OPERATIONS_MAX {
        let message = format!("has {} operations, the most is {OPERATIONS_MAX}", patch.0.len());
        return Err(PatchError::new("patch", message));
    }
    let mut patched = target.clone();
    let mut carried_bytes = 0;
    for (index, operation) in patch.0.iter().enumerate() {
        let refuse = |cause: &dyn std::fmt::Display| {
            let message = format!("operation {index} ({}) failed: {cause}", operation_name(operation));
            PatchError::new(&operation.path(), message)
        };
        check_bounds(operation, &patched, &mut carried_bytes).map_err(|cause| refuse(&cause))?;
        json_patch::patch_unsafe(&mut patched, std::slice::from_ref(operation))
            .map_err(|error| refuse(&error.kind))?;
    }
    *target = patched;
    Ok(())
}

/// Whether this is a JSON patch at all, wherever its paths lead.
pub fn is_json_patch(patch: &Value) -> bool {
    serde_json::from_value::<Patch>(patch.clone()).is_ok()
}

fn check_bounds(operation: &PatchOperation, target: &Value, carried_bytes: &mut usize) -> Result<(), String> {
    let value = match operation {
        PatchOperation::Add(add) => Some(&add.value),
        PatchOperation::Replace(replace) => Some(&replace.value),
        PatchOperation::Copy(copy) => target.pointer(copy.from.as_str()),
        PatchOperation::Move(move_) => target.pointer(move_.from.as_str()),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    // A path that leads nowhere is for the operation itself to refuse.
    let Some(value) = value else { return Ok(()) };
    if matches!(operation, PatchOperation::Copy(_) | PatchOperation::Move(_)) {
        *carried_bytes += value.to_string().len();
        if *carried_bytes > CARRIED_BYTES_MAX {
            return Err(format!("the patch copies and moves more than {CARRIED_BYTES_MAX} bytes"));
        }
    }
    let depth = operation.path().as_str().matches('/').count() + depth(value);
    if depth > DEPTH_MAX {
        return Err(format!("the value would be nested {depth} deep, the most is {DEPTH_MAX}"));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn operation_name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_short_patch_cannot_make_a_large_or_deep_object() {
        let doubling: Vec<Value> =
            (0..40).map(|n| json!({"op": "copy", "from": "", "path": format!("/a{n}")})).collect();
        let nesting: Vec<Value> = (0..9)
            .map(|n| json!({"op": "copy", "from": "/in", "path": format!("/in{}", "/in".repeat(1 << n))}))
            .collect();
        let long: Vec<Value> =
            (0..=OPERATIONS_MAX).map(|_| json!({"op": "add", "path": "/a", "value": 1})).collect();
        let cases = [
            (doubling, "copies and moves more than"),
            (nesting, "the value would be nested"),
            (long, "patch: has 10001 operations, the most is 10000"),
        ];
        for (patch, expected) in cases {
            let mut target = json!({"in": {}});
            let error = json_patch(&mut target, &Value::from(patch)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let mut target = json!({"text": "x".repeat(1 << 20)});
        let copies: Vec<Value> =
            (0..4).map(|n| json!({"op": "copy", "from": "/text", "path": format!("/a{n}")})).collect();
        let error = json_patch(&mut target, &Value::from(copies)).unwrap_err().to_string();
        assert_eq!(
            error,
            "/a2: operation 2 (copy) failed: the patch copies and moves more than 3145728 bytes"
        );
    }

    #[track_caller]
    fn check(patch: &Value, expected: Result<Value, &str>) {
        let before = json!({"metadata": {"labels": {"a/b": "1"}}, "spec": {"list": [1, 2]}});
        let mut target = before.clone();
        match (json_patch(&mut target, patch), expected) {
            (Ok(()), Ok(expected)) => assert_eq!(target, expected),
            (Err(error), Err(expected)) => {
                assert_eq!(error.to_string(), expected);
                assert_eq!(target, before, "a failed patch changes nothing");
            }
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn operations_are_carried_out_in_order() {
        check(
            &json!([
                {"op": "test", "path": "/spec/list/0", "value": 1},
                {"op": "add", "path": "/spec/list/-", "value": 3},
                {"op": "remove", "path": "/spec/list/0"},
                {"op": "replace", "path": "/metadata/labels/a~1b", "value": "2"},
            ]),
            Ok(json!({"metadata": {"labels": {"a/b": "2"}}, "spec": {"list": [2, 3]}})),
        );
    }

    #[test]
    fn failures_name_the_path_and_undo_what_went_before() {
        check(
            &json!([{"op": "remove", "path": "/spec/list/0"}, {"op": "remove", "path": "/spec/none"}]),
            Err("/spec/none: operation 1 (remove) failed: path is invalid"),
        );
        check(
            &json!([{"op": "test", "path": "/spec/list/0", "value": 2}]),
            Err("/spec/list/0: operation 0 (test) failed: value did not match"),
        );
        check(
            &json!([{"op": "jump", "path": "/spec"}]),
            Err(
                "patch: is not a JSON patch (RFC 6902): unknown variant `jump`, expected one of `add`, `remove`, `replace`, `move`, `copy`, `test`",
            ),
        );
    }
}
