//! RBAC, compiled from the objects that are stored: `authorize` looks up what a user's names were granted.

mod compile;
mod coverage;
mod label_selector;
mod rule;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::user::MASTERS;
use crate::{Decision, Request, User};
pub use coverage::missing_grants;
use rule::Rule;

/// RBAC, compiled from the objects that are stored.
#[derive(Debug, Default)]
pub struct Policy {
    users: HashMap<String, Grants>,
    groups: HashMap<String, Grants>,
    cluster_roles: BTreeMap<String, Arc<[Rule]>>,
}

/// What one user or one group was granted.
#[derive(Debug, Default)]
struct Grants {
    everywhere: Vec<Grant>,
    by_namespace: HashMap<String, Vec<Grant>>,
}

/// One subject of one binding.
#[derive(Debug)]
struct Grant {
    /// `ClusterRoleBinding "x" of ClusterRole "y" to User "z"`
    description: String,
    role: GrantedRole,
}

#[derive(Debug, Clone)]
enum GrantedRole {
    Found(Arc<[Rule]>),
    /// Upstream's words about a role that is not there.
    Missing(Arc<str>),
}

impl Policy {
    /// Compiles the policy. Objects that make no sense grant nothing and are returned with the reason.
    pub fn compile(
        roles: &[Value],
        role_bindings: &[Value],
        cluster_roles: &[Value],
        cluster_role_bindings: &[Value],
    ) -> (Policy, Vec<String>) {
        compile::compile(roles, role_bindings, cluster_roles, cluster_role_bindings)
    }

    /// Decides. `system:masters` may do anything.
    pub fn authorize(&self, user: &User, request: &Request<'_>) -> Decision {
        if is_master(user) {
            return Decision { allowed: true, reason: String::new() };
        }
        let mut missing: Vec<&str> = Vec::new();
        for grant in self.grants_of(user, request.namespace()) {
            match &grant.role {
                GrantedRole::Found(rules) if rules.iter().any(|rule| rule.allows(request)) => {
                    let reason = format!("RBAC: allowed by {}", grant.description);
                    return Decision { allowed: true, reason };
                }
                GrantedRole::Found(_) => {}
                GrantedRole::Missing(words) if missing.contains(&words.as_ref()) => {}
                GrantedRole::Missing(words) => missing.push(words),
            }
        }
        Decision { allowed: false, reason: reason_of_missing(&missing) }
    }

    /// Every rule that `user` has in `namespace`, for escalation checks and `kubectl auth can-i --list`.
    pub fn rules_of(&self, user: &User, namespace: &str) -> Vec<Value> {
        if is_master(user) {
            return vec![
                json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}),
                json!({"verbs": ["*"], "nonResourceURLs": ["*"]}),
            ];
        }
        let found = self.grants_of(user, namespace).filter_map(|grant| match &grant.role {
            GrantedRole::Found(rules) => Some(rules),
            GrantedRole::Missing(_) => None,
        });
        found.flat_map(|rules| rules.iter()).map(Rule::to_value).collect()
    }

    /// The rules of a ClusterRole, those that it sums up included; `None` if there is none of this name.
    pub fn rules_of_cluster_role(&self, name: &str) -> Option<Vec<Value>> {
        self.cluster_roles.get(name).map(|rules| rules.iter().map(Rule::to_value).collect())
    }

    /// Grants that hold everywhere come first, as upstream looks at ClusterRoleBindings before RoleBindings.
    fn grants_of<'a>(&'a self, user: &'a User, namespace: &'a str) -> impl Iterator<Item = &'a Grant> {
        let of_user = self.users.get(&user.name);
        let of_groups = user.groups.iter().filter_map(|group| self.groups.get(group));
        let grants: Vec<&Grants> = of_user.into_iter().chain(of_groups).collect();
        let everywhere: Vec<&Grant> = grants.iter().flat_map(|grants| &grants.everywhere).collect();
        let here = grants.into_iter().filter_map(|grants| grants.by_namespace.get(namespace)).flatten();
        everywhere.into_iter().chain(here)
    }
}

fn is_master(user: &User) -> bool {
    user.groups.iter().any(|group| group == MASTERS)
}

fn reason_of_missing(missing: &[&str]) -> String {
    match missing {
        [] => String::new(),
        [one] => format!("RBAC: {one}"),
        several => format!("RBAC: [{}]", several.join(", ")),
    }
}

#[cfg(test)]
mod tests;
