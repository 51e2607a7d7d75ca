//! Sees which functions are entered, by a breakpoint on each that goes away when it is first hit.
//!
//! Processes that run the program are found by their executable, at every `exec` of what the command starts; what they
//! start in turn is let go. A fork has a copy of the memory, with the breakpoints that were not hit until then, and is
//! followed too. See ptrace(2).

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::program::Program;

/// `int3`: one byte, so that it fits in front of any function.
const BREAKPOINT: u8 = 0xcc;

/// A shell that waits to be followed before it becomes the command.
const WAITING: &str = r#"kill -STOP $$; exec "$@""#;

/// Runs `command` to its end. Returns the functions of `program` that were entered, in the order of their first use.
///
/// # Errors
/// The command cannot be run or followed, or it fails.
pub(super) fn record<'a>(program: &'a Program, command: &[String]) -> Result<Vec<&'a str>> {
    let child = Command::new("/bin/sh").args(["-c", WAITING, "sh"]).args(command).spawn()?;
    let first = Pid::from_raw(child.id().try_into()?);
    waitpid(first, Some(WaitPidFlag::WUNTRACED))?;
    let options = Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
        // No process outlives us with breakpoints that nobody answers.
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(first, options).context("failed to follow the command")?;
    kill(first, Signal::SIGCONT)?;
    Recorder::new(program).run(first)
}

struct Recorder<'a> {
    program: &'a Program,
    /// The text with a breakpoint on each function.
    stopping_text: Vec<u8>,
    /// Of each task that runs the program: how far from the file's addresses it is loaded.
    distances: HashMap<Pid, u64>,
    seen: HashSet<u64>,
    used: Vec<&'a str>,
}

impl<'a> Recorder<'a> {
    fn new(program: &'a Program) -> Recorder<'a> {
        let mut stopping_text = program.text().to_vec();
        for address in program.functions().keys() {
            if let Some(byte) = stopping_text.get_mut(offset(program, *address)) {
                *byte = BREAKPOINT;
            }
        }
        Recorder { program, stopping_text, distances: HashMap::new(), seen: HashSet::new(), used: Vec::new() }
    }

    /// Answers every stop until the first of all processes has ended.
    fn run(mut self, first: Pid) -> Result<Vec<&'a str>> {
        loop {
            // Of every kind, threads included, but those alone that this very thread follows.
            let status = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD))?;
            match status {
                WaitStatus::Exited(task, 0) if task == first => return Ok(self.used),
                WaitStatus::Exited(task, _) | WaitStatus::Signaled(task, ..) if task == first => {
                    bail!("the command failed: {status:?}");
                }
                WaitStatus::Exited(task, _) | WaitStatus::Signaled(task, ..) => {
                    self.distances.remove(&task);
                }
                WaitStatus::PtraceEvent(task, _, event) if event == Event::PTRACE_EVENT_EXEC as i32 => {
                    unless_gone(self.begin(task))?;
                }
                WaitStatus::PtraceEvent(task, ..) => unless_gone(go_on(task, None))?,
                WaitStatus::Stopped(task, signal) => unless_gone(self.stopped(task, signal))?,
                _ => {}
            }
        }
    }

    /// A task became another program.
    fn begin(&mut self, task: Pid) -> Result<()> {
        let was_followed = self.distances.remove(&task).is_some();
        if let Some(distance) = self.find_distance(task)? {
            memory(task)?.write_all_at(&self.stopping_text, self.program.text_address() + distance)?;
        } else if was_followed {
            ptrace::detach(task, None)?;
            return Ok(());
        }
        go_on(task, None)
    }

    fn stopped(&mut self, task: Pid, signal: Signal) -> Result<()> {
        if signal == Signal::SIGTRAP
            && let Some(distance) = self.find_distance(task)?
        {
            let mut registers = ptrace::getregs(task)?;
            // The processor is behind the breakpoint.
            let place = registers.rip.wrapping_sub(1);
            let address = place.wrapping_sub(distance);
            if let Some(name) = self.program.functions().get(&address) {
                if self.seen.insert(address) {
                    self.used.push(name);
                }
                let offset = offset(self.program, address);
                memory(task)?.write_all_at(&self.program.text()[offset..=offset], place)?;
                registers.rip = place;
                ptrace::setregs(task, registers)?;
                return go_on(task, None);
            }
        }
        go_on(task, Some(signal))
    }

    /// How far from the file's addresses the program is loaded in a task; nothing where that runs something else.
    fn find_distance(&mut self, task: Pid) -> Result<Option<u64>> {
        if let Some(distance) = self.distances.get(&task) {
            return Ok(Some(*distance));
        }
        if std::fs::read_link(format!("/proc/{task}/exe")).ok().as_deref() != Some(self.program.path()) {
            return Ok(None);
        }
        let maps = std::fs::read_to_string(format!("/proc/{task}/maps"))?;
        let path = self.program.path().display().to_string();
        let line = maps.lines().find(|line| line.ends_with(&path)).context("the program is mapped")?;
        let start = line.split('-').next().unwrap_or_default();
        let distance = self.program.distance(u64::from_str_radix(start, 16)?);
        self.distances.insert(task, distance);
        Ok(Some(distance))
    }
}

/// Where in the program's text a function of it begins.
fn offset(program: &Program, address: u64) -> usize {
    usize::try_from(address - program.text_address()).unwrap_or(usize::MAX)
}

fn memory(task: Pid) -> Result<File> {
    Ok(OpenOptions::new().read(true).write(true).open(format!("/proc/{task}/mem"))?)
}

fn go_on(task: Pid, signal: Option<Signal>) -> Result<()> {
    Ok(ptrace::cont(task, signal)?)
}

/// A task may be killed at any time: then what was done to it no longer matters, and its end is told next.
fn unless_gone(done: Result<()>) -> Result<()> {
    match done {
        Err(error) if is_gone(&error) => Ok(()),
        done => done,
    }
}

fn is_gone(error: &anyhow::Error) -> bool {
    let asked = error.downcast_ref::<Errno>().copied();
    let read =
        error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error).map(Errno::from_raw);
    // The folder of a task that has ended is not there.
    matches!(asked.or(read), Some(Errno::ESRCH | Errno::ENOENT))
}
