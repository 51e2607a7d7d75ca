//! The API server on its own (`bythos up --no-node`): time to answer, memory, lists, watches.
//!
//! Run by `make bench`, with the release build. Each round has a machine of its own; medians are printed. The clients run
//! in the machine's network: curl for lists, this program again (`client.rs`) for what takes many connections. A list is
//! measured beside nginx, which sends a file of the same bytes over the same TLS, uncompressed, to the same client.

mod client;
mod list;
mod memory;

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Result;
use bythos_benches::{client_on, given, median, write_into_readme};
use bythos_testing::machine::{Machine, stdout, succeed};

const ROUNDS: usize = 3;
const PODS: usize = 10_000;
const WATCHERS: usize = 1_000;
const OBJECTS: usize = 100_000;
const OBJECT_BYTES: usize = 2_048;

/// What one round measured.
struct Round {
    ready_empty: Duration,
    idle_bytes: u64,
    list: list::Compared,
    event: Duration,
    full_bytes: u64,
    ready_full: Duration,
}

#[allow(clippy::print_stdout, reason = "this is the bench's own output")]
#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.is_empty() {
        return client::run(&arguments).await;
    }
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        println!("round {number} of {ROUNDS}");
        rounds.push(round(number)?);
    }
    let text = table(&rounds)?;
    println!("{text}");
    write_into_readme("api", &text)
}

fn round(number: usize) -> Result<Round> {
    let mut machine = Machine::new(&format!("api{number}"), given("bythos")?)?;
    let ready_empty = start(&mut machine)?;
    let idle_bytes = memory::settled(&machine)?;
    ask(&machine, &["pods", &PODS.to_string()])?;
    let list = list::compare(&machine)?;
    let event = Duration::from_micros(ask(&machine, &["event", &WATCHERS.to_string()])?.trim().parse()?);
    ask(&machine, &["delete-pods"])?;
    ask(&machine, &["objects", &OBJECTS.to_string(), &OBJECT_BYTES.to_string()])?;
    let full_bytes = memory::settled(&machine)?;
    machine.interrupt()?;
    let ready_full = start(&mut machine)?;
    succeed(&mut machine.bythos(&["uninstall", "--yes"]))?;
    Ok(Round { ready_empty, idle_bytes, list, event, full_bytes, ready_full })
}

/// Starts Bythos; the time until `/readyz` says so to a client that waits for it.
fn start(machine: &mut Machine) -> Result<Duration> {
    let waiting = client_on(machine, &["ready"])?.stdout(Stdio::piped()).spawn()?;
    let began = Instant::now();
    let output =
        std::thread::spawn(move || waiting.wait_with_output().map(|output| (output, Instant::now())));
    machine.up(&["--no-node"])?;
    let (output, ended) = output.join().map_err(|_| anyhow::anyhow!("the client panicked"))??;
    anyhow::ensure!(output.status.success(), "the client failed");
    Ok(ended - began)
}

/// Lets this program do something as a client on the machine; what it printed.
fn ask(machine: &Machine, arguments: &[&str]) -> Result<String> {
    stdout(&mut client_on(machine, arguments)?)
}

fn table(rounds: &[Round]) -> Result<String> {
    let milliseconds = |figure: fn(&Round) -> Duration| -> Result<String> {
        Ok(format!("{:.0} ms", median(rounds.iter().map(figure))?.as_secs_f64() * 1000.0))
    };
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let idle = median(rounds.iter().map(|round| round.idle_bytes))?;
    let full = median(rounds.iter().map(|round| round.full_bytes))?;
    let ratio = full as f64 / (OBJECTS * OBJECT_BYTES) as f64;
    let mut text = String::from("| figure | measured |\n|---|---|\n");
    for (name, value) in [
        ("start to `/readyz`, empty".to_owned(), milliseconds(|round| round.ready_empty)?),
        (
            format!("start to `/readyz`, {OBJECTS} objects of {OBJECT_BYTES} bytes"),
            milliseconds(|round| round.ready_full)?,
        ),
        ("memory idle (PSS)".to_owned(), format!("{:.1} MB", megabytes(idle))),
        (
            format!("memory with {OBJECTS} objects of {OBJECT_BYTES} bytes (PSS)"),
            format!("{:.1} MB: {ratio:.2} times their bytes", megabytes(full)),
        ),
        (format!("list of {PODS} pods"), list::row(rounds.iter().map(|round| &round.list))?),
        (format!("one event to {WATCHERS} watchers, the last of them"), milliseconds(|round| round.event)?),
    ] {
        text.push_str(&format!("| {name} | {value} |\n"));
    }
    Ok(text)
}
