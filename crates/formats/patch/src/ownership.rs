//! Rules that applying and updating have in common.

use std::sync::LazyLock;

use bythos_schema::Schema;

use crate::compare::Comparison;
use crate::field_set::FieldSet;
use crate::managed_fields::Entry;
use crate::owned::in_terms_of;

/// Fields that the server itself sets or that name the object: nobody owns them.
static NOBODYS: LazyLock<FieldSet> = LazyLock::new(|| {
    let mut set = FieldSet::default();
    for path in [&["apiVersion"][..], &["kind"], &["metadata"]] {
        set.insert_fields(path);
    }
    let metadata = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    for name in metadata {
        set.insert_fields(&["metadata", name]);
    }
    set
});

/// What of a set can be owned.
pub(crate) fn ownable(set: &FieldSet) -> FieldSet {
    set.difference(&NOBODYS)
}

/// Reads entries that were written with an earlier schema as this one would have them.
pub(crate) fn bring_up_to_date(entries: &mut [Entry], schema: &Schema) {
    for entry in entries {
        entry.fields = in_terms_of(&entry.fields, schema);
    }
}

/// Takes from all owners what changed: values that are others' now, and values that are gone.
pub(crate) fn dispossess(entries: &mut Vec<Entry>, change: &Comparison) {
    for entry in entries.iter_mut() {
        entry.fields =
            entry.fields.difference(&change.modified).difference(&change.added).difference(&change.removed);
    }
    entries.retain(|entry| !entry.fields.is_empty());
}
