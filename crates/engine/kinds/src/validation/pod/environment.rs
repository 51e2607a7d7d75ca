//! The environment of a container.

use bythos_schema::FieldError;

use crate::names;
use crate::spot::Spot;

const FIELD_PATHS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

pub(super) fn check(container: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for variable in container.field("env").items() {
        let (name, source) = (variable.field("name"), variable.field("valueFrom"));
        if name.is_empty() {
            errors.push(name.required(""));
        } else {
            name.check_text(names::environment_variable, errors);
        }
        if source.is_set() {
            if !variable.field("value").is_empty() {
                errors.push(source.invalid_value("", "may not be specified when `value` is not empty"));
            }
            check_source(&source, errors);
        }
    }
    for source in container.field("envFrom").items() {
        check_bulk_source(&source, errors);
    }
}

fn check_source(source: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let kinds = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    let given = kinds.iter().filter(|kind| source.field(kind).is_set()).count();
    if given == 0 {
        let words =
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";
        errors.push(source.invalid_value("", words));
    } else if given > 1 {
        errors.push(source.invalid_value("", "may not have more than one field specified at a time"));
    }
    let field = source.field("fieldRef");
    if field.is_set() {
        check_field_path(&field.field("fieldPath"), &FIELD_PATHS, errors);
    }
    for kind in ["configMapKeyRef", "secretKeyRef"] {
        let reference = source.field(kind);
        if reference.is_set() {
            check_key_reference(&reference, errors);
        }
    }
}

fn check_key_reference(reference: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (name, key) = (reference.field("name"), reference.field("key"));
    if name.is_empty() {
        errors.push(name.required(""));
    }
    if key.is_empty() {
        errors.push(key.required(""));
    } else {
        key.check_text(names::config_key, errors);
    }
}

/// Checks a path of the downward API: a supported one, or one label or annotation.
pub(super) fn check_field_path(path: &Spot<'_, '_>, supported: &[&str], errors: &mut Vec<FieldError>) {
    let text = path.text();
    let keyed = ["metadata.labels['", "metadata.annotations['"].iter().any(|start| {
        text.strip_prefix(start).and_then(|rest| rest.strip_suffix("']")).is_some_and(|key| !key.is_empty())
    });
    if text.is_empty() {
        errors.push(path.required(""));
    } else if !keyed {
        path.check_supported(supported, errors);
    }
}

fn check_bulk_source(source: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let prefix = source.field("prefix");
    if !prefix.is_empty() {
        prefix.check_text(names::environment_variable, errors);
    }
    let given: Vec<&str> =
        ["configMapRef", "secretRef"].into_iter().filter(|kind| source.field(kind).is_set()).collect();
    match given[..] {
        [] => errors.push(source.invalid_value("", "must specify one of: `configMapRef` or `secretRef`")),
        [kind] => {
            let reference = source.field(kind);
            if reference.field("name").is_empty() {
                errors.push(reference.field("name").required(""));
            }
        }
        _ => errors.push(source.invalid_value("", "may not have more than one field specified at a time")),
    }
}
