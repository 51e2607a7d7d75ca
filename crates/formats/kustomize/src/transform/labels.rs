//! `labels`, `commonLabels` and `commonAnnotations`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::FieldSpec;
use crate::field::{self, Missing};
use crate::reader::kind_of;
use crate::resource::Resource;

/// Puts pairs into the maps that the specifications mean.
pub(super) fn set(
    resources: &mut [Resource],
    pairs: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<(), String> {
    if pairs.is_empty() {
        return Ok(());
    }
    for resource in resources {
        for spec in specs {
            field::visit(resource, spec, Missing::MakeMap, &mut |found| put(found, pairs))?;
        }
    }
    Ok(())
}

fn put(found: &mut Value, pairs: &BTreeMap<String, String>) -> Result<(), String> {
    match found {
        Value::Null => Ok(()),
        Value::Object(map) => {
            map.extend(pairs.iter().map(|(key, text)| (key.clone(), Value::String(text.clone()))));
            Ok(())
        }
        other => Err(format!("expected a map, found {}", kind_of(other))),
    }
}
