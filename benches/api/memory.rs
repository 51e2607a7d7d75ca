//! How much memory Bythos holds.

use anyhow::{Context as _, Result};
use bythos_testing::machine::Machine;
use std::time::Duration;

/// Proportional set size in bytes, once it does not change any more.
pub(crate) fn settled(machine: &Machine) -> Result<u64> {
    let process = machine.process_id().context("Bythos runs")?;
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

fn pss(process: u32) -> Result<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).context("smaps_rollup has Pss")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap_or_default().parse()?;
    Ok(kilobytes * 1024)
}
