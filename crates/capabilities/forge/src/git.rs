//! The machine's `git` as a child process that listens to nobody but us.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// Where Debian and its kin keep `git`. The environment of Bythos has no say in which program runs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Settings of every call. Repositories are never configured one by one, so there is one truth.
const SETTINGS: &[(&str, &str)] = &[
    // The folder is ours, even where its files came from another user id (a restored backup).
    ("safe.directory", "*"),
    ("core.hooksPath", "/dev/null"),
    ("http.receivepack", "true"),
    ("http.uploadpack", "true"),
    // The dumb protocol would hand out files past the backend's checks.
    ("http.getanyfile", "false"),
    ("transfer.fsckObjects", "true"),
    ("receive.maxInputSize", "256m"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    // A collection in the background would outlive the request that began it.
    ("gc.autoDetach", "false"),
];

/// Git cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    /// There is no such program.
    #[error("failed to run git; install the package \"git\"")]
    Start(#[source] std::io::Error),
    /// It ended with an error.
    #[error("git {arguments} failed: {stderr}")]
    Failed { arguments: String, stderr: String },
}

/// Starts `git` with a clean environment.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    home: PathBuf,
}

impl Git {
    /// Makes sure that there is a `git`. Its home, which nobody writes to, is `home`.
    pub(crate) async fn find(home: &Path) -> Result<Git, GitError> {
        let git = Git { home: home.to_owned() };
        git.run(&["--version"], None).await?;
        Ok(git)
    }

    /// A call that is not started yet, in a process group of its own, which ends when it is dropped.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", &self.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_COUNT", SETTINGS.len().to_string())
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        for (index, (key, value)) in SETTINGS.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{index}"), key)
                .env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command
    }

    /// Runs a short call to its end and returns what it printed.
    pub(crate) async fn run(&self, arguments: &[&str], folder: Option<&Path>) -> Result<Vec<u8>, GitError> {
        let mut command = self.command(arguments);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        finish(command, arguments).await
    }

    /// Runs a call in a repository with further settings and variables, and returns what it printed. Neither stands on
    /// a command line, where everyone on the machine can read it.
    pub(crate) async fn run_with(
        &self,
        arguments: &[&str],
        folder: &Path,
        settings: &[(String, String)],
        environment: &[(&str, String)],
    ) -> Result<Vec<u8>, GitError> {
        let mut command = self.command(arguments);
        command.current_dir(folder).env("GIT_CONFIG_COUNT", (SETTINGS.len() + settings.len()).to_string());
        for (index, (key, value)) in settings.iter().enumerate() {
            let index = SETTINGS.len() + index;
            command
                .env(format!("GIT_CONFIG_KEY_{index}"), key)
                .env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        finish(command, arguments).await
    }
}

async fn finish(mut command: Command, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
    let output = command.output().await.map_err(GitError::Start)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(GitError::Failed { arguments: arguments.join(" "), stderr })
}

/// A child and everything that it starts, which all end when this is dropped.
#[derive(Debug)]
pub(crate) struct Group(Child);

impl Group {
    pub(crate) fn of(child: Child) -> Self {
        Group(child)
    }

    pub(crate) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.0.wait().await
    }

    pub(crate) fn kill(&self) {
        // No id: it has been waited for, and the number may mean another process by now.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id
            && let Err(error) = kill_process_group(id, Signal::KILL)
        {
            tracing::debug!(%error, "the process group is gone already");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
