//! Reads what the status is told from. Nothing here judges.

use anyhow::{Context as _, Result};
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

/// The kinds whose condition `Ready` says whether they are, in the order of the way that a change takes.
const CONDITIONED: &[(&str, &str, &str, &str)] = &[
    ("source.toolkit.fluxcd.io", "v1", "GitRepository", "gitrepositories"),
    ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"),
    ("cert-manager.io", "v1", "ClusterIssuer", "clusterissuers"),
    ("cert-manager.io", "v1", "Issuer", "issuers"),
    ("cert-manager.io", "v1", "Certificate", "certificates"),
];

/// Everything that the status is told from.
#[derive(Debug, Default)]
pub(super) struct Cloud {
    /// Checks of `/readyz` that fail, with their reasons.
    pub(super) failing_checks: Vec<FailingCheck>,
    pub(super) nodes: Vec<Node>,
    pub(super) conditioned: Vec<Conditioned>,
    pub(super) pods: Vec<Pod>,
    pub(super) ingresses: Vec<IngressState>,
    /// Warnings, oldest first.
    pub(super) warnings: Vec<Event>,
}

/// A line of `/readyz?verbose` that does not say ok.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FailingCheck {
    pub(super) name: String,
    pub(super) reason: String,
}

/// An object that has conditions.
#[derive(Debug)]
pub(super) struct Conditioned {
    pub(super) kind: &'static str,
    pub(super) key: String,
    pub(super) generation: Option<i64>,
    pub(super) suspended: bool,
    pub(super) status: Value,
}

/// What matters of an Ingress.
#[derive(Debug)]
pub(super) struct IngressState {
    pub(super) key: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) hosts: Vec<String>,
    /// The ingress has given it an address.
    pub(super) served: bool,
}

impl Cloud {
    pub(super) async fn collect(client: &Client) -> Result<Cloud> {
        let mut conditioned = Vec::new();
        for (group, version, kind, plural) in CONDITIONED {
            conditioned.extend(list_conditioned(client, group, version, kind, plural).await?);
        }
        let mut warnings = list::<Event>(client).await?;
        warnings.retain(|event| event.type_.as_deref() == Some("Warning"));
        warnings.sort_by_key(|event| event.last_timestamp.clone());
        Ok(Cloud {
            failing_checks: failing_checks(client).await?,
            nodes: list(client).await?,
            conditioned,
            pods: list(client).await?,
            ingresses: list::<Ingress>(client).await?.iter().map(ingress_state).collect(),
            warnings,
        })
    }
}

async fn list<K>(client: &Client) -> Result<Vec<K>>
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let listed = Api::<K>::all(client.clone()).list(&ListParams::default()).await;
    Ok(listed.with_context(|| format!("failed to list {}", K::plural(&())))?.items)
}

/// An empty list where the kind does not exist, as on a control plane without capabilities.
async fn list_conditioned(
    client: &Client,
    group: &str,
    version: &str,
    kind: &'static str,
    plural: &str,
) -> Result<Vec<Conditioned>> {
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: format!("{group}/{version}"),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    let listed = Api::<DynamicObject>::all_with(client.clone(), &resource).list(&ListParams::default()).await;
    let items = match listed {
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        other => other.with_context(|| format!("failed to list {plural}"))?.items,
    };
    Ok(items.into_iter().map(|object| conditioned(kind, object)).collect())
}

fn conditioned(kind: &'static str, mut object: DynamicObject) -> Conditioned {
    Conditioned {
        kind,
        key: key(object.namespace().as_deref(), &object.name_any()),
        generation: object.metadata.generation,
        suspended: object.data["spec"]["suspend"] == Value::Bool(true),
        status: object.data["status"].take(),
    }
}

/// `namespace/name`, or the name alone.
pub(super) fn key(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

fn ingress_state(ingress: &Ingress) -> IngressState {
    let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
    let balancer = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let addresses = balancer.and_then(|balancer| balancer.ingress.as_ref());
    let mut hosts: Vec<String> = rules.filter_map(|rule| rule.host.clone()).collect();
    hosts.dedup();
    IngressState {
        key: key(ingress.namespace().as_deref(), &ingress.name_any()),
        namespace: ingress.namespace().unwrap_or_default(),
        name: ingress.name_any(),
        hosts,
        served: addresses.is_some_and(|addresses| !addresses.is_empty()),
    }
}

async fn failing_checks(client: &Client) -> Result<Vec<FailingCheck>> {
    let request = http::Request::get("/readyz?verbose").body(kube::client::Body::empty())?;
    let response = client.send(request).await.context("failed to reach the API")?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(parse_checks(&String::from_utf8_lossy(&body)))
}

/// Lines such as `[-]part/node failed: starting containerd`.
fn parse_checks(text: &str) -> Vec<FailingCheck> {
    let failing = text.lines().filter_map(|line| line.strip_prefix("[-]"));
    failing
        .map(|line| {
            let (name, reason) = line.split_once(" failed").unwrap_or((line, ""));
            let reason = reason.trim_start_matches(':').trim().to_owned();
            FailingCheck { name: name.to_owned(), reason }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failing_checks_are_kept_with_their_reasons() {
        let text =
            "[+]ping ok\n[-]part/node failed: starting containerd\n[-]store failed\nreadyz check failed\n";
        let expected = [("part/node", "starting containerd"), ("store", "")]
            .map(|(name, reason)| FailingCheck { name: name.to_owned(), reason: reason.to_owned() });
        assert_eq!(parse_checks(text), expected);
    }
}
