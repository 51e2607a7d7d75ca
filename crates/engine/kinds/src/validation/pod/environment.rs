//! The environment of a container.

use bythos_schema::FieldError;
use serde_json::Value;

use crate::Quantity;
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

const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
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
    check_resource(&source.field("resourceFieldRef"), errors);
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

/// Checks a reference to what a container requests or is limited to.
pub(super) fn check_resource(reference: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let resource = reference.field("resource");
    if !reference.is_set() {
        return;
    }
    if resource.is_empty() {
        errors.push(resource.required(""));
        return;
    }
    let is_of_pages =
        ["limits.hugepages-", "requests.hugepages-"].iter().any(|start| resource.text().starts_with(start));
    if !is_of_pages {
        resource.check_supported(&RESOURCES, errors);
    }
    check_divisor(&reference.field("divisor"), resource.text(), errors);
}

fn check_divisor(divisor: &Spot<'_, '_>, resource: &str, errors: &mut Vec<FieldError>) {
    const CPU: [&str; 2] = ["1m", "1"];
    const BYTES: [&str; 13] =
        ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    let Some((_, name)) = resource.split_once('.') else { return };
    let supported = if name == "cpu" { CPU.as_slice() } else { BYTES.as_slice() };
    let amount = match Quantity::from_value(divisor.value()) {
        // What is not said is 1.
        Ok(amount) if amount != Quantity::ZERO => amount,
        _ => return,
    };
    if !supported.iter().any(|text| Quantity::from_value(&Value::from(*text)) == Ok(amount)) {
        let list = if name == "cpu" { "1m and 1".to_owned() } else { BYTES.join(", ") };
        errors.push(
            divisor.invalid(format!("only divisor's values {list} are supported with the {name} resource")),
        );
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
