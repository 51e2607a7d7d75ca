//! What drivers of volumes bring and report: `pkg/apis/storage/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use super::check_immutable;
use super::quantity::check_quantity;
use crate::names;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

const MOUNTED_AS: [&str; 3] = ["File", "None", "ReadWriteOnceWithFSType"];

pub(crate) fn driver(driver: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(driver), Vec::new());
    let (metadata, spec) = (root.field("metadata"), root.field("spec"));
    metadata.field("name").check_text(names::driver_name, &mut errors);
    for field in ["attachRequired", "podInfoOnMount", "storageCapacity"] {
        if !spec.field(field).is_set() {
            errors.push(spec.field(field).required(""));
        }
    }
    for mode in spec.field("volumeLifecycleModes").items() {
        mode.check_supported(&["Ephemeral", "Persistent"], &mut errors);
    }
    spec.field("fsGroupPolicy").check_supported(&MOUNTED_AS, &mut errors);
    spec.field("tokenRequests").check_unique("audience", &mut errors);
    errors
}

/// How a driver is reached stays.
pub(crate) fn driver_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let spec = root.field("spec");
    for field in ["attachRequired", "volumeLifecycleModes"] {
        check_immutable(&spec.field(field), &old["spec"][field], &mut errors);
    }
    errors
}

pub(crate) fn drivers_of_node(node: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(node), Vec::new());
    let spec = root.field("spec");
    let drivers = spec.field("drivers");
    drivers.check_unique("name", &mut errors);
    for driver in drivers.items() {
        check_driver_of_node(&driver, &mut errors);
    }
    errors
}

fn check_driver_of_node(driver: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if driver.field("name").check_given("", errors) {
        driver.field("name").check_text(names::driver_name, errors);
    }
    driver.field("nodeID").check_given("", errors);
    for key in driver.field("topologyKeys").items() {
        key.check_text(names::qualified_name, errors);
    }
    driver.field("allocatable").field("count").check_not_negative(errors);
}

pub(crate) fn capacity(capacity: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(capacity), Vec::new());
    let class = root.field("storageClassName");
    if class.check_given("", &mut errors) {
        class.check_text(names::rfc1123_subdomain, &mut errors);
    }
    if root.field("nodeTopology").is_set() {
        validate_label_selector(&root.field("nodeTopology"), &mut errors);
    }
    for amount in ["capacity", "maximumVolumeSize"] {
        if root.field(amount).is_set() {
            check_quantity(&root.field(amount), &mut errors);
        }
    }
    errors
}

/// Only the amounts change.
pub(crate) fn capacity_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    for field in ["nodeTopology", "storageClassName"] {
        check_immutable(&root.field(field), &old[field], &mut errors);
    }
    errors
}

pub(crate) fn attachment(attachment: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(attachment), Vec::new());
    let spec = root.field("spec");
    if spec.field("attacher").check_given("", &mut errors) {
        spec.field("attacher").check_text(names::driver_name, &mut errors);
    }
    let source = spec.field("source");
    let (volume, inline) = (source.field("persistentVolumeName"), source.field("inlineVolumeSpec"));
    match (volume.is_set(), inline.is_set()) {
        (false, false) => errors
            .push(source.required("must specify exactly one of inlineVolumeSpec and persistentVolumeName")),
        (true, true) => errors
            .push(source.forbidden("must specify exactly one of inlineVolumeSpec and persistentVolumeName")),
        (true, false) => {
            volume.check_given("", &mut errors);
        }
        (false, true) => {}
    }
    if spec.field("nodeName").check_given("", &mut errors) {
        spec.field("nodeName").check_text(names::rfc1123_subdomain, &mut errors);
    }
    errors
}

pub(crate) fn attachment_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    check_immutable(&root.field("spec"), &old["spec"], &mut errors);
    errors
}

pub(crate) fn attributes_class(class: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(class), Vec::new());
    let (driver, parameters) = (root.field("driverName"), root.field("parameters"));
    if driver.check_given("", &mut errors) {
        driver.check_text(names::driver_name, &mut errors);
    }
    parameters.check_given("must contain at least one key/value pair", &mut errors);
    for (key, value) in parameters.entries().filter(|(key, _)| key.is_empty()) {
        errors.push(value.invalid_value(key, "field must not be empty"));
    }
    errors
}

pub(crate) fn attributes_class_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    for field in ["driverName", "parameters"].into_iter().filter(|field| old[*field] != new[*field]) {
        errors.push(root.field(field).forbidden(format!("updates to {field} are forbidden.")));
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    #[test]
    fn a_driver_says_how_it_is_used() {
        let with = |field: &str, value: Value| {
            let mut spec = json!({"attachRequired": true, "podInfoOnMount": false, "storageCapacity": false});
            spec[field] = value;
            driver(&json!({"metadata": {"name": "disk.example.com"}, "spec": spec}))
        };
        check(&with("fsGroupPolicy", json!("File")), &[]);
        check(&with("attachRequired", Value::Null), &["spec.attachRequired: Required value"]);
        check(
            &with("volumeLifecycleModes", json!(["Forever"])),
            &[
                r#"spec.volumeLifecycleModes[0]: Unsupported value: "Forever": supported values: "Ephemeral", "Persistent""#,
            ],
        );
    }

    #[test]
    fn a_node_reports_each_driver_once() {
        let one = json!({"name": "disk.example.com", "nodeID": "1"});
        check(&drivers_of_node(&json!({"spec": {"drivers": [one]}})), &[]);
        check(
            &drivers_of_node(&json!({"spec": {"drivers": [one, {"name": "disk.example.com"}]}})),
            &[
                r#"spec.drivers[1].name: Duplicate value: "disk.example.com""#,
                "spec.drivers[1].nodeID: Required value",
            ],
        );
    }

    #[test]
    fn a_capacity_is_that_of_a_class() {
        check(&capacity(&json!({"storageClassName": "disk", "capacity": "1Gi"})), &[]);
        check(
            &capacity(&json!({"capacity": "-1"})),
            &[
                "storageClassName: Required value",
                r#"capacity: Invalid value: "-1": must be greater than or equal to 0"#,
            ],
        );
    }

    #[test]
    fn an_attachment_is_one_of_a_volume_to_a_node() {
        let of = |source: Value| json!({"spec": {"attacher": "disk.example.com", "nodeName": "one", "source": source}});
        let good = of(json!({"persistentVolumeName": "pv"}));
        check(&attachment(&good), &[]);
        check(
            &attachment(&of(json!({}))),
            &[
                "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
            ],
        );
        let found = attachment_update(&good, &of(json!({"persistentVolumeName": "other"})));
        assert_eq!(found[0].path.to_string(), "spec");
    }

    #[test]
    fn a_class_of_attributes_keeps_them() {
        let class = json!({"driverName": "disk.example.com", "parameters": {"iops": "100"}});
        check(&attributes_class(&class), &[]);
        check(
            &attributes_class(&json!({})),
            &[
                "driverName: Required value",
                "parameters: Required value: must contain at least one key/value pair",
            ],
        );
        let other = json!({"driverName": "disk.example.com", "parameters": {"iops": "200"}});
        check(
            &attributes_class_update(&class, &other),
            &["parameters: Forbidden: updates to parameters are forbidden."],
        );
    }
}
