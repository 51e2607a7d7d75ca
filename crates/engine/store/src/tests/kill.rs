use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::testing::{commit, create, key, put};
use crate::{Expect, Options, Revision, Store};

/// Tells the child process where to write; without it the child's test does nothing.
const DIRECTORY_VARIABLE: &str = "BYTHOS_STORE_KILL_TEST_DIRECTORY";
const WRITERS: usize = 4;

fn open(directory: PathBuf) -> Store {
    Store::open(Options { directory: Some(directory), history_events: 100 }).expect("it opens after a kill")
}

/// What is killed: writes for ever, and says so of each write that was acknowledged.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) else { return };
    let store = open(directory.into());
    let first = store.revision().0;
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        std::thread::spawn(move || {
            for number in 0.. {
                let path = format!("pods/{first}/{writer}-{number}");
                let revision = commit(&store, vec![put(&path, Expect::Absent, &path)]).expect("carried out");
                let line = format!("wrote {} {path}\n", revision.0);
                std::io::stdout().lock().write_all(line.as_bytes()).expect("the parent reads");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.join().expect("it never ends");
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let directory = TempDir::new().expect("a folder");
    let store_directory = directory.path().join("store");
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        acknowledged.extend(write_and_kill(&store_directory, 40 * (round + 1)));
        let store = open(store_directory.clone());
        for (revision, path) in &acknowledged {
            let entry = store.get(&key(path)).unwrap_or_else(|| panic!("{path} was acknowledged"));
            assert_eq!(
                (entry.revision, entry.value.as_ref()),
                (*revision, format!("{path}@{}", revision.0).as_bytes())
            );
        }
        commit(&store, vec![create(&format!("nodes//{round}"))]).expect("it can be written to");
    }
    assert!(acknowledged.len() >= 600);
}

/// Kills the child once it has acknowledged so many writes; returns all that it said.
fn write_and_kill(directory: &std::path::Path, writes: usize) -> Vec<(Revision, String)> {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "tests::kill::child_that_writes_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY_VARIABLE, directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        acknowledged.extend(acknowledgement(&line.expect("it is text")));
        if acknowledged.len() == writes {
            child.kill().expect("it is killed");
        }
    }
    child.wait().expect("it has ended");
    acknowledged
}

/// `wrote 12 pods/0/1-3`; other lines are the test runner's.
fn acknowledgement(line: &str) -> Option<(Revision, String)> {
    let (_, line) = line.split_once("wrote ")?;
    let (revision, path) = line.split_once(' ')?;
    Some((Revision(revision.parse().ok()?), path.to_owned()))
}
