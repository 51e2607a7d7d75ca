//! Ingresses, their classes, and NetworkPolicies.

use serde_json::Value;

use super::{NONE, age, column, joined, load_balancer_addresses, text_at, text_or_none};
use crate::Column;
use crate::fields::{at, items, text};

pub(crate) fn columns() -> Vec<Column> {
    vec![
        column("Class", |ingress| text_or_none(ingress, "spec.ingressClassName")),
        column("Hosts", hosts),
        column("Address", |ingress| load_balancer_addresses(ingress).into()),
        column("Ports", |ingress| {
            if items(ingress, "spec.tls").is_empty() { "80" } else { "80, 443" }.into()
        }),
        age(),
    ]
}

fn hosts(ingress: &Value) -> Value {
    let hosts =
        items(ingress, "spec.rules").iter().map(|rule| text(rule, "host")).filter(|host| !host.is_empty());
    let hosts: Vec<String> = hosts.map(str::to_owned).collect();
    if hosts.is_empty() { "*".into() } else { joined(&hosts, 3).into() }
}

pub(crate) fn class() -> Vec<Column> {
    vec![
        column("Controller", |class| text_at(class, "spec.controller")),
        column("Parameters", |class| {
            let parameters = at(class, "spec.parameters");
            if !parameters.is_object() {
                return NONE.into();
            }
            let (kind, group, name) =
                (text(parameters, "kind"), text(parameters, "apiGroup"), text(parameters, "name"));
            if group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{group}/{name}") }.into()
        }),
        age(),
    ]
}

pub(crate) fn network_policy() -> Vec<Column> {
    vec![
        column("Pod-Selector", |policy| crate::selector::printed(at(policy, "spec.podSelector")).into()),
        age(),
    ]
}
