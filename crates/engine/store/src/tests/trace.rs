//! The system calls of a store on a real disk: what is acknowledged was synced before.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::testing::{commit, put};
use crate::{Expect, Options, Store};

/// Tells the child process where to write; without it the child's test does nothing.
const DIRECTORY_VARIABLE: &str = "BYTHOS_STORE_TRACE_TEST_DIRECTORY";
const WRITES: usize = 20;

/// What is traced: says so of each write once it was acknowledged.
#[test]
fn child_that_writes_and_says_so() {
    let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) else { return };
    let options = Options { directory: Some(PathBuf::from(directory)), history_events: 100 };
    let store = Store::open(options).expect("it opens");
    for number in 0..WRITES {
        let operation = put(&format!("pods/a/{number}"), Expect::Absent, &format!("value {number} "));
        commit(&store, vec![operation]).expect("carried out");
        let line = format!("acknowledged {number}.\n");
        std::io::stdout().lock().write_all(line.as_bytes()).expect("the parent reads");
    }
}

#[test]
fn a_write_is_acknowledged_after_its_sync() {
    let directory = TempDir::new().expect("a folder");
    let Some(trace) = trace_of_child(directory.path()) else {
        return;
    };
    let calls: Vec<&str> = trace.lines().collect();
    for number in 0..WRITES {
        let written = position(&calls, 0, &format!("value {number} @"), "pwrite64(");
        // Where another thread's call is seen in between, the end of a call is a line of its own.
        let synced = position(&calls, written, "fdatasync", "= 0");
        let acknowledged = position(&calls, 0, &format!("acknowledged {number}."), "write(1");
        assert!(
            written < synced && synced < acknowledged,
            "write {number}: written in line {written}, synced in {synced}, acknowledged in {acknowledged} of\n{trace}"
        );
    }
}

#[track_caller]
fn position(calls: &[&str], from: usize, one: &str, other: &str) -> usize {
    let found = calls.iter().skip(from).position(|call| call.contains(one) && call.contains(other));
    from + found.unwrap_or_else(|| panic!("no call with {one:?} and {other:?} after line {from}"))
}

/// `None`, and a line that says so, where `strace` is not there.
fn trace_of_child(directory: &Path) -> Option<String> {
    let trace = directory.join("trace");
    let status = Command::new("strace")
        .args(["-f", "-s", "4096", "-e", "trace=pwrite64,fdatasync,write", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "tests::trace::child_that_writes_and_says_so", "--nocapture"])
        .env(DIRECTORY_VARIABLE, directory.join("store"))
        .status();
    match status {
        Ok(status) => assert!(status.success(), "the traced child failed"),
        Err(error) => {
            eprintln!("left out: the trace of system calls, since strace cannot be run: {error}");
            return None;
        }
    }
    Some(std::fs::read_to_string(trace).expect("strace writes it"))
}
