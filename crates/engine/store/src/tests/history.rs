//! Concurrent runs are recorded, and a checker looks for one order of the operations that explains what each of them
//! saw and that never turns around two of which one ended before the other began (linearizability, by the search of
//! Wing and Gong). Longer: `BYTHOS_FAULT_ROUNDS=10000 cargo test -p bythos-store history`.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use crate::testing::volume::rand_source::Random;
use crate::testing::volume::{Faults, Volume};
use crate::testing::{commit, delete, key, open_on, put};
use crate::{CommitError, Expect, Revision, Store};

const CLIENTS: u64 = 6;
const OPERATIONS: usize = 12;
const OBJECTS: usize = 2;

/// One operation on one object, as its client saw it.
#[derive(Debug, Clone)]
struct Done {
    began: u64,
    ended: u64,
    what: What,
}

/// An object is a register: absent, or there at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// It was seen so: by a read, or by a write that was refused because of it.
    Saw(Option<Revision>),
    /// It was so, and is so from then on.
    Changed { from: Option<Revision>, to: Option<Revision> },
}

impl What {
    /// The register after the operation, if it can have happened on this one.
    fn on(&self, register: Option<Revision>) -> Option<Option<Revision>> {
        match self {
            What::Saw(seen) => (*seen == register).then_some(register),
            What::Changed { from, to } => (*from == register).then_some(*to),
        }
    }
}

/// Whether there is an order that explains everything.
fn is_linearizable(history: &[Done]) -> bool {
    assert!(history.len() <= 128, "the set of what is placed has 128 bits");
    let mut dead_ends = HashSet::new();
    place(history, 0, None, &mut dead_ends)
}

fn place(
    history: &[Done],
    placed: u128,
    register: Option<Revision>,
    dead_ends: &mut HashSet<(u128, Option<Revision>)>,
) -> bool {
    let open = || history.iter().enumerate().filter(|(number, _)| placed & (1 << number) == 0);
    // What began after another one ended cannot be placed before it.
    let Some(first_end) = open().map(|(_, done)| done.ended).min() else { return true };
    if dead_ends.contains(&(placed, register)) {
        return false;
    }
    let found = open().filter(|(_, done)| done.began <= first_end).any(|(number, done)| {
        done.what.on(register).is_some_and(|after| place(history, placed | 1 << number, after, dead_ends))
    });
    if !found {
        dead_ends.insert((placed, register));
    }
    found
}

/// One client: reads and writes a few objects by what it saw of them last, which others may have changed since.
fn run_client(store: &Store, clock: &AtomicU64, mut random: Random) -> Vec<(usize, Done)> {
    let mut known = [None; OBJECTS];
    let mut history = Vec::new();
    for _ in 0..OPERATIONS {
        let object = random.below(OBJECTS);
        let began = clock.fetch_add(1, Ordering::SeqCst);
        let what = operate(store, &format!("pods/a/{object}"), known[object], &mut random);
        let ended = clock.fetch_add(1, Ordering::SeqCst);
        let Some(what) = what else { continue };
        known[object] = match what {
            What::Saw(seen) => seen,
            What::Changed { to, .. } => to,
        };
        history.push((object, Done { began, ended, what }));
    }
    history
}

/// `None` if the disk refused, for then nothing has happened.
fn operate(store: &Store, path: &str, known: Option<Revision>, random: &mut Random) -> Option<What> {
    let is_delete = random.below(4) == 0;
    let operation = match known {
        _ if random.below(3) == 0 => {
            return Some(What::Saw(store.get(&key(path)).map(|entry| entry.revision)));
        }
        Some(revision) if is_delete => delete(path, revision.0),
        Some(revision) => put(path, Expect::At(revision), "updated"),
        None => put(path, Expect::Absent, "created"),
    };
    match commit(store, vec![operation]) {
        Ok(revision) => {
            Some(What::Changed { from: known, to: (known.is_none() || !is_delete).then_some(revision) })
        }
        Err(CommitError::Unexpected { found, .. }) => Some(What::Saw(found)),
        Err(CommitError::Write { .. }) => None,
        Err(CommitError::Closed) => panic!("it is open"),
    }
}

/// What all clients did to each object, on a store whose disk may fail now and then.
fn record(seed: u64, failing_syncs: usize) -> BTreeMap<usize, Vec<Done>> {
    let volume = Volume::default();
    let store = open_on(&volume, 2000).expect("it opens");
    volume.set_faults(Faults { failing_syncs, ..Faults::default() });
    let clock = Arc::new(AtomicU64::new(0));
    let begin = Arc::new(Barrier::new(usize::try_from(CLIENTS).expect("it fits")));
    let clients = (0..CLIENTS).map(|client| {
        let (store, clock, begin) = (store.clone(), Arc::clone(&clock), Arc::clone(&begin));
        std::thread::spawn(move || {
            begin.wait();
            run_client(&store, &clock, Random::new(seed * CLIENTS + client))
        })
    });
    let mut histories: BTreeMap<usize, Vec<Done>> = BTreeMap::new();
    for client in clients.collect::<Vec<_>>() {
        for (object, done) in client.join().expect("it ends") {
            histories.entry(object).or_default().push(done);
        }
    }
    histories
}

#[test]
fn concurrent_runs_look_as_if_one_client_had_done_everything() {
    let rounds = std::env::var("BYTHOS_FAULT_ROUNDS").map_or(100, |rounds| rounds.parse().expect("a number"));
    for seed in 0..rounds {
        for (object, history) in record(seed, usize::try_from(seed % 3).expect("it fits")) {
            assert!(is_linearizable(&history), "seed {seed}, object {object}: {history:#?}");
        }
    }
}

#[track_caller]
fn check(expected: bool, history: &[(u64, u64, What)]) {
    let history: Vec<Done> =
        history.iter().cloned().map(|(began, ended, what)| Done { began, ended, what }).collect();
    assert_eq!(is_linearizable(&history), expected, "{history:?}");
}

#[test]
fn the_checker_finds_what_no_order_explains() {
    let [one, two] = [Some(Revision(1)), Some(Revision(2))];
    let create = What::Changed { from: None, to: one };
    let update = What::Changed { from: one, to: two };
    let saw = What::Saw;
    check(true, &[]);
    check(true, &[(0, 1, create.clone()), (2, 3, update.clone()), (4, 5, saw(two))]);
    // A read beside a write may see it or not, in either order of the list.
    check(true, &[(0, 5, create.clone()), (1, 2, saw(None)), (3, 4, saw(one))]);
    check(true, &[(1, 4, saw(two)), (2, 9, update.clone()), (0, 3, create.clone())]);
    // A stale read, a read of what is not yet there, a lost update, one that went back in time.
    check(false, &[(0, 1, create.clone()), (2, 3, saw(None))]);
    check(false, &[(0, 1, saw(one)), (2, 3, create.clone())]);
    check(false, &[(0, 1, create.clone()), (2, 3, update.clone()), (4, 5, saw(one))]);
    check(false, &[(0, 1, create.clone()), (2, 9, update.clone()), (3, 4, saw(two)), (5, 6, saw(one))]);
    check(false, &[(0, 1, create), (2, 5, update), (3, 6, What::Changed { from: one, to: None })]);
}
