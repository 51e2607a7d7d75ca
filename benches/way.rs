//! How long the way takes, and what it costs: written into the README between its markers.
//!
//! Run by `make bench`, with the release build. Three rounds, each on a fresh root in a network namespace of its own;
//! medians are printed. The image is built before the clock starts: that is the time of Debian's mirrors, not ours.
//!
//! `way once` goes it once and writes nothing: `make dist` looks at what runs meanwhile.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bythos_benches::{given, pss, workspace, write_into_readme};
use bythos_end_to_end::Owner;
use bythos_testing::machine::{eventually, stdout, succeed};

const ROUNDS: usize = 3;
const ADDRESS: &str = "https://hello.bythos.localhost/";

/// What one round measured.
struct Round {
    first_answer: Duration,
    changed_answer: Duration,
    bythos_bytes: u64,
    containerd_bytes: u64,
}

#[allow(clippy::print_stdout, reason = "this is the bench's own output")]
fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("once") {
        return round(1).map(drop);
    }
    let root = workspace()?;
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        println!("round {number} of {ROUNDS}");
        rounds.push(round(number)?);
    }
    println!("building anew, cold and warm");
    let (cold, warm) = builds(&root)?;
    let binary = std::fs::metadata(given("bythos")?)?.len();
    let text = table(&rounds, binary, cold, warm)?;
    println!("{text}");
    write_into_readme("way", &text)
}

fn round(number: usize) -> Result<Round> {
    let mut owner = Owner::new(&format!("bench{number}"), given("bythos")?)?;
    let archive = owner.build_image_of(&workspace()?.join("examples/platform/images/hello/recipe.yaml"))?;

    let began = Instant::now();
    owner.machine.up(&[])?;
    owner.make_repository()?;
    owner.import_image(&archive)?;
    owner.git(&["push", "--quiet"])?;
    let certificate = eventually("the platform's root certificate", || owner.root_certificate())?;
    shows(&owner, &certificate, "Hello from your own cloud")?;
    let first_answer = began.elapsed();

    owner.edit("apps/hello/page.yaml", "Hello from your own cloud", "Hello again")?;
    owner.push("a new greeting")?;
    let pushed = Instant::now();
    shows(&owner, &certificate, "Hello again")?;
    let changed_answer = pushed.elapsed();

    let bythos = owner.machine.process_id().context("Bythos runs")?;
    let bythos_bytes = pss(bythos)?;
    let containerd_bytes = pss(containerd_of(&owner)?)?;
    succeed(&mut owner.machine.bythos(&["uninstall", "--yes"]))?;
    Ok(Round { first_answer, changed_answer, bythos_bytes, containerd_bytes })
}

fn shows(owner: &Owner, certificate: &Path, words: &str) -> Result<()> {
    eventually(words, || {
        let page = owner.fetch(ADDRESS, certificate)?;
        ensure!(page.contains(words), "the page is {page}");
        Ok(())
    })
}

/// The containerd of this machine, by the folder in its command line.
fn containerd_of(owner: &Owner) -> Result<u32> {
    let root = owner.machine.root().display().to_string();
    let listed = stdout(Command::new("ps").args(["-eo", "pid=,args="]))?;
    let line = listed
        .lines()
        .find(|line| line.contains("containerd") && !line.contains("shim") && line.contains(&root))
        .context("containerd runs")?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}

/// A build into an empty target folder, and one after a change in the topmost crate.
fn builds(root: &Path) -> Result<(Duration, Duration)> {
    let target = root.join("target/bench-build");
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    let build = || -> Result<Duration> {
        let began = Instant::now();
        let mut cargo = Command::new(root.join("tools/cargo"));
        cargo
            .args(["build", "--quiet", "--package", "bythos"])
            .current_dir(root)
            .env("CARGO_TARGET_DIR", &target);
        succeed(&mut cargo)?;
        Ok(began.elapsed())
    };
    let cold = build()?;
    succeed(Command::new("touch").arg(root.join("crates/bythos/src/main.rs")))?;
    let warm = build()?;
    std::fs::remove_dir_all(&target)?;
    Ok((cold, warm))
}

fn median<T: Ord + Copy>(rounds: &[Round], figure: impl Fn(&Round) -> T) -> Result<T> {
    bythos_benches::median(rounds.iter().map(figure))
}

fn table(rounds: &[Round], binary: u64, cold: Duration, warm: Duration) -> Result<String> {
    let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / f64::from(1 << 20));
    let processors = std::thread::available_parallelism()?;
    let rows = [
        ("fresh root to the first answer over HTTPS", seconds(median(rounds, |round| round.first_answer)?)),
        ("end of a push to the changed answer", seconds(median(rounds, |round| round.changed_answer)?)),
        ("memory of Bythos (PSS)", megabytes(median(rounds, |round| round.bythos_bytes)?)),
        ("memory of its containerd (PSS)", megabytes(median(rounds, |round| round.containerd_bytes)?)),
        ("size of the binary", megabytes(binary)),
        ("cold build, development profile", seconds(cold)),
        ("build after a change in the topmost crate", seconds(warm)),
    ];
    let mut text = format!(
        "Median of {ROUNDS} rounds on {processors} processors.\n\n| figure | measured |\n|---|---|\n"
    );
    for (name, value) in rows {
        text.push_str(&format!("| {name} | {value} |\n"));
    }
    Ok(text)
}
