//! The objects to which a binding's `paramRef` leads: with each of them the policy is evaluated once.

use bythos_kinds::LabelSelector;
use serde_json::Value;

use super::catalogue::Bound;
use crate::object;
use crate::policy::objects_in;
use crate::write::Writing;

/// One `None` where the policy takes none.
///
/// # Errors
/// They cannot be found, or there are none and the binding demands some.
pub(super) fn of(writing: &Writing<'_>, bound: &Bound) -> Result<Vec<Option<Value>>, String> {
    let reference = &bound.parameters;
    let Some((api_version, kind)) = &bound.policy.parameter_kind else { return Ok(vec![None]) };
    if reference.is_null() {
        return Ok(vec![None]);
    }
    let registry = writing.state.registry();
    let served = registry
        .kinds()
        .iter()
        .find(|served| served.api_version == *api_version && served.kind.kind == **kind);
    let served = served.ok_or_else(|| format!("paramKind kind `{api_version}, Kind={kind}` not known"))?;
    let given = object::text_at(reference, "/namespace");
    let namespace = match (served.kind.namespaced, given) {
        (true, Some(given)) => given,
        (true, None) if writing.namespace.is_empty() => {
            return Err(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                    .to_owned(),
            );
        }
        (true, None) => writing.namespace,
        (false, Some(_)) => {
            return Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned());
        }
        (false, None) => "",
    };
    let found = match object::text_at(reference, "/name") {
        Some(name) => writing.state.object(&served.resource, namespace, name).into_iter().collect(),
        None => {
            let selector = reference.pointer("/selector").unwrap_or(&Value::Null);
            let selector =
                LabelSelector::from_object(selector).map_err(|error| error.to_string())?.unwrap_or_default();
            let scope = served.kind.namespaced.then_some(namespace);
            let mut all = objects_in(&writing.state.store, &served.resource, scope);
            all.retain(|one| selector.matches(one.pointer("/metadata/labels").unwrap_or(&Value::Null)));
            all
        }
    };
    if found.is_empty() && object::text_at(reference, "/parameterNotFoundAction") == Some("Deny") {
        return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
    }
    Ok(found.into_iter().map(Some).collect())
}
