//! The workshop: checks and chores of the repository. `make` is the door, this does the work.

mod layers;
mod layout;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use clap::{Parser, Subcommand};

/// The workshop of Bythos.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prove who may know whom, and the habits that no compiler checks
    Tidy,
    /// Write which functions of a program run in a command, in the order of their first use, beside it
    Layout {
        /// The program, with its symbols
        program: PathBuf,
        /// What is run, and uses the program
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Tidy => tidy(),
        Command::Layout { program, command } => {
            layout::layout(&program, &command).map(|()| ExitCode::SUCCESS)
        }
    }
}

#[allow(clippy::print_stdout, reason = "this is the command's own output")]
fn tidy() -> Result<ExitCode> {
    let metadata = MetadataCommand::new().no_deps().exec().context("failed to read the workspace")?;
    let root = metadata.workspace_root.as_std_path();
    let crates = layers::crates(&metadata)?;
    let mut findings = layers::check(&crates);
    findings.extend(text::check(root)?);
    for finding in &findings {
        println!("tidy: {finding}");
    }
    println!("tidy: {} crates, {} findings", crates.len(), findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
