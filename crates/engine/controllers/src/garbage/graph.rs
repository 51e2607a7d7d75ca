//! Who owns whom, as the watches tell it. Pure: knows no client and no time.
//!
//! A node is an object by its uid; its owner references are the edges. Every change names the nodes that have to be
//! looked at because of it; [`super::verdict`] says what is to be done with one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bythos_operator::ObjectKey;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// Finalizer of an owner that goes after those of its dependents that block it.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Finalizer of an owner that leaves its dependents behind.
pub(super) const ORPHAN: &str = "orphan";

/// Identity of an object for all time.
pub(super) type Uid = String;

/// Group and plural name. Printed as a definition of a custom kind is called, `widgets.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KindName {
    pub(super) group: String,
    pub(super) plural: String,
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.plural, self.group)
    }
}

/// How an object goes, where it is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is not on its way out.
    No,
    /// Its dependents go after it.
    Background,
    /// It waits for dependents that block it.
    Foreground,
    /// Its dependents are to stay.
    Orphaning,
}

/// An edge to an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: Uid,
    /// Whether a foreground deletion of the owner waits for this object.
    pub(super) blocks: bool,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: KindName,
    pub(super) key: ObjectKey,
    pub(super) owners: Vec<Owner>,
    pub(super) ending: Ending,
}

impl Node {
    /// The node of an object with this metadata.
    pub(super) fn of(kind: &KindName, meta: &ObjectMeta) -> Node {
        let owner = |reference: &OwnerReference| Owner {
            uid: reference.uid.clone(),
            blocks: reference.block_owner_deletion.unwrap_or_default(),
        };
        Node {
            kind: kind.clone(),
            key: ObjectKey {
                namespace: meta.namespace.clone().unwrap_or_default(),
                name: meta.name.clone().unwrap_or_default(),
            },
            owners: meta.owner_references.iter().flatten().map(owner).collect(),
            ending: ending(meta),
        }
    }

    /// Whether a reference of `dependent` can mean it: one of the cluster's scope says no namespace.
    fn is_in_reach_of(&self, dependent: &Node) -> bool {
        self.key.namespace.is_empty() || !dependent.key.namespace.is_empty()
    }
}

/// How the object with this metadata goes.
pub(super) fn ending(meta: &ObjectMeta) -> Ending {
    let has = |finalizer: &str| meta.finalizers.iter().flatten().any(|one| one == finalizer);
    match meta.deletion_timestamp {
        None => Ending::No,
        Some(_) if has(ORPHAN) => Ending::Orphaning,
        Some(_) if has(FOREGROUND) => Ending::Foreground,
        Some(_) => Ending::Background,
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: BTreeMap<Uid, Node>,
    /// Also of owners that were not seen yet, or are gone.
    dependents: BTreeMap<Uid, BTreeSet<Uid>>,
}

impl Graph {
    pub(super) fn node(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// Everything that names this object as an owner.
    pub(super) fn dependents(&self, uid: &str) -> impl Iterator<Item = (&Uid, &Node)> {
        let uids = self.dependents.get(uid).into_iter().flatten();
        uids.filter_map(|uid| self.nodes.get_key_value(uid))
    }

    /// The dependents for which a foreground deletion of this object waits.
    pub(super) fn blocking_dependents(&self, uid: &str) -> Vec<Uid> {
        let blocks = |node: &Node| node.owners.iter().any(|owner| owner.uid == uid && owner.blocks);
        self.dependents(uid).filter(|(_, node)| blocks(node)).map(|(uid, _)| uid.clone()).collect()
    }

    /// The uids of all objects of a kind.
    pub(super) fn of_kind(&self, kind: &KindName) -> BTreeSet<Uid> {
        self.nodes.iter().filter(|(_, node)| node.kind == *kind).map(|(uid, _)| uid.clone()).collect()
    }

    /// An object appeared or changed. Gives the uids that have to be looked at.
    pub(super) fn observe(&mut self, uid: &str, node: Node) -> Vec<Uid> {
        let before = self.unlink(uid);
        for owner in &node.owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(uid.to_owned());
        }
        let mut concerned = self.waiting_owners(before.iter().chain([&node]));
        if self.needs_a_look(&node) {
            concerned.push(uid.to_owned());
        }
        self.nodes.insert(uid.to_owned(), node);
        concerned
    }

    /// An object is gone. Gives the uids that have to be looked at.
    pub(super) fn forget(&mut self, uid: &str) -> Vec<Uid> {
        let Some(gone) = self.unlink(uid) else { return Vec::new() };
        let mut concerned = self.waiting_owners([&gone]);
        concerned.extend(self.dependents(uid).map(|(uid, _)| uid.clone()));
        concerned
    }

    /// Whether something may have to be done: most objects have no owner, or one that is there and stays.
    fn needs_a_look(&self, node: &Node) -> bool {
        let stays = |owner: &Owner| {
            self.nodes
                .get(&owner.uid)
                .is_some_and(|owner| owner.ending != Ending::Foreground && owner.is_in_reach_of(node))
        };
        matches!(node.ending, Ending::Foreground | Ending::Orphaning) || !node.owners.iter().all(stays)
    }

    fn waiting_owners<'a>(&self, nodes: impl IntoIterator<Item = &'a Node>) -> Vec<Uid> {
        let owners = nodes.into_iter().flat_map(|node| &node.owners);
        let waits = |uid: &Uid| self.nodes.get(uid).is_some_and(|owner| owner.ending == Ending::Foreground);
        owners.map(|owner| owner.uid.clone()).filter(waits).collect()
    }

    fn unlink(&mut self, uid: &str) -> Option<Node> {
        let node = self.nodes.remove(uid)?;
        for owner in &node.owners {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
        Some(node)
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;

    fn node(owners: &[(&str, bool)], ending: Ending) -> Node {
        let kind = KindName { group: String::new(), plural: "things".to_owned() };
        let owners = owners.iter().map(|&(uid, blocks)| Owner { uid: uid.to_owned(), blocks }).collect();
        Node { kind, key: ObjectKey::namespaced("default", "thing"), owners, ending }
    }

    #[track_caller]
    fn check(concerned: Vec<Uid>, expected: &[&str]) {
        assert_eq!(concerned, expected);
    }

    #[test]
    fn an_object_is_looked_at_while_an_owner_is_not_seen() {
        let mut graph = Graph::default();
        check(graph.observe("lonely", node(&[], Ending::No)), &[]);
        check(graph.observe("child", node(&[("parent", true)], Ending::No)), &["child"]);
        check(graph.observe("parent", node(&[], Ending::No)), &[]);
        check(graph.observe("child", node(&[("parent", true)], Ending::No)), &[]);
    }

    #[test]
    fn dependents_are_looked_at_when_their_owner_goes() {
        let mut graph = Graph::default();
        graph.observe("parent", node(&[], Ending::No));
        graph.observe("child", node(&[("parent", true)], Ending::No));
        check(graph.forget("parent"), &["child"]);
        check(graph.forget("parent"), &[]);
    }

    #[test]
    fn an_owner_that_waits_is_looked_at_when_a_dependent_changes_or_goes() {
        let mut graph = Graph::default();
        graph.observe("child", node(&[("parent", true)], Ending::No));
        check(graph.observe("parent", node(&[], Ending::Foreground)), &["parent"]);
        assert_eq!(graph.blocking_dependents("parent"), ["child"]);
        check(graph.observe("child", node(&[("parent", false)], Ending::No)), &["parent", "parent", "child"]);
        assert_eq!(graph.blocking_dependents("parent"), [""; 0]);
        check(graph.forget("child"), &["parent"]);
    }

    #[test]
    fn an_owner_that_leaves_its_dependents_is_looked_at_itself() {
        let mut graph = Graph::default();
        graph.observe("child", node(&[("parent", true)], Ending::No));
        check(graph.observe("parent", node(&[], Ending::Orphaning)), &["parent"]);
        assert_eq!(graph.dependents("parent").count(), 1);
    }
}
