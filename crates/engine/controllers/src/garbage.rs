//! Garbage collection: what lost its owners goes.
//!
//! Metadata of every kind, built-in and custom, is watched and kept as a graph of owners and dependents. A change
//! names the objects that it concerns; each is judged (pure) on its live state and the judgement carried out.
//! Absence of an owner is believed only when the API itself says so, and what is deleted is named by its uid.
//!
//! Three ways to go, chosen by who deletes the owner: in the background (dependents follow), in the foreground
//! (dependents that block go first), and orphaning (dependents stay). Two owners that wait for each other in the
//! foreground are not untangled.

mod collector;
mod graph;
mod kinds;
mod observer;
mod verdict;
mod watches;

use std::sync::Arc;

use bythos_operator::Controller;
use bythos_operator::controller::Trigger;
use bythos_operator::event::Publisher;
use kube::Client;
use tokio_util::sync::CancellationToken;

use collector::Collector;
use kinds::Kinds;
use observer::{Listeners, Observer};
use watches::Watches;

const WORKERS: usize = 4;

/// See the module's documentation.
pub(crate) struct Garbage {
    collector: Arc<Collector>,
    watches: Arc<Watches>,
    /// Its keys are uids.
    work: Controller,
    /// Its key is [`observer::all_kinds`].
    discovery: Controller,
}

impl Garbage {
    /// `content_gone` is told the namespace of each object that goes.
    pub(crate) fn new(client: Client, content_gone: Trigger) -> Garbage {
        let (work, discovery) = (Controller::new("garbage"), Controller::new("garbage kinds"));
        let listeners =
            Listeners { concerned: work.trigger(), kinds_changed: discovery.trigger(), content_gone };
        let (observer, kinds) = (Arc::new(Observer::new(listeners)), Arc::<Kinds>::default());
        let watches = Arc::new(Watches::new(client.clone(), observer.clone(), kinds.clone()));
        let events = Publisher::new(client.clone(), "garbage-collector-controller");
        let collector = Arc::new(Collector { client, observer, kinds, events });
        Garbage { collector, watches, work, discovery }
    }

    /// Runs until `shutdown`. Judging begins when the graph is there as a whole: before, most owners would seem to
    /// be absent, and each would be asked for.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let Garbage { collector, watches, work, discovery } = self;
        discovery.trigger().add(observer::all_kinds());
        let following = watches.clone();
        let discover = discovery.run(1, shutdown.clone(), move |_| {
            let following = following.clone();
            async move { following.follow_kinds().await }
        });
        let collect = async {
            if shutdown.run_until_cancelled(watches.first_lists()).await.is_none() {
                return;
            }
            work.run(WORKERS, shutdown.clone(), move |key| {
                let collector = collector.clone();
                async move { collector.collect(&key.name).await }
            })
            .await;
        };
        tokio::join!(discover, collect);
    }
}
