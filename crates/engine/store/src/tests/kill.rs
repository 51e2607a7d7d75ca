//! `kill -9` under writers and watchers. More rounds: `BYTHOS_FAULT_ROUNDS=1000 cargo test -p bythos-store kill`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::disk::{DiskOptions, SystemFiles};
use crate::testing::{commit, contents, delete, put, scope, wait};
use crate::{Event, EventKind, Expect, Key, Page, Revision, Store};

/// Tell the child process where to write, and up to where each of its watchers has seen everything; without them the
/// child's test does nothing.
const DIRECTORY_VARIABLE: &str = "BYTHOS_STORE_KILL_TEST_DIRECTORY";
const SEEN_VARIABLE: &str = "BYTHOS_STORE_KILL_TEST_SEEN";
const WRITERS: usize = 32;
const WATCHERS: usize = 3;

fn rounds() -> usize {
    std::env::var("BYTHOS_FAULT_ROUNDS").map_or(100, |rounds| rounds.parse().expect("a number of rounds"))
}

/// Logs are replaced often, so that the kill meets that too.
fn open(directory: &Path) -> Store {
    Store::open_on(DiskOptions {
        files: Arc::new(SystemFiles),
        directory: directory.to_owned(),
        history_events: 100_000,
        compaction_bytes_min: 100_000,
        room_bytes: 1 << 16,
    })
    .expect("it opens after a kill")
}

/// One line at once, or nothing of it.
fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).expect("the parent reads");
}

/// What is killed: writes for ever, and says each write that was acknowledged and each event that was seen.
#[test]
fn child_that_writes_until_it_is_killed() {
    let (Some(directory), Ok(seen)) = (std::env::var_os(DIRECTORY_VARIABLE), std::env::var(SEEN_VARIABLE))
    else {
        return;
    };
    let store = open(&PathBuf::from(directory));
    let first = store.revision().0;
    for (watcher, seen) in seen.split(',').enumerate() {
        let (watching, seen) = (store.clone(), Revision(seen.parse().expect("a revision")));
        std::thread::spawn(move || watch_for_ever(&watching, watcher, seen));
    }
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        std::thread::spawn(move || {
            for number in 0.. {
                write(&store, &format!("pods/{first}/{writer}-{number}"));
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.join().expect("it never ends");
    }
}

/// The life of one object, each step after the one before was acknowledged.
fn write(store: &Store, path: &str) {
    let created = commit(store, vec![put(path, Expect::Absent, "created")]).expect("carried out");
    say(&format!("wrote {} Created {path}", created.0));
    let updated = commit(store, vec![put(path, Expect::At(created), "updated")]).expect("carried out");
    say(&format!("wrote {} Updated {path}", updated.0));
    if updated.0.is_multiple_of(2) {
        let deleted = commit(store, vec![delete(path, updated.0)]).expect("carried out");
        say(&format!("wrote {} Deleted {path}", deleted.0));
    }
}

/// As a client does: resumes where it was, and lists when that is not retained any more.
fn watch_for_ever(store: &Store, watcher: usize, mut seen: Revision) {
    loop {
        if let Ok(mut watch) = store.watch(scope("pods"), seen) {
            while let Ok(event) = wait_for_ever(watch.next()) {
                say(&format!("watcher {watcher} {}", saw(&event)));
            }
        }
        seen = store.list(&scope("pods"), &Page::default()).expect("it is newest").revision;
        say(&format!("watcher {watcher} listed {}", seen.0));
    }
}

fn wait_for_ever<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

type Steps = BTreeMap<Revision, (EventKind, String)>;

/// What the children said, all rounds together.
#[derive(Default)]
struct Told {
    wrote: Steps,
    watchers: [Watcher; WATCHERS],
}

/// What one of the watchers said.
#[derive(Default)]
struct Watcher {
    saw: Steps,
    /// Up to which revision it has seen or listed everything.
    seen: Revision,
    /// What it did not see, since it listed.
    listed_over: Vec<std::ops::RangeInclusive<Revision>>,
}

impl Told {
    fn hear(&mut self, line: &str) {
        if let Some((_, rest)) = line.split_once("wrote ") {
            let (revision, step) = read_step(rest);
            let known = self.wrote.insert(revision, step.expect("what was done"));
            assert_eq!(known, None, "two writes at revision {revision:?}");
        } else if let Some((_, rest)) = line.split_once("watcher ") {
            let (number, rest) = rest.split_once(' ').expect("a watcher's number");
            self.watchers[number.parse::<usize>().expect("a number")].hear(rest);
        }
        // Anything else is the test runner's.
    }
}

/// `12 Created pods/a/b`, or a revision alone.
fn read_step(words: &str) -> (Revision, Option<(EventKind, String)>) {
    let mut words = words.split(' ');
    let revision = words.next().and_then(|word| word.parse().ok()).expect("a revision");
    let step = words.next().zip(words.next()).map(|(kind, path)| (kind_of(kind), path.to_owned()));
    (Revision(revision), step)
}

impl Watcher {
    fn hear(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').expect("what a watcher did");
        let (revision, step) = read_step(rest);
        assert!(revision >= self.seen, "revision {revision:?} is told of after {:?}", self.seen);
        match (verb, step) {
            ("saw", Some(step)) => {
                assert!(revision > self.seen, "revision {revision:?} is seen twice");
                self.saw.insert(revision, step);
            }
            ("listed", None) => self.listed_over.push(self.seen.next()..=revision),
            other => panic!("{other:?} is nothing that a watcher says"),
        }
        self.seen = revision;
    }

    /// Each acknowledged write was seen, as what it was; nothing was seen that a writer cannot have done.
    fn check(&self, wrote: &Steps) {
        for (revision, step) in wrote.range(..=self.seen) {
            let is_listed_over = self.listed_over.iter().any(|gap| gap.contains(revision));
            assert!(
                is_listed_over || self.saw.get(revision) == Some(step),
                "{step:?} was acknowledged at {revision:?} and seen as {:?}",
                self.saw.get(revision)
            );
        }
        let mut done = BTreeSet::new();
        for step in self.saw.values() {
            assert!(done.insert((step.1.clone(), format!("{:?}", step.0))), "{step:?} was seen twice");
        }
    }
}

impl Told {
    /// What each object must be by what was acknowledged, unless one more step was on its way.
    fn check_what_is_there(&self, store: &Store) {
        let there: BTreeMap<String, Revision> = contents(store)
            .1
            .into_iter()
            .map(|entry| (format!("pods/{}/{}", entry.key.namespace, entry.key.name), entry.revision))
            .collect();
        let mut last = BTreeMap::new();
        for (revision, (kind, path)) in &self.wrote {
            last.insert(path, (*revision, *kind));
        }
        for (path, (acknowledged, kind)) in last {
            match (kind, there.get(path)) {
                (EventKind::Deleted, found) => assert_eq!(found, None, "{path} was deleted"),
                // It was being deleted; whether it was, is only known if a watcher saw it.
                (EventKind::Updated, None) => {
                    assert!(acknowledged.0.is_multiple_of(2), "{path} was not to be deleted");
                }
                (_, found) => assert!(found >= Some(&acknowledged), "{path}@{acknowledged:?} is {found:?}"),
            }
        }
    }
}

fn kind_of(word: &str) -> EventKind {
    match word {
        "Created" => EventKind::Created,
        "Updated" => EventKind::Updated,
        "Deleted" => EventKind::Deleted,
        other => panic!("{other} is no kind of event"),
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_watchers_see_it_once() {
    let directory = TempDir::new().expect("a folder");
    let store_directory = directory.path().join("store");
    let mut told = Told::default();
    for round in 0..rounds() {
        write_and_kill(&store_directory, 20 + 37 * round % 200, &mut told);
    }
    let store = open(&store_directory);
    told.check_what_is_there(&store);
    for watcher in &mut told.watchers {
        assert!(store.revision() >= watcher.seen, "what was seen is gone");
        if let Ok(mut watch) = store.watch(scope("pods"), watcher.seen) {
            while watcher.seen < store.revision() {
                watcher.hear(&saw(&wait(watch.next()).expect("it is retained")));
            }
        }
        watcher.check(&told.wrote);
    }
    assert!(told.wrote.len() >= 20 * rounds());
}

fn saw(event: &Event) -> String {
    let Key { namespace, name, .. } = &event.entry.key;
    format!("saw {} {:?} pods/{namespace}/{name}", event.revision().0, event.kind)
}

/// Kills the child once it has acknowledged so many writes; hears all that it said.
fn write_and_kill(directory: &Path, writes: usize, told: &mut Told) {
    let seen = told.watchers.iter().map(|watcher| watcher.seen.0.to_string()).collect::<Vec<_>>().join(",");
    let mut child = child(Command::new(std::env::current_exe().expect("this test")), directory, &seen)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let enough = told.wrote.len() + writes;
    let mut is_killed = false;
    for line in lines {
        told.hear(&line.expect("it is text"));
        if told.wrote.len() >= enough && !is_killed {
            child.kill().expect("it is killed");
            is_killed = true;
        }
    }
    child.wait().expect("it has ended");
}

/// The command with what it needs to run the child's test.
fn child(mut command: Command, directory: impl AsRef<OsStr>, seen: &str) -> Command {
    command
        .args(["--exact", "tests::kill::child_that_writes_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY_VARIABLE, directory)
        .env(SEEN_VARIABLE, seen);
    command
}
