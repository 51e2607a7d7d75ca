//! `replicas`.

use serde_json::Value;

use crate::config::FieldSpec;
use crate::field::{self, Missing};
use crate::resource::Resource;

/// Sets how often the object of a name runs.
pub(super) fn set(
    resources: &mut [Resource],
    name: &str,
    count: i64,
    specs: &[FieldSpec],
) -> Result<(), String> {
    let mut is_found = false;
    for spec in specs {
        for resource in resources.iter_mut() {
            let is_called = |it: &crate::resource::Identity, group: &str, version: &str| {
                it.name == name && spec.gvk.selects(group, version, &it.kind)
            };
            if !resource.identities().any(|it| is_called(&it, resource.group(), resource.version())) {
                continue;
            }
            is_found = true;
            field::visit(resource, spec, Missing::MakeText, &mut |found| {
                *found = Value::from(count);
                Ok(())
            })?;
        }
    }
    let kinds: Vec<&str> = specs.iter().map(|spec| spec.gvk.kind.as_str()).collect();
    if is_found { Ok(()) } else { Err(format!("there is no {} called {name:?}", kinds.join(", "))) }
}
