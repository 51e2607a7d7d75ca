//! Stored bytes: JSON whose revision is put in when the transaction is numbered.
//!
//! Every stored object begins `{"apiVersion":"…","kind":"…","metadata":{"resourceVersion":"`. Because the place of
//! the revision and of the version is known, both are exchanged in stored bytes without parsing them.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use bythos_store::{Encode, Revision};
use serde_json::{Map, Value};

const REVISION_START: &[u8] = b"\"metadata\":{\"resourceVersion\":\"";

/// An object encoded but for its revision. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Encoded(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Encoded {
    /// Encodes `object`; a revision that it contains is left out.
    pub(crate) fn of(object: &Value) -> Result<Encoded, serde_json::Error> {
        let empty = Map::new();
        let fields = object.as_object().unwrap_or(&empty);
        let mut before = Vec::with_capacity(128);
        before.push(b'{');
        for name in ["apiVersion", "kind"] {
            if let Some(value) = fields.get(name) {
                put_field(&mut before, name, value)?;
                before.push(b',');
            }
        }
        before.extend_from_slice(REVISION_START);

        let mut after = Vec::with_capacity(1024);
        after.push(b'"');
        let metadata = fields.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
        for (name, value) in metadata.iter().filter(|(name, _)| *name != "resourceVersion") {
            after.push(b',');
            put_field(&mut after, name, value)?;
        }
        after.push(b'}');
        let others =
            fields.iter().filter(|(name, _)| !matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
        for (name, value) in others {
            after.push(b',');
            put_field(&mut after, name, value)?;
        }
        after.push(b'}');
        Ok(Encoded(Arc::new(Parts { before, after })))
    }

    /// The object's bytes at a revision.
    pub(crate) fn at(&self, revision: Revision) -> Bytes {
        let revision = revision.0.to_string();
        let Parts { before, after } = &*self.0;
        let mut bytes = BytesMut::with_capacity(before.len() + revision.len() + after.len());
        bytes.put_slice(before);
        bytes.put_slice(revision.as_bytes());
        bytes.put_slice(after);
        bytes.freeze()
    }

    /// For the store, which knows the revision first.
    pub(crate) fn encode(&self) -> Encode {
        let encoded = self.clone();
        Box::new(move |revision| encoded.at(revision))
    }
}

fn put_field(bytes: &mut Vec<u8>, name: &str, value: &Value) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *bytes, name)?;
    bytes.push(b':');
    serde_json::to_writer(bytes, value)
}

/// The revision in stored bytes.
pub(crate) fn revision(stored: &[u8]) -> Option<Revision> {
    let start = find(stored, REVISION_START)? + REVISION_START.len();
    let digits = stored[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = std::str::from_utf8(&stored[start..start + digits]).ok()?;
    digits.parse().ok().map(Revision)
}

/// Stored bytes with another revision in them.
pub(crate) fn with_revision(stored: &Bytes, revision: Revision) -> Bytes {
    let Some(start) = find(stored, REVISION_START).map(|at| at + REVISION_START.len()) else {
        return stored.clone();
    };
    let digits = stored[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let revision = revision.0.to_string();
    let mut bytes = BytesMut::with_capacity(stored.len() + revision.len());
    bytes.put_slice(&stored[..start]);
    bytes.put_slice(revision.as_bytes());
    bytes.put_slice(&stored[start + digits..]);
    bytes.freeze()
}

/// Stored bytes as seen in `api_version`: the same bytes if they were stored in it.
pub(crate) fn in_version(stored: &Bytes, api_version: &str) -> Bytes {
    const START: &[u8] = b"{\"apiVersion\":\"";
    let Some(rest) = stored.strip_prefix(START) else { return stored.clone() };
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or(0);
    if &rest[..end] == api_version.as_bytes() {
        return stored.clone();
    }
    let mut bytes = BytesMut::with_capacity(stored.len() + api_version.len());
    bytes.put_slice(START);
    bytes.put_slice(api_version.as_bytes());
    bytes.put_slice(&rest[end..]);
    bytes.freeze()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_revision_is_put_in_and_exchanged_without_parsing() {
        let object = json!({"kind": "Pod", "spec": {"a": "\"metadata\":{"}, "apiVersion": "v1",
            "metadata": {"name": "x", "resourceVersion": "old"}});
        let encoded = Encoded::of(&object).unwrap();
        let mut expected = object;
        expected["metadata"]["resourceVersion"] = json!("7");
        let bytes = encoded.at(Revision(7));
        assert_eq!(revision(&bytes), Some(Revision(7)));
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
        expected["metadata"]["resourceVersion"] = json!("1234");
        assert_eq!(
            serde_json::from_slice::<Value>(&with_revision(&bytes, Revision(1234))).unwrap(),
            expected
        );
    }

    #[test]
    fn the_version_is_exchanged_only_if_it_differs() {
        let object = json!({"kind": "Thing", "apiVersion": "x.io/v1", "metadata": {"name": "x"}});
        let stored = Encoded::of(&object).unwrap().at(Revision(1));
        assert_eq!(in_version(&stored, "x.io/v1").as_ptr(), stored.as_ptr());
        let other: Value = serde_json::from_slice(&in_version(&stored, "x.io/v1beta1")).unwrap();
        assert_eq!(other["apiVersion"], "x.io/v1beta1");
        assert_eq!(other["metadata"]["name"], "x");
    }
}
