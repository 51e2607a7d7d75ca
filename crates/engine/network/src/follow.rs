//! Keeps the table and the names in step with the API: each change costs what the changed objects cost.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use bythos_operator::{Cache, Index, ObjectKey};
use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use tokio::sync::Notify;

use crate::config::NetworkConfig;
use crate::conntrack::Outdated;
use crate::dns::Responder;
use crate::host_ports::HostPorts;
use crate::policy::{self, PodState};
use crate::ruleset;
use crate::services::{self, ServiceState};
use crate::table::{Fragment, Owner, Table};

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
    noted: Mutex<Noted>,
    told: Notify,
}

#[derive(Default)]
struct Noted {
    /// Services that have changed.
    services: BTreeSet<ObjectKey>,
    /// Pods whose ports of the host have changed.
    host_ports: BTreeSet<ObjectKey>,
    /// Whether something has changed on which policies stand.
    policies: bool,
}

impl Noted {
    fn is_empty(&self) -> bool {
        self.services.is_empty() && self.host_ports.is_empty() && !self.policies
    }
}

impl Changes {
    /// Follows the caches, all that is there now included.
    pub(crate) fn follow(watched: &Watched) -> Arc<Changes> {
        let changes = Arc::new(Changes::default());
        changes.note(&watched.services, |changes, old, new| {
            changes.services.extend(new.or(old).map(ObjectKey::of));
        });
        changes.note(&watched.slices, |changes, old, new| {
            changes.services.extend(old.and_then(services::owner_of));
            changes.services.extend(new.and_then(services::owner_of));
        });
        changes.note(&watched.policies, |changes, _, _| changes.policies = true);
        changes.note(&watched.namespaces, |changes, old, new| {
            let labels = |namespace: Option<&Namespace>| namespace.map(|one| one.metadata.labels.clone());
            changes.policies |= labels(old) != labels(new);
        });
        changes.note(&watched.pods, |changes, old, new| {
            // Most of what happens to a pod is nothing to a rule.
            changes.policies |= old.and_then(PodState::read) != new.and_then(PodState::read);
            if old.and_then(HostPorts::read) != new.and_then(HostPorts::read) {
                changes.host_ports.extend(new.or(old).map(ObjectKey::of));
            }
        });
        changes
    }

    fn note<K: Send + Sync + 'static>(
        self: &Arc<Self>,
        cache: &Cache<K>,
        note: impl Fn(&mut Noted, Option<&K>, Option<&K>) + Send + Sync + 'static,
    ) {
        let changes = Arc::downgrade(self);
        cache.subscribe(move |change| {
            let Some(changes) = changes.upgrade() else { return false };
            let mut noted = changes.noted.lock().unwrap_or_else(PoisonError::into_inner);
            note(&mut noted, change.old, change.new);
            if !noted.is_empty() {
                changes.told.notify_one();
            }
            true
        });
    }

    /// Resolves when something has changed.
    pub(crate) async fn told(&self) {
        self.told.notified().await;
    }

    fn take(&self) -> Noted {
        std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is to be done once the kernel has the table.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    /// Conversations by UDP that the kernel goes on leading to where nobody answers them any more.
    pub(crate) outdated: Outdated,
    /// Pods that the host reaches at its loopback addresses, too.
    pub(crate) at_loopback: BTreeSet<Ipv4Addr>,
    /// Pods that ask for a port at which the engine itself answers, with the port.
    pub(crate) refused: Vec<(Arc<Pod>, u16)>,
}

/// The table and the names as they are to be.
pub(crate) struct Following {
    config: Arc<NetworkConfig>,
    watched: Watched,
    /// By their service.
    slices: Index<EndpointSlice, ObjectKey>,
    changes: Arc<Changes>,
    responder: Responder,
    services: BTreeMap<ObjectKey, ServiceState>,
    /// By their pod.
    pub(crate) host_ports: BTreeMap<ObjectKey, HostPorts>,
    policies: Fragment,
    pub(crate) aftermath: Aftermath,
    pub(crate) table: Table,
}

impl Following {
    pub(crate) fn new(config: Arc<NetworkConfig>, watched: Watched, responder: Responder) -> Self {
        let mut table = Table::new(config.table());
        table.replace(&Owner::Network, &Fragment::default(), ruleset::fixed(&config));
        let slices = Index::new(&watched.slices, services::owner_of);
        let changes = Changes::follow(&watched);
        Following {
            config,
            watched,
            slices,
            changes,
            responder,
            services: BTreeMap::new(),
            host_ports: BTreeMap::new(),
            policies: Fragment::default(),
            aftermath: Aftermath::default(),
            table,
        }
    }

    pub(crate) fn changes(&self) -> Arc<Changes> {
        self.changes.clone()
    }

    /// Takes in what has changed. True if the addresses of a load balancer may depend on it.
    pub(crate) fn catch_up(&mut self) -> bool {
        let Noted { services, host_ports, policies } = self.changes.take();
        for key in &host_ports {
            self.replace_host_ports(key);
        }
        for key in &services {
            let state = self.read(key);
            self.replace(key.clone(), state);
        }
        if policies {
            self.replace_policies();
        }
        !services.is_empty() || !host_ports.is_empty()
    }

    fn replace_host_ports(&mut self, key: &ObjectKey) {
        let pod = self.watched.pods.get(key);
        let new = pod.as_deref().and_then(HostPorts::read);
        let old = self.host_ports.remove(key);
        let fragment = |ports: &Option<HostPorts>| {
            ports.as_ref().map(|ports| ruleset::of_host_ports(&self.config, ports)).unwrap_or_default()
        };
        self.table.replace(&Owner::HostPorts(key.clone()), &fragment(&old), fragment(&new));
        self.aftermath.outdated.endpoints.extend(old.iter().flat_map(HostPorts::udp_targets));
        if let (Some(pod), Some(new)) = (pod, new) {
            self.aftermath.outdated.host_ports.extend(new.udp_numbers());
            self.aftermath.at_loopback.extend(new.are_at_loopback().then_some(new.pod));
            let refused = new.ports.iter().filter(|port| port.is_reserved(&self.config));
            self.aftermath.refused.extend(refused.map(|port| (pod.clone(), port.port)));
            self.host_ports.insert(key.clone(), new);
        }
    }

    /// The service as it is now; `None` if it is gone.
    fn read(&self, key: &ObjectKey) -> Option<ServiceState> {
        let service = self.watched.services.get(key)?;
        let slices = self.slices.members(key);
        // One may have got another owner since.
        let own: Vec<&EndpointSlice> = slices
            .iter()
            .map(Arc::as_ref)
            .filter(|slice| services::owner_of(slice).as_ref() == Some(key))
            .collect();
        services::read(&service, &own)
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
        self.aftermath.outdated.endpoints.extend(udp(&old).difference(&udp(&new)));
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
