//! Keeps containerd alive: when it ends, it is started again, with growing pauses if it ends soon.

use std::time::Duration;

use bythos_operator::{Health, error_chain};
use tokio::time::Instant;
use tracing::warn;

use super::process::ProcessIdentity;
use super::start::{ContainerdError, start_or_adopt};
use crate::config::NodeConfig;
use crate::cri::Cri;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LONG_LIFE: Duration = Duration::from_secs(600);

/// Watches over `process` and its successors; returns only if watching itself fails.
///
/// `back` is called each time that containerd answers again.
pub(crate) async fn supervise(
    config: &NodeConfig,
    cri: &Cri,
    sandbox_image: &str,
    mut process: ProcessIdentity,
    health: &Health,
    back: impl Fn(),
) -> ContainerdError {
    let mut pause = FIRST_PAUSE;
    let mut born = Instant::now();
    loop {
        if let Err(error) = process.ended().await {
            return ContainerdError::Process(error);
        }
        if born.elapsed() > LONG_LIFE {
            pause = FIRST_PAUSE;
        }
        warn!(pid = process.pid, ?pause, "containerd ended and is started again");
        health.failing("containerd ended; it is being started again (running containers are not affected)");
        process = restart(config, cri, sandbox_image, &mut pause, health).await;
        born = Instant::now();
        back();
    }
}

async fn restart(
    config: &NodeConfig,
    cri: &Cri,
    sandbox_image: &str,
    pause: &mut Duration,
    health: &Health,
) -> ProcessIdentity {
    loop {
        tokio::time::sleep(*pause).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        match start_or_adopt(config, cri, sandbox_image).await {
            Ok(process) => return process,
            Err(error) => {
                let error = error_chain(&error);
                warn!(%error, next_attempt_after = ?pause, "failed to start containerd again");
                health.failing(error);
            }
        }
    }
}
