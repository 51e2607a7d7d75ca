//! Starts containerd, or adopts the one that runs.
//!
//! The child becomes containerd by a chain of `exec`s, so its process id stays the same: `setsid` gives it a session,
//! `unshare` (or `nsenter`) a mount namespace, a few lines of shell write down who it is, join its cgroup and bind
//! its folders.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Command;
use tracing::info;

use super::cgroup::{CgroupError, Hierarchies};
use super::config::{self, OomProtection};
use super::orphans::{self, OrphanError};
use super::parking;
use super::process::{ProcessIdentity, shims_of};
use crate::config::NodeConfig;
use crate::cri::Cri;

const SOCKET_PATH_BYTES_MAX: usize = 107;
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const LOG_BYTES_MAX: u64 = 16 << 20;

/// Mounts stay in the private namespace, so they end with its last process and the host never sees them.
const BECOME_CONTAINERD: &str = r#"
identity=$1 namespace=$2 shims=$3 cni_state=$4 config=$5
shift 5
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
cat "/proc/$$/stat" >"$identity.new"
mv "$identity.new" "$identity"
for joined_by do echo $$ >"$joined_by"; done
if [ "$namespace" = new ]; then
  mkdir -p /run/containerd /var/lib/cni
  mount --bind "$shims" /run/containerd
  mount --bind "$cni_state" /var/lib/cni
fi
exec containerd --config "$config"
"#;

/// Containerd cannot be brought up or down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContainerdError {
    #[error(
        "the path of containerd's socket, {path:?}, has {bytes} bytes, and sockets allow {SOCKET_PATH_BYTES_MAX}; \
         choose a shorter folder for sockets"
    )]
    SocketPathTooLong { path: PathBuf, bytes: usize },
    #[error("failed to prepare {path:?} for containerd")]
    Prepare {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to end what a containerd before this one has left")]
    Orphans(#[from] OrphanError),
    #[error("failed to prepare the cgroup of containerd")]
    Cgroup(#[from] CgroupError),
    #[error("failed to start containerd; is the package containerd installed?")]
    Spawn(#[source] io::Error),
    #[error("containerd ended before it answered; its last words: {last_words}")]
    EndedEarly { last_words: String },
    #[error("containerd did not answer within {seconds} seconds; its last words: {last_words}")]
    NoAnswer { seconds: u64, last_words: String },
    #[error(
        "containerd answers on {socket:?}, but the process that does so is not known; end it and try again"
    )]
    Unknown { socket: PathBuf },
    #[error("failed to watch or signal containerd")]
    Process(#[source] io::Error),
}

/// A containerd that answers, configured as this Bythos wants it: the one that runs, or a new one.
///
/// One that runs with another configuration is started again; its pods go on, their shims do not depend on it.
pub(crate) async fn start_or_adopt(
    config: &NodeConfig,
    cri: &Cri,
    sandbox_image: &str,
) -> Result<ProcessIdentity, ContainerdError> {
    let wanted = config::render(config, sandbox_image, OomProtection::of_this_process());
    let running = ProcessIdentity::of_containerd(&config.containerd_identity_file());
    if let Some(running) = running {
        let configured = std::fs::read_to_string(config.containerd_config_file()).ok();
        if configured.as_deref() == Some(wanted.as_str()) {
            info!(pid = running.pid, "adopting the containerd that runs");
            wait_until_it_answers(config, cri, running).await?;
            return Ok(running);
        }
        info!(pid = running.pid, "containerd runs with another configuration and is started again");
        stop(running).await?;
    } else if cri.version().await.is_ok() {
        return Err(ContainerdError::Unknown { socket: config.containerd_socket() });
    }
    start(config, cri, &wanted).await
}

/// Ends containerd, by force if it takes too long. Pods are not touched.
pub(crate) async fn stop(process: ProcessIdentity) -> Result<(), ContainerdError> {
    process.signal(Signal::TERM).map_err(ContainerdError::Process)?;
    if let Ok(ended) = tokio::time::timeout(STOP_LIMIT, process.ended()).await {
        return ended.map_err(ContainerdError::Process);
    }
    process.signal(Signal::KILL).map_err(ContainerdError::Process)?;
    process.ended().await.map_err(ContainerdError::Process)
}

async fn start(config: &NodeConfig, cri: &Cri, wanted: &str) -> Result<ProcessIdentity, ContainerdError> {
    prepare_folders(config)?;
    write(&config.containerd_config_file(), wanted)?;
    let shims = orphans::shims_at(&config.containerd_socket());
    let joined_by = Hierarchies::of_host()?.create(&format!("{}/containerd", config.cgroup()))?;
    let identity_file = config.containerd_identity_file();
    let parking_socket = config.parking_socket();
    let parking = parking::make(&parking_socket)
        .map_err(|source| ContainerdError::Prepare { path: parking_socket, source })?;
    let mut child =
        command(config, &joined_by)?.stdin(OwnedFd::from(parking)).spawn().map_err(ContainerdError::Spawn)?;
    // The child writes its identity within its first milliseconds, or it ends.
    let identity = loop {
        if let Some(identity) = ProcessIdentity::of_containerd(&identity_file)
            && child.id().map(u32::cast_signed) == Some(identity.pid)
        {
            break identity;
        }
        let ended = tokio::time::timeout(Duration::from_millis(5), child.wait()).await;
        if let Ok(status) = ended {
            status.map_err(ContainerdError::Spawn)?;
            return Err(ContainerdError::EndedEarly { last_words: last_words(config) });
        }
    };
    info!(pid = identity.pid, "containerd started");
    wait_until_it_answers(config, cri, identity).await?;
    orphans::end(config, cri, &shims).await?;
    Ok(identity)
}

fn command(config: &NodeConfig, joined_by: &[PathBuf]) -> Result<Command, ContainerdError> {
    let log = open_log(config)?;
    let log_too = log.try_clone().map_err(ContainerdError::Spawn)?;
    let mut command = Command::new("setsid");
    // What containerd mounts for pods is seen only in its mount namespace, which the shims keep alive without it.
    let namespace = match shims_of(&config.containerd_socket()).first() {
        Some(shim) => {
            command.arg("nsenter").arg(format!("--mount=/proc/{}/ns/mnt", shim.pid));
            "joined"
        }
        None => {
            command.args(["unshare", "--mount", "--propagation", "slave"]);
            "new"
        }
    };
    // containerd would tell the service manager of Bythos that it is ready, in our place.
    command.env_remove("NOTIFY_SOCKET");
    command.args(["sh", "-euc", BECOME_CONTAINERD, "sh"]);
    command.arg(config.containerd_identity_file()).arg(namespace);
    command.args([config.shim_dir(), config.cni_state_dir(), config.containerd_config_file()]);
    command.args(joined_by);
    command.stdout(log).stderr(log_too).current_dir("/");
    Ok(command)
}

/// There is nothing that tells of a socket's first answer, so it is asked for, at short and bounded intervals.
async fn wait_until_it_answers(
    config: &NodeConfig,
    cri: &Cri,
    process: ProcessIdentity,
) -> Result<(), ContainerdError> {
    let answered = async {
        while cri.version().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = answered => Ok(()),
        ended = process.ended() => {
            ended.map_err(ContainerdError::Process)?;
            Err(ContainerdError::EndedEarly { last_words: last_words(config) })
        }
        () = tokio::time::sleep(ANSWER_LIMIT) => {
            Err(ContainerdError::NoAnswer { seconds: ANSWER_LIMIT.as_secs(), last_words: last_words(config) })
        }
    }
}

fn prepare_folders(config: &NodeConfig) -> Result<(), ContainerdError> {
    let socket = config.containerd_socket();
    let bytes = socket.as_os_str().len();
    if bytes > SOCKET_PATH_BYTES_MAX {
        return Err(ContainerdError::SocketPathTooLong { path: socket, bytes });
    }
    let folders = [
        config.containerd_root(),
        config.containerd_state(),
        config.shim_dir(),
        config.cni_state_dir(),
        config.cni_conf_dir.clone(),
        config.root.join("log"),
    ];
    for folder in folders {
        std::fs::create_dir_all(&folder)
            .map_err(|source| ContainerdError::Prepare { path: folder.clone(), source })?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), ContainerdError> {
    std::fs::write(path, text).map_err(|source| ContainerdError::Prepare { path: path.to_owned(), source })
}

/// The log of one containerd follows that of the one before; a long one is put aside first.
fn open_log(config: &NodeConfig) -> Result<std::fs::File, ContainerdError> {
    let path = config.containerd_log();
    let prepare = |source| ContainerdError::Prepare { path: path.clone(), source };
    if std::fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
        std::fs::rename(&path, path.with_extension("log.1")).map_err(prepare)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(prepare)
}

fn last_words(config: &NodeConfig) -> String {
    let log = std::fs::read_to_string(config.containerd_log()).unwrap_or_default();
    match log.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{line} (more in {})", config.containerd_log().display()),
        None => "none".to_owned(),
    }
}
