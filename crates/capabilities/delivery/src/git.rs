//! The machine's `git` as a client: bounded in time and output, asking nobody, leaving nothing behind.
//!
//! Addresses and credentials never stand on a command line, where everyone on the machine can read them: they reach
//! git through its environment, which only we and root can.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

pub(crate) mod remote;
pub(crate) mod ssh;
pub(crate) mod tree;

/// Where Debian and its kin keep `git`. The environment of Bythos has no say in which program runs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const STDERR_BYTES_MAX: usize = 64 << 10;

/// Git could not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("failed to run git; install the package \"git\"")]
    Start(#[source] std::io::Error),
    #[error("failed to talk to git")]
    Talk(#[source] std::io::Error),
    #[error("git was ended after {}s; spec.timeout sets how long it may take", .0.as_secs())]
    TimedOut(Duration),
    #[error("git printed more than {0} bytes")]
    TooMuch(usize),
    #[error("{words}")]
    Failed {
        /// The first line that means something.
        words: String,
    },
}

/// One setting, as in a configuration file.
pub(crate) type Setting = (String, String);

/// Starts `git` with a clean environment.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    home: PathBuf,
}

/// A call of git.
#[derive(Debug, Default)]
pub(crate) struct Call<'a> {
    pub(crate) arguments: &'a [&'a str],
    pub(crate) folder: Option<&'a Path>,
    pub(crate) settings: &'a [Setting],
    /// Variables beside the settings.
    pub(crate) environment: &'a [(&'static str, String)],
    pub(crate) input: Option<Vec<u8>>,
    pub(crate) output_bytes_max: usize,
}

impl Git {
    /// Makes sure that there is a `git`. Its home, which nobody writes to, is `home`.
    pub(crate) async fn find(home: &Path) -> Result<Git, GitError> {
        let git = Git { home: home.to_owned() };
        let call = Call { arguments: &["--version"], output_bytes_max: 1 << 10, ..Call::default() };
        git.run(call, Duration::from_secs(10)).await?;
        Ok(git)
    }

    /// Runs a call to its end, for at most `timeout`, and returns what it printed.
    pub(crate) async fn run(&self, call: Call<'_>, timeout: Duration) -> Result<Vec<u8>, GitError> {
        let limit = call.output_bytes_max;
        let work = self.talk(call);
        let (status, stdout, stderr) =
            tokio::time::timeout(timeout, work).await.map_err(|_| GitError::TimedOut(timeout))??;
        if stdout.len() > limit {
            return Err(GitError::TooMuch(limit));
        }
        if status.success() {
            return Ok(stdout);
        }
        Err(GitError::Failed { words: meaningful(&String::from_utf8_lossy(&stderr), status) })
    }

    async fn talk(&self, call: Call<'_>) -> Result<(ExitStatus, Vec<u8>, Vec<u8>), GitError> {
        let mut child = self.command(&call).spawn().map_err(GitError::Start)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut group = Group(child);
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(GitError::Talk(std::io::Error::other("a pipe is missing")));
        };
        let input = call.input.unwrap_or_default();
        let feed = async move {
            // A git that has heard enough closes its end; what it then says tells why.
            match stdin.write_all(&input).await {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
                _ => Ok(()),
            }
        };
        let (fed, stdout, stderr) = tokio::join!(
            feed,
            read_bounded(stdout, call.output_bytes_max),
            read_bounded(stderr, STDERR_BYTES_MAX)
        );
        fed.map_err(GitError::Talk)?;
        let status = group.0.wait().await.map_err(GitError::Talk)?;
        Ok((status, stdout.map_err(GitError::Talk)?, stderr.map_err(GitError::Talk)?))
    }

    fn command(&self, call: &Call<'_>) -> Command {
        let mut command = Command::new("git");
        command
            .args(call.arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", &self.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "https:http")
            .env("GIT_CONFIG_COUNT", call.settings.len().to_string())
            .current_dir(call.folder.unwrap_or(&self.home))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for (index, (key, value)) in call.settings.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{index}"), key)
                .env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command.envs(call.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A child and everything that it starts (the helper that speaks HTTP), which all end when this is dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // No id: it has been waited for, and the number may mean another process by now.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id
            && let Err(error) = kill_process_group(id, Signal::KILL)
        {
            tracing::debug!(%error, "the process group is gone already");
        }
    }
}

/// Everything up to one byte over the limit; the rest is read and thrown away, so that git never waits for a reader.
async fn read_bounded<R: AsyncRead + Unpin>(reader: R, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut bounded = reader.take(limit as u64 + 1);
    bounded.read_to_end(&mut bytes).await?;
    tokio::io::copy(&mut bounded.into_inner(), &mut tokio::io::sink()).await?;
    Ok(bytes)
}

/// What git ended with, in its own words: the first fatal line, else the first error, else the first line.
fn meaningful(stderr: &str, status: ExitStatus) -> String {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let after = |prefix: &'static str| lines().find_map(move |line| line.strip_prefix(prefix));
    let words = after("fatal: ").or_else(|| after("error: ")).or_else(|| lines().next());
    words.map_or_else(|| format!("git ended with {status} and said nothing"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn the_first_fatal_line_is_what_git_says() {
        let cases = [
            ("remote: hello\nfatal: couldn't find remote ref x\n", "couldn't find remote ref x"),
            ("warning: odd\nerror: RPC failed\nfatal: early EOF", "early EOF"),
            ("\n  something\n", "something"),
            ("", "git ended with exit status: 128 and said nothing"),
        ];
        for (stderr, expected) in cases {
            assert_eq!(meaningful(stderr, ExitStatus::from_raw(128 << 8)), expected);
        }
    }

    #[tokio::test]
    async fn a_call_is_ended_with_its_children_when_its_time_is_over() {
        let home = tempfile::tempdir().unwrap();
        let git = Git::find(home.path()).await.unwrap();
        let alias = [("alias.wait".to_owned(), "!sleep 1000 & echo $! > pid; wait".to_owned())];
        let call = Call { arguments: &["wait"], settings: &alias, output_bytes_max: 10, ..Call::default() };
        let ended = git.run(call, Duration::from_millis(500)).await;
        assert!(matches!(ended, Err(GitError::TimedOut(_))), "{ended:?}");
        let pid = std::fs::read_to_string(home.path().join("pid")).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        bythos_testing::eventually("the child of git to end", || async {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok();
            state.is_none_or(|state| state.contains(") Z ")).then_some(())
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn output_is_bounded() {
        let home = tempfile::tempdir().unwrap();
        let git = Git::find(home.path()).await.unwrap();
        let call = Call { arguments: &["--version"], output_bytes_max: 3, ..Call::default() };
        assert!(matches!(git.run(call, Duration::from_secs(10)).await, Err(GitError::TooMuch(3))));
    }
}
