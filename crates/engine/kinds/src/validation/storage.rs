//! Claims, volumes and classes of storage.

use std::collections::BTreeSet;

use bythos_schema::FieldError;
use serde_json::Value;

use super::check_immutable;
use super::quantity::check_quantity;
use crate::Quantity;
use crate::fields::{at, text};
use crate::names;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
/// Fields of a volume that say no source.
const NOT_SOURCES: [&str; 9] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
];

pub(crate) fn claim(claim: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(claim), Vec::new());
    check_claim_spec(&root.field("spec"), &mut errors);
    errors
}

/// Checks the spec of a claim or of a template of claims.
pub(crate) fn check_claim_spec(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    check_access_modes(&spec.field("accessModes"), errors);
    if spec.field("selector").is_set() {
        validate_label_selector(&spec.field("selector"), errors);
    }
    let resources = spec.field("resources");
    let requests = resources.field("requests");
    let storage = requests.field("storage");
    if storage.is_set() {
        check_positive(&storage, errors);
    } else {
        errors.push(FieldError::required(requests.path().key("storage"), ""));
    }
    check_shape(spec, errors);
}

fn check_access_modes(modes: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if modes.is_empty() {
        errors.push(modes.required("at least 1 access mode is required"));
    }
    let mut known = BTreeSet::new();
    for mode in modes.items() {
        // The place is that of the list, as upstream has it.
        if !ACCESS_MODES.contains(&mode.text()) {
            errors.push(FieldError { path: modes.path(), ..mode.unsupported(&ACCESS_MODES) });
        }
        known.insert(mode.text());
    }
    if known.len() > 1 && known.contains("ReadWriteOncePod") {
        errors.push(modes.forbidden("may not use ReadWriteOncePod with other access modes"));
    }
}

/// What claims and volumes have in common: the class and the mode.
fn check_shape(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let class = spec.field("storageClassName");
    if !class.is_empty() {
        class.check_text(names::rfc1123_subdomain, errors);
    }
    let mode = spec.field("volumeMode");
    if !mode.is_empty() {
        mode.check_supported(&["Block", "Filesystem"], errors);
    }
}

fn check_positive(amount: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    check_quantity(amount, errors);
    if Quantity::from_value(amount.value()) == Ok(Quantity::ZERO) {
        errors.push(amount.invalid("must be greater than zero"));
    }
}

/// A claim stays what it is, but for what binds it, and for its size once it is bound.
pub(crate) fn claim_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let spec = root.field("spec");
    let fixed = |claim: &Value| {
        let mut spec = claim["spec"].clone();
        if let Value::Object(fields) = &mut spec {
            fields.remove("volumeAttributesClassName");
            if let Some(Value::Object(resources)) = fields.get_mut("resources") {
                resources.remove("requests");
            }
            if text(old, "spec.volumeName").is_empty() {
                fields.remove("volumeName");
            }
            if at(old, "spec.storageClassName").is_null() {
                fields.remove("storageClassName");
            }
        }
        spec
    };
    let size = |claim: &Value| Quantity::from_value(at(claim, "spec.resources.requests.storage")).ok();
    let is_bound = text(old, "status.phase") == "Bound";
    if fixed(old) != fixed(new) || (!is_bound && size(old) != size(new)) {
        errors.push(spec.forbidden(
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
        ));
    }
    if is_bound && size(new) < size(old) {
        let resources = spec.field("resources");
        let requests = resources.field("requests");
        errors.push(FieldError::forbidden(
            requests.path().field("storage"),
            "field can not be less than status.capacity",
        ));
    }
    errors
}

pub(crate) fn volume(volume: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(volume), Vec::new());
    let spec = root.field("spec");
    check_access_modes(&spec.field("accessModes"), &mut errors);
    check_capacity(&spec.field("capacity"), &mut errors);
    check_source(&spec, &mut errors);
    spec.field("persistentVolumeReclaimPolicy")
        .check_supported(&["Delete", "Recycle", "Retain"], &mut errors);
    check_shape(&spec, &mut errors);
    errors
}

fn check_capacity(capacity: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if capacity.is_empty() {
        errors.push(capacity.required(""));
        return;
    }
    for (name, amount) in capacity.entries() {
        if name == "storage" {
            check_positive(&amount, errors);
        } else {
            errors.push(capacity.unsupported(&["storage"]));
        }
    }
}

fn check_source(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let mut sources = spec.entries().filter(|(name, source)| !NOT_SOURCES.contains(name) && source.is_set());
    let Some((name, _)) = sources.next() else {
        errors.push(spec.required("must specify a volume type"));
        return;
    };
    let source = spec.field(name);
    match name {
        "hostPath" | "local" => check_path(&source.field("path"), errors),
        "nfs" => {
            for field in ["server", "path"] {
                if source.field(field).is_empty() {
                    errors.push(source.field(field).required(""));
                }
            }
        }
        "csi" => {
            for field in ["driver", "volumeHandle"] {
                if source.field(field).is_empty() {
                    errors.push(source.field(field).required(""));
                }
            }
        }
        _ => {}
    }
    if name == "local" && spec.field("nodeAffinity").field("required").is_empty() {
        errors.push(spec.field("nodeAffinity").required("Local volume requires node affinity"));
    }
    for (name, _) in sources {
        errors.push(spec.field(name).forbidden("may not specify more than 1 volume type"));
    }
}

fn check_path(path: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if path.is_empty() {
        errors.push(path.required(""));
    } else if path.text().split('/').any(|part| part == "..") {
        errors.push(path.invalid("must not contain '..'"));
    }
}

pub(crate) fn volume_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let spec = root.field("spec");
    let source = |volume: &Value| {
        let mut spec = volume["spec"].clone();
        if let Value::Object(fields) = &mut spec {
            NOT_SOURCES.iter().for_each(|field| drop(fields.remove(*field)));
        }
        spec
    };
    if source(old) != source(new) {
        let path = spec.path().field("persistentvolumesource");
        errors.push(FieldError::forbidden(path, "spec.persistentvolumesource is immutable after creation"));
    }
    check_immutable(&spec.field("volumeMode"), at(old, "spec.volumeMode"), &mut errors);
    if !at(old, "spec.nodeAffinity").is_null() {
        check_immutable(&spec.field("nodeAffinity"), at(old, "spec.nodeAffinity"), &mut errors);
    }
    errors
}

pub(crate) fn class(class: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(class), Vec::new());
    let provisioner = root.field("provisioner");
    if provisioner.is_empty() {
        errors.push(provisioner.required(""));
    } else {
        errors.extend(
            names::qualified_name(&provisioner.text().to_lowercase())
                .into_iter()
                .map(|words| provisioner.invalid(words)),
        );
    }
    root.field("reclaimPolicy").check_supported(&["Delete", "Retain"], &mut errors);
    root.field("volumeBindingMode").check_supported(&["Immediate", "WaitForFirstConsumer"], &mut errors);
    for (key, value) in root.field("parameters").entries() {
        if key.is_empty() {
            errors.push(value.invalid_value(key, "field must not be empty"));
        }
    }
    errors
}

pub(crate) fn class_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    for field in ["parameters", "provisioner", "reclaimPolicy"] {
        if old[field] != new[field] {
            errors.push(root.field(field).forbidden(format!("updates to {field} are forbidden.")));
        }
    }
    check_immutable(&root.field("volumeBindingMode"), &old["volumeBindingMode"], &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    fn good_claim() -> Value {
        json!({"spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "local",
            "volumeMode": "Filesystem",
        }})
    }

    #[test]
    fn a_claim_says_how_much_and_how_it_is_used() {
        check(&claim(&good_claim()), &[]);
        check(
            &claim(&json!({"spec": {"accessModes": ["Sometimes"], "volumeMode": "Tape"}})),
            &[
                r#"spec.accessModes: Unsupported value: "Sometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod""#,
                "spec.resources.requests[storage]: Required value",
                r#"spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem""#,
            ],
        );
    }

    #[test]
    fn a_claim_changes_only_by_being_bound_and_by_growing() {
        let mut bound = good_claim();
        bound["spec"]["volumeName"] = json!("pv");
        check(&claim_update(&good_claim(), &bound), &[]);
        bound["status"] = json!({"phase": "Bound"});
        let mut grown = bound.clone();
        grown["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
        check(&claim_update(&bound, &grown), &[]);
        check(
            &claim_update(&grown, &bound),
            &["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
        );
        let mut other = bound.clone();
        other["spec"]["volumeName"] = json!("other");
        check(
            &claim_update(&bound, &other),
            &["spec: Forbidden: spec is immutable after creation except resources.requests and \
                 volumeAttributesClassName for bound claims"],
        );
    }

    #[test]
    fn a_volume_has_one_source_and_keeps_it() {
        let with = |source: Value| {
            let mut spec = json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}});
            spec.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
            json!({"spec": spec})
        };
        let path = json!({"hostPath": {"path": "/srv"}});
        check(&volume(&with(path.clone())), &[]);
        check(&volume(&with(json!({}))), &["spec: Required value: must specify a volume type"]);
        check(
            &volume(&with(json!({"hostPath": {"path": "/a/../b"}, "nfs": {"server": "s", "path": "/"}}))),
            &[
                r#"spec.hostPath.path: Invalid value: "/a/../b": must not contain '..'"#,
                "spec.nfs: Forbidden: may not specify more than 1 volume type",
            ],
        );
        check(
            &volume(&with(json!({"local": {"path": "/srv"}}))),
            &["spec.nodeAffinity: Required value: Local volume requires node affinity"],
        );
        check(
            &volume_update(&with(path), &with(json!({"hostPath": {"path": "/else"}}))),
            &[
                "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
            ],
        );
    }

    #[test]
    fn a_class_keeps_its_promises() {
        let good = json!({"provisioner": "example.com/disk", "reclaimPolicy": "Delete"});
        check(&class(&good), &[]);
        check(
            &class(&json!({"reclaimPolicy": "Recycle"})),
            &[
                "provisioner: Required value",
                r#"reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain""#,
            ],
        );
        let other = json!({"provisioner": "example.com/tape", "reclaimPolicy": "Delete"});
        check(
            &class_update(&good, &other),
            &["provisioner: Forbidden: updates to provisioner are forbidden."],
        );
    }
}
