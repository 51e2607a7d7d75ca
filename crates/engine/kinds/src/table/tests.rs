//! What holds for every row.

use std::collections::{BTreeMap, BTreeSet};

use super::built_in;
use crate::SchemaSource;

#[test]
fn every_row_names_its_kind_in_one_way() {
    let mut seen = BTreeSet::new();
    for kind in built_in() {
        assert!(
            seen.insert(format!("{}/{}", kind.api_version(), kind.plural)),
            "{} is there twice",
            kind.plural
        );
        assert_eq!(kind.singular, kind.kind.to_lowercase());
        assert!(kind.plural.starts_with(&kind.singular[..kind.singular.len() - 1]), "{}", kind.plural);
        assert!(matches!(kind.schema, SchemaSource::BuiltIn));
    }
}

#[test]
fn names_that_users_type_lead_to_one_kind() {
    let mut seen = BTreeMap::new();
    for kind in built_in() {
        for name in kind.short_names.iter().chain([&kind.plural, &kind.singular]) {
            // Endpoints is its own singular, and one kind may be served in several versions.
            let owner = seen.entry(name.clone()).or_insert_with(|| kind.kind.clone());
            assert_eq!(*owner, kind.kind, "{name} leads to two kinds");
        }
    }
}

#[test]
fn every_row_has_a_schema() {
    for kind in built_in() {
        assert!(kind.schema().is_some(), "{} {} has no schema", kind.api_version(), kind.kind);
    }
}

#[test]
fn stored_kinds_show_columns_and_the_others_none() {
    for kind in built_in() {
        assert_eq!(kind.stored, !kind.columns.is_empty(), "{}", kind.kind);
        assert!(kind.columns.iter().all(|column| !column.name.is_empty()));
    }
}
