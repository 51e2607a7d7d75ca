//! What Bythos, its containerd and what runs for pods cost while nothing is to be done.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bythos_benches::{median, pss};
use bythos_testing::machine::Machine;

/// After this time nothing is left of what was done before.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
const OBSERVED: Duration = Duration::from_secs(20);
/// Of the clock in which the kernel counts processor time (`USER_HZ`), on all that Bythos runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// In bytes, and in parts of one processor.
pub(crate) struct Cost {
    bythos: u64,
    containerd: u64,
    /// Of all pods together.
    shims: u64,
    pauses: u64,
    pods: u64,
    bythos_busy: f64,
    containerd_busy: f64,
}

impl Cost {
    /// Observes the machine for some time.
    pub(crate) fn of(machine: &Machine) -> Result<Cost> {
        let (bythos, containerd) = (machine.process_id().context("Bythos runs")?, machine.containerd()?);
        std::thread::sleep(SETTLED_AFTER);
        let (before, began) = ([ticks(bythos)?, ticks(containerd)?], Instant::now());
        std::thread::sleep(OBSERVED);
        let after = [ticks(bythos)?, ticks(containerd)?];
        let elapsed = began.elapsed().as_secs_f64();
        let [bythos_busy, containerd_busy] =
            [0, 1].map(|one| (after[one] - before[one]) as f64 / TICKS_PER_SECOND / elapsed);
        let shims = processes(|command| {
            command.contains("containerd-shim-runc-v2") && command.contains(&machine.id())
        })?;
        let pauses = processes(|command| command.trim() == "/pause")?;
        Ok(Cost {
            bythos: pss(bythos)?,
            containerd: pss(containerd)?,
            shims: shims.iter().map(|shim| pss(*shim)).sum::<Result<u64>>()?,
            pauses: pauses.iter().map(|pause| pss(*pause)).sum::<Result<u64>>()?,
            pods: shims.len().try_into()?,
            bythos_busy,
            containerd_busy,
        })
    }
}

/// The row's text.
pub(crate) fn memory(rounds: &[&Cost]) -> Result<String> {
    let bythos = median(rounds.iter().map(|cost| cost.bythos))?;
    let containerd = median(rounds.iter().map(|cost| cost.containerd))?;
    Ok(format!("Bythos {}, its containerd {}", megabytes(bythos), megabytes(containerd)))
}

/// The row's text.
pub(crate) fn memory_of_pods(rounds: &[&Cost]) -> Result<String> {
    let each = |figure: fn(&Cost) -> u64| {
        median(rounds.iter().map(|cost| figure(cost).checked_div(cost.pods).unwrap_or_default()))
    };
    let (shim, pause) = (each(|cost| cost.shims)?, each(|cost| cost.pauses)?);
    Ok(format!("containerd's shim {}, pause {} kB", megabytes(shim), pause / 1024))
}

/// The row's text.
pub(crate) fn processor_time(rounds: &[&Cost]) -> Result<String> {
    let middle = |figure: fn(&Cost) -> f64| {
        median(rounds.iter().map(|cost| (figure(cost) * 100_000.0) as u64))
            .map(|middle| middle as f64 / 1000.0)
    };
    let (bythos, containerd) = (middle(|cost| cost.bythos_busy)?, middle(|cost| cost.containerd_busy)?);
    Ok(format!("Bythos {bythos:.2} %, its containerd {containerd:.2} % of one processor"))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / f64::from(1 << 20))
}

/// Processor time that the process has used.
fn ticks(process: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in brackets may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("stat has a name")?;
    let mut used = 0;
    for field in fields.split(' ').skip(11).take(2) {
        used += field.parse::<u64>()?;
    }
    Ok(used)
}

fn processes(is_meant: impl Fn(&str) -> bool) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc")? {
        let process = process?;
        // Most entries are not processes, and a process may end at any time.
        let Ok(command) = std::fs::read(process.path().join("cmdline")) else { continue };
        if is_meant(&String::from_utf8_lossy(&command).replace('\0', " ")) {
            found.extend(process.file_name().to_string_lossy().parse::<u32>());
        }
    }
    Ok(found)
}
