//! The kubectls of this machine: those of the search path, and those that `tools/packages` put beside the build.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use bythos_testing::machine::stdout;
use serde_json::Value;

/// One client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kubectl {
    /// Of its version 1.x.
    pub(crate) minor: u32,
    pub(crate) program: PathBuf,
}

impl std::fmt::Display for Kubectl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1.{} ({})", self.minor, self.program.display())
    }
}

/// All clients, one of each minor, oldest first.
pub(crate) fn find() -> Result<Vec<Kubectl>> {
    let unpacked = std::fs::read_dir(bythos_end_to_end::clients()).into_iter().flatten().flatten();
    let unpacked = unpacked.map(|entry| entry.path().join("usr/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = unpacked.chain(std::env::split_paths(&path)).collect();
    let mut found: Vec<Kubectl> = Vec::new();
    let mut minors = BTreeSet::new();
    for program in folders.iter().map(|folder| folder.join("kubectl")).filter(|program| program.is_file()) {
        let minor = minor_of(&program)?;
        if minors.insert(minor) {
            found.push(Kubectl { minor, program });
        }
    }
    found.sort();
    Ok(found)
}

fn minor_of(program: &Path) -> Result<u32> {
    let printed = stdout(Command::new(program).args(["version", "--client", "--output=json"]))?;
    let version: Value = serde_json::from_str(&printed)?;
    let minor = version.pointer("/clientVersion/minor").and_then(Value::as_str).unwrap_or_default();
    minor.trim_end_matches('+').parse().with_context(|| format!("{} prints {printed}", program.display()))
}
