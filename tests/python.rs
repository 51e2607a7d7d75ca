//! The API through the client library of Python: the checks are in `python/checks.py`.
//!
//! The library comes from its package index into an environment beside the build. Where there is no Python, or the
//! index is out of reach, the test says so and checks nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use bythos_end_to_end::binary;
use bythos_testing::machine::{Machine, stdout, succeed};

const CHECKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/checks.py");

#[test]
fn the_client_of_python_sees_a_kubernetes() -> Result<()> {
    let python = match environment(&bythos_end_to_end::clients().join("python")) {
        Ok(python) => python,
        Err(error) => {
            tell(&format!("left out: the checks through Python's client: {error:#}"));
            return Ok(());
        }
    };
    let mut machine = Machine::new("python", binary()?)?;
    machine.up(&["--no-node"])?;
    let told = stdout(machine.command(&python.to_string_lossy()).arg(CHECKS))?;
    machine.interrupt()?;
    tell(told.trim_end());
    Ok(())
}

/// The interpreter of an environment that has the library; made if it is not there.
fn environment(folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let has_library = |python: &Path| succeed(Command::new(python).args(["-c", "import kubernetes"]));
    if has_library(&python).is_err() {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "kubernetes"]))?;
        has_library(&python)?;
    }
    Ok(python)
}

#[allow(clippy::print_stderr, reason = "what ran and what was left out is told to who runs the test")]
fn tell(words: &str) {
    eprintln!("{words}");
}
