//! Takes what the watches tell into the graph, and queues what it concerns.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bythos_operator::ObjectKey;
use bythos_operator::controller::Trigger;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use super::graph::{Ending, Graph, KindName, Node, Uid};

/// Who is told of what the watches see.
pub(super) struct Listeners {
    /// Of the uids that have to be looked at.
    pub(super) concerned: Trigger,
    /// Of a definition of a custom kind that changed.
    pub(super) kinds_changed: Trigger,
    /// Of the namespace of each object that goes.
    pub(super) content_gone: Trigger,
}

/// See the module's documentation.
pub(super) struct Observer {
    graph: Mutex<Graph>,
    listeners: Listeners,
    definitions: KindName,
}

/// The one key of the controller that looks for kinds.
pub(super) fn all_kinds() -> ObjectKey {
    ObjectKey::cluster("all")
}

impl Observer {
    pub(super) fn new(listeners: Listeners) -> Observer {
        let definitions = KindName {
            group: CustomResourceDefinition::group(&()).into_owned(),
            plural: CustomResourceDefinition::plural(&()).into_owned(),
        };
        Observer { graph: Mutex::default(), listeners, definitions }
    }

    /// An object is there.
    pub(super) fn seen(&self, kind: &KindName, meta: &ObjectMeta) {
        let Some(uid) = &meta.uid else { return };
        let concerned = self.graph().observe(uid, Node::of(kind, meta));
        self.queue(concerned);
        if *kind == self.definitions {
            self.listeners.kinds_changed.add(all_kinds());
        }
    }

    /// An object is gone.
    pub(super) fn gone(&self, meta: &ObjectMeta) {
        if let Some(uid) = &meta.uid {
            self.forget(uid);
        }
    }

    /// Everything of `kind` is gone, except for `there`.
    pub(super) fn gone_except(&self, kind: &KindName, there: &BTreeSet<Uid>) {
        let known = self.graph().of_kind(kind);
        for uid in known.difference(there) {
            self.forget(uid);
        }
    }

    /// The names of the custom kinds' definitions that stay.
    pub(super) fn definitions(&self) -> Vec<String> {
        let graph = self.graph();
        let uids = graph.of_kind(&self.definitions);
        let nodes = uids.iter().filter_map(|uid| graph.node(uid));
        nodes.filter(|node| node.ending == Ending::No).map(|node| node.key.name.clone()).collect()
    }

    /// These objects have to be looked at.
    pub(super) fn queue(&self, uids: Vec<Uid>) {
        for uid in uids {
            self.listeners.concerned.add(ObjectKey::cluster(uid));
        }
    }

    pub(super) fn graph(&self) -> MutexGuard<'_, Graph> {
        // The graph is whole between calls; a panic within one would be a bug of its own.
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, uid: &Uid) {
        let (node, concerned) = {
            let mut graph = self.graph();
            (graph.node(uid).cloned(), graph.forget(uid))
        };
        self.queue(concerned);
        let Some(node) = node else { return };
        if node.kind == self.definitions {
            self.listeners.kinds_changed.add(all_kinds());
        }
        if !node.key.namespace.is_empty() {
            self.listeners.content_gone.add(ObjectKey::cluster(node.key.namespace));
        }
    }
}
