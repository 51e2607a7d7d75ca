//! Which kinds the API has now, built-in and custom.

use std::collections::BTreeSet;

use bythos_operator::error_chain;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};
use kube::Client;
use kube::core::discovery::ApiResource;

use crate::call::CallError;

/// One kind, in the version that its group prefers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownKind {
    pub(crate) resource: ApiResource,
    pub(crate) is_namespaced: bool,
    verbs: BTreeSet<String>,
}

impl KnownKind {
    /// Whether all of `verbs` can be asked of it.
    pub(crate) fn can(&self, verbs: &[&str]) -> bool {
        verbs.iter().all(|verb| self.verbs.contains(*verb))
    }

    fn of(group: &str, version: &str, resource: APIResource) -> KnownKind {
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        KnownKind {
            resource: ApiResource {
                group: group.to_owned(),
                version: version.to_owned(),
                api_version,
                kind: resource.kind,
                plural: resource.name,
            },
            is_namespaced: resource.namespaced,
            verbs: resource.verbs.into_iter().collect(),
        }
    }
}

/// What discovery found.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    /// Each kind once.
    pub(crate) kinds: Vec<KnownKind>,
    /// Group versions that did not answer, with the reason.
    pub(crate) failures: Vec<(String, String)>,
}

impl Discovered {
    fn add(&mut self, group: &str, version: &str, resources: APIResourceList) {
        for resource in resources.resources {
            let is_subresource = resource.name.contains('/');
            let is_known = self
                .kinds
                .iter()
                .any(|known| known.resource.group == group && known.resource.plural == resource.name);
            if !is_subresource && !is_known {
                self.kinds.push(KnownKind::of(group, version, resource));
            }
        }
    }

    fn add_answer(&mut self, group: &str, version: &str, answer: Result<APIResourceList, kube::Error>) {
        match answer {
            Ok(resources) => self.add(group, version, resources),
            Err(error) => self.failures.push((format!("{group}/{version}"), error_chain(&error))),
        }
    }
}

/// Asks the API for all its kinds. A group that does not answer is told in the result, since the others count.
pub(crate) async fn kinds(client: &Client) -> Result<Discovered, CallError> {
    let mut found = Discovered::default();
    let core = client.list_core_api_resources("v1").await;
    found.add("", "v1", core.map_err(CallError::on_kind("discover", "kinds of group", "v1"))?);
    let groups = client.list_api_groups().await.map_err(CallError::on_kind("discover", "groups", ""))?;
    for group in groups.groups {
        let preferred = group.preferred_version.as_ref().map(|preferred| preferred.version.clone());
        let others = group.versions.iter().map(|version| version.version.clone());
        let others = others.filter(|version| Some(version) != preferred.as_ref());
        for version in preferred.iter().cloned().chain(others) {
            let answer = client.list_api_group_resources(&format!("{}/{version}", group.name)).await;
            found.add_answer(&group.name, &version, answer);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn each_kind_appears_once_in_the_version_that_comes_first() {
        let list = |names: &[&str]| -> APIResourceList {
            let resource = |name: &&str| json!({ "name": name, "singularName": "", "namespaced": true, "kind": "K", "verbs": ["list"] });
            let resources: Vec<_> = names.iter().map(resource).collect();
            from_value(json!({ "groupVersion": "g/v", "resources": resources })).unwrap()
        };
        let mut found = Discovered::default();
        found.add("g", "v2", list(&["as", "as/status"]));
        found.add("g", "v1", list(&["as", "bs"]));
        let kinds: Vec<_> =
            found.kinds.iter().map(|kind| (&*kind.resource.api_version, &*kind.resource.plural)).collect();
        assert_eq!(kinds, [("g/v2", "as"), ("g/v1", "bs")]);
        assert!(found.kinds[0].can(&["list"]) && !found.kinds[0].can(&["list", "watch"]));
    }
}
