//! What the benches share: medians, and the place of their figures in the README.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use bythos_testing::machine::Machine;

/// The folder of the workspace.
///
/// # Errors
/// The benches were moved out of it.
pub fn workspace() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(own.parent().context("the benches lie in the workspace")?.to_owned())
}

/// A program as it is given to others. `tools/lay-out` puts it beside the folder that the benches lie in.
///
/// # Errors
/// It was not built.
pub fn given(program: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let built = own.ancestors().nth(2).context("the benches lie in a folder of what was built")?;
    let path = built.join("dist").join(program);
    ensure!(path.is_file(), "{path:?} is not there; `make bench` builds it before it measures");
    Ok(path)
}

/// This bench again, as a client in the network of `machine`: its arguments say what it does there.
///
/// # Errors
/// This program has no path, or one that is not text.
pub fn client_on(machine: &Machine, arguments: &[&str]) -> Result<Command> {
    let own = std::env::current_exe()?;
    let mut command = machine.command(own.to_str().context("the path of this program is text")?);
    command.args(arguments);
    Ok(command)
}

/// The figure in the middle; of an even number the upper one.
///
/// # Errors
/// There is none.
pub fn median<T: Ord>(figures: impl IntoIterator<Item = T>) -> Result<T> {
    let mut figures: Vec<T> = figures.into_iter().collect();
    figures.sort_unstable();
    let middle = figures.len() / 2;
    figures.into_iter().nth(middle).context("there was no round")
}

/// Proportional set size of a process, in bytes.
///
/// # Errors
/// There is no such process.
pub fn pss(process: u32) -> Result<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).context("smaps_rollup has Pss")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap_or_default().parse()?;
    Ok(kilobytes * 1024)
}

/// Puts a bench's text between its markers in the README.
///
/// # Errors
/// The README cannot be read or written, or has no such markers.
pub fn write_into_readme(bench: &str, text: &str) -> Result<()> {
    let readme = workspace()?.join("README.md");
    let (begin, end) = (
        format!("<!-- figures of benches/{bench}: begin -->"),
        format!("<!-- figures of benches/{bench}: end -->"),
    );
    let before = std::fs::read_to_string(&readme)?;
    let (head, rest) = before
        .split_once(&begin)
        .with_context(|| format!("the README has no place for the figures of {bench}"))?;
    let (_, tail) =
        rest.split_once(&end).with_context(|| format!("the README's place for {bench} has no end"))?;
    std::fs::write(&readme, format!("{head}{begin}\n{text}{end}{tail}"))?;
    Ok(())
}
