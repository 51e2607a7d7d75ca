//! Volumes, claims and classes of storage.

use serde_json::Value;

use super::{age, column, text_at, text_or_none, wide};
use crate::Column;
use crate::fields::{items, text};

pub(crate) fn claim() -> Vec<Column> {
    vec![
        column("Status", |claim| {
            if claim["metadata"]["deletionTimestamp"].is_null() {
                text_at(claim, "status.phase")
            } else {
                "Terminating".into()
            }
        }),
        column("Volume", |claim| text_at(claim, "spec.volumeName")),
        // What was asked for is no capacity: before it is bound, a claim has none.
        column("Capacity", |claim| match text(claim, "spec.volumeName") {
            "" => "".into(),
            _ => text_at(claim, "status.capacity.storage"),
        }),
        column("Access Modes", |claim| match text(claim, "spec.volumeName") {
            "" => "".into(),
            _ => access_modes(claim, "status.accessModes"),
        }),
        column("StorageClass", |claim| text_at(claim, "spec.storageClassName")),
        column("VolumeAttributesClass", attributes_class_of),
        age(),
        wide(column("VolumeMode", |claim| text_at(claim, "spec.volumeMode"))),
    ]
}

pub(crate) fn volume() -> Vec<Column> {
    vec![
        column("Capacity", |volume| text_at(volume, "spec.capacity.storage")),
        column("Access Modes", |volume| access_modes(volume, "spec.accessModes")),
        column("Reclaim Policy", |volume| text_at(volume, "spec.persistentVolumeReclaimPolicy")),
        column("Status", |volume| {
            if volume["metadata"]["deletionTimestamp"].is_null() {
                text_at(volume, "status.phase")
            } else {
                "Terminating".into()
            }
        }),
        column("Claim", |volume| match text(volume, "spec.claimRef.name") {
            "" => "".into(),
            name => format!("{}/{name}", text(volume, "spec.claimRef.namespace")).into(),
        }),
        column("StorageClass", |volume| text_at(volume, "spec.storageClassName")),
        column("VolumeAttributesClass", attributes_class_of),
        column("Reason", |volume| text_at(volume, "status.reason")),
        age(),
        wide(column("VolumeMode", |volume| text_at(volume, "spec.volumeMode"))),
    ]
}

fn attributes_class_of(object: &Value) -> Value {
    match text(object, "spec.volumeAttributesClassName") {
        "" => "<unset>".into(),
        name => name.into(),
    }
}

pub(crate) fn attributes_class() -> Vec<Column> {
    vec![column("DriverName", |class| text_at(class, "driverName")), age()]
}

/// The name of a class tells whether it is the one that is taken where none is asked for.
fn name_of_class(class: &Value) -> Value {
    const IS_DEFAULT: [&str; 2] =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
    let annotations = &class["metadata"]["annotations"];
    let is_default = IS_DEFAULT.iter().any(|name| annotations[name] == "true");
    let name = text(class, "metadata.name");
    if is_default { format!("{name} (default)").into() } else { name.into() }
}

pub(crate) fn class() -> Vec<Column> {
    let name = column("Name", name_of_class);
    vec![
        Column { format: "name".into(), ..name },
        column("Provisioner", |class| text_at(class, "provisioner")),
        column("ReclaimPolicy", |class| text_or_none(class, "reclaimPolicy")),
        column("VolumeBindingMode", |class| text_or_none(class, "volumeBindingMode")),
        column("AllowVolumeExpansion", |class| {
            class["allowVolumeExpansion"].as_bool().unwrap_or_default().into()
        }),
        age(),
    ]
}

fn access_modes(object: &Value, path: &str) -> Value {
    let modes: Vec<&str> = items(object, path)
        .iter()
        .filter_map(|mode| match mode.as_str()? {
            "ReadWriteOnce" => Some("RWO"),
            "ReadOnlyMany" => Some("ROX"),
            "ReadWriteMany" => Some("RWX"),
            "ReadWriteOncePod" => Some("RWOP"),
            _ => None,
        })
        .collect();
    modes.join(",").into()
}

pub(crate) fn attachment() -> Vec<Column> {
    vec![
        column("Attacher", |attachment| text_at(attachment, "spec.attacher")),
        column("PV", |attachment| text_at(attachment, "spec.source.persistentVolumeName")),
        column("Node", |attachment| text_at(attachment, "spec.nodeName")),
        column("Attached", |attachment| is_true(attachment, "status.attached")),
        age(),
    ]
}

pub(crate) fn driver() -> Vec<Column> {
    let modes = |driver: &Value| {
        let modes: Vec<&str> =
            items(driver, "spec.volumeLifecycleModes").iter().filter_map(Value::as_str).collect();
        super::all_joined(modes.into_iter())
    };
    vec![
        column("AttachRequired", |driver| is_true(driver, "spec.attachRequired")),
        column("PodInfoOnMount", |driver| is_true(driver, "spec.podInfoOnMount")),
        column("StorageCapacity", |driver| is_true(driver, "spec.storageCapacity")),
        column("TokenRequests", |driver| match items(driver, "spec.tokenRequests").len() {
            0 => "<unset>".into(),
            count => count.to_string().into(),
        }),
        column("RequiresRepublish", |driver| is_true(driver, "spec.requiresRepublish")),
        column("Modes", modes),
        age(),
    ]
}

pub(crate) fn drivers_of_node() -> Vec<Column> {
    vec![super::count("Drivers", |node| items(node, "spec.drivers").len().into()), age()]
}

pub(crate) fn capacity() -> Vec<Column> {
    vec![
        column("StorageClassName", |capacity| text_at(capacity, "storageClassName")),
        column("Capacity", |capacity| text_at(capacity, "capacity")),
        age(),
    ]
}

fn is_true(object: &Value, path: &str) -> Value {
    crate::fields::at(object, path).as_bool().unwrap_or_default().to_string().into()
}
