//! The volumes of a pod.

use std::collections::BTreeSet;

use bythos_schema::FieldError;

use super::container::check_path_inside;
use super::environment::{check_field_path, check_resource};
use crate::names;
use crate::spot::Spot;

/// Checks all volumes and returns their names.
pub(super) fn check_all<'v>(volumes: &Spot<'v, '_>, errors: &mut Vec<FieldError>) -> BTreeSet<&'v str> {
    let mut known = BTreeSet::new();
    for volume in volumes.items() {
        let name = volume.field("name");
        if name.is_empty() {
            errors.push(name.required(""));
        } else {
            name.check_text(names::rfc1123_label, errors);
            if !known.insert(name.text()) {
                errors.push(name.duplicate());
            }
        }
        check_source(&volume, errors);
    }
    known
}

fn check_source(volume: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let mut is_given = false;
    for (kind, _) in volume.entries().filter(|(name, source)| *name != "name" && source.is_set()) {
        let source = volume.field(kind);
        if is_given {
            errors.push(source.forbidden("may not specify more than 1 volume type"));
            continue;
        }
        is_given = true;
        check_kind(kind, &source, errors);
    }
    if !is_given {
        errors.push(volume.required("must specify a volume type"));
    }
}

fn check_kind(kind: &str, source: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let required = match kind {
        "configMap" => Some("name"),
        "secret" => Some("secretName"),
        "hostPath" => Some("path"),
        "persistentVolumeClaim" => Some("claimName"),
        _ => None,
    };
    if let Some(name) = required
        && source.field(name).is_empty()
    {
        errors.push(source.field(name).required(""));
    }
    check_mode(&source.field("defaultMode"), errors);
    match kind {
        "configMap" | "secret" => check_items(&source.field("items"), errors),
        "downwardAPI" => check_downward_items(&source.field("items"), errors),
        "projected" => check_projected(source, errors),
        _ => {}
    }
}

fn check_projected(projected: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for source in projected.field("sources").items() {
        for kind in ["configMap", "secret"] {
            let one = source.field(kind);
            if one.is_set() && one.field("name").is_empty() {
                errors.push(one.field("name").required(""));
            }
            check_items(&one.field("items"), errors);
        }
        check_downward_items(&source.field("downwardAPI").field("items"), errors);
        let token = source.field("serviceAccountToken");
        if token.is_set() && token.field("path").is_empty() {
            errors.push(token.field("path").required(""));
        }
        let seconds = token.field("expirationSeconds");
        if seconds.integer().is_some_and(|seconds| seconds < 600) {
            errors.push(seconds.invalid("may not specify a duration less than 10 minutes"));
        }
    }
}

fn check_items(items: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for item in items.items() {
        if item.field("key").is_empty() {
            errors.push(item.field("key").required(""));
        }
        check_item_path(&item, errors);
    }
}

fn check_downward_items(items: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let paths =
        ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
    for item in items.items() {
        check_item_path(&item, errors);
        let (field, resource) = (item.field("fieldRef"), item.field("resourceFieldRef"));
        match (field.is_set(), resource.is_set()) {
            (true, true) => {
                errors
                    .push(item.invalid("fieldRef and resourceFieldRef can not be specified simultaneously"));
            }
            (true, false) => check_field_path(&field.field("fieldPath"), &paths, errors),
            (false, true) if resource.field("containerName").is_empty() => {
                errors.push(resource.field("containerName").required(""));
            }
            (false, true) => check_resource(&resource, errors),
            (false, false) => errors.push(item.required("one of fieldRef and resourceFieldRef is required")),
        }
    }
}

fn check_item_path(item: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let path = item.field("path");
    if path.is_empty() {
        errors.push(path.required(""));
    }
    check_path_inside(&path, errors);
    check_mode(&item.field("mode"), errors);
}

fn check_mode(mode: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if mode.integer().is_some_and(|bits| !(0..=0o777).contains(&bits)) {
        errors.push(mode.invalid("must be a number between 0 and 0777 (octal), both inclusive"));
    }
}
