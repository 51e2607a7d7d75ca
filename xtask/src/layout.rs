//! Which functions of a program run, and in which order they are needed first.
//!
//! The linker puts functions where their crates come in its arguments, so what runs is spread over all of the program.
//! The kernel maps some sixteen pages for each that is touched: nearly all of the text is in memory, though a small part
//! of it ever runs. With the list that this room writes (`lld --symbol-ordering-file`), what runs lies side by side, in
//! the order in which it runs, and what never runs is never read.
//!
//! [`program`] reads the functions of an ELF file; [`recorder`] runs a command and sees which of them are entered, in
//! every process of the program.

mod program;
#[cfg(target_arch = "x86_64")]
mod recorder;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use std::path::Path;

use anyhow::{Context as _, Result};

/// Runs `command` and writes the functions of `program` that ran beside it, as `<program>.order`.
///
/// # Errors
/// `program` has no symbols, or `command` failed; then no list is written.
#[allow(clippy::print_stdout, reason = "this is the command's own output")]
pub(crate) fn layout(program: &Path, command: &[String]) -> Result<()> {
    let program = program::Program::read(program)?;
    let used = record(&program, command)?;
    let path = program.path().with_added_extension("order");
    let text = used.iter().map(|name| format!("{name}\n")).collect::<String>();
    std::fs::write(&path, text).with_context(|| format!("failed to write {path:?}"))?;
    println!("layout: {} of {} functions run", used.len(), program.functions().len());
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn record<'a>(program: &'a program::Program, command: &[String]) -> Result<Vec<&'a str>> {
    recorder::record(program, command)
}

#[cfg(not(target_arch = "x86_64"))]
fn record<'a>(_program: &'a program::Program, _command: &[String]) -> Result<Vec<&'a str>> {
    anyhow::bail!("which functions run is seen on x86_64 alone: the breakpoints are those of its processors")
}
