//! Tells sources that read from here of a push, so that delivery reacts at once and not at its next interval.

use std::time::Duration;

use bythos_api::gitrepository::GitRepository;
use bythos_api::names::{BYTHOS_NAMESPACE, RECONCILE_REQUESTED_AT};
use bythos_operator::error_chain;
use http::Uri;
use jiff::Timestamp;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::SERVICE;

const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Annotates every source of a repository that was pushed to, until nobody can push any more, and hands the name on to
/// who copies it.
pub(crate) async fn run(
    client: Client,
    domain: String,
    mut pushes: mpsc::Receiver<String>,
    to_copy: mpsc::Sender<String>,
) {
    while let Some(repository) = pushes.recv().await {
        if to_copy.try_send(repository.clone()).is_err() {
            // As many copies wait already, and each takes what is there when its turn comes.
            warn!(repository, "the mirror is behind");
        }
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let Err(error) = announce(&client, &domain, &repository).await else { break };
            let error = error_chain(&error);
            // Not told, a source still sees the push at its next interval.
            warn!(repository, attempt, error, "failed to tell the sources of a push");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

async fn announce(client: &Client, domain: &str, repository: &str) -> Result<(), kube::Error> {
    let sources = match Api::<GitRepository>::all(client.clone()).list(&ListParams::default()).await {
        Ok(sources) => sources.items,
        // Where delivery is switched off there is no such kind, and nobody to tell.
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(error),
    };
    let now = format!("{:.9}", Timestamp::now());
    let patch = serde_json::json!({ "metadata": { "annotations": { RECONCILE_REQUESTED_AT: now } } });
    for source in sources.iter().filter(|source| reads_from(&source.spec.url, domain, repository)) {
        let (namespace, name) = (source.namespace().unwrap_or_default(), source.name_any());
        let api = Api::<GitRepository>::namespaced(client.clone(), &namespace);
        match api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(_) => info!(namespace, name, repository, "told of the push"),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether `url` leads to `repository` here: by the cluster name, the machine's own names or the platform's domain.
fn reads_from(url: &str, domain: &str, repository: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let path = uri.path().trim_matches('/');
    if path.strip_suffix(".git") != Some(repository) {
        return false;
    }
    let host = uri.host().unwrap_or_default();
    let service = format!("{SERVICE}.{BYTHOS_NAMESPACE}.svc");
    let of_the_cluster = host == service || host.strip_suffix(".cluster.local") == Some(&service);
    let of_the_domain = host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    of_the_cluster || of_the_domain || matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_repository_are_told() {
        let cases = [
            ("https://forge.bythos-system.svc:9443/platform.git", true),
            ("https://forge.bythos-system.svc.cluster.local:9443/platform.git", true),
            ("https://127.0.0.1:9443/platform.git", true),
            ("https://localhost:9443/platform.git", true),
            ("https://git.bythos.localhost:9443/platform.git", true),
            ("https://owner@bythos.localhost/platform.git", true),
            ("https://forge.bythos-system.svc:9443/other.git", false),
            ("https://github.com/platform.git", false),
            ("https://notbythos.localhost/platform.git", false),
            ("https://forge.bythos-system.svc:9443/team/platform.git", false),
            ("not an address", false),
        ];
        for (url, expected) in cases {
            assert_eq!(reads_from(url, "bythos.localhost", "platform"), expected, "{url}");
        }
    }
}
