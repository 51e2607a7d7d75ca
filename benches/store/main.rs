//! Durable writes per second: the store beside etcd and beside a bare loop of write and sync, on the same disk.
//!
//! Run by `make bench`. Each round measures all of them one after the other, for the same time and with values of the
//! same size; medians of the rounds are printed, and their ratios. etcd is asked over gRPC on the loopback address, as
//! an API server asks it; the store is called in its process, as ours does: that is what takes etcd's place.

mod bare;
mod etcd;
mod ours;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use bythos_benches::{median, workspace, write_into_readme};
use tempfile::TempDir;

const ROUNDS: usize = 5;
const WRITERS: [usize; 3] = [1, 16, 256];
/// How long each measurement writes.
const SPAN: Duration = Duration::from_secs(2);
/// About the size of a small Pod.
const VALUE_BYTES: usize = 1024;

/// Writes per second of one round, by number of writers as in [`WRITERS`].
struct Round {
    bare: u64,
    ours: Vec<u64>,
    etcd: Vec<u64>,
}

#[allow(clippy::print_stdout, reason = "this is the bench's own output")]
#[tokio::main]
async fn main() -> Result<()> {
    // In the workspace: the system's folder for temporary files may lie in memory.
    let disk = TempDir::new_in(workspace()?.join("target"))?;
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        let round = round(&disk.path().join(number.to_string())).await?;
        println!(
            "round {number} of {ROUNDS}: bare {} ours {:?} etcd {:?} writes/s",
            round.bare, round.ours, round.etcd
        );
        rounds.push(round);
    }
    let text = table(&rounds)?;
    println!("{text}");
    write_into_readme("store", &text)
}

async fn round(folder: &Path) -> Result<Round> {
    std::fs::create_dir_all(folder)?;
    let bare = bare::writes_per_second(&folder.join("bare"))?;
    let mut round = Round { bare, ours: Vec::new(), etcd: Vec::new() };
    for writers in WRITERS {
        round.ours.push(ours::writes_per_second(&folder.join(format!("ours-{writers}")), writers).await?);
        round.etcd.push(etcd::writes_per_second(&folder.join(format!("etcd-{writers}")), writers).await?);
    }
    Ok(round)
}

fn table(rounds: &[Round]) -> Result<String> {
    let bare = median(rounds.iter().map(|round| round.bare))?;
    let mut text = format!(
        "Durable writes of {VALUE_BYTES} bytes per second, median of {ROUNDS} rounds. A bare loop of write and `fdatasync`: {bare}.\n\n\
         | writers | Bythos' store | etcd | store / etcd | store / bare loop |\n|---|---|---|---|---|\n"
    );
    for (index, writers) in WRITERS.into_iter().enumerate() {
        let of = |figures: fn(&Round) -> &Vec<u64>| {
            median(rounds.iter().filter_map(|round| figures(round).get(index).copied()))
        };
        let (ours, etcd) = (of(|round| &round.ours)?, of(|round| &round.etcd)?);
        let ratio = |other: u64| ours as f64 / other.max(1) as f64;
        text.push_str(&format!(
            "| {writers} | {ours} | {etcd} | {:.1} | {:.2} |\n",
            ratio(etcd),
            ratio(bare)
        ));
    }
    Ok(text)
}

fn per_second(writes: u64) -> u64 {
    (writes as f64 / SPAN.as_secs_f64()) as u64
}
