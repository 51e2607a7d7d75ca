//! Keeps the table and the names in step with the API: each change costs what the changed objects cost.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use tokio::sync::Notify;

use crate::config::NetworkConfig;
use crate::dns::Responder;
use crate::policy::{self, PodState};
use crate::ruleset;
use crate::services::{self, ServiceState};
use crate::table::{Fragment, Owner, Table};

/// From so many changed services on, all are read at once.
const MANY: usize = 32;

/// What the network looks at.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) services: Cache<Service>,
    pub(crate) slices: Cache<EndpointSlice>,
    pub(crate) policies: Cache<NetworkPolicy>,
    pub(crate) pods: Cache<Pod>,
    pub(crate) namespaces: Cache<Namespace>,
}

/// What has changed since it was last taken.
#[derive(Default)]
pub(crate) struct Changes {
    pending: Mutex<Pending>,
    told: Notify,
}

#[derive(Default)]
struct Pending {
    services: BTreeSet<ObjectKey>,
    policies: bool,
}

impl Changes {
    /// Follows the caches, all that is there now included.
    pub(crate) fn follow(watched: &Watched) -> Arc<Changes> {
        let changes = Arc::new(Changes::default());
        changes.note(&watched.services, |changes, old, new| {
            changes.services.extend(new.or(old).map(ObjectKey::of));
        });
        changes.note(&watched.slices, |changes, old, new| {
            changes.services.extend([old, new].into_iter().flatten().filter_map(services::owner_of));
        });
        changes.note(&watched.policies, |changes, _, _| changes.policies = true);
        changes.note(&watched.namespaces, |changes, old, new| {
            let labels = |namespace: Option<&Namespace>| namespace.map(|one| one.metadata.labels.clone());
            changes.policies |= labels(old) != labels(new);
        });
        changes.note(&watched.pods, |changes, old, new| {
            // Most of what happens to a pod is nothing to a rule.
            changes.policies |= old.and_then(PodState::read) != new.and_then(PodState::read);
        });
        changes
    }

    fn note<K: Send + Sync + 'static>(
        self: &Arc<Self>,
        cache: &Cache<K>,
        note: impl Fn(&mut Pending, Option<&K>, Option<&K>) + Send + Sync + 'static,
    ) {
        let changes = Arc::downgrade(self);
        cache.subscribe(move |change| {
            let Some(changes) = changes.upgrade() else { return false };
            let mut pending = changes.pending.lock().unwrap_or_else(PoisonError::into_inner);
            note(&mut pending, change.old, change.new);
            if pending.policies || !pending.services.is_empty() {
                changes.told.notify_one();
            }
            true
        });
    }

    /// Resolves when something has changed.
    pub(crate) async fn told(&self) {
        self.told.notified().await;
    }

    fn take(&self) -> Pending {
        std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The table and the names as they are to be.
pub(crate) struct Following {
    config: Arc<NetworkConfig>,
    watched: Watched,
    changes: Arc<Changes>,
    responder: Responder,
    services: BTreeMap<ObjectKey, ServiceState>,
    policies: Fragment,
    /// Endpoints that are gone, and to which clients may go on speaking by UDP.
    pub(crate) gone: BTreeSet<(Ipv4Addr, u16)>,
    pub(crate) table: Table,
}

impl Following {
    pub(crate) fn new(config: Arc<NetworkConfig>, watched: Watched, responder: Responder) -> Self {
        let mut table = Table::new(config.table());
        table.replace(&Owner::Network, &Fragment::default(), ruleset::fixed(&config));
        let changes = Changes::follow(&watched);
        let (services, policies) = (BTreeMap::new(), Fragment::default());
        Following { config, watched, changes, responder, services, policies, gone: BTreeSet::new(), table }
    }

    pub(crate) fn changes(&self) -> Arc<Changes> {
        self.changes.clone()
    }

    /// Takes in what has changed. True if a service has.
    pub(crate) fn catch_up(&mut self) -> bool {
        let pending = self.changes.take();
        for (key, state) in self.read(&pending.services) {
            self.replace(key, state);
        }
        if pending.policies {
            self.replace_policies();
        }
        !pending.services.is_empty()
    }

    /// The changed services as they are now; `None` for those that are gone.
    fn read(&self, keys: &BTreeSet<ObjectKey>) -> BTreeMap<ObjectKey, Option<ServiceState>> {
        let mut states: BTreeMap<_, _> = keys.iter().map(|key| (key.clone(), None)).collect();
        if keys.len() >= MANY {
            let all = services::read(&self.watched.services.list(), &self.watched.slices.list());
            let changed = all.into_iter().filter(|state| keys.contains(&state.key));
            states.extend(changed.map(|state| (state.key.clone(), Some(state))));
        } else {
            states.iter_mut().for_each(|(key, state)| *state = self.read_one(key));
        }
        states
    }

    fn read_one(&self, key: &ObjectKey) -> Option<ServiceState> {
        let service = self.watched.services.get(key)?;
        let slices = self.watched.slices.list_in(&key.namespace);
        let own = slices.iter().filter(|slice| services::owner_of(slice).as_ref() == Some(key));
        let own: Vec<&EndpointSlice> = own.map(|slice| &**slice).collect();
        services::read_one(&service, &own)
    }

    fn replace(&mut self, key: ObjectKey, new: Option<ServiceState>) {
        let old = self.services.remove(&key);
        if old == new {
            self.services.extend(old.map(|old| (key, old)));
            return;
        }
        let fragment = |state: &Option<ServiceState>| {
            state.as_ref().map(|state| ruleset::of_service(&self.config, state)).unwrap_or_default()
        };
        let udp = |state: &Option<ServiceState>| {
            state.iter().flat_map(ServiceState::udp_endpoints).collect::<BTreeSet<_>>()
        };
        self.gone.extend(udp(&old).difference(&udp(&new)));
        let (before, after) = (fragment(&old), fragment(&new));
        self.table.replace(&Owner::Service(key.clone()), &before, after);
        self.responder.change(|zone| {
            old.iter().for_each(|old| zone.remove(old));
            new.iter().for_each(|new| zone.add(new));
        });
        self.services.extend(new.map(|new| (key, new)));
    }

    fn replace_policies(&mut self) {
        let policies = self.watched.policies.list();
        let new = if policies.is_empty() {
            Fragment::default()
        } else {
            let world = policy::World::read(&self.watched.pods.list(), &self.watched.namespaces.list());
            policy::of_policies(&policies, &world)
        };
        let old = std::mem::replace(&mut self.policies, new.clone());
        self.table.replace(&Owner::Policies, &old, new);
    }
}
