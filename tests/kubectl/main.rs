//! The tour: what people type into kubectl, against `bythos up --no-node`, with every kubectl that is there.
//!
//! Each chapter is a table of steps, each a command line with what it prints and how it ends on a Kubernetes of this
//! version. The steps of all chapters run one after the other on one cloud; every difference is told, and none ends the tour. What
//! a client is too old for is left out: `since` says from which minor on a step holds.

mod access;
mod apply;
mod change;
mod clients;
mod create;
mod custom;
mod delete;
mod discovery;
mod explain;
mod patch;
mod read;
mod rollout;
mod step;

use anyhow::{Result, ensure};
use bythos_end_to_end::binary;
use bythos_testing::machine::Machine;
use clients::Kubectl;
use step::{Chapter, Tour};

/// In this order: later chapters work on what earlier ones made.
const CHAPTERS: &[Chapter] = &[
    ("discovery", discovery::steps),
    ("explain", explain::steps),
    ("create", create::steps),
    ("read", read::steps),
    ("apply", apply::steps),
    ("patch", patch::steps),
    ("change", change::steps),
    ("rollout", rollout::steps),
    ("custom", custom::steps),
    ("access", access::steps),
    ("delete", delete::steps),
];

#[test]
fn kubectl_sees_a_kubernetes() -> Result<()> {
    let found = clients::find()?;
    ensure!(!found.is_empty(), "no kubectl is there; `tools/packages test` installs one");
    for kubectl in &found {
        take(kubectl)?;
    }
    let ran: Vec<String> = found.iter().map(ToString::to_string).collect();
    tell(&format!("the tour ran with kubectl {}", ran.join(" and ")));
    let has = |is_wanted: fn(u32) -> bool| found.iter().any(|kubectl| is_wanted(kubectl.minor));
    if !has(|minor| minor < 30) || !has(|minor| minor >= 30) {
        tell("left out: no kubectl of both ages, before 1.30 and since, is there");
    }
    Ok(())
}

/// The whole tour with one client, on a cloud of its own.
fn take(kubectl: &Kubectl) -> Result<()> {
    let mut machine = Machine::new(&format!("kubectl{}", kubectl.minor), binary()?)?;
    machine.up(&["--no-node"])?;
    let mut tour = Tour::new(&machine, kubectl)?;
    for (chapter, steps) in CHAPTERS {
        for step in steps() {
            tour.take(chapter, &step)?;
        }
    }
    let (taken, differences) = tour.end();
    machine.interrupt()?;
    ensure!(differences == 0, "{differences} of {taken} steps differ with kubectl {kubectl}; see above");
    ensure!(taken >= 100, "only {taken} steps were taken with kubectl {kubectl}");
    tell(&format!("{taken} steps with kubectl {kubectl}"));
    Ok(())
}

#[allow(clippy::print_stderr, reason = "what ran and what was left out is told to who runs the test")]
fn tell(words: &str) {
    eprintln!("==> {words}");
}
