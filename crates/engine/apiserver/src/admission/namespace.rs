//! New objects need a place that stays: a namespace that is there and does not end, a definition that does not end.

use serde_json::Value;

use crate::object;
use crate::registry::Origin;
use crate::status::{Failure, ResourceName};
use crate::write::Writing;

/// These come back with every start: their deletion would only empty them.
const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];

/// Refuses to delete a namespace of the system.
pub(crate) fn admit_deletion(writing: &Writing<'_>, name: &str) -> Result<(), Failure> {
    if !IMMORTAL.contains(&name) {
        return Ok(());
    }
    let resource = writing.served.name();
    let message = format!("{resource} {name:?} is forbidden: this namespace may not be deleted");
    Err(Failure::Forbidden { resource: Some(resource), name: name.to_owned(), message })
}

pub(crate) fn admit(writing: &Writing<'_>, new: &Value) -> Result<(), Failure> {
    if matches!(writing.served.origin, Origin::Custom { ending: true, .. }) {
        return Err(Failure::MethodNotAllowed);
    }
    if !writing.served.kind.namespaced {
        return Ok(());
    }
    let namespaces = ResourceName::new("", "namespaces");
    let key = bythos_store::Key {
        resource: "namespaces".into(),
        namespace: "".into(),
        name: writing.namespace.into(),
    };
    let Some(entry) = writing.state.store.get(&key) else {
        return Err(Failure::NotFound { resource: namespaces, name: writing.namespace.to_owned() });
    };
    let namespace: Value = serde_json::from_slice(&entry.value)?;
    if !object::is_ending(&namespace) {
        return Ok(());
    }
    let (resource, name) = (writing.served.name(), object::name(new).to_owned());
    Err(Failure::NamespaceEnds { resource, name, namespace: writing.namespace.to_owned() })
}
