//! Which process containerd is, so that nobody else's process is ever taken for it.
//!
//! A process is known by its id and the time at which it started; the id alone comes around again.

use std::io;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::readable::readable;

/// One process, for as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessIdentity {
    pub(crate) pid: i32,
    /// Ticks of the clock after boot.
    started: u64,
}

impl ProcessIdentity {
    /// The process that now has this id, unless it has ended.
    pub(crate) fn of_pid(pid: i32) -> Option<Self> {
        parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The containerd whose `/proc/<pid>/stat` was written to `file` when it was started, if it still lives.
    pub(crate) fn of_containerd(file: &Path) -> Option<Self> {
        let written = parse_stat(&std::fs::read_to_string(file).ok()?)?;
        let program = std::fs::read_link(format!("/proc/{}/exe", written.pid)).ok()?;
        // The file is marked ` (deleted)` once the package has been updated.
        let is_containerd = program.file_name()?.to_str()?.trim_end_matches(" (deleted)") == "containerd";
        (is_containerd && written.is_alive()).then_some(written)
    }

    pub(crate) fn is_alive(&self) -> bool {
        Self::of_pid(self.pid) == Some(*self)
    }

    /// Resolves when the process has ended.
    pub(crate) async fn ended(&self) -> io::Result<()> {
        let Some(handle) = self.open()? else { return Ok(()) };
        readable(handle)?.readable().await.map(drop)
    }

    /// Sends a signal; nothing happens if the process has ended.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(handle) = self.open()? else { return Ok(()) };
        match pidfd_send_signal(handle, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            sent => Ok(sent?),
        }
    }

    fn open(&self) -> io::Result<Option<std::os::fd::OwnedFd>> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(None) };
        let handle = match pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Looked at after opening: from here on the handle cannot come to mean another process.
        Ok(self.is_alive().then_some(handle))
    }
}

/// Reads `/proc/<pid>/stat`; a zombie is no process any more.
fn parse_stat(text: &str) -> Option<ProcessIdentity> {
    let (pid, rest) = text.split_once(" (")?;
    // The name in brackets may itself hold brackets and spaces.
    let (_, fields) = rest.rsplit_once(") ")?;
    let mut fields = fields.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    Some(ProcessIdentity { pid: pid.parse().ok()?, started: fields.nth(18)?.parse().ok()? })
}

/// The processes that serve as shims of the containerd at `socket`.
pub(crate) fn shims_of(socket: &Path) -> Vec<ProcessIdentity> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| is_shim_of(*pid, socket)).filter_map(ProcessIdentity::of_pid).collect()
}

fn is_shim_of(pid: i32, socket: &Path) -> bool {
    let Ok(arguments) = std::fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let arguments: Vec<_> = arguments.split(|byte| *byte == 0).collect();
    let program = arguments.first().is_some_and(|program| program.ends_with(b"containerd-shim-runc-v2"));
    let address = socket.as_os_str().as_encoded_bytes();
    program && arguments.windows(2).any(|pair| pair[0] == b"-address" && pair[1] == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_after_a_strange_name_are_found() {
        let text = "12 (a) b (c)) S 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        assert_eq!(parse_stat(text), Some(ProcessIdentity { pid: 12, started: 4711 }));
    }

    #[test]
    fn a_zombie_is_no_process() {
        assert_eq!(parse_stat("12 (a) Z 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0"), None);
        assert_eq!(parse_stat("garbage"), None);
    }

    #[test]
    fn a_process_is_not_taken_for_one_that_started_at_another_time() {
        let own = ProcessIdentity::of_pid(std::process::id().cast_signed()).unwrap();
        assert!(own.is_alive());
        assert!(!ProcessIdentity { started: own.started + 1, ..own }.is_alive());
    }

    #[tokio::test]
    async fn the_end_of_a_process_is_noticed() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let identity = ProcessIdentity::of_pid(child.id().cast_signed()).unwrap();
        identity.signal(Signal::KILL).unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(10), identity.ended()).await.unwrap().unwrap();
        child.wait().unwrap();
        assert!(!identity.is_alive());
    }

    #[test]
    fn a_process_that_is_not_containerd_is_never_adopted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("containerd.process");
        std::fs::copy("/proc/self/stat", &file).unwrap();
        assert_eq!(ProcessIdentity::of_containerd(&file), None);
    }
}
