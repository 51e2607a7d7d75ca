//! ConfigMaps and Secrets.

use super::{age, column, count, entries_of, text_at};
use crate::Column;

pub(crate) fn config_map() -> Vec<Column> {
    vec![count("Data", |map| entries_of(map, &["data", "binaryData"])), age()]
}

pub(crate) fn secret() -> Vec<Column> {
    vec![
        column("Type", |secret| text_at(secret, "type")),
        count("Data", |secret| entries_of(secret, &["data"])),
        age(),
    ]
}
