//! Secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::fields::{fill, object_in};

pub(crate) fn default(secret: &mut Value) {
    fill(secret, "type", "Opaque");
}

pub(crate) fn prepare_create(secret: &mut Value) {
    take_in_string_data(secret);
}

pub(crate) fn prepare_update(_old: &Value, new: &mut Value) {
    take_in_string_data(new);
}

/// `stringData` is written by people only: it is encoded into `data`, over what is there, and never read back.
fn take_in_string_data(secret: &mut Value) {
    let Some(Value::Object(plain)) = secret.as_object_mut().and_then(|fields| fields.remove("stringData"))
    else {
        return;
    };
    let Some(data) = object_in(secret, "data") else { return };
    for (key, value) in plain {
        let encoded = STANDARD.encode(value.as_str().unwrap_or_default());
        data.insert(key, encoded.into());
    }
}
