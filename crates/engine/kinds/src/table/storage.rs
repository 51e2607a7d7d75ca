//! Kinds of `storage.k8s.io` and `storagemigration.k8s.io`.

use super::row;
use crate::Kind;
use crate::columns::storage as columns;
use crate::defaults::volume as defaults;
use crate::validation::{csi, migration, storage};

const NOT_ASKED: &str = "drivers of volumes are stored, but not asked for volumes yet";

pub(super) fn kinds() -> Vec<Kind> {
    let storage_kind = |kind, plural| row("storage.k8s.io", "v1", kind, plural);
    vec![
        storage_kind("CSIDriver", "csidrivers")
            .columns(columns::driver())
            .defaults(defaults::driver)
            .validate(csi::driver)
            .validate_update(csi::driver_update)
            .caveat(NOT_ASKED),
        storage_kind("CSINode", "csinodes")
            .columns(columns::drivers_of_node())
            .validate(csi::drivers_of_node),
        storage_kind("CSIStorageCapacity", "csistoragecapacities")
            .namespaced()
            .columns(columns::capacity())
            .validate(csi::capacity)
            .validate_update(csi::capacity_update),
        storage_kind("StorageClass", "storageclasses")
            .short(&["sc"])
            .columns(columns::class())
            .defaults(defaults::storage_class)
            .validate(storage::class)
            .validate_update(storage::class_update),
        storage_kind("VolumeAttachment", "volumeattachments")
            .status()
            .columns(columns::attachment())
            .validate(csi::attachment)
            .validate_update(csi::attachment_update)
            .caveat(NOT_ASKED),
        storage_kind("VolumeAttributesClass", "volumeattributesclasses")
            .short(&["vac"])
            .columns(columns::attributes_class())
            .validate(csi::attributes_class)
            .validate_update(csi::attributes_class_update)
            .caveat("classes of volume attributes are stored, but not applied to volumes yet"),
        row("storagemigration.k8s.io", "v1", "StorageVersionMigration", "storageversionmigrations")
            .status()
            .validate(migration::validate)
            .validate_update(migration::validate_update)
            .caveat("migrations of stored versions are stored, but not carried out yet"),
    ]
}
