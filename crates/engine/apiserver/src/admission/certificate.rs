//! Who asks for a certificate, as the one who signs it must know.

use serde_json::{Value, json};

use crate::object;
use crate::reviews::user_info;
use crate::write::Writing;

/// Writes down who asks. What the request itself says about that does not count.
pub(super) fn admit_request(writing: &Writing<'_>, new: &mut Value) {
    let info = user_info(writing.user);
    let spec = object::field_mut(new, "spec");
    for field in ["username", "uid", "groups", "extra"] {
        match info.get(field) {
            Some(value) => spec.insert(field.to_owned(), json!(value)),
            None => spec.remove(field),
        };
    }
}
