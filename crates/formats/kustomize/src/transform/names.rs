//! `namePrefix` and `nameSuffix`.

use serde_json::Value;

use crate::config::FieldSpec;
use crate::field::{self, Missing, scalar_text, set_text};
use crate::resource::Resource;

/// The field whose change renames the object.
const NAME: &str = "metadata/name";

/// Puts `prefix` before names, but not before those that others know.
pub(super) fn put_before(
    resources: &mut [Resource],
    prefix: &str,
    specs: &[FieldSpec],
) -> Result<(), String> {
    change(
        resources,
        specs,
        |resource| resource.prefixes.push(prefix.to_owned()),
        |name| format!("{prefix}{name}"),
    )
}

/// Puts `suffix` after names, but not after those that others know.
pub(super) fn put_after(resources: &mut [Resource], suffix: &str, specs: &[FieldSpec]) -> Result<(), String> {
    change(
        resources,
        specs,
        |resource| resource.suffixes.push(suffix.to_owned()),
        |name| format!("{name}{suffix}"),
    )
}

fn change(
    resources: &mut [Resource],
    specs: &[FieldSpec],
    note: impl Fn(&mut Resource),
    renamed: impl Fn(&str) -> String,
) -> Result<(), String> {
    for resource in resources {
        let original = resource.original_gvk();
        if keeps_its_name(&original.group, &original.kind) {
            continue;
        }
        for spec in specs.iter().filter(|spec| original.is_selected(&spec.gvk)) {
            if spec.path == NAME {
                note(resource);
                resource.remember();
            }
            let mut change = |found: &mut Value| set_text(found, &renamed(&scalar_text(found)));
            field::visit(resource, spec, Missing::MakeText, &mut change)?;
        }
    }
    Ok(())
}

fn keeps_its_name(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        (_, "CustomResourceDefinition" | "Namespace") | ("apiregistration.k8s.io", "APIService")
    )
}
