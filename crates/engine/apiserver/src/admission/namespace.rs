//! New objects need a place that stays: a namespace that is there and does not end, a definition that does not end.

use serde_json::Value;

use crate::object;
use crate::registry::Origin;
use crate::status::{Failure, ResourceName};
use crate::write::Writing;

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
