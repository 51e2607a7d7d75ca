//! The `nft` program: one transaction per call.

use crate::program::{ProgramError, output, run};

/// Applies a script as one transaction: all of it, or nothing.
pub(crate) fn apply(script: &str) -> Result<(), ProgramError> {
    run("nft", &["-f", "-"], script)
}

/// Removes an `inet` table. That it is not there is no failure.
pub(crate) fn remove_table(table: &str) -> Result<(), ProgramError> {
    apply(&format!("add table inet {table}\ndelete table inet {table}\n"))
}

/// All tables of this network namespace, one per line.
pub(crate) fn tables() -> Result<String, ProgramError> {
    output("nft", &["list", "tables"])
}
