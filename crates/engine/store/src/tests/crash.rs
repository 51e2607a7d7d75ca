use std::collections::BTreeMap;
use std::sync::Arc;

use crate::testing::volume::rand_source::Random;
use crate::testing::volume::{Faults, Volume};
use crate::testing::{commit, contents, delete, key, open_on, put, wait_on_one_thread};
use crate::{Entry, Expect, Operation, Revision, Store};

/// One transaction of one to three operations on few objects, of very different sizes.
fn transaction(store: &Store, random: &mut Random) -> Vec<Operation> {
    let mut operations = BTreeMap::new();
    for _ in 0..=random.below(3) {
        let path = format!("pods/a/{}", random.below(8));
        let found = store.get(&key(&path)).map(|entry| entry.revision);
        let text = "x".repeat([0, 10, 500, 3000][random.below(4)]);
        let operation = match found {
            Some(revision) if random.coin() => delete(&path, revision.0),
            Some(revision) => put(&path, Expect::At(revision), &text),
            None => put(&path, Expect::Absent, &text),
        };
        operations.insert(path, operation);
    }
    operations.into_values().collect()
}

type Contents = (Revision, Vec<Arc<Entry>>);

/// The volume as a loss of power leaves it while a commit waits for its sync, and what the store holds after that
/// commit.
fn lose_power_in_a_commit(volume: &Volume, store: &Store, random: &mut Random) -> (Volume, Contents) {
    volume.set_faults(Faults { syncs_wait: true, ..Faults::default() });
    let lost = wait_on_one_thread(async {
        let mut commit = Box::pin(store.commit(transaction(store, random)));
        assert!(futures::poll!(&mut commit).is_pending());
        volume.wait_for_a_waiting_sync();
        let lost = volume.after_power_loss(random);
        volume.set_faults(Faults::default());
        commit.await.expect("carried out");
        lost
    });
    (lost, contents(store))
}

/// Power is lost again and again, after a few writes each time, while logs are replaced.
fn lose_power_often(seed: u64) {
    let mut random = Random::new(seed);
    let mut volume = Volume::default();
    // What was acknowledged, and the same with the commit that was not answered.
    let mut allowed: [Contents; 2] = Default::default();
    for round in 0..20 {
        let store =
            open_on(&volume, 4000).unwrap_or_else(|error| panic!("seed {seed}, round {round}: {error}"));
        let found = contents(&store);
        assert!(allowed.contains(&found), "seed {seed}, round {round}: {found:?} is not in {allowed:?}");
        for _ in 0..random.below(12) {
            commit(&store, transaction(&store, &mut random)).expect("carried out");
        }
        let acknowledged = contents(&store);
        // A snapshot may be half written, too.
        let (lost, unanswered) = lose_power_in_a_commit(&volume, &store, &mut random);
        drop(store);
        volume = lost;
        allowed = [acknowledged, unanswered];
    }
}

#[test]
fn what_was_acknowledged_survives_any_loss_of_power() {
    for seed in 0..40 {
        lose_power_often(seed);
    }
}

#[test]
fn what_is_read_after_a_kill_survives_a_loss_of_power() {
    for seed in 0..20 {
        let volume = Volume::default();
        let store = open_on(&volume, u64::MAX).expect("it opens");
        volume.set_faults(Faults { syncs_wait: true, ..Faults::default() });
        let killed = wait_on_one_thread(async {
            let mut unanswered =
                Box::pin(store.commit(vec![put("pods/a/1", Expect::Absent, &"x".repeat(3000))]));
            assert!(futures::poll!(&mut unanswered).is_pending());
            volume.wait_for_a_waiting_sync();
            volume.after_kill()
        });
        volume.set_faults(Faults::default());
        let store = open_on(&killed, u64::MAX).expect("it opens");
        let served = contents(&store);
        assert_eq!(served.0, Revision(1), "the batch was whole, so it may be served");
        let lost = killed.after_power_loss(&mut Random::new(seed));
        assert_eq!(contents(&open_on(&lost, u64::MAX).expect("it opens")), served, "seed {seed}");
    }
}
