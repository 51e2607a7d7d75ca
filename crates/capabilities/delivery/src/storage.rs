//! The folder of artifacts: `gitrepository/<namespace>/<name>/<commit>.tar.gz`.

use std::io;
use std::path::{Component, Path, PathBuf};

use bythos_operator::ObjectKey;

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

const KIND: &str = "gitrepository";

impl Storage {
    pub(crate) async fn open(root: &Path) -> Result<Storage, StorageError> {
        tokio::fs::create_dir_all(root).await.map_err(disk("make", root))?;
        Ok(Storage { root: root.to_owned() })
    }

    /// The path, below the root, of the artifact that a source makes of a commit.
    pub(crate) fn path_of(source: &ObjectKey, commit: &str) -> String {
        format!("{KIND}/{}/{}/{commit}.tar.gz", source.namespace, source.name)
    }

    /// The address of an artifact as Flux would serve it: its definitions ask for one. Nobody serves it here; whoever
    /// reads artifacts in Bythos reads the file.
    pub(crate) fn url_of(path: &str) -> String {
        format!("http://source-controller.flux-system.svc.cluster.local./{path}")
    }

    /// Keeps an artifact: whole or not at all.
    pub(crate) async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), StorageError> {
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
    pub(crate) async fn keep_only(&self, source: &ObjectKey, keep: &[&str]) -> Result<(), StorageError> {
        let folder = self.folder_of(source)?;
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
    pub(crate) async fn remove(&self, source: &ObjectKey) -> Result<(), StorageError> {
        let folder = self.folder_of(source)?;
        match tokio::fs::remove_dir_all(&folder).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk("remove", &folder)(error)),
            _ => Ok(()),
        }
    }

    /// The sources of which there are artifacts.
    pub(crate) async fn sources(&self) -> Result<Vec<ObjectKey>, StorageError> {
        let mut sources = Vec::new();
        for namespace in folders_in(&self.root.join(KIND)).await? {
            for name in folders_in(&self.root.join(KIND).join(&namespace)).await? {
                sources.push(ObjectKey::namespaced(namespace.as_str(), name));
            }
        }
        Ok(sources)
    }

    fn folder_of(&self, source: &ObjectKey) -> Result<PathBuf, StorageError> {
        self.resolve(&format!("{KIND}/{}/{}", source.namespace, source.name))
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
        let (old, new) = (Storage::path_of(&source, "aaa"), Storage::path_of(&source, "bbb"));
        storage.put(&old, b"old".to_vec()).await.unwrap();
        storage.put(&new, b"new".to_vec()).await.unwrap();
        assert_eq!(storage.get(&new, &artifact::digest(b"new")).await.unwrap(), b"new");
        assert!(matches!(storage.get(&new, "sha256:00").await, Err(StorageError::Digest { .. })));
        storage.keep_only(&source, &[&new]).await.unwrap();
        assert!(storage.get(&old, &artifact::digest(b"old")).await.is_err());
        assert_eq!(storage.sources().await.unwrap(), std::slice::from_ref(&source));
        storage.remove(&source).await.unwrap();
        assert_eq!(storage.sources().await.unwrap(), []);
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
