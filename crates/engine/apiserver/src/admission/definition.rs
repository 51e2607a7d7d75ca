//! CustomResourceDefinitions: refused if they make no sense, and marked as served in the same write.
//!
//! Upstream's controllers set the status some moments later; here whoever created a definition can use it at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Held;
use crate::object;
use crate::policy::objects;
use crate::registry::{DEFINITIONS, storage_version};
use crate::status::Failure;
use crate::write::Writing;

/// Keeps a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

pub(crate) async fn admit<'a>(
    writing: &Writing<'a>,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<Held<'a>, Failure> {
    let guard = writing.state.definitions.lock().await;
    if object::is_ending(new) {
        return Ok(Held::One { _guard: guard });
    }
    let errors = match bythos_kinds::from_definition(new) {
        Ok(_) => bythos_kinds::rule_errors(old, new),
        Err(errors) => errors,
    };
    if !errors.is_empty() {
        return Err(writing.invalid(object::name(new), errors));
    }
    hold_until_clean(new);
    let names = names_of(new);
    let refusal = name_conflict(writing, new, &names);
    let status = status(old, new, &names, refusal.as_deref());
    object::set_field(new, "status", Some(status));
    Ok(Held::One { _guard: guard })
}

fn hold_until_clean(definition: &mut Value) {
    let mut finalizers: Vec<String> = object::finalizers(definition).into_iter().map(str::to_owned).collect();
    if !finalizers.iter().any(|finalizer| finalizer == CLEANUP) {
        finalizers.push(CLEANUP.to_owned());
        object::set_meta(definition, "finalizers", Some(json!(finalizers)));
    }
}

/// `spec.names`, with what is left out filled in.
fn names_of(definition: &Value) -> Value {
    let mut names = definition.pointer("/spec/names").cloned().unwrap_or_else(|| json!({}));
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let fields = object::fields_mut(&mut names);
    fields.entry("singular").or_insert_with(|| json!(kind.to_lowercase()));
    fields.entry("listKind").or_insert_with(|| json!(format!("{kind}List")));
    names
}

/// Why the names cannot be had: others of the group have one of them.
fn name_conflict(writing: &Writing<'_>, definition: &Value, names: &Value) -> Option<String> {
    let group = object::text_at(definition, "/spec/group").unwrap_or_default();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for other in objects(&writing.state.store, DEFINITIONS) {
        let is_other = object::name(&other) != object::name(definition);
        if is_other && object::text_at(&other, "/spec/group") == Some(group) {
            let accepted = other.pointer("/status/acceptedNames").unwrap_or(&Value::Null);
            taken.extend(resource_names(accepted).chain(kind_names(accepted)).map(str::to_owned));
        }
    }
    let registry = writing.state.registry();
    let built_in = registry.kinds().iter().filter(|served| !served.is_custom() && served.kind.group == group);
    for kind in built_in.map(|served| &served.kind) {
        taken.extend([&kind.plural, &kind.singular, &kind.kind].map(ToString::to_string));
        taken.extend(kind.short_names.iter().map(ToString::to_string));
    }
    let conflicting: Vec<&str> =
        resource_names(names).chain(kind_names(names)).filter(|name| taken.contains(*name)).collect();
    let first = conflicting.first()?;
    Some(format!("{first:?} is already in use"))
}

fn resource_names(names: &Value) -> impl Iterator<Item = &str> {
    let single = ["plural", "singular"].into_iter().filter_map(|field| names.get(field)?.as_str());
    single.chain(object::strings(names.get("shortNames")))
}

fn kind_names(names: &Value) -> impl Iterator<Item = &str> {
    ["kind", "listKind"].into_iter().filter_map(|field| names.get(field)?.as_str())
}

fn status(old: Option<&Value>, new: &Value, names: &Value, refusal: Option<&str>) -> Value {
    let old_status = old.and_then(|old| old.get("status")).cloned().unwrap_or_else(|| json!({}));
    let was_established = is_true(&old_status, "Established");
    let accepted_names = match refusal {
        None => names.clone(),
        Some(_) => {
            old_status.get("acceptedNames").cloned().unwrap_or_else(|| json!({"kind": "", "plural": ""}))
        }
    };
    let names_accepted = match refusal {
        None => condition(&old_status, "NamesAccepted", true, "NoConflicts", "no conflicts found"),
        Some(why) => condition(&old_status, "NamesAccepted", false, "NameConflict", why),
    };
    let established = if refusal.is_none() || was_established {
        condition(
            &old_status,
            "Established",
            true,
            "InitialNamesAccepted",
            "the initial names have been accepted",
        )
    } else {
        condition(&old_status, "Established", false, "NotAccepted", "not all names are accepted")
    };
    let mut stored: Vec<String> =
        object::strings(old_status.get("storedVersions")).into_iter().map(str::to_owned).collect();
    if let Some(storage) = storage_version(new).filter(|storage| !stored.iter().any(|known| known == storage))
    {
        stored.push(storage.to_owned());
    }
    json!({
        "conditions": [names_accepted, established],
        "acceptedNames": accepted_names,
        "storedVersions": stored,
    })
}

fn find<'a>(status: &'a Value, type_: &str) -> Option<&'a Value> {
    let conditions = status.get("conditions")?.as_array()?;
    conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(type_))
}

fn is_true(status: &Value, type_: &str) -> bool {
    find(status, type_)
        .is_some_and(|condition| condition.get("status").and_then(Value::as_str) == Some("True"))
}

/// A condition whose time of transition moves only with its status.
fn condition(old_status: &Value, type_: &str, holds: bool, reason: &str, message: &str) -> Value {
    let unchanged = find(old_status, type_).filter(|_| is_true(old_status, type_) == holds);
    let since = unchanged.and_then(|old| old.get("lastTransitionTime")?.as_str());
    json!({
        "type": type_,
        "status": if holds { "True" } else { "False" },
        "reason": reason,
        "message": message,
        "lastTransitionTime": since.map_or_else(object::now, str::to_owned),
    })
}
