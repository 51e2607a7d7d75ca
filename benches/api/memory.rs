//! How much memory Bythos holds.

use anyhow::{Context as _, Result};
use bythos_benches::pss;
use bythos_testing::machine::Machine;
use std::time::Duration;

/// When work has come to rest, Bythos gives memory back: within so long.
const AT_REST_AFTER: Duration = Duration::from_secs(15);

/// Proportional set size in bytes, once it does not change any more.
pub(crate) fn settled(machine: &Machine) -> Result<u64> {
    let process = machine.process_id().context("Bythos runs")?;
    std::thread::sleep(AT_REST_AFTER);
    let mut before = pss(process)?;
    for _ in 0..30 {
        std::thread::sleep(Duration::from_secs(1));
        let now = pss(process)?;
        if now.abs_diff(before) < before / 200 {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}
