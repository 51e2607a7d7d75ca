//! Points in time as Helm writes them: RFC 3339, and nothing, an empty text or the year 1 for none.

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

/// Go's zero time.
const NONE: &str = "0001-01-01T00:00:00Z";

pub(super) fn serialize<S: Serializer>(moment: &Option<Timestamp>, writer: S) -> Result<S::Ok, S::Error> {
    moment.map(|moment| moment.to_string()).serialize(writer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Timestamp>, D::Error> {
    match Option::<String>::deserialize(reader)?.as_deref() {
        None | Some("" | NONE) => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|error| {
            D::Error::custom(format!("expected a time as RFC 3339, found {text:?}: {error}"))
        }),
    }
}
