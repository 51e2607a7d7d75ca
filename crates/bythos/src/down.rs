//! `bythos down` and `bythos uninstall`: they work on a running cloud and on one whose process is dead.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::install;
use crate::lock::{self, Holder, Role, RootLock};
use crate::parts;
use crate::progress::Progress;
use crate::settings::Settings;

const PROCESS_END: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(crate) struct UninstallArgs {
    /// Confirm that all data of this cloud may be removed
    #[arg(long)]
    yes: bool,
}

/// Stops the process, the pods, the containerd and the rules on the host. Data stays.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    stop(settings).await.map(drop)
}

/// As [`run`], and removes the service and all folders.
pub(crate) async fn uninstall(settings: &Settings, args: &UninstallArgs) -> Result<()> {
    let root = &settings.layout.root;
    if !args.yes {
        bail!("this removes {root:?} with all data of the cloud; to confirm, add --yes");
    }
    install::remove(settings)?;
    let lock = stop(settings).await?;
    let mut progress = Progress::new();
    progress.step("removing all folders");
    drop(lock);
    for folder in settings.layout.all() {
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("failed to remove {folder:?}"));
            }
            _ => {}
        }
    }
    progress.done();
    Ok(())
}

async fn stop(settings: &Settings) -> Result<RootLock> {
    let root = &settings.layout.root;
    if !settings.layout.lock().exists() || !settings.layout.authority().exists() {
        bail!("there is no cloud in {root:?}; `--root` names the folder of another");
    }
    let mut progress = Progress::new();
    progress.step("stopping Bythos");
    let lock = stop_process(settings).await?;
    progress.step("stopping pods");
    let node = parts::node_config(settings)?;
    bythos_node::stop_all(&node, |detail| progress.detail(detail)).await?;
    progress.step("removing network rules");
    bythos_network::teardown_host(&parts::network(settings)?)?;
    progress.done();
    Ok(lock)
}

/// Ends the running process, if there is one, and takes its place as the holder of the lock.
async fn stop_process(settings: &Settings) -> Result<RootLock> {
    let path = settings.layout.lock();
    let Some(Holder { role: Role::Up, process }) = lock::holder(&path)? else {
        return lock::take(&path, Role::Down);
    };
    let serving = Pid::from_raw(process).with_context(|| format!("{process} is not a process id"))?;
    kill_process(serving, Signal::TERM).with_context(|| format!("failed to end process {process}"))?;
    let patient_until = Instant::now() + PROCESS_END;
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        match lock::holder(&path)? {
            None => return lock::take(&path, Role::Down),
            Some(_) if Instant::now() > patient_until => {
                bail!("process {process} did not end within {PROCESS_END:?}; see its log")
            }
            Some(_) => {}
        }
    }
}
