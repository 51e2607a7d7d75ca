//! Runs one of the host's programs and keeps its own words for the error.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// A program of the host did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started.
    #[error("failed to start {program:?}; is it installed?")]
    Start {
        /// Name of the program.
        program: &'static str,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// It did not take its input, or its output could not be read.
    #[error("failed to talk to {program:?}")]
    Talk {
        /// Name of the program.
        program: &'static str,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// It ended with a failure.
    #[error("`{command}` failed: {words}")]
    Failed {
        /// The program with its arguments.
        command: String,
        /// What it wrote to its standard error, or its exit status if it wrote nothing.
        words: String,
    },
}

/// Runs `program` with `input` on its standard input, and waits for its end.
pub(crate) fn run(program: &'static str, arguments: &[&str], input: &str) -> Result<(), ProgramError> {
    execute(program, arguments, input).map(drop)
}

/// Runs `program` and returns what it printed.
pub(crate) fn output(program: &'static str, arguments: &[&str]) -> Result<String, ProgramError> {
    execute(program, arguments, "")
}

fn execute(program: &'static str, arguments: &[&str], input: &str) -> Result<String, ProgramError> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| ProgramError::Start { program, source })?;
    // A program that ends before it has read everything says why itself: that is worth more than the broken pipe.
    let fed = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(|source| ProgramError::Talk { program, source })?;
    if !output.status.success() {
        let command = [&[program], arguments].concat().join(" ");
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let words = if words.is_empty() { output.status.to_string() } else { words };
        return Err(ProgramError::Failed { command, words });
    }
    fed.map_err(|source| ProgramError::Talk { program, source })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    fn a_failure_carries_the_programs_own_words() {
        let failed = run("sh", &["-c", "echo no such thing >&2; exit 3"], "").unwrap_err();
        assert_eq!(failed.to_string(), "`sh -c echo no such thing >&2; exit 3` failed: no such thing");
        let silent = run("sh", &["-c", "exit 3"], "").unwrap_err();
        assert_eq!(silent.to_string(), "`sh -c exit 3` failed: exit status: 3");
    }

    #[test]
    fn a_missing_program_is_named() {
        let missing = run("bythos-no-such-program", &[], "").unwrap_err();
        assert_eq!(missing.to_string(), "failed to start \"bythos-no-such-program\"; is it installed?");
    }

    #[test]
    fn input_reaches_the_program() {
        run("grep", &["-q", "hello"], "hello\n").unwrap();
    }
}
