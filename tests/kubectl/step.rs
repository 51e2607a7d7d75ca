//! A step: a command line, and what it has to come to.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bythos_testing::machine::Machine;

use crate::clients::Kubectl;

/// Stands for any text, lines included, in what is expected.
const ANYTHING: char = '…';
/// Before every input: kubectl takes what begins with a brace for JSON.
const START: &str = "---\n";
/// How long a step may take to come true that waits for a controller.
const PATIENCE: Duration = Duration::from_secs(20);

/// The name of a chapter and its table.
pub(crate) type Chapter = (&'static str, fn() -> Vec<Step>);

/// One row.
pub(crate) struct Step {
    line: &'static str,
    input: &'static str,
    code: i32,
    output: &'static str,
    /// What is printed as an error or a warning; `None` for whatever it is.
    error: Option<&'static str>,
    since: u32,
    until: u32,
    comes_true: bool,
}

/// A command line for the shell, which ends well and prints `output`.
pub(crate) fn step(line: &'static str, output: &'static str) -> Step {
    let (since, until) = (0, u32::MAX);
    Step { line, input: "", code: 0, output, error: None, since, until, comes_true: false }
}

/// A command line that fails with 1 and prints `error`.
pub(crate) fn fails(line: &'static str, error: &'static str) -> Step {
    Step { code: 1, error: Some(error), ..step(line, "") }
}

impl Step {
    /// What it reads.
    pub(crate) fn input(mut self, input: &'static str) -> Self {
        self.input = input;
        self
    }

    /// What it tells beside its output.
    pub(crate) fn warns(mut self, error: &'static str) -> Self {
        self.error = Some(error);
        self
    }

    /// It ends so.
    pub(crate) fn code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// It prints this, too.
    pub(crate) fn prints(mut self, output: &'static str) -> Self {
        self.output = output;
        self
    }

    /// From this minor of kubectl on.
    pub(crate) fn since(mut self, minor: u32) -> Self {
        self.since = minor;
        self
    }

    /// Up to this minor of kubectl.
    pub(crate) fn until(mut self, minor: u32) -> Self {
        self.until = minor;
        self
    }

    /// It holds once a controller did its work.
    pub(crate) fn comes_true(mut self) -> Self {
        self.comes_true = true;
        self
    }

    fn difference(&self, found: &Output) -> Option<String> {
        let printed = String::from_utf8_lossy(&found.stdout);
        let told = String::from_utf8_lossy(&found.stderr);
        let holds = found.status.code() == Some(self.code)
            && matches(self.output, &printed)
            && self.error.is_none_or(|error| matches(error, &told));
        (!holds).then(|| {
            format!(
                "$ {}\nexpected to end with {} and print:\n{}{}\nended with {} and printed:\n{}{}",
                self.line,
                self.code,
                self.output,
                self.error.map_or(String::new(), |error| format!("\nand tell:\n{error}")),
                found.status.code().unwrap_or(-1),
                printed.trim_end(),
                if told.trim().is_empty() {
                    String::new()
                } else {
                    format!("\nand told:\n{}", told.trim_end())
                },
            )
        })
    }
}

/// Whether `text` is what `pattern` says, but for space at the ends.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, mut rest) = (pattern.trim(), text.trim());
    let mut parts = pattern.split(ANYTHING);
    let Some(first) = parts.next() else { return rest.is_empty() };
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// A tour under way.
pub(crate) struct Tour<'a> {
    machine: &'a Machine,
    minor: u32,
    /// Where the client lies under the name `kubectl`.
    programs: PathBuf,
    taken: usize,
    differences: usize,
}

impl<'a> Tour<'a> {
    /// With its own copy of the kubeconfig, since steps change it.
    pub(crate) fn new(machine: &'a Machine, kubectl: &Kubectl) -> Result<Tour<'a>> {
        let programs = machine.home().join("bin");
        std::fs::create_dir_all(&programs)?;
        std::os::unix::fs::symlink(&kubectl.program, programs.join("kubectl"))?;
        std::fs::copy(machine.root().join("etc/kubeconfig.yaml"), machine.home().join("kubeconfig"))?;
        Ok(Tour { machine, minor: kubectl.minor, programs, taken: 0, differences: 0 })
    }

    /// Takes a step, if the client is of an age for it.
    pub(crate) fn take(&mut self, chapter: &str, step: &Step) -> Result<()> {
        if self.minor < step.since || self.minor > step.until {
            return Ok(());
        }
        self.taken += 1;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.run(step)?;
            let Some(difference) = step.difference(&found) else { return Ok(()) };
            if !step.comes_true || Instant::now() > deadline {
                // At once: whoever waits for a long tour sees how it goes.
                crate::tell(&format!("[{chapter}] {difference}\n"));
                self.differences += 1;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn run(&self, step: &Step) -> Result<Output> {
        let mut shell = self.machine.command("sh");
        let path = format!(
            "{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            self.programs.display()
        );
        shell.args(["-c", step.line]).env("PATH", path);
        shell.env("KUBECONFIG", self.machine.home().join("kubeconfig")).current_dir(self.machine.home());
        output(shell, step.input).with_context(|| format!("failed to run {:?}", step.line))
    }

    /// How many steps were taken, and how many of them differed.
    pub(crate) fn end(self) -> (usize, usize) {
        (self.taken, self.differences)
    }
}

fn output(mut command: Command, input: &str) -> Result<Output> {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn()?;
    let mut stdin = child.stdin.take().context("its input is piped")?;
    // One that does not read all of its input is judged by what it prints.
    drop(stdin.write_all(START.as_bytes()).and_then(|()| stdin.write_all(input.as_bytes())));
    drop(stdin);
    Ok(child.wait_with_output()?)
}

#[test]
fn a_pattern_is_the_text_but_for_what_may_be_anything() {
    let cases = [
        ("a", "a\n", true),
        ("a", "ab", false),
        ("a…c", "abc", true),
        ("a…c", "ab", false),
        ("…b…", "a\nb\nc", true),
        ("", "a", false),
        ("a…b…c", "acb", false),
        ("aba…aba", "aba", false),
    ];
    for (pattern, text, expect) in cases {
        assert_eq!(matches(pattern, text), expect, "{pattern:?} {text:?}");
    }
}
