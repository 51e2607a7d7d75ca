//! CustomResourceDefinitions: `apiextensions-apiserver/pkg/apis/apiextensions/validation`.

mod approval;
mod conversion;
mod selectable;

use std::collections::BTreeSet;

use bythos_schema::{FieldError, Schema};
use serde_json::Value;

use super::check_immutable;
use crate::fields::{items, text};
use crate::spot::Spot;
use crate::{json_path, names};

pub(crate) fn validate(definition: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(definition), Vec::new());
    let spec = root.field("spec");
    check_group(&spec.field("group"), &mut errors);
    spec.field("scope").check_supported(&["Cluster", "Namespaced"], &mut errors);
    check_names(&spec.field("names"), &mut errors);
    let expected = format!("{}.{}", text(definition, "spec.names.plural"), text(definition, "spec.group"));
    let metadata = root.field("metadata");
    if metadata.field("name").text() != expected {
        errors.push(metadata.field("name").invalid("must be spec.names.plural+\".\"+spec.group"));
    }
    check_versions(&spec.field("versions"), &mut errors);
    conversion::check(&spec.field("conversion"), &mut errors);
    let preserve = spec.field("preserveUnknownFields");
    if preserve.is_true() {
        errors.push(preserve.invalid(
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
        ));
    }
    approval::check(&root, &mut errors);
    check_stored_versions(
        &root.field("status").field("storedVersions"),
        items(definition, "spec.versions"),
        &mut errors,
    );
    errors
}

pub(crate) fn validate_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let (spec, old) = (root.field("spec"), &old["spec"]);
    check_immutable(&spec.field("group"), &old["group"], &mut errors);
    check_immutable(&spec.field("scope"), &old["scope"], &mut errors);
    for name in ["plural", "kind"] {
        check_immutable(&spec.field("names").field(name), &old["names"][name], &mut errors);
    }
    errors
}

fn check_group(group: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if group.is_empty() {
        errors.push(group.required(""));
        return;
    }
    group.check_text(names::rfc1123_subdomain, errors);
    if !group.text().contains('.') {
        errors.push(group.invalid("should be a domain with at least one dot"));
    }
}

fn check_names(all: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for name in ["plural", "singular", "kind", "listKind"] {
        let spot = all.field(name);
        let is_kind = name.ends_with("ind");
        if spot.is_empty() {
            errors.push(spot.required(""));
        } else if is_kind {
            let complaints = names::rfc1035_label(&spot.text().to_lowercase());
            let words = complaints.into_iter().map(|words| {
                spot.invalid(format!("may have mixed case, but should otherwise match: {words}"))
            });
            errors.extend(words);
        } else {
            spot.check_text(names::rfc1035_label, errors);
        }
    }
    for list in ["shortNames", "categories"] {
        for name in all.field(list).items() {
            name.check_text(names::rfc1035_label, errors);
        }
    }
    let (kind, list_kind) = (all.field("kind"), all.field("listKind"));
    if !kind.is_empty() && kind.text() == list_kind.text() {
        errors.push(list_kind.invalid("kind and listKind may not be the same"));
    }
}

fn check_versions(versions: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let mut known = BTreeSet::new();
    for version in versions.items() {
        let name = version.field("name");
        name.check_text(names::rfc1035_label, errors);
        if !known.insert(name.text()) {
            errors.push(versions.invalid("must contain unique version names"));
        }
        check_deprecation(&version, errors);
        if let Some(schema) = check_schema(&version, errors) {
            selectable::check(&version.field("selectableFields"), &schema, errors);
        }
        for column in version.field("additionalPrinterColumns").items() {
            check_column(&column, errors);
        }
        let scale = version.field("subresources").field("scale").value();
        check_scale(&version, scale, errors);
    }
    if versions.items().filter(|version| version.field("storage").is_true()).count() != 1 {
        errors.push(versions.invalid("must have exactly one version marked as storage version"));
    }
}

/// The schema of a version, if it is one.
fn check_schema(version: &Spot<'_, '_>, errors: &mut Vec<FieldError>) -> Option<Schema> {
    let schema = version.field("schema");
    let open_api = schema.field("openAPIV3Schema");
    if !open_api.is_set() {
        errors.push(open_api.required("schemas are required"));
        return None;
    }
    let has_status = version.value()["subresources"]["status"].is_object();
    let root = open_api.value().as_object().into_iter().flatten();
    let not_allowed = root.map(|(name, _)| name.as_str()).find(|name| NOT_AT_ROOT_WITH_STATUS.contains(name));
    if let Some(name) = not_allowed.filter(|_| has_status) {
        let words = "must not be used at the root of the schema if the status subresource is enabled";
        errors.push(open_api.field(name).forbidden(words));
    }
    match bythos_schema::from_openapi_v3(open_api.value()) {
        Ok(schema) => Some(schema),
        Err(found) => {
            let below = open_api.path();
            errors
                .extend(found.into_iter().map(|error| FieldError { path: below.join(&error.path), ..error }));
            None
        }
    }
}

/// These would no longer hold for a status that is written alone.
const NOT_AT_ROOT_WITH_STATUS: [&str; 4] = ["allOf", "anyOf", "oneOf", "not"];

fn check_deprecation(version: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    const LENGTH_MAX: usize = 256;
    let warning = version.field("deprecationWarning");
    if !warning.is_set() {
        return;
    }
    if !version.field("deprecated").is_true() {
        errors.push(warning.invalid("can only be set for deprecated versions"));
    } else if warning.text().is_empty() {
        errors.push(warning.invalid("must not be an empty string"));
    } else if warning.text().len() > LENGTH_MAX {
        errors.push(warning.invalid("must be <= 256 characters long"));
    } else if warning.text().chars().any(char::is_control) {
        errors.push(warning.invalid("must only contain printable UTF-8 characters; control character found"));
    }
}

fn check_column(column: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if column.field("name").is_empty() {
        errors.push(column.field("name").required(""));
    }
    let types = ["boolean", "date", "integer", "number", "string"];
    column.field("type").check_supported(&types, errors);
    let formats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
    let format = column.field("format");
    if !format.is_empty() {
        format.check_supported(&formats, errors);
    }
    check_json_path(&column.field("jsonPath"), errors);
}

fn check_scale(version: &Spot<'_, '_>, scale: &Value, errors: &mut Vec<FieldError>) {
    if scale.is_null() {
        return;
    }
    let subresources = version.field("subresources");
    let scale = subresources.field("scale");
    for (name, start) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
        let path = scale.field(name);
        if path.is_empty() {
            errors.push(path.required(""));
        } else if !path.text().starts_with(start) {
            errors.push(path.invalid(format!("should be a json path under {}", start.trim_end_matches('.'))));
        }
    }
    let selector = scale.field("labelSelectorPath");
    if !selector.is_empty()
        && !selector.text().starts_with(".spec.")
        && !selector.text().starts_with(".status.")
    {
        errors.push(selector.invalid("should be a json path under either .spec or .status"));
    }
}

fn check_json_path(path: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if path.is_empty() {
        errors.push(path.required(""));
    } else if let Err(words) = json_path::check(path.text()) {
        errors.push(path.invalid(words));
    }
}

/// Objects may be stored in these versions, so that they must stay readable.
fn check_stored_versions(stored: &Spot<'_, '_>, versions: &[Value], errors: &mut Vec<FieldError>) {
    for name in stored.items() {
        if !versions.iter().any(|version| version["name"] == *name.value()) {
            errors.push(name.invalid(format!(
                "missing from spec.versions; {0} was previously a storage version, and must remain in spec.versions \
                 until a storage migration ensures no data remains persisted in {0} and removes {0} from \
                 status.storedVersions",
                name.text()
            )));
        }
    }
}
