//! The folder of artifacts: `gitrepository/<namespace>/<name>/<commit>.tar.gz`, and so on for each kind of source.

use std::io;
use std::path::{Component, Path, PathBuf};

use bythos_api::flux::Artifact;
use bythos_operator::ObjectKey;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::artifact;

/// An artifact cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("failed to {action} {path:?}")]
    Disk {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path:?} is not a path of an artifact")]
    Path { path: String },
    #[error("artifact {path:?} has digest {found}, but {expected} was announced")]
    Digest { path: String, found: String, expected: String },
}

/// Where artifacts are kept.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    root: PathBuf,
}

/// The kinds of sources that keep artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    GitRepository,
    HelmRepository,
    HelmChart,
}

impl Folder {
    fn name(self) -> &'static str {
        match self {
            Folder::GitRepository => "gitrepository",
            Folder::HelmRepository => "helmrepository",
            Folder::HelmChart => "helmchart",
        }
    }
}

impl Storage {
    pub(crate) async fn open(root: &Path) -> Result<Storage, StorageError> {
        tokio::fs::create_dir_all(root).await.map_err(disk("make", root))?;
        Ok(Storage { root: root.to_owned() })
    }

    /// The path, below the root, of a file of a source.
    pub(crate) fn path_of(folder: Folder, source: &ObjectKey, file: &str) -> String {
        format!("{}/{}/{}/{file}", folder.name(), source.namespace, source.name)
    }

    /// The address of an artifact as Flux would serve it: its definitions ask for one. Nobody serves it here; whoever
    /// reads artifacts in Bythos reads the file.
    pub(crate) fn url_of(path: &str) -> String {
        format!("http://source-controller.flux-system.svc.cluster.local./{path}")
    }

    /// Keeps what a source made, and says where.
    pub(crate) async fn keep(
        &self,
        (folder, source): (Folder, &ObjectKey),
        file: &str,
        revision: String,
        bytes: Vec<u8>,
    ) -> Result<Artifact, StorageError> {
        let path = Storage::path_of(folder, source, file);
        let artifact = Artifact {
            url: Some(Storage::url_of(&path)),
            path,
            revision,
            digest: Some(artifact::digest(&bytes)),
            last_update_time: Time(Timestamp::now()),
            size: i64::try_from(bytes.len()).ok(),
            metadata: None,
        };
        self.put(&artifact.path, bytes).await?;
        Ok(artifact)
    }

    /// Whether what was announced is still here, and whole.
    pub(crate) async fn has(&self, artifact: &Artifact) -> bool {
        self.bytes_of(artifact).await.is_ok()
    }

    /// [`Storage::get`], by what a status says.
    pub(crate) async fn bytes_of(&self, artifact: &Artifact) -> Result<Vec<u8>, StorageError> {
        self.get(&artifact.path, artifact.digest.as_deref().unwrap_or_default()).await
    }

    /// Keeps an artifact: whole or not at all.
    async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), StorageError> {
        let file = self.resolve(path)?;
        let work = move || {
            let folder = file.parent().unwrap_or(Path::new("/"));
            std::fs::create_dir_all(folder).map_err(disk("make", folder))?;
            let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(disk("write in", folder))?;
            let written =
                io::Write::write_all(&mut beside, &bytes).and_then(|()| beside.as_file().sync_all());
            written.map_err(disk("write", &file))?;
            beside.persist(&file).map_err(|error| disk("write", &file)(error.error))?;
            Ok(())
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// An artifact's bytes, if they are what was announced.
    pub(crate) async fn get(&self, path: &str, expected: &str) -> Result<Vec<u8>, StorageError> {
        let file = self.resolve(path)?;
        let bytes = tokio::fs::read(&file).await.map_err(disk("read", &file))?;
        let found = artifact::digest(&bytes);
        if found == expected {
            return Ok(bytes);
        }
        Err(StorageError::Digest { path: path.to_owned(), found, expected: expected.to_owned() })
    }

    /// Removes all artifacts of a source but these: the new one, and the one that somebody may just be reading.
    pub(crate) async fn keep_only(
        &self,
        folder: Folder,
        source: &ObjectKey,
        keep: &[&str],
    ) -> Result<(), StorageError> {
        let folder = self.folder_of(folder, source)?;
        let mut entries = match tokio::fs::read_dir(&folder).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(disk("read", &folder))?,
        };
        while let Some(entry) = entries.next_entry().await.map_err(disk("read", &folder))? {
            let path = entry.path();
            if !keep.iter().any(|kept| self.root.join(kept) == path) {
                tokio::fs::remove_file(&path).await.map_err(disk("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Removes all artifacts of a source that is gone.
    pub(crate) async fn remove(&self, folder: Folder, source: &ObjectKey) -> Result<(), StorageError> {
        let folder = self.folder_of(folder, source)?;
        match tokio::fs::remove_dir_all(&folder).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk("remove", &folder)(error)),
            _ => Ok(()),
        }
    }

    /// The sources of a kind of which there are artifacts.
    pub(crate) async fn sources(&self, folder: Folder) -> Result<Vec<ObjectKey>, StorageError> {
        let (mut sources, root) = (Vec::new(), self.root.join(folder.name()));
        for namespace in folders_in(&root).await? {
            for name in folders_in(&root.join(&namespace)).await? {
                sources.push(ObjectKey::namespaced(namespace.as_str(), name));
            }
        }
        Ok(sources)
    }

    fn folder_of(&self, folder: Folder, source: &ObjectKey) -> Result<PathBuf, StorageError> {
        self.resolve(&format!("{}/{}/{}", folder.name(), source.namespace, source.name))
    }

    /// A status is written by whoever may write it: only paths below the root are followed.
    fn resolve(&self, path: &str) -> Result<PathBuf, StorageError> {
        let inside =
            !path.is_empty() && Path::new(path).components().all(|it| matches!(it, Component::Normal(_)));
        if inside { Ok(self.root.join(path)) } else { Err(StorageError::Path { path: path.to_owned() }) }
    }
}

async fn folders_in(folder: &Path) -> Result<Vec<String>, StorageError> {
    let mut names = Vec::new();
    let mut entries = match tokio::fs::read_dir(folder).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        entries => entries.map_err(disk("read", folder))?,
    };
    while let Some(entry) = entries.next_entry().await.map_err(disk("read", folder))? {
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

fn disk(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError::Disk { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_artifact_is_read_back_only_as_announced() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path()).await.unwrap();
        let source = ObjectKey::namespaced("flux-system", "platform");
        let path_of = |file| Storage::path_of(Folder::HelmChart, &source, file);
        let (old, new) = (path_of("a-1.0.0.tgz"), path_of("a-2.0.0.tgz"));
        storage.put(&old, b"old".to_vec()).await.unwrap();
        storage.put(&new, b"new".to_vec()).await.unwrap();
        assert_eq!(storage.get(&new, &artifact::digest(b"new")).await.unwrap(), b"new");
        assert!(matches!(storage.get(&new, "sha256:00").await, Err(StorageError::Digest { .. })));
        storage.keep_only(Folder::HelmChart, &source, &[&new]).await.unwrap();
        assert!(storage.get(&old, &artifact::digest(b"old")).await.is_err());
        storage.remove(Folder::GitRepository, &source).await.unwrap();
        assert_eq!(storage.sources(Folder::HelmChart).await.unwrap(), std::slice::from_ref(&source));
        storage.remove(Folder::HelmChart, &source).await.unwrap();
        assert_eq!(storage.sources(Folder::HelmChart).await.unwrap(), []);
    }

    #[tokio::test]
    async fn no_path_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path()).await.unwrap();
        for path in ["", "/etc/passwd", "../x", "gitrepository/../../x"] {
            assert!(matches!(storage.get(path, "").await, Err(StorageError::Path { .. })), "{path}");
        }
    }
}
