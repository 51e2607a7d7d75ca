//! From stored objects to a [`Policy`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::label_selector::selects;
use super::rule::Rule;
use super::{Grant, GrantedRole, Grants, Policy};

/// The roles that bindings refer to.
#[derive(Default)]
struct Roles {
    /// By namespace and name.
    namespaced: BTreeMap<(String, String), Arc<[Rule]>>,
    cluster: BTreeMap<String, Arc<[Rule]>>,
}

pub(super) fn compile(
    roles: &[Value],
    role_bindings: &[Value],
    cluster_roles: &[Value],
    cluster_role_bindings: &[Value],
) -> (Policy, Vec<String>) {
    let mut problems = Vec::new();
    let mut known =
        Roles { cluster: compile_cluster_roles(cluster_roles, &mut problems), ..Roles::default() };
    for role in roles {
        let rules = own_rules(role, "Role", &mut problems);
        known.namespaced.insert((namespace_of(role).to_owned(), name_of(role).to_owned()), rules.into());
    }
    let mut policy = Policy::default();
    for binding in cluster_role_bindings {
        let outcome = policy.add(binding, None, &known);
        report(outcome, "ClusterRoleBinding", binding, &mut problems);
    }
    for binding in role_bindings {
        let outcome = policy.add(binding, Some(namespace_of(binding)), &known);
        report(outcome, "RoleBinding", binding, &mut problems);
    }
    policy.cluster_roles = known.cluster;
    (policy, problems)
}

fn report(outcome: Result<(), String>, kind: &str, object: &Value, problems: &mut Vec<String>) {
    if let Err(words) = outcome {
        problems.push(format!("{kind} {:?}: {words}", full_name(object)));
    }
}

impl Policy {
    /// Adds a binding: a RoleBinding has a namespace, a ClusterRoleBinding has none.
    fn add(&mut self, binding: &Value, namespace: Option<&str>, roles: &Roles) -> Result<(), String> {
        let reference = &binding["roleRef"];
        let (role_kind, role_name) = (text(reference, "kind"), text(reference, "name"));
        let role = roles.find(role_kind, role_name, namespace)?;
        let binding_kind = if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
        let subjects = binding["subjects"].as_array().map(Vec::as_slice).unwrap_or_default();
        for subject in subjects {
            let (map, key, shown) = match text(subject, "kind") {
                "User" => {
                    (&mut self.users, text(subject, "name").to_owned(), text(subject, "name").to_owned())
                }
                "Group" => {
                    (&mut self.groups, text(subject, "name").to_owned(), text(subject, "name").to_owned())
                }
                "ServiceAccount" => {
                    let (user, shown) = service_account(subject, namespace)?;
                    (&mut self.users, user, shown)
                }
                other => {
                    return Err(format!(
                        "a subject is of kind {other:?}, which is none of User, Group, ServiceAccount"
                    ));
                }
            };
            let description = format!(
                "{binding_kind} {:?} of {role_kind} {role_name:?} to {} {shown:?}",
                full_name(binding),
                text(subject, "kind"),
            );
            let grants: &mut Grants = map.entry(key).or_default();
            let list = match namespace {
                None => &mut grants.everywhere,
                Some(namespace) => grants.by_namespace.entry(namespace.to_owned()).or_default(),
            };
            list.push(Grant { description, role: role.clone() });
        }
        match role {
            GrantedRole::Found(_) => Ok(()),
            GrantedRole::Missing(words) => Err(words.to_string()),
        }
    }
}

impl Roles {
    fn find(&self, kind: &str, name: &str, namespace: Option<&str>) -> Result<GrantedRole, String> {
        let found = match (kind, namespace) {
            ("ClusterRole", _) => self.cluster.get(name),
            ("Role", Some(namespace)) => self.namespaced.get(&(namespace.to_owned(), name.to_owned())),
            ("Role", None) => return Err("a ClusterRoleBinding cannot refer to a Role".to_owned()),
            (other, _) => {
                return Err(format!("roleRef is of kind {other:?}, which is none of Role, ClusterRole"));
            }
        };
        let missing = || {
            let words = format!("{}.rbac.authorization.k8s.io {name:?} not found", kind.to_lowercase());
            GrantedRole::Missing(words.into())
        };
        Ok(found.cloned().map_or_else(missing, GrantedRole::Found))
    }
}

/// The user name of a service account, and how upstream prints it.
fn service_account(subject: &Value, binding_namespace: Option<&str>) -> Result<(String, String), String> {
    let name = text(subject, "name");
    let namespace = match text(subject, "namespace") {
        "" => binding_namespace.unwrap_or_default(),
        namespace => namespace,
    };
    if namespace.is_empty() {
        return Err(format!("subject ServiceAccount {name:?} has no namespace"));
    }
    Ok((format!("system:serviceaccount:{namespace}:{name}"), format!("{name}/{namespace}")))
}

fn compile_cluster_roles(
    cluster_roles: &[Value],
    problems: &mut Vec<String>,
) -> BTreeMap<String, Arc<[Rule]>> {
    let own: Vec<Vec<Rule>> =
        cluster_roles.iter().map(|role| own_rules(role, "ClusterRole", problems)).collect();
    let with_own: Vec<(&Value, &[Rule])> = cluster_roles.iter().zip(own.iter().map(Vec::as_slice)).collect();
    let compiled = with_own.iter().map(|(role, own)| {
        let rules = if is_aggregated(role) { aggregate(role, &with_own) } else { own.to_vec() };
        (name_of(role).to_owned(), rules.into())
    });
    compiled.collect()
}

/// The rules of every role that is selected, also through other aggregated roles. What an aggregated role says
/// of its own rules is overwritten upstream, and so does not count.
fn aggregate(role: &Value, all: &[(&Value, &[Rule])]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut seen = BTreeSet::from([name_of(role)]);
    let mut open = vec![role];
    while let Some(aggregated) = open.pop() {
        for (candidate, own) in all.iter().filter(|(candidate, _)| is_selected(aggregated, candidate)) {
            if !seen.insert(name_of(candidate)) {
                continue;
            }
            if is_aggregated(candidate) {
                open.push(candidate);
                continue;
            }
            for rule in *own {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
    }
    rules
}

fn is_aggregated(role: &Value) -> bool {
    role["aggregationRule"].is_object()
}

fn is_selected(aggregated: &Value, candidate: &Value) -> bool {
    let selectors = aggregated["aggregationRule"]["clusterRoleSelectors"].as_array();
    selectors.into_iter().flatten().any(|selector| selects(selector, &candidate["metadata"]["labels"]))
}

fn own_rules(role: &Value, kind: &str, problems: &mut Vec<String>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        match Rule::parse(rule) {
            Ok(rule) => rules.push(rule),
            Err(words) => report(Err(words), kind, role, problems),
        }
    }
    rules
}

fn full_name(object: &Value) -> String {
    match namespace_of(object) {
        "" => name_of(object).to_owned(),
        namespace => format!("{namespace}/{}", name_of(object)),
    }
}

fn name_of(object: &Value) -> &str {
    text(&object["metadata"], "name")
}

fn namespace_of(object: &Value) -> &str {
    text(&object["metadata"], "namespace")
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}
