//! Manifests that a kustomization names by address, as Flux lets it: over HTTPS alone, with nothing that proves who asks,
//! bounded in time and bytes. They are fetched anew for every build, and nothing of them is kept.

use std::time::Duration;

use bythos_kustomize::Fetched;
use bythos_operator::error_chain;
use kube::Client;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::web::{Certificates, Wanted, Web};

/// How long all files of a build may take together.
const TIME_MAX: Duration = Duration::from_secs(60);
const FILE_BYTES_MAX: usize = 16 << 20;

const NOT_SECURE: &str = "only https:// is fetched";
const REPOSITORY: &str = "repositories are not fetched for a kustomization; name the https:// address of a single file, \
                          or bring the other repository with a GitRepository that has it in spec.include";

/// Fetches for one build, which runs on a thread of its own, outside of the runtime.
pub(crate) struct Remote {
    runtime: Handle,
    deadline: Instant,
    pub(crate) certificates: Certificates,
    names: Client,
}

impl Remote {
    /// `names` knows the hosts of the cluster.
    pub(crate) fn new(names: Client) -> Remote {
        let deadline = Instant::now() + TIME_MAX;
        Remote { runtime: Handle::current(), deadline, certificates: Certificates::default(), names }
    }

    /// The file at an address, or in words why there is none.
    pub(crate) fn fetch(&self, address: &str) -> Result<Fetched, String> {
        if let Some(refusal) = refusal(address) {
            return Err(refusal.to_owned());
        }
        let bytes = self.runtime.block_on(self.file(address))?;
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Err(format!("there is a web page, and no manifest; {REPOSITORY}"));
        }
        Ok(Fetched::File(bytes))
    }

    async fn file(&self, address: &str) -> Result<Vec<u8>, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let web = Web::new(&self.certificates, left, Some(self.names.clone()));
        let web = web.map_err(|error| error_chain(&error))?.only_secure();
        let wanted = Wanted {
            url: address,
            accept: None,
            authorization: None,
            passes_on: false,
            bytes_max: FILE_BYTES_MAX,
        };
        web.fetch(wanted).await.map_err(|error| error_chain(&error))
    }
}

/// Why an address is not even tried.
fn refusal(address: &str) -> Option<&'static str> {
    if address.starts_with("http://") {
        return Some(NOT_SECURE);
    }
    let Some(rest) = address.strip_prefix("https://") else { return Some(REPOSITORY) };
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    let is_repository = rest.contains("?ref=") || path.contains("//") || path.ends_with(".git");
    is_repository.then_some(REPOSITORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_files_over_https_are_fetched() {
        let cases = [
            ("https://example.org/a.yaml", None),
            ("https://example.org/a.yaml?token=1", None),
            ("http://example.org/a.yaml", Some(NOT_SECURE)),
            ("github.com/owner/name//path?ref=v1", Some(REPOSITORY)),
            ("https://github.com/owner/name//path", Some(REPOSITORY)),
            ("https://github.com/owner/name?ref=v1", Some(REPOSITORY)),
            ("https://example.org/name.git", Some(REPOSITORY)),
            ("git@example.org:owner/name", Some(REPOSITORY)),
            ("ssh://git@example.org/owner/name", Some(REPOSITORY)),
            ("file:///etc/passwd", Some(REPOSITORY)),
        ];
        for (address, expected) in cases {
            assert_eq!(refusal(address), expected, "{address}");
        }
    }
}
