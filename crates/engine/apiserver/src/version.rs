//! Objects between the version in which they are stored and the one in which they are asked for.
//!
//! Most kinds have one version, or versions of one shape: then only `apiVersion` is exchanged, in the bytes as they
//! are. A kind whose versions differ brings its own conversion, also where they are of two groups, as Event's.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::encode::in_version;
use crate::object::set_field;
use crate::registry::Served;

/// Stored bytes as they are shown in the version that is served.
pub(crate) fn shown(served: &Served, stored: &Bytes) -> Bytes {
    if served.kind.rules.conversion.is_none() {
        return in_version(stored, &served.api_version);
    }
    // Stored bytes are JSON; what is not is shown as it is.
    let Ok(mut object) = serde_json::from_slice::<Value>(stored) else { return stored.clone() };
    to_served(served, &mut object);
    object.to_string().into()
}

/// A stored object in the version that is served.
pub(crate) fn to_served(served: &Served, object: &mut Value) {
    convert(served, object, &served.api_version);
}

/// An object in the version in which its kind is stored.
pub(crate) fn to_stored(served: &Served, object: &mut Value) {
    convert(served, object, served.stored_api_version());
}

fn convert(served: &Served, object: &mut Value, api_version: &str) {
    if let Some(conversion) = served.kind.rules.conversion {
        (conversion.to_version)(object, api_version);
    }
    set_field(object, "apiVersion", Some(json!(api_version)));
}
