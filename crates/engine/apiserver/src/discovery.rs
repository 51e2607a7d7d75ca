//! Which groups, versions and resources there are: one by one, or all at once (`apidiscovery.k8s.io/v2`).

use std::sync::Arc;

use bythos_kinds::Subresource;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body::{Body, full};
use crate::call::{Call, answer};
use crate::negotiate::accepted;
use crate::registry::{Registry, Served};
use crate::status::Failure;

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const CONNECT_VERBS: [&str; 2] = ["create", "get"];
const PROXY_VERBS: [&str; 5] = ["create", "delete", "get", "patch", "update"];
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `/api`
pub(crate) fn core(call: &Call) -> Result<Response<Body>, Failure> {
    if wants_aggregated(call) {
        return aggregated(&call.state.registry(), str::is_empty);
    }
    let addresses = json!([{ "clientCIDR": "0.0.0.0/0", "serverAddress": "" }]);
    let versions =
        json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses });
    call.answer_value(StatusCode::OK, &versions)
}

/// `/apis`
pub(crate) fn groups(call: &Call) -> Result<Response<Body>, Failure> {
    let registry = call.state.registry();
    if wants_aggregated(call) {
        return aggregated(&registry, |group| !group.is_empty());
    }
    let groups: Vec<Value> = group_names(&registry)
        .into_iter()
        .filter(|group| !group.is_empty())
        .map(|group| group_value(&registry, group))
        .collect();
    call.answer_value(
        StatusCode::OK,
        &json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }),
    )
}

/// `/apis/apps`
pub(crate) fn group(call: &Call, group: &str) -> Result<Response<Body>, Failure> {
    let registry = call.state.registry();
    if versions_of(&registry, group).is_empty() {
        return Err(Failure::UnknownPath);
    }
    let mut value = group_value(&registry, group);
    value["kind"] = json!("APIGroup");
    value["apiVersion"] = json!("v1");
    call.answer_value(StatusCode::OK, &value)
}

/// `/api/v1`, `/apis/apps/v1`
pub(crate) fn version(call: &Call, group: &str, version: &str) -> Result<Response<Body>, Failure> {
    let registry = call.state.registry();
    let kinds = kinds_of(&registry, group, version);
    if kinds.is_empty() {
        return Err(Failure::UnknownPath);
    }
    let resources: Vec<Value> = kinds.iter().flat_map(|served| resources(served)).collect();
    let list = json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds.first().map(|served| served.api_version.as_str()),
        "resources": resources,
    });
    call.answer_value(StatusCode::OK, &list)
}

fn group_names(registry: &Registry) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for served in registry.kinds() {
        if !names.contains(&served.kind.group.as_ref()) {
            names.push(&served.kind.group);
        }
    }
    names
}

fn versions_of<'a>(registry: &'a Registry, group: &str) -> Vec<&'a str> {
    let mut versions: Vec<&str> = Vec::new();
    for served in registry.kinds().iter().filter(|served| served.kind.group == group) {
        if !versions.contains(&served.kind.version.as_ref()) {
            versions.push(&served.kind.version);
        }
    }
    versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    versions
}

fn kinds_of<'a>(registry: &'a Registry, group: &str, version: &str) -> Vec<&'a Arc<Served>> {
    let kinds = registry.kinds().iter();
    kinds.filter(|served| served.kind.group == group && served.kind.version == version).collect()
}

/// Upstream's order of versions: stable ones first, then beta, then alpha, each the newest first.
fn priority(version: &str) -> (u8, u32, u32) {
    let parsed = version.strip_prefix('v').and_then(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, rest) = rest.split_at(digits);
        let major: u32 = major.parse().ok()?;
        if rest.is_empty() {
            return Some((3, major, 0));
        }
        let (stage, minor) = match (rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
            (Some(minor), _) => (2, minor),
            (None, Some(minor)) => (1, minor),
            (None, None) => return None,
        };
        Some((stage, major, minor.parse().ok()?))
    });
    parsed.unwrap_or((0, 0, 0))
}

fn group_value(registry: &Registry, group: &str) -> Value {
    let versions: Vec<Value> = versions_of(registry, group)
        .into_iter()
        .map(|version| json!({ "groupVersion": format!("{group}/{version}"), "version": version }))
        .collect();
    let preferred = versions.first().cloned();
    json!({ "name": group, "versions": versions, "preferredVersion": preferred })
}

/// The kind's resource and its subresources, as `APIResource`s.
fn resources(served: &Served) -> Vec<Value> {
    let kind = &served.kind;
    let mut resource = json!({
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": verbs(served),
    });
    if !kind.short_names.is_empty() {
        resource["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    let subresources = doors(served).map(|Door { path, kind: own_kind, verbs }| {
        let mut resource = json!({
            "name": format!("{}/{path}", kind.plural),
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": own_kind.map_or(kind.kind.as_ref(), |(_, _, kind)| kind),
            "verbs": verbs,
        });
        if let Some((group, version, _)) = own_kind {
            resource["group"] = json!(group);
            resource["version"] = json!(version);
        }
        resource
    });
    std::iter::once(resource).chain(subresources).collect()
}

fn verbs(served: &Served) -> &'static [&'static str] {
    if served.kind.stored { &VERBS } else { &["create"] }
}

/// A subresource as clients see it.
pub(crate) struct Door<'a> {
    pub(crate) path: &'static str,
    /// Group, version and kind, if they are not those of the object.
    pub(crate) kind: Option<(&'static str, &'static str, &'a str)>,
    pub(crate) verbs: &'static [&'static str],
}

impl Door<'_> {
    /// What is behind it is no object but a connection.
    pub(crate) fn connects(&self) -> bool {
        self.verbs == CONNECT_VERBS || self.verbs == PROXY_VERBS
    }
}

/// The subresources of a kind that are served.
pub(crate) fn doors(served: &Served) -> impl Iterator<Item = Door<'_>> {
    served.kind.subresources.iter().map(door)
}

fn door(subresource: &Subresource) -> Door<'_> {
    let (path, kind, verbs): (_, _, &[&str]) = match subresource {
        Subresource::Status => ("status", None, &["get", "patch", "update"]),
        Subresource::Scale { .. } => {
            ("scale", Some(("autoscaling", "v1", "Scale")), &["get", "patch", "update"])
        }
        Subresource::Binding => ("binding", Some(("", "v1", "Binding")), &["create"]),
        Subresource::Log => ("log", None, &["get"]),
        Subresource::Exec => ("exec", Some(("", "v1", "PodExecOptions")), &CONNECT_VERBS),
        Subresource::Attach => ("attach", Some(("", "v1", "PodAttachOptions")), &CONNECT_VERBS),
        Subresource::PortForward => {
            ("portforward", Some(("", "v1", "PodPortForwardOptions")), &CONNECT_VERBS)
        }
        Subresource::Proxy { options } => ("proxy", Some(("", "v1", options)), &PROXY_VERBS),
        Subresource::Approval => ("approval", None, &["get", "update"]),
        Subresource::Finalize => ("finalize", None, &["update"]),
        Subresource::Eviction => ("eviction", Some(("policy", "v1", "Eviction")), &["create"]),
        Subresource::Token => ("token", Some(("authentication.k8s.io", "v1", "TokenRequest")), &["create"]),
    };
    Door { path, kind, verbs }
}

fn wants_aggregated(call: &Call) -> bool {
    accepted(&call.headers).first().is_some_and(|media_type| {
        media_type.parameter("as") == Some("APIGroupDiscoveryList") && media_type.parameter("v") == Some("v2")
    })
}

fn aggregated(registry: &Registry, is_asked: impl Fn(&str) -> bool) -> Result<Response<Body>, Failure> {
    let groups: Vec<Value> = group_names(registry)
        .into_iter()
        .filter(|group| is_asked(group))
        .map(|group| {
            let versions: Vec<Value> = versions_of(registry, group)
                .into_iter()
                .map(|version| {
                    let kinds = kinds_of(registry, group, version);
                    let resources: Vec<Value> =
                        kinds.into_iter().map(|served| aggregated_resource(served)).collect();
                    json!({ "version": version, "resources": resources, "freshness": "Current" })
                })
                .collect();
            json!({ "metadata": { "name": group }, "versions": versions })
        })
        .collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": groups,
    });
    Ok(answer(StatusCode::OK, AGGREGATED, full(serde_json::to_vec(&list)?)))
}

fn aggregated_resource(served: &Served) -> Value {
    let kind = &served.kind;
    let own = json!({ "group": kind.group, "version": kind.version, "kind": kind.kind });
    let subresources: Vec<Value> = doors(served)
        .map(|Door { path, kind, verbs }| {
            let response = kind.map_or_else(
                || own.clone(),
                |(group, version, kind)| json!({ "group": group, "version": version, "kind": kind }),
            );
            json!({ "subresource": path, "responseKind": response, "verbs": verbs })
        })
        .collect();
    json!({
        "resource": kind.plural,
        "responseKind": own,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": verbs(served),
        "shortNames": kind.short_names,
        "categories": kind.categories,
        "subresources": subresources,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_versions_come_first_and_newer_before_older() {
        let mut versions = vec!["v1alpha1", "v2beta1", "v1", "foo", "v10", "v2", "v1beta2"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v10", "v2", "v1", "v2beta1", "v1beta2", "v1alpha1", "foo"]);
    }
}
