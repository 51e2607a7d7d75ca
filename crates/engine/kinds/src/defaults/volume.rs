//! Volumes of a pod, and the claims, volumes and classes of storage.

use serde_json::{Value, json};

use super::quantity;
use crate::fields::{fill, items_in, make_object};

/// Files are readable for everybody and written by their owner: 0644.
const FILE_MODE: i64 = 0o644;

/// A volume of a pod. One without a source is an empty folder.
pub(crate) fn default(volume: &mut Value) {
    let has_source = volume
        .as_object()
        .is_some_and(|fields| fields.iter().any(|(name, source)| name != "name" && !source.is_null()));
    if !has_source {
        fill(volume, "emptyDir", json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.get_mut(source) {
            fill(source, "defaultMode", FILE_MODE);
        }
    }
    if let Some(Value::Object(path)) = volume.get_mut("hostPath") {
        // Upstream keeps an empty type here: no check is made.
        path.entry("type").or_insert_with(|| "".into());
    }
    if let Some(limit) = volume.get_mut("emptyDir").and_then(|empty| empty.get_mut("sizeLimit")) {
        quantity::rewrite(limit);
    }
    volume.get_mut("downwardAPI").into_iter().for_each(default_downward);
    for source in volume.get_mut("projected").into_iter().flat_map(|projected| items_in(projected, "sources"))
    {
        source.get_mut("downwardAPI").into_iter().for_each(default_downward);
        if let Some(token) = source.get_mut("serviceAccountToken") {
            fill(token, "expirationSeconds", 3600);
        }
    }
    let claim = volume.get_mut("ephemeral").and_then(|ephemeral| ephemeral.get_mut("volumeClaimTemplate"));
    claim.into_iter().for_each(claim_template);
}

fn default_downward(source: &mut Value) {
    for item in items_in(source, "items") {
        if let Some(field) = item.get_mut("fieldRef") {
            fill(field, "apiVersion", "v1");
        }
    }
}

fn claim_template(template: &mut Value) {
    if let Some(spec) = make_object(template, "spec") {
        fill(spec, "volumeMode", "Filesystem");
        quantity::canonicalise_resources(spec.get_mut("resources"));
    }
}

/// A PersistentVolumeClaim.
pub(crate) fn claim(claim: &mut Value) {
    claim_template(claim);
    quantity::canonicalise(claim.get_mut("status").and_then(|status| status.get_mut("capacity")));
}

/// A new claim is bound to nothing.
pub(crate) fn prepare_claim(claim: &mut Value) {
    if let Value::Object(fields) = claim {
        fields.insert("status".to_owned(), json!({"phase": "Pending"}));
    }
}

/// A PersistentVolume.
pub(crate) fn persistent_volume(volume: &mut Value) {
    if let Some(spec) = make_object(volume, "spec") {
        fill(spec, "persistentVolumeReclaimPolicy", "Retain");
        fill(spec, "volumeMode", "Filesystem");
        quantity::canonicalise(spec.get_mut("capacity"));
        if let Some(Value::Object(path)) = spec.get_mut("hostPath") {
            // Upstream keeps an empty type here: no check is made.
            path.entry("type").or_insert_with(|| "".into());
        }
    }
}

/// A StorageClass.
pub(crate) fn storage_class(class: &mut Value) {
    fill(class, "reclaimPolicy", "Delete");
    fill(class, "volumeBindingMode", "Immediate");
}

/// A CSIDriver, which is stored and not acted on.
pub(crate) fn driver(driver: &mut Value) {
    let Some(spec) = make_object(driver, "spec") else { return };
    fill(spec, "attachRequired", true);
    fill(spec, "podInfoOnMount", false);
    fill(spec, "storageCapacity", false);
    fill(spec, "requiresRepublish", false);
    fill(spec, "seLinuxMount", false);
    fill(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    if spec["volumeLifecycleModes"].as_array().is_none_or(Vec::is_empty) {
        spec["volumeLifecycleModes"] = json!(["Persistent"]);
    }
}
