//! The hash that kustomize puts after the names of generated objects.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::resource::Resource;

/// Ten characters that change with the object's type and data.
///
/// The name does not count: kustomize means to include it, but looks for a field called `metadata/name`, and every
/// hash in the field is made so.
pub(crate) fn of(resource: &Resource) -> String {
    let or_empty = |value: &Value| if value.is_null() { json!("") } else { value.clone() };
    let object = &resource.value;
    // `serde_json` sorts keys as Go does; kustomize leaves out the second map where it is empty.
    let mut hashed = json!({
        "kind": resource.kind(),
        "name": "",
        "data": or_empty(&object["data"]),
    });
    let second = if resource.kind() == "Secret" {
        hashed["type"] = or_empty(&object["type"]);
        "stringData"
    } else {
        "binaryData"
    };
    if object[second].is_object() {
        hashed[second] = object[second].clone();
    }
    let digest = Sha256::digest(as_go_prints(&hashed));
    let hex = digest.iter().take(5).flat_map(|byte| [byte >> 4, byte & 15]);
    hex.map(|digit| char::from(ALPHABET[usize::from(digit)])).collect()
}

/// The hexadecimal digits without those that could spell words.
const ALPHABET: [u8; 16] = *b"gh2k456789mbcdtf";

/// Go escapes characters that mean something in HTML.
fn as_go_prints(value: &Value) -> String {
    let escapes = [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ];
    escapes.iter().fold(value.to_string(), |text, (character, escape)| text.replace(*character, escape))
}
