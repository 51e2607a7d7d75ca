//! Artifacts of other sources that become part of this one: `spec.include`.

use bythos_api::flux::Artifact;
use bythos_api::gitrepository::{GitRepository, GitRepositoryInclude};
use bythos_operator::ObjectKey;
use kube::{Api, ResourceExt as _};

use super::Context;
use super::report::Failure;
use crate::artifact::{self, File};

impl Context {
    /// The artifacts of the included sources, in their order.
    pub(super) async fn included(
        &self,
        key: &ObjectKey,
        source: &GitRepository,
    ) -> Result<Vec<Artifact>, Failure> {
        // Not from the cache: the one that wakes us has just written its status.
        let api = Api::<GitRepository>::namespaced(self.desk.client.clone(), &key.namespace);
        let mut artifacts = Vec::new();
        for include in &source.spec.include {
            let name = include.repository.name.clone();
            let found = api.get_opt(&name).await.map_err(|error| Failure::Include {
                name: name.clone(),
                words: crate::status::words(&error),
            })?;
            let found = found.ok_or_else(|| Failure::NoInclude { name: name.clone() })?;
            let artifact = found.status.and_then(|status| status.artifact);
            artifacts.push(artifact.ok_or(Failure::IncludeWithoutArtifact { name })?);
        }
        Ok(artifacts)
    }

    /// The files of the included artifacts, where they are to stand.
    pub(super) async fn included_files(
        &self,
        includes: &[GitRepositoryInclude],
        artifacts: &[Artifact],
    ) -> Result<Vec<File>, Failure> {
        let mut files = Vec::new();
        for (include, artifact) in includes.iter().zip(artifacts) {
            let digest = artifact.digest.as_deref().unwrap_or_default();
            let bytes = self.desk.storage.get(&artifact.path, digest).await?;
            let unpacked = tokio::task::spawn_blocking(move || artifact::unpack(&bytes)).await;
            let unpacked = unpacked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
            let unpacked = unpacked.map_err(Failure::Pack)?;
            let placed = unpacked.into_iter().filter_map(|(path, content)| {
                Some(File { path: place(include, &path)?, content, executable: false })
            });
            files.extend(placed);
        }
        Ok(files)
    }

    /// The sources that include this one.
    pub(super) fn includers(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        let includes =
            |it: &GitRepository| it.spec.include.iter().any(|include| include.repository.name == key.name);
        let all = self.sources.list_in(&key.namespace);
        all.iter()
            .filter(|it| includes(it) && it.name_any() != key.name)
            .map(|it| ObjectKey::of(it.as_ref()))
            .collect()
    }
}

/// Where a file of an included artifact stands; nowhere if it is outside of the included folder.
fn place(include: &GitRepositoryInclude, path: &str) -> Option<String> {
    let clean = |folder: &str| {
        let steps = folder.split('/').filter(|step| !matches!(*step, "" | "." | ".."));
        steps.collect::<Vec<_>>().join("/")
    };
    let from = clean(include.from_path.as_deref().unwrap_or_default());
    let to = include.to_path.as_deref().filter(|path| !path.is_empty());
    let to = clean(to.unwrap_or(&include.repository.name));
    let rest = match from.as_str() {
        "" => path,
        from => path.strip_prefix(from)?.strip_prefix('/')?,
    };
    Some(if to.is_empty() { rest.to_owned() } else { format!("{to}/{rest}") })
}

#[cfg(test)]
mod tests {
    use bythos_api::flux::LocalObjectReference;

    use super::*;

    #[track_caller]
    fn check(from: Option<&str>, to: Option<&str>, path: &str, expected: Option<&str>) {
        let include = GitRepositoryInclude {
            repository: LocalObjectReference { name: "lib".to_owned() },
            from_path: from.map(str::to_owned),
            to_path: to.map(str::to_owned),
        };
        assert_eq!(place(&include, path).as_deref(), expected);
    }

    #[test]
    fn files_stand_where_the_include_says() {
        check(None, None, "a/b.yaml", Some("lib/a/b.yaml"));
        check(Some("./a/"), Some("x/y"), "a/b.yaml", Some("x/y/b.yaml"));
        check(Some("a"), None, "ab/c.yaml", None);
        check(None, Some("../../etc"), "a", Some("etc/a"));
    }
}
