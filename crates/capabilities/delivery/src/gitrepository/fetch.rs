//! From a remote to an artifact: ask for the commit, and fetch only one that is not here yet.

use std::net::IpAddr;

use bythos_api::flux::Artifact;
use bythos_api::gitrepository::{GitRepository, GitRepositoryStatus};
use bythos_operator::{ObjectKey, names};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::credentials::{Access, access};
use super::reference::Reference;
use super::report::Failure;
use super::validate::{Wanted, wanted};
use super::{Context, pack, timeout_of};
use crate::artifact::digest;
use crate::git::GitError;
use crate::git::remote::Remote;
use crate::storage::Storage;

/// Branches that are named where the wanted one is not there.
const BRANCHES_NAMED_MAX: usize = 5;

impl Context {
    /// The artifact of what the source means now.
    pub(super) async fn obtain(
        &self,
        key: &ObjectKey,
        source: &GitRepository,
        status: &GitRepositoryStatus,
    ) -> Result<Artifact, Failure> {
        let wanted = wanted(&source.spec)?;
        let access = self.access(key, source)?;
        // Held while git runs: the file goes with the folder.
        let scratch = tempfile::tempdir_in(&self.scratch).map_err(Failure::Scratch)?;
        let authority_file = scratch.path().join("ca.crt");
        if let Some(pem) = &access.authority_pem {
            tokio::fs::write(&authority_file, pem).await.map_err(Failure::Scratch)?;
        }
        let remote = Remote {
            url: &wanted.url,
            origin: wanted.origin.clone(),
            credential: access.credential,
            authority_file: access.authority_pem.as_ref().map(|_| authority_file.as_path()),
            resolved: self.resolve(&wanted).await?.map(|address| (wanted.host.clone(), wanted.port, address)),
            timeout: timeout_of(source),
        };
        let failed = |error| Failure::git(&wanted, error);
        let commit = self.commit_of(&remote, &wanted).await?;
        if let Some(artifact) = self.known(source, status, &wanted.reference.revision(&commit)).await {
            return Ok(artifact);
        }
        let repository = scratch.path().join("repository.git");
        let fetched =
            remote.fetch(&self.git, &repository, &wanted.reference.full_name()).await.map_err(failed)?;
        let bytes = pack::pack(&self.git, &repository, &fetched, &source.spec, timeout_of(source)).await?;
        let artifact = Artifact {
            path: Storage::path_of(key, &fetched),
            url: None,
            revision: wanted.reference.revision(&fetched),
            digest: Some(digest(&bytes)),
            last_update_time: Time(Timestamp::now()),
            size: i64::try_from(bytes.len()).ok(),
            metadata: None,
        };
        self.storage.put(&artifact.path, bytes).await?;
        Ok(artifact)
    }

    fn access(&self, key: &ObjectKey, source: &GitRepository) -> Result<Access, Failure> {
        let Some(reference) = &source.spec.secret_ref else { return Ok(Access::default()) };
        let secret =
            self.secrets.get(&ObjectKey::namespaced(key.namespace.as_str(), reference.name.as_str()));
        let missing = || Failure::Secret {
            name: reference.name.clone(),
            message: format!("there is no such Secret in namespace {:?}", key.namespace),
        };
        access(&reference.name, secret.ok_or_else(missing)?.as_ref())
    }

    /// The host's resolver does not know the names of the cluster.
    async fn resolve(&self, wanted: &Wanted) -> Result<Option<IpAddr>, Failure> {
        names::resolve(&self.client, &wanted.host).await.map_err(Failure::Resolve)
    }

    /// The commit that the remote has for the reference.
    async fn commit_of(&self, remote: &Remote<'_>, wanted: &Wanted) -> Result<String, Failure> {
        if let Reference::Commit { commit, .. } = &wanted.reference {
            return Ok(commit.clone());
        }
        let failed = |error| Failure::git(wanted, error);
        let full = wanted.reference.full_name();
        let peeled = format!("{full}^{{}}");
        let advertised = remote.list(&self.git, &[&full, &peeled]).await.map_err(failed)?;
        if let Some(commit) = wanted.reference.find(&advertised) {
            return Ok(commit.to_owned());
        }
        let all = remote.list(&self.git, &[]).await.map_err(failed)?;
        if all.is_empty() {
            return Err(Failure::Empty { reference: wanted.reference.to_string() });
        }
        let branches = all.iter().filter_map(|it| it.name.strip_prefix("refs/heads/"));
        let branches: Vec<&str> = branches.take(BRANCHES_NAMED_MAX).collect();
        let words = format!("couldn't find {}; branches there: {}", wanted.reference, branches.join(", "));
        Err(failed(GitError::Failed { words }))
    }

    /// The artifact that is there, if it is of this revision, made as the source asks, and still whole on disk.
    async fn known(
        &self,
        source: &GitRepository,
        status: &GitRepositoryStatus,
        revision: &str,
    ) -> Option<Artifact> {
        let artifact = status.artifact.as_ref().filter(|artifact| artifact.revision == revision)?;
        let made_so = status.observed_ignore == source.spec.ignore
            && status.observed_sparse_checkout == source.spec.sparse_checkout;
        if !made_so {
            return None;
        }
        self.storage.get(&artifact.path, artifact.digest.as_deref()?).await.ok()?;
        Some(artifact.clone())
    }
}
