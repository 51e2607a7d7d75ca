//! The bare repositories on disk.

use std::path::{Path, PathBuf};

use crate::git::{Git, GitError};

/// The branch that a new repository starts with.
const DEFAULT_BRANCH: &str = "main";
/// Folders under this prefix are repositories whose making was interrupted.
const UNFINISHED: &str = ".new-";

/// The repositories cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepositoryError {
    #[error("failed to {action} {path:?}")]
    Disk {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to make repository {name:?}")]
    Make {
        name: String,
        #[source]
        source: GitError,
    },
}

/// All repositories, each a folder `<name>.git`.
#[derive(Debug, Clone)]
pub(crate) struct Repositories {
    git: Git,
    root: PathBuf,
}

impl Repositories {
    /// Opens the repositories below the part's data folder and clears away what was left half made.
    pub(crate) async fn open(git: Git, data: &Path) -> Result<Repositories, RepositoryError> {
        let root = data.join("repositories");
        let disk = |action, path: &Path| {
            let path = path.to_owned();
            move |source| RepositoryError::Disk { action, path, source }
        };
        tokio::fs::create_dir_all(&root).await.map_err(disk("make", &root))?;
        let mut entries = tokio::fs::read_dir(&root).await.map_err(disk("read", &root))?;
        while let Some(entry) = entries.next_entry().await.map_err(disk("read", &root))? {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                let path = entry.path();
                tokio::fs::remove_dir_all(&path).await.map_err(disk("remove", &path))?;
            }
        }
        Ok(Repositories { git, root })
    }

    /// Makes the repository if it is not there: first beside its place, then moved to it in one step.
    pub(crate) async fn ensure(&self, name: &str) -> Result<(), RepositoryError> {
        if self.contains(name) {
            return Ok(());
        }
        let unfinished = self.root.join(format!("{UNFINISHED}{name}"));
        let place = unfinished.to_string_lossy();
        let branch = format!("--initial-branch={DEFAULT_BRANCH}");
        let made = self.git.run(&["init", "--quiet", "--bare", "--template=", &branch, &place], None).await;
        made.map_err(|source| RepositoryError::Make { name: name.to_owned(), source })?;
        let path = self.path(name);
        let moved = tokio::fs::rename(&unfinished, &path).await;
        moved.map_err(|source| RepositoryError::Disk { action: "make", path, source })
    }

    /// Whether there is such a repository.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.path(name).join("HEAD").is_file()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.git"))
    }

    /// Every branch and tag with what it points to, as one text to compare with another time's.
    pub(crate) async fn references(&self, name: &str) -> Result<Vec<u8>, GitError> {
        let path = self.path(name);
        let arguments = ["for-each-ref", "--format=%(objectname) %(refname)"];
        let git_dir = format!("--git-dir={}", path.to_string_lossy());
        self.git.run(&[&[git_dir.as_str()], &arguments[..]].concat(), Some(&path)).await
    }
}
