//! CustomResourceDefinitions.

use serde_json::{Value, json};

use crate::fields::{at, fill, items, make_object, text};

pub(crate) fn default(definition: &mut Value) {
    let Some(spec) = make_object(definition, "spec") else { return };
    let kind = text(spec, "names.kind").to_owned();
    if let Some(names) = make_object(spec, "names")
        && !kind.is_empty()
    {
        fill(names, "singular", kind.to_lowercase());
        fill(names, "listKind", format!("{kind}List"));
    }
    if let Some(conversion) = make_object(spec, "conversion") {
        fill(conversion, "strategy", "None");
    }
}

/// Nothing is accepted yet, but objects may be stored in this version from now on.
pub(crate) fn prepare_create(definition: &mut Value) {
    let stored: Vec<&str> = storage_version(definition).into_iter().collect();
    let status = json!({ "storedVersions": stored });
    if let Value::Object(fields) = definition {
        fields.insert("status".to_owned(), status);
    }
}

/// A new storage version joins those in which objects may be stored.
pub(crate) fn prepare_update(_old: &Value, new: &mut Value) {
    let Some(version) = storage_version(new).map(str::to_owned) else { return };
    let mut stored = items(new, "status.storedVersions").to_vec();
    if stored.iter().any(|known| *known == version) {
        return;
    }
    stored.push(version.into());
    if let Some(status) = make_object(new, "status").and_then(Value::as_object_mut) {
        status.insert("storedVersions".to_owned(), stored.into());
    }
}

fn storage_version(definition: &Value) -> Option<&str> {
    let versions = items(definition, "spec.versions").iter();
    let storage = versions.into_iter().find(|version| at(version, "storage").as_bool().unwrap_or_default());
    storage.map(|version| text(version, "name"))
}
