//! One watch of metadata per kind, feeding the graph; started and ended as kinds come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bythos_operator::{Next, error_chain};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{Instrument as _, debug, info_span, warn};

use super::graph::{KindName, Uid};
use super::kinds::{self, Kinds};
use super::observer::Observer;
use crate::call::CallError;
use crate::discover::{self, Discovered, KnownKind};

type Metadata = PartialObjectMeta<DynamicObject>;

/// How long the first lists may take before work begins without them. Absence is verified anyway; they only spare
/// the questions.
const FIRST_LISTS_MAX: Duration = Duration::from_secs(30);

struct Watch {
    kind: KnownKind,
    task: AbortHandle,
    listed: watch::Receiver<bool>,
}

/// Learns the kinds whenever a definition changes, and keeps a watch on each. Ends its watches when dropped.
pub(super) struct Watches {
    client: Client,
    observer: Arc<Observer>,
    kinds: Arc<Kinds>,
    by_kind: Mutex<BTreeMap<KindName, Watch>>,
    has_begun: watch::Sender<bool>,
}

/// The kinds are not all known yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum FollowKinds {
    #[error("failed to learn which kinds there are")]
    Discover(#[from] CallError),
    /// Their objects are neither collected nor believed to be absent.
    #[error("some groups do not tell their kinds: {}", groups.join(", "))]
    Silent { groups: Vec<String> },
    /// The definition is seen before its kind is served, or no version of it is.
    #[error("the kinds of these definitions are not served yet: {}", definitions.join(", "))]
    NotServed { definitions: Vec<String> },
}

impl Watches {
    pub(super) fn new(client: Client, observer: Arc<Observer>, kinds: Arc<Kinds>) -> Watches {
        let has_begun = watch::Sender::new(false);
        Watches { client, observer, kinds, by_kind: Mutex::default(), has_begun }
    }

    /// Learns which kinds there are now, and watches exactly those that are worth it.
    pub(super) async fn follow_kinds(&self) -> Result<Next, FollowKinds> {
        let found = discover::kinds(&self.client).await?;
        self.kinds.learn(&found.kinds);
        self.follow(&found);
        self.has_begun.send_replace(true);
        if !found.failures.is_empty() {
            let groups = found.failures.iter().map(|(group, cause)| format!("{group} ({cause})")).collect();
            return Err(FollowKinds::Silent { groups });
        }
        let is_served = |definition: &String| {
            let mut names = found.kinds.iter().map(|kind| kinds::name_of(kind).to_string());
            names.any(|name| name == *definition)
        };
        let mut definitions = self.observer.definitions();
        definitions.retain(|definition| !is_served(definition));
        if definitions.is_empty() { Ok(Next::Wait) } else { Err(FollowKinds::NotServed { definitions }) }
    }

    /// Waits until each kind has been listed once.
    pub(super) async fn first_lists(&self) {
        let all = async {
            // The sender lives as long as this does.
            let begun = self.has_begun.subscribe().wait_for(|begun| *begun).await.is_ok();
            let receivers: Vec<_> = self.lock().values().map(|watch| watch.listed.clone()).collect();
            for mut listed in receivers {
                if begun && listed.wait_for(|listed| *listed).await.is_err() {
                    debug!("a watch ended before its first list");
                }
            }
        };
        if tokio::time::timeout(FIRST_LISTS_MAX, all).await.is_err() {
            warn!("not every kind could be listed yet; garbage is collected without them");
        }
    }

    fn follow(&self, found: &Discovered) {
        let watched = found.kinds.iter().filter(|kind| kinds::is_watched(kind));
        let wanted: BTreeMap<_, _> = watched.map(|kind| (kinds::name_of(kind), kind)).collect();
        let is_silent = |watch: &Watch| {
            found.failures.iter().any(|(group_version, _)| *group_version == watch.kind.resource.api_version)
        };
        let mut by_kind = self.lock();
        by_kind.retain(|name, watch| {
            // Another version of the same kind needs another path.
            let stays = wanted.get(name).is_some_and(|kind| kind.resource == watch.kind.resource);
            if !stays && !is_silent(watch) {
                watch.task.abort();
            }
            if !wanted.contains_key(name) && !is_silent(watch) {
                self.observer.gone_except(name, &BTreeSet::new());
            }
            stays || is_silent(watch)
        });
        for (name, kind) in wanted {
            by_kind.entry(name.clone()).or_insert_with(|| self.start(name, kind.clone()));
        }
    }

    fn start(&self, name: KindName, kind: KnownKind) -> Watch {
        let (sender, listed) = watch::channel(false);
        let api = Api::<Metadata>::all_with(self.client.clone(), &kind.resource);
        let span = info_span!("garbage watch", group = %name.group, plural = %name.plural);
        let follow = follow(api, name, self.observer.clone(), sender);
        Watch { kind, task: tokio::spawn(follow.instrument(span)).abort_handle(), listed }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<KindName, Watch>> {
        // Nothing that can panic runs under this lock.
        self.by_kind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for watch in self.lock().values() {
            watch.task.abort();
        }
    }
}

async fn follow(
    api: Api<Metadata>,
    kind: KindName,
    observer: Arc<Observer>,
    first_list: watch::Sender<bool>,
) {
    let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
    let mut listed = BTreeSet::<Uid>::new();
    loop {
        match events.try_next().await {
            Ok(Some(watcher::Event::Init)) => listed.clear(),
            Ok(Some(watcher::Event::InitApply(object))) => {
                listed.extend(object.metadata.uid.clone());
                observer.seen(&kind, &object.metadata);
            }
            Ok(Some(watcher::Event::InitDone)) => {
                observer.gone_except(&kind, &listed);
                first_list.send_replace(true);
            }
            Ok(Some(watcher::Event::Apply(object))) => observer.seen(&kind, &object.metadata),
            Ok(Some(watcher::Event::Delete(object))) => observer.gone(&object.metadata),
            Ok(None) => return,
            Err(error) => debug!(error = %error_chain(&error), "watch interrupted; it will be resumed"),
        }
    }
}
