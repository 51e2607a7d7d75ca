//! The marks by which objects belong to a release.

use serde_json::{Map, Value};

use super::object::Home;

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const HELM: &str = "Helm";
const RELEASE_NAME: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
const RESOURCE_POLICY: &str = "helm.sh/resource-policy";
const KEEP: &str = "keep";

/// What an object that is there must be, so that a release may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// It must carry the marks of the release.
    Required,
    /// `--take-ownership`: it may be anybody's.
    Taken,
}

impl Ownership {
    /// Whether a release may have the object that is there.
    ///
    /// # Errors
    /// Which marks are missing or name another release, in Helm's words.
    pub fn check(self, live: &Value, release: &str, namespace: &str) -> Result<(), String> {
        if self == Ownership::Taken {
            return Ok(());
        }
        let mark = |pointer: &str, name: &str, wanted: &str, what: &str| {
            let found = live.pointer(pointer).and_then(|marks| marks.get(name)).and_then(Value::as_str);
            match found {
                Some(found) if found == wanted => None,
                Some(found) => Some(format!(
                    "{what} validation error: key {name:?} must equal {wanted:?}: current value is {found:?}"
                )),
                None => {
                    Some(format!("{what} validation error: missing key {name:?}: must be set to {wanted:?}"))
                }
            }
        };
        let (labels, annotations) = ("/metadata/labels", "/metadata/annotations");
        let faults: Vec<String> = [
            mark(labels, MANAGED_BY, HELM, "label"),
            mark(annotations, RELEASE_NAME, release, "annotation"),
            mark(annotations, RELEASE_NAMESPACE, namespace, "annotation"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if faults.is_empty() {
            return Ok(());
        }
        Err(format!("invalid ownership metadata; {}", faults.join("; ")))
    }
}

/// The object with the marks of a release, whatever it said before.
pub(super) fn mark(value: Value, home: Home<'_>) -> Result<Value, String> {
    let Value::Object(mut object) = value else {
        return Err("expected fields, found something else".to_owned());
    };
    let metadata = fields(&mut object, "metadata", "metadata")?;
    let labels = fields(metadata, "labels", "metadata.labels")?;
    labels.insert(MANAGED_BY.to_owned(), HELM.into());
    let annotations = fields(metadata, "annotations", "metadata.annotations")?;
    annotations.insert(RELEASE_NAME.to_owned(), home.release.into());
    annotations.insert(RELEASE_NAMESPACE.to_owned(), home.namespace.into());
    Ok(Value::Object(object))
}

/// The fields at a name; they are made if there are none.
fn fields<'o>(
    object: &'o mut Map<String, Value>,
    name: &str,
    path: &str,
) -> Result<&'o mut Map<String, Value>, String> {
    let value = object.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(format!("{path}: expected fields, found {other}")),
    }
}

/// Whether an object in the cluster asks to be kept when an upgrade leaves it out.
pub fn is_kept(live: &Value) -> bool {
    policy(live) == Some(KEEP)
}

/// What a manifest asks for when its release is taken away.
pub(super) enum Policy {
    Delete,
    Keep,
    /// A word that means nothing. Helm neither deletes such an object nor says that it keeps it.
    Unknown,
}

impl Policy {
    pub(super) fn of(value: &Value) -> Policy {
        match policy(value).map(|policy| policy.trim().to_lowercase()) {
            None => Policy::Delete,
            Some(policy) if policy == KEEP => Policy::Keep,
            Some(_) => Policy::Unknown,
        }
    }
}

fn policy(value: &Value) -> Option<&str> {
    value.pointer("/metadata/annotations")?.get(RESOURCE_POLICY)?.as_str()
}
