//! What templates see of the cluster as `.Capabilities`.

use bythos_helm::Capabilities;
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Client;
use kube::core::discovery::v2::APIGroupDiscoveryList;

use super::RenderError;
use crate::status::words;

/// Asks the cluster for its version and for every kind that it serves.
///
/// # Errors
/// It does not say.
pub(super) async fn of(client: &Client) -> Result<Capabilities, RenderError> {
    ask(client).await.map_err(|error| RenderError::Capabilities { words: words(&error) })
}

async fn ask(client: &Client) -> Result<Capabilities, kube::Error> {
    let Info { git_version, .. } = client.apiserver_version().await?;
    let core = client.list_core_api_versions_aggregated().await?;
    let groups = client.list_api_groups_aggregated().await?;
    let mut api_versions = Vec::new();
    add(core, &mut api_versions);
    add(groups, &mut api_versions);
    Ok(Capabilities { kube_version: git_version, api_versions })
}

/// `apps/v1`, and with each kind: `apps/v1/Deployment`.
fn add(list: APIGroupDiscoveryList, api_versions: &mut Vec<String>) {
    for group in list.items {
        let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        for version in group.versions {
            let version_name = version.version.unwrap_or_default();
            let api_version = if name.is_empty() { version_name } else { format!("{name}/{version_name}") };
            let kinds = version.resources.into_iter().filter_map(|it| it.response_kind?.kind);
            let mut with_kinds: Vec<String> = kinds.map(|kind| format!("{api_version}/{kind}")).collect();
            with_kinds.sort();
            with_kinds.dedup();
            api_versions.push(api_version);
            api_versions.append(&mut with_kinds);
        }
    }
}
