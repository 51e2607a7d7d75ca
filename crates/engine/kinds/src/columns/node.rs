//! Nodes.

use serde_json::Value;

use super::{NONE, age, column, text_at, wide};
use crate::Column;
use crate::fields::{entries, items, text};

const ROLE_LABEL_PREFIX: &str = "node-role.kubernetes.io/";
const OLD_ROLE_LABEL: &str = "kubernetes.io/role";

pub(crate) fn columns() -> Vec<Column> {
    vec![
        column("Status", |node| status(node).into()),
        column("Roles", roles),
        age(),
        column("Version", |node| text_at(node, "status.nodeInfo.kubeletVersion")),
        wide(column("Internal-IP", |node| address(node, "InternalIP"))),
        wide(column("External-IP", |node| address(node, "ExternalIP"))),
        wide(column("OS-Image", |node| text_or_unknown(node, "status.nodeInfo.osImage"))),
        wide(column("Kernel-Version", |node| text_or_unknown(node, "status.nodeInfo.kernelVersion"))),
        wide(column("Container-Runtime", |node| {
            text_or_unknown(node, "status.nodeInfo.containerRuntimeVersion")
        })),
    ]
}

fn status(node: &Value) -> String {
    let ready = items(node, "status.conditions").iter().find(|condition| text(condition, "type") == "Ready");
    let words = match ready.map(|condition| text(condition, "status")) {
        None => "Unknown",
        Some("True") => "Ready",
        Some(_) => "NotReady",
    };
    if node["spec"]["unschedulable"].as_bool().unwrap_or_default() {
        format!("{words},SchedulingDisabled")
    } else {
        words.to_owned()
    }
}

fn roles(node: &Value) -> Value {
    let roles: Vec<&str> = entries(node, "metadata.labels")
        .filter_map(|(label, value)| match label.strip_prefix(ROLE_LABEL_PREFIX) {
            Some("") => None,
            Some(role) => Some(role),
            None if label == OLD_ROLE_LABEL => value.as_str().filter(|role| !role.is_empty()),
            None => None,
        })
        .collect();
    if roles.is_empty() { NONE.into() } else { roles.join(",").into() }
}

fn address(node: &Value, type_: &str) -> Value {
    let found = items(node, "status.addresses").iter().find(|address| text(address, "type") == type_);
    found.map_or(NONE.into(), |address| text_at(address, "address"))
}

fn text_or_unknown(node: &Value, path: &str) -> Value {
    match text(node, path) {
        "" => "<unknown>".into(),
        text => text.into(),
    }
}
