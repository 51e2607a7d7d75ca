//! Nobody can grant what they do not have: rules of roles, and roles of bindings.
//!
//! As upstream, who may `escalate` roles or `bind` them is exempt; see "Privilege escalation prevention" in the RBAC
//! documentation of Kubernetes.

use bythos_access::Request;
use serde_json::Value;

use crate::authorize::decide;
use crate::object;
use crate::policy::objects;
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
    let stored = objects(&writing.state.store, &format!("{plural}.{RBAC}"));
    let bound = stored.iter().find(|stored| {
        object::name(stored) == role && object::meta(stored, "namespace").unwrap_or_default() == namespace
    });
    match bound {
        Some(bound) => hold(writing, new, &rules(bound)),
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
    let missing: Vec<String> = wanted
        .iter()
        .flat_map(atoms)
        .filter(|atom| !owned.iter().any(|rule| atom.is_covered_by(rule)))
        .map(|atom| atom.to_string())
        .collect();
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

/// The smallest thing that a rule grants.
enum Atom<'a> {
    Resource { verb: &'a str, group: &'a str, resource: &'a str, name: Option<&'a str> },
    Url { verb: &'a str, url: &'a str },
}

/// What a rule grants, one by one.
fn atoms(rule: &Value) -> Vec<Atom<'_>> {
    let list = |field: &str| object::strings(rule.get(field));
    let (groups, resources, names) = (list("apiGroups"), list("resources"), list("resourceNames"));
    let names: Vec<Option<&str>> =
        if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
    let mut atoms = Vec::new();
    for verb in list("verbs") {
        for group in &groups {
            for resource in &resources {
                atoms.extend(names.iter().map(|name| Atom::Resource { verb, group, resource, name: *name }));
            }
        }
        atoms.extend(list("nonResourceURLs").into_iter().map(|url| Atom::Url { verb, url }));
    }
    atoms
}

impl Atom<'_> {
    fn is_covered_by(&self, rule: &Value) -> bool {
        let holds = |field: &str, wanted: &str| {
            object::strings(rule.get(field)).iter().any(|owned| *owned == wanted || *owned == "*")
        };
        match self {
            Atom::Resource { verb, group, resource, name } => {
                let names = object::strings(rule.get("resourceNames"));
                let any_subresource =
                    resource.split_once('/').map(|(_, subresource)| format!("*/{subresource}"));
                holds("verbs", verb)
                    && holds("apiGroups", group)
                    && (holds("resources", resource)
                        || any_subresource.is_some_and(|resource| holds("resources", &resource)))
                    && (names.is_empty() || name.is_some_and(|name| names.contains(&name)))
            }
            Atom::Url { verb, url } => {
                let covers = |owned: &&str| match owned.strip_suffix('*') {
                    Some(prefix) => url.starts_with(prefix),
                    None => owned == url,
                };
                holds("verbs", verb) && object::strings(rule.get("nonResourceURLs")).iter().any(covers)
            }
        }
    }
}

impl std::fmt::Display for Atom<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Atom::Resource { verb, group, resource, name } => {
                write!(f, "{{APIGroups:[{group:?}], Resources:[{resource:?}]")?;
                if let Some(name) = name {
                    write!(f, ", ResourceNames:[{name:?}]")?;
                }
                write!(f, ", Verbs:[{verb:?}]}}")
            }
            Atom::Url { verb, url } => write!(f, "{{NonResourceURLs:[{url:?}], Verbs:[{verb:?}]}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(owned: &Value, wanted: &Value, covered: bool) {
        let all = atoms(wanted).iter().all(|atom| atom.is_covered_by(owned));
        assert_eq!(all, covered, "{owned} covers {wanted}");
    }

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]) -> Value {
        json!({"apiGroups": groups, "resources": resources, "verbs": verbs, "resourceNames": names})
    }

    #[test]
    fn a_rule_covers_what_it_grants_and_no_more() {
        let pods = rule(&[""], &["pods"], &["get", "list"], &[]);
        check(&pods, &rule(&[""], &["pods"], &["get"], &["a"]), true);
        check(&pods, &rule(&[""], &["pods"], &["get", "delete"], &[]), false);
        check(&pods, &rule(&[""], &["pods/log"], &["get"], &[]), false);
        check(&pods, &rule(&["*"], &["pods"], &["get"], &[]), false);
        check(
            &rule(&["*"], &["*"], &["*"], &[]),
            &rule(&["apps"], &["deployments/scale"], &["patch"], &[]),
            true,
        );
        check(&rule(&[""], &["*/log"], &["get"], &[]), &rule(&[""], &["pods/log"], &["get"], &[]), true);
        check(&rule(&[""], &["pods"], &["get"], &["a"]), &rule(&[""], &["pods"], &["get"], &[]), false);
        check(
            &json!({"nonResourceURLs": ["/apis/*"], "verbs": ["get"]}),
            &json!({"nonResourceURLs": ["/apis/x"], "verbs": ["get"]}),
            true,
        );
    }
}
