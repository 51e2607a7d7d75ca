//! Nobody can grant what they do not have: rules of roles, and roles of bindings.
//!
//! As upstream, who may `escalate` roles or `bind` them is exempt; see "Privilege escalation prevention" in the RBAC
//! documentation of Kubernetes.

use bythos_access::{Request, missing_grants};
use serde_json::Value;

use crate::authorize::decide;
use crate::object;
use crate::status::{Failure, ResourceName};
use crate::write::Writing;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Checks a Role or ClusterRole.
pub(crate) fn admit_role(writing: &Writing<'_>, old: Option<&Value>, new: &Value) -> Result<(), Failure> {
    const GRANTING: [&str; 2] = ["rules", "aggregationRule"];
    if old.is_some_and(|old| GRANTING.iter().all(|field| old.get(field) == new.get(field))) {
        return Ok(());
    }
    let resource = &writing.served.kind.plural;
    if may(writing, "escalate", resource, writing.namespace, object::name(new)) {
        return Ok(());
    }
    let mut wanted = rules(new);
    if new.get("aggregationRule").is_some_and(|rule| !rule.is_null()) {
        // What it will aggregate is not known now.
        wanted.push(serde_json::json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }));
        wanted.push(serde_json::json!({ "nonResourceURLs": ["*"], "verbs": ["*"] }));
    }
    hold(writing, new, &wanted)
}

/// Checks a RoleBinding or ClusterRoleBinding.
pub(crate) fn admit_binding(writing: &Writing<'_>, old: Option<&Value>, new: &Value) -> Result<(), Failure> {
    const GRANTING: [&str; 2] = ["roleRef", "subjects"];
    if old.is_some_and(|old| GRANTING.iter().all(|field| old.get(field) == new.get(field))) {
        return Ok(());
    }
    let (plural, namespace) = match object::text_at(new, "/roleRef/kind") {
        Some("Role") => ("roles", writing.namespace),
        _ => ("clusterroles", ""),
    };
    let role = object::text_at(new, "/roleRef/name").unwrap_or_default();
    if may(writing, "bind", plural, writing.namespace, role) {
        return Ok(());
    }
    let bound = match plural {
        // What it sums up counts, whether or not it was written into it already.
        "clusterroles" => writing.state.policy.current(&writing.state.store).rules_of_cluster_role(role),
        _ => writing.state.object(&format!("{plural}.{RBAC}"), namespace, role).as_ref().map(rules),
    };
    match bound {
        Some(granted) => hold(writing, new, &granted),
        None => Err(Failure::NotFound { resource: ResourceName::new(RBAC, plural), name: role.to_owned() }),
    }
}

fn may(writing: &Writing<'_>, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let request = Request::Resource { verb, group: RBAC, resource, subresource: "", namespace, name };
    decide(writing.state, writing.user, &request).allowed
}

fn rules(role: &Value) -> Vec<Value> {
    role.get("rules").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Refuses to grant rules that the user does not have.
fn hold(writing: &Writing<'_>, new: &Value, wanted: &[Value]) -> Result<(), Failure> {
    let policy = writing.state.policy.current(&writing.state.store);
    let owned = policy.rules_of(writing.user, writing.namespace);
    let missing = missing_grants(&owned, wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let (resource, name) = (writing.served.name(), object::name(new).to_owned());
    let message = format!(
        "{resource} {name:?} is forbidden: user {:?} (groups={:?}) is attempting to grant RBAC permissions not \
         currently held:\n{}",
        writing.user.name,
        writing.user.groups,
        missing.join("\n")
    );
    Err(Failure::Forbidden { resource: Some(resource), name, message })
}
