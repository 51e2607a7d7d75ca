//! Pods and services with the whole of Bythos: times, memory, processor time, beside what nobody could do without.
//!
//! Run by `make bench`, with the release build. Each round has a machine of its own; medians are printed. The clients run
//! in the machine's network as this program again ([`client`]). The start of many pods is held against a bare loop of
//! the same calls to the same containerd ([`bare`]); requests through a service against requests to its pod.

mod bare;
mod client;
mod cost;
mod cri;
mod requests;
mod services;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bythos_benches::{client_on, given, median, write_into_readme};
use bythos_end_to_end::Owner;
use bythos_testing::machine::{Machine, stdout, succeed};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use client::Started;
use cost::Cost;
use requests::Requests;

/// Static busybox of this host, which needs no package source.
const IMAGE: &str = "localhost/bench:1";
const RECIPE: &str = "image: localhost/bench:1\nfiles: {busybox: /bin/busybox}\n";
const ROUNDS: usize = 3;
const PODS: usize = 100;
const FEW_SERVICES: usize = 10;
const MANY_SERVICES: usize = 5_000;

/// What one round measured.
struct Round {
    first_pod: Duration,
    idle: Cost,
    started: Started,
    bare: Duration,
    full: Cost,
    change_among_few: Duration,
    change_among_many: Duration,
    requests: Requests,
}

#[allow(clippy::print_stdout, reason = "this is the bench's own output")]
#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.is_empty() {
        return client::run(&arguments).await;
    }
    let folder = TempDir::new()?;
    let archive = build_image(folder.path())?;
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        println!("round {number} of {ROUNDS}");
        rounds.push(round(number, &archive)?);
    }
    let text = table(&rounds)?;
    println!("{text}");
    write_into_readme("pods", &text)
}

/// Before the clock starts: it takes the same time whoever runs it.
fn build_image(folder: &Path) -> Result<PathBuf> {
    std::fs::copy("/bin/busybox", folder.join("busybox")).context("busybox-static is installed")?;
    let (recipe, archive) = (folder.join("recipe.yaml"), folder.join("image.tar"));
    std::fs::write(&recipe, RECIPE)?;
    let mut build = Command::new(given("bythos")?);
    succeed(build.args(["image", "build"]).arg(&recipe).arg("--output").arg(&archive))?;
    Ok(archive)
}

#[allow(clippy::print_stdout, reason = "a round takes minutes, and says where it is")]
fn tell(step: &str) {
    println!("  {step}");
}

fn round(number: usize, archive: &Path) -> Result<Round> {
    tell("the first pod");
    let mut owner = Owner::new(&format!("pods{number}"), given("bythos")?)?;
    let began = Instant::now();
    owner.machine.up(&[])?;
    owner.import_image(archive)?;
    let machine = &owner.machine;
    ask::<Started>(machine, &["start", "1"])?;
    let first_pod = began.elapsed();
    ask::<()>(machine, &["end"])?;

    tell("idle");
    let idle = Cost::of(machine)?;
    // The first of the two finds colder files: each is it in turn.
    let bare_first = number.is_multiple_of(2);
    let bare = if bare_first { Some(ask_bare(machine)?) } else { None };
    tell("many pods");
    let started = ask::<Started>(machine, &["start", &PODS.to_string()])?;
    let full = Cost::of(machine)?;
    ask::<()>(machine, &["end"])?;
    let bare = match bare {
        Some(bare) => bare,
        None => ask_bare(machine)?,
    };
    tell("requests");
    let requests = requests::measure(machine)?;
    tell("services");
    let change_among_few = ask(machine, &["service-change", &FEW_SERVICES.to_string()])?;
    let change_among_many = ask(machine, &["service-change", &MANY_SERVICES.to_string()])?;
    succeed(&mut machine.bythos(&["uninstall", "--yes"]))?;
    Ok(Round { first_pod, idle, started, bare, full, change_among_few, change_among_many, requests })
}

fn ask_bare(machine: &Machine) -> Result<Duration> {
    tell("the bare loop");
    let socket = format!("/run/bythos/{}/containerd.sock", machine.id());
    ask(machine, &["bare", &PODS.to_string(), &socket, &machine.id()])
}

/// Lets this program do something as a client on the machine; what it found.
fn ask<T: DeserializeOwned>(machine: &Machine, arguments: &[&str]) -> Result<T> {
    let found = stdout(&mut client_on(machine, arguments)?)?;
    serde_json::from_str(&found).with_context(|| format!("{arguments:?} printed {found:?}"))
}

fn table(rounds: &[Round]) -> Result<String> {
    let middle = |figure: fn(&Round) -> Duration| median(rounds.iter().map(figure));
    let seconds = |duration: Duration| format!("{:.2} s", duration.as_secs_f64());
    let milliseconds = |duration: Duration| format!("{:.1} ms", duration.as_secs_f64() * 1000.0);
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    let (last_running, bare) = (middle(|round| round.started.running_p99)?, middle(|round| round.bare)?);
    let (few, many) = (middle(|round| round.change_among_few)?, middle(|round| round.change_among_many)?);
    let idle: Vec<_> = rounds.iter().map(|round| &round.idle).collect();
    let full: Vec<_> = rounds.iter().map(|round| &round.full).collect();
    let requests: Vec<_> = rounds.iter().map(|round| &round.requests).collect();
    let rows = [
        ("fresh root to the first pod Ready".to_owned(), seconds(middle(|round| round.first_pod)?)),
        (
            format!("{PODS} pods at once, until all are Ready"),
            seconds(middle(|round| round.started.all_ready)?),
        ),
        (
            "p99 of these, from the API's create to running".to_owned(),
            format!(
                "{}: {:.2} times a bare loop of the same calls to containerd",
                seconds(last_running),
                ratio(last_running, bare)
            ),
        ),
        ("memory idle (PSS)".to_owned(), cost::memory(&idle)?),
        (format!("memory with {PODS} pods (PSS)"), cost::memory(&full)?),
        ("memory for each pod (PSS)".to_owned(), cost::memory_of_pods(&full)?),
        ("processor time idle".to_owned(), cost::processor_time(&idle)?),
        (format!("processor time with {PODS} pods that do nothing"), cost::processor_time(&full)?),
        (
            format!("change of a service among {MANY_SERVICES}, until it is in effect"),
            format!("{}: {:.2} times that among {FEW_SERVICES}", milliseconds(many), ratio(many, few)),
        ),
        ("requests through a service's address".to_owned(), requests::compared(&requests)?),
    ];
    let processors = std::thread::available_parallelism()?;
    let mut text = format!(
        "Median of {ROUNDS} rounds on {processors} processors.\n\n| figure | measured |\n|---|---|\n"
    );
    for (name, value) in rows {
        text.push_str(&format!("| {name} | {value} |\n"));
    }
    Ok(text)
}
