//! The addresses and ports that the stored services have.
//!
//! The store alone says what is taken. What is kept here is what was read of each service; its events tell which of them
//! to read again.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bythos_store::{Entry, Event, EventKind, Key, Page, Scope, Store, Watch};
use serde_json::Value;

use super::{cluster_ip, node_ports};

/// What each service has.
#[derive(Default)]
pub(super) struct Services {
    read: BTreeMap<Key, Read>,
    addresses: BTreeMap<Ipv4Addr, Key>,
    node_ports: BTreeMap<u16, Key>,
    /// What has happened to services since; nothing before they were first read.
    events: Option<Watch>,
}

/// What one service has.
struct Read {
    address: Option<Ipv4Addr>,
    node_ports: Vec<u16>,
}

impl Read {
    fn of(entry: &Entry) -> Read {
        // What is stored was valid; if it is not, it has nothing.
        let service: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
        Read {
            address: cluster_ip(&service).and_then(|address| address.parse().ok()),
            node_ports: node_ports(&service).collect(),
        }
    }
}

impl Services {
    /// Takes in what has changed in the store, and gives what services other than this one have.
    pub(super) fn taken_from(&mut self, store: &Store, namespace: &str, name: &str) -> Taken<'_> {
        let scope = Scope { resource: "services".into(), namespace: None };
        let itself =
            Key { resource: Arc::clone(&scope.resource), namespace: namespace.into(), name: name.into() };
        if self.catch_up().is_none() {
            self.read_all(store, scope);
        }
        Taken { services: self, itself }
    }

    /// Nothing, if what has happened since is not known any more.
    fn catch_up(&mut self) -> Option<()> {
        while let Some(event) = self.events.as_mut()?.try_next().ok()? {
            self.take(&event);
        }
        Some(())
    }

    fn take(&mut self, event: &Event) {
        self.forget(&event.entry.key);
        if event.kind != EventKind::Deleted {
            self.learn(&event.entry);
        }
    }

    fn read_all(&mut self, store: &Store, scope: Scope) {
        *self = Services::default();
        // The newest revision is always retained.
        let Ok(listing) = store.list(&scope, &Page::default()) else { return };
        listing.entries.iter().for_each(|entry| self.learn(entry));
        self.events = store.watch(scope, listing.revision).ok();
    }

    fn learn(&mut self, entry: &Entry) {
        let read = Read::of(entry);
        self.addresses.extend(read.address.map(|address| (address, entry.key.clone())));
        self.node_ports.extend(read.node_ports.iter().map(|port| (*port, entry.key.clone())));
        self.read.insert(entry.key.clone(), read);
    }

    fn forget(&mut self, key: &Key) {
        let Some(read) = self.read.remove(key) else { return };
        if let Some(address) = read.address
            && self.addresses.get(&address) == Some(key)
        {
            self.addresses.remove(&address);
        }
        for port in read.node_ports {
            if self.node_ports.get(&port) == Some(key) {
                self.node_ports.remove(&port);
            }
        }
    }
}

/// What services other than the one that is admitted have.
pub(super) struct Taken<'a> {
    services: &'a Services,
    itself: Key,
}

impl Taken<'_> {
    pub(super) fn has_address(&self, address: Ipv4Addr) -> bool {
        self.services.addresses.get(&address).is_some_and(|owner| *owner != self.itself)
    }

    pub(super) fn has_node_port(&self, port: u16) -> bool {
        self.services.node_ports.get(&port).is_some_and(|owner| *owner != self.itself)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bythos_store::{Entry, Event, EventKind, Key, Revision};
    use serde_json::json;

    use super::Services;

    fn entry(name: &str, revision: u64, address: &str, node_port: u16) -> Arc<Entry> {
        let service = json!({ "spec": { "clusterIP": address, "ports": [{ "nodePort": node_port }] } });
        Arc::new(Entry {
            key: Key { resource: "services".into(), namespace: "default".into(), name: name.into() },
            revision: Revision(revision),
            value: service.to_string().into(),
        })
    }

    #[test]
    fn what_a_service_no_longer_has_is_free() {
        let mut services = Services::default();
        services.learn(&entry("a", 1, "10.43.0.5", 30001));
        services.learn(&entry("b", 2, "10.43.0.6", 30002));
        let changed = entry("b", 3, "10.43.0.7", 30003);
        services.take(&Event { kind: EventKind::Updated, entry: changed, previous: None });
        let gone = entry("a", 4, "10.43.0.5", 30001);
        services.take(&Event { kind: EventKind::Deleted, entry: gone, previous: None });
        assert_eq!(services.addresses.keys().map(ToString::to_string).collect::<Vec<_>>(), ["10.43.0.7"]);
        assert_eq!(services.node_ports.keys().collect::<Vec<_>>(), [&30003]);
        assert_eq!(services.read.len(), 1);
    }
}
