//! Any object of any built-in kind: schema, defaults, rules of the kind, columns, and the other versions of it. A second
//! object is what it becomes by an update.

#![no_main]

use std::sync::LazyLock;

use bythos_fuzz::parts;
use bythos_kinds::{Kind, built_in, cell, validate_metadata, validate_metadata_update};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(built_in);

fuzz_target!(|input: &str| {
    let texts = parts::<2>(input).unwrap_or([input, input]);
    let [Some(old), Some(new)] = texts.map(|text| serde_json::from_str::<Value>(text).ok()) else { return };
    let is_kind = |kind: &&Kind| new["kind"] == *kind.kind && new["apiVersion"] == *kind.api_version();
    let Some(kind) = KINDS.iter().find(is_kind) else { return };
    let (Some(mut old), Some(mut new)) = (accepted(kind, old), accepted(kind, new)) else { return };
    (kind.rules.prepare_create)(&mut old);
    let _refused = validate_metadata(kind, &old);
    let _refused = (kind.rules.validate)(&old);
    (kind.rules.prepare_update)(&old, &mut new);
    let _refused = validate_metadata_update(&old, &new);
    let _refused = (kind.rules.validate_update)(&old, &new);
    for column in &kind.columns {
        cell(column, &new, Timestamp::UNIX_EPOCH);
    }
    for (_, field) in kind.rules.selectable_fields {
        field(&new);
    }
});

/// What goes on to the rules of the kind.
fn accepted(kind: &Kind, mut object: Value) -> Option<Value> {
    let schema = kind.schema()?;
    schema.prune(&mut object);
    schema.fill_defaults(&mut object);
    if !object.is_object() || !schema.validate(&object).is_empty() {
        return None;
    }
    (kind.rules.default)(&mut object);
    Some(object)
}
