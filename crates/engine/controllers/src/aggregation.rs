//! ClusterRoles that are the sum of others: their `rules` are written from those of the roles that they select.
//!
//! The API decides by the selectors themselves; what is written here is what people and other tools read.

use std::sync::Arc;

use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Patch, PatchParams};
use kube::core::{Selector, SelectorExt as _};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::call::CallError;

/// As upstream's controller is called.
const MANAGER: &str = "clusterrole-aggregation-controller";
/// One key stands for all: a role may be part of any other.
const ALL: &str = "all";

pub(crate) struct AggregatedRoles {
    pub(crate) client: Client,
    pub(crate) roles: Cache<ClusterRole>,
}

impl AggregatedRoles {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("clusterrole-aggregation")
            .watches(&self.roles, |_| vec![ObjectKey::cluster(ALL.to_owned())]);
        let this = Arc::new(self);
        controller
            .run(1, shutdown, move |_| {
                let this = this.clone();
                async move { this.reconcile().await }
            })
            .await;
    }

    async fn reconcile(&self) -> Result<Next, CallError> {
        let roles = self.roles.list();
        for role in roles.iter().filter(|role| role.aggregation_rule.is_some()) {
            let rules = sum(role, &roles);
            if role.rules.as_deref().unwrap_or_default() != rules {
                self.write(role, &rules).await?;
            }
        }
        Ok(Next::Wait)
    }

    async fn write(&self, role: &ClusterRole, rules: &[PolicyRule]) -> Result<(), CallError> {
        let name = role.name_any();
        let patch = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": { "name": name, "uid": role.uid() },
            "rules": rules,
        });
        let api = Api::<ClusterRole>::all(self.client.clone());
        let written = api.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(patch)).await;
        match written.map_err(CallError::on::<ClusterRole>("write the rules of", &name)) {
            Err(error) if error.is_outrun() => Ok(()),
            other => other.map(drop),
        }
    }
}

/// The rules of the selected roles, ordered by name, each once. A role that is itself a sum counts with what was
/// written into it; the change of it brings this one back.
fn sum(role: &ClusterRole, all: &[Arc<ClusterRole>]) -> Vec<PolicyRule> {
    let selectors =
        role.aggregation_rule.iter().flat_map(|rule| rule.cluster_role_selectors.iter().flatten());
    let selectors: Vec<&LabelSelector> = selectors.collect();
    let mut rules: Vec<PolicyRule> = Vec::new();
    for other in all.iter().filter(|other| other.name_any() != role.name_any()) {
        if !selectors.iter().any(|selector| selects(selector, other)) {
            continue;
        }
        for rule in other.rules.iter().flatten() {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    rules
}

fn selects(selector: &LabelSelector, role: &ClusterRole) -> bool {
    // A selector that makes no sense must not grant.
    Selector::try_from(selector.clone()).is_ok_and(|selector| selector.matches(role.labels()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(value: serde_json::Value) -> Arc<ClusterRole> {
        Arc::new(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn the_rules_of_selected_roles_are_summed_up_once_each() {
        let selector = json!([{"matchLabels": {"to": "sum"}}]);
        let of = |name: &str, label: &str, resources: &[&str]| {
            let rules: Vec<_> = resources
                .iter()
                .map(|resource| json!({"verbs": ["get"], "apiGroups": [""], "resources": [resource]}))
                .collect();
            role(json!({"metadata": {"name": name, "labels": {"to": label}}, "rules": rules}))
        };
        let sum_role = role(json!({
            "metadata": {"name": "sum", "labels": {"to": "sum"}},
            "aggregationRule": {"clusterRoleSelectors": selector},
            "rules": [{"verbs": ["*"]}],
        }));
        let all = [
            sum_role.clone(),
            of("a", "sum", &["pods", "services"]),
            of("b", "other", &["secrets"]),
            of("c", "sum", &["services", "events"]),
        ];
        let resources: Vec<String> =
            sum(&sum_role, &all).into_iter().flat_map(|rule| rule.resources.unwrap_or_default()).collect();
        assert_eq!(resources, ["pods", "services", "events"]);
    }
}
