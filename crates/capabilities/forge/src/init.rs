//! The command that gives the owner a first local repository, ready to be pushed.

use std::path::{Component, Path, PathBuf};
use std::process::Stdio;

use http::Uri;
use tokio::process::Command;

use crate::OWNER;

/// Arguments of `init`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Folder of the new repository; it must be empty, or not exist yet
    pub directory: PathBuf,
}

/// What the caller knows about the platform, and what the repository starts with.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Address of the platform's repository, as the owner's machine reaches it.
    pub url: String,
    /// File with the authority's certificate, by which git trusts that address.
    pub ca_file: PathBuf,
    /// Command that speaks git's credential protocol, as git's `credential.helper` takes it: `!program arguments`.
    pub credential_command: String,
    /// Domain of the platform; the author is `owner@<domain>` where the user's git knows no other.
    pub domain: String,
    /// Files of the first commit: paths with `/` from the folder, and contents.
    pub files: Vec<(String, String)>,
}

/// The repository cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The folder holds something.
    #[error("{directory:?} is not empty; choose another folder, or empty it first")]
    NotEmpty {
        /// Which folder.
        directory: PathBuf,
    },
    /// A folder or file cannot be read or written.
    #[error("failed to {action} {path:?}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// A file would lie outside of the folder.
    #[error("{path:?} is not a path within the repository")]
    Outside {
        /// Which path.
        path: String,
    },
    /// The address has no scheme or host.
    #[error("{url:?} is not the address of a repository")]
    Address {
        /// Which address.
        url: String,
    },
    /// There is no git.
    #[error("failed to run git; install the package \"git\"")]
    NoGit(#[source] std::io::Error),
    /// Git refused.
    #[error("git {arguments} failed: {stderr}")]
    Git {
        /// What was asked of it.
        arguments: String,
        /// Its words.
        stderr: String,
    },
}

/// Makes a repository on branch `main` with one commit of the given files, and sets it up so that `git push` goes to
/// the platform without further questions. Returns the commit.
///
/// What it sets stands in the repository's own configuration: the user's other repositories never see it.
///
/// # Errors
/// See [`InitError`]. What was made by then stays, and can be looked at.
pub async fn run(args: &Args, platform: &Platform) -> Result<String, InitError> {
    let directory = args.directory.as_path();
    let origin = origin_of(&platform.url)?;
    prepare(directory)?;
    write_files(directory, &platform.files)?;
    let git = UserGit { directory };
    git.run(&["init", "--quiet", "--initial-branch=main"]).await?;
    git.run(&["remote", "add", "origin", &platform.url]).await?;
    let ca_file = std::path::absolute(&platform.ca_file).unwrap_or_else(|_| platform.ca_file.clone());
    git.set(&format!("http.{origin}.sslCAInfo"), &ca_file.to_string_lossy()).await?;
    // An empty helper first: the user's own helpers would otherwise be asked, and told the token to keep.
    git.set(&format!("credential.{origin}.helper"), "").await?;
    git.run(&["config", "--add", &format!("credential.{origin}.helper"), &platform.credential_command])
        .await?;
    git.set(&format!("credential.{origin}.username"), OWNER).await?;
    git.set("branch.main.remote", "origin").await?;
    git.set("branch.main.merge", "refs/heads/main").await?;
    git.commit(&platform.domain).await
}

/// `scheme://host:port` of an address: git matches credentials by it, whatever the path.
fn origin_of(url: &str) -> Result<String, InitError> {
    let refused = || InitError::Address { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(refused()) };
    Ok(match uri.port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

fn prepare(directory: &Path) -> Result<(), InitError> {
    let disk = |action| {
        let path = directory.to_owned();
        move |source| InitError::Disk { action, path, source }
    };
    std::fs::create_dir_all(directory).map_err(disk("make"))?;
    match std::fs::read_dir(directory).map_err(disk("read"))?.next() {
        Some(_) => Err(InitError::NotEmpty { directory: directory.to_owned() }),
        None => Ok(()),
    }
}

fn write_files(directory: &Path, files: &[(String, String)]) -> Result<(), InitError> {
    for (path, contents) in files {
        if !Path::new(path).components().all(|step| matches!(step, Component::Normal(_))) {
            return Err(InitError::Outside { path: path.clone() });
        }
        let file = directory.join(path);
        let written = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        written.and_then(|()| std::fs::write(&file, contents)).map_err(|source| InitError::Disk {
            action: "write",
            path: file,
            source,
        })?;
    }
    Ok(())
}

/// The user's git, with the user's own configuration.
struct UserGit<'a> {
    directory: &'a Path,
}

impl UserGit<'_> {
    async fn run(&self, arguments: &[&str]) -> Result<String, InitError> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.directory).stdin(Stdio::null()).kill_on_drop(true);
        // A repository around the new one, or a hook that calls us, must not be taken for it.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        let output = command.output().await.map_err(InitError::NoGit)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(InitError::Git { arguments: arguments.join(" "), stderr })
    }

    async fn set(&self, key: &str, value: &str) -> Result<(), InitError> {
        self.run(&["config", key, value]).await.map(drop)
    }

    /// Gives the repository an author where the user's git knows none, so that later commits work too.
    async fn ensure_author(&self, domain: &str) -> Result<(), InitError> {
        for (key, value) in
            [("user.name", "Bythos owner".to_owned()), ("user.email", format!("{OWNER}@{domain}"))]
        {
            if self.run(&["config", key]).await.is_err() {
                self.set(key, &value).await?;
            }
        }
        Ok(())
    }

    async fn commit(&self, domain: &str) -> Result<String, InitError> {
        self.ensure_author(domain).await?;
        self.run(&["add", "--all"]).await?;
        // No signature: it could ask for a passphrase in the middle of the command.
        let message = "Describe the platform";
        self.run(&["-c", "commit.gpgSign=false", "commit", "--quiet", "--allow-empty", "--message", message])
            .await?;
        self.run(&["rev-parse", "HEAD"]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_bound_to_scheme_host_and_port() {
        assert_eq!(origin_of("https://git.example:9443/platform.git").unwrap(), "https://git.example:9443");
        assert_eq!(origin_of("https://git.example/platform.git").unwrap(), "https://git.example");
        assert!(origin_of("platform.git").is_err());
    }
}
