//! From a remote to an artifact: ask for the commit, and fetch only one that is not here yet.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use bythos_api::flux::Artifact;
use bythos_api::gitrepository::{GitRepository, GitRepositoryStatus};
use bythos_operator::{ObjectKey, names};
use k8s_openapi::api::core::v1::Secret;

use super::modules::Tree;
use super::reference::Reference;
use super::report::Failure;
use super::validate::{Scheme, Wanted, wanted};
use super::{Context, pack, timeout_of};
use crate::credentials::{self, HttpAccess, SecretError};
use crate::git::GitError;
use crate::git::remote::{Advertised, Remote};
use crate::git::ssh::{self, SshHost};
use crate::storage::Folder;

/// Branches that are named where the wanted one is not there.
const BRANCHES_NAMED_MAX: usize = 5;

/// What was made, and what went into it.
pub(super) struct Obtained {
    pub(super) artifact: Artifact,
    pub(super) included: Vec<Artifact>,
}

impl Context {
    /// The artifact of what the source means now.
    pub(super) async fn obtain(
        &self,
        key: &ObjectKey,
        source: &GitRepository,
        status: &GitRepositoryStatus,
    ) -> Result<Obtained, Failure> {
        let wanted = wanted(&source.spec)?;
        // Held while git runs: the files go with the folder.
        let scratch = tempfile::tempdir_in(&self.scratch).map_err(Failure::Scratch)?;
        let remote = self.remote(key, source, &wanted, scratch.path()).await?;
        let included = self.included(key, source).await?;
        let failed = |error| Failure::git(&wanted, error);
        let (reference, commit) = self.commit_of(&remote, &wanted, scratch.path()).await?;
        if let Some(artifact) = self.known(source, status, &reference.revision(&commit), &included).await {
            return Ok(Obtained { artifact, included });
        }
        let repository = scratch.path().join("repository.git");
        let fetched = remote.fetch(&self.git, &repository, &reference.full_name()).await.map_err(failed)?;
        let root = Tree::root(&repository, &fetched, &wanted.url);
        let trees = match source.spec.recurse_submodules {
            true => self.with_modules(&remote, root, scratch.path()).await?,
            false => vec![root],
        };
        let files = self.included_files(&source.spec.include, &included).await?;
        let bytes = pack::pack(&self.git, &trees, files, &source.spec, timeout_of(source)).await?;
        let (file, revision) = (format!("{fetched}.tar.gz"), reference.revision(&fetched));
        let kept = self.desk.storage.keep((Folder::GitRepository, key), &file, revision, bytes).await;
        let artifact = kept?;
        Ok(Obtained { artifact, included })
    }

    /// How to reach the repository. What git reads from files is written into `scratch`.
    async fn remote(
        &self,
        key: &ObjectKey,
        source: &GitRepository,
        wanted: &Wanted,
        scratch: &Path,
    ) -> Result<Remote, Failure> {
        let secret = source.spec.secret_ref.as_ref().map(|it| self.secret(key, &it.name)).transpose()?;
        let (mut access, mut identity) = (HttpAccess::default(), None);
        match (&secret, wanted.scheme) {
            (None, _) => {}
            (Some(secret), Scheme::Ssh) => identity = Some(credentials::ssh(secret)?),
            (Some(secret), Scheme::Http) => access = credentials::http(secret)?,
        }
        let proxy = source.spec.proxy_secret_ref.as_ref().map(|it| self.secret(key, &it.name)).transpose()?;
        let proxy = proxy.map(|secret| credentials::proxy(&secret)).transpose()?;
        let keep = |name: &str, bytes: &[u8]| {
            let file = scratch.join(name);
            std::fs::write(&file, bytes).map(|()| file).map_err(Failure::Scratch)
        };
        let resolved = self.resolve(wanted).await?;
        let host = SshHost {
            host: wanted.host.clone(),
            port: wanted.port,
            default_user: (!wanted.has_user).then_some("git"),
            resolved,
        };
        let ssh = identity.map(|identity| ssh::prepare(scratch, &identity, &host)).transpose();
        let client_certificate = match access.certificates.client {
            Some((pem, its_key)) => Some((keep("tls.crt", &pem)?, keep("tls.key", &its_key)?)),
            None => None,
        };
        Ok(Remote {
            url: wanted.url.clone(),
            origin: wanted.origin.clone(),
            credential: access.credential,
            authority_file: access.certificates.authority_pem.map(|pem| keep("ca.crt", &pem)).transpose()?,
            client_certificate,
            proxy,
            ssh: ssh.map_err(Failure::Scratch)?.unwrap_or_default(),
            resolved: resolved.map(|address| (wanted.host.clone(), wanted.port, address)),
            timeout: timeout_of(source),
        })
    }

    fn secret(&self, key: &ObjectKey, name: &str) -> Result<Arc<Secret>, Failure> {
        let secret = self.secrets.get(&ObjectKey::namespaced(key.namespace.as_str(), name));
        secret.ok_or_else(|| {
            let message = format!("there is no such Secret in namespace {:?}", key.namespace);
            Failure::Secret(SecretError { name: name.to_owned(), message })
        })
    }

    /// The host's resolver does not know the names of the cluster.
    async fn resolve(&self, wanted: &Wanted) -> Result<Option<IpAddr>, Failure> {
        names::resolve(&self.desk.client, &wanted.host).await.map_err(Failure::Resolve)
    }

    /// The commit that the remote has for the reference; of a range, the tag within it.
    async fn commit_of(
        &self,
        remote: &Remote,
        wanted: &Wanted,
        scratch: &Path,
    ) -> Result<(Reference, String), Failure> {
        if let Reference::Commit { commit, .. } = &wanted.reference {
            return Ok((wanted.reference.clone(), commit.clone()));
        }
        let failed = |error| Failure::git(wanted, error);
        let full = wanted.reference.full_name();
        let peeled = format!("{full}^{{}}");
        let advertised = remote.list(&self.git, &[&full, &peeled]).await.map_err(failed)?;
        let candidates = wanted.reference.candidates(&advertised);
        let meant = match candidates.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            tags => Some(self.newest(remote, tags, &advertised, scratch).await.map_err(failed)?),
        };
        if let Some(reference) = meant
            && let Some(commit) = reference.find(&advertised)
        {
            let commit = commit.to_owned();
            return Ok((reference, commit));
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

    /// Of tags whose versions are equal, the one with the newest commit, as in Flux.
    async fn newest(
        &self,
        remote: &Remote,
        tags: &[Reference],
        advertised: &[Advertised],
        scratch: &Path,
    ) -> Result<Reference, GitError> {
        let names: Vec<String> = tags.iter().map(Reference::full_name).collect();
        let commit = remote.newest(&self.git, &scratch.join("tags.git"), &names).await?;
        let is_meant = |tag: &&Reference| tag.find(advertised) == Some(&commit);
        let words = || format!("{} moved while it was looked at", names.join(" or "));
        tags.iter().rfind(is_meant).cloned().ok_or_else(|| GitError::Failed { words: words() })
    }

    /// The artifact that is there, if it is of this revision, made as the source asks, and still whole on disk.
    async fn known(
        &self,
        source: &GitRepository,
        status: &GitRepositoryStatus,
        revision: &str,
        included: &[Artifact],
    ) -> Option<Artifact> {
        let artifact = status.artifact.as_ref().filter(|artifact| artifact.revision == revision)?;
        let same_includes = status.included_artifacts.len() == included.len()
            && status.included_artifacts.iter().zip(included).all(|(one, other)| one.digest == other.digest);
        let made_so = status.observed_ignore == source.spec.ignore
            && status.observed_sparse_checkout == source.spec.sparse_checkout
            && status.observed_recurse_submodules == source.spec.recurse_submodules
            && status.observed_include == source.spec.include
            && same_includes;
        if !made_so {
            return None;
        }
        self.desk.storage.has(artifact).await.then(|| artifact.clone())
    }
}
