//! Sets of fields, and how they are written: `FieldsV1`.

use std::collections::BTreeMap;

use bythos_schema::FieldPath;

mod codec;

/// One step of an owned path. The derived order is that of structured-merge-diff.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    /// `f:` a field, or a key of a map.
    Field(Box<str>),
    /// `k:` an item of a list by its keys: the text of a JSON object with sorted fields.
    Item(Box<str>),
    /// `v:` an item of a set: the text of a JSON scalar.
    Value(Box<str>),
    /// `i:` a place in a list. Nothing here writes it; other servers' objects may hold it.
    Index(usize),
}

/// What a set says of one path: whether it is in the set, and which paths below it are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) member: bool,
    pub(crate) below: FieldSet,
}

/// A set of paths. It never holds a node that is no member and has nothing below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    nodes: BTreeMap<Element, Node>,
}

impl Node {
    /// The path itself and nothing below.
    pub(crate) fn leaf() -> Self {
        Node { member: true, below: FieldSet::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

impl FieldSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(crate) fn get(&self, element: &Element) -> Option<&Node> {
        self.nodes.get(element)
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&Element, &Node)> {
        self.nodes.iter()
    }

    /// Puts a node in, unless it is empty. The element must not be there yet, or its node is replaced.
    pub(crate) fn put(&mut self, element: Element, node: Node) {
        if !node.is_empty() {
            self.nodes.insert(element, node);
        }
    }

    /// Adds one path of field names.
    pub(crate) fn insert_fields(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        let node = self.nodes.entry(Element::Field((*first).into())).or_default();
        if rest.is_empty() {
            node.member = true;
        } else {
            node.below.insert_fields(rest);
        }
    }

    pub(crate) fn union(&self, other: &FieldSet) -> FieldSet {
        let mut union = self.clone();
        union.add(other);
        union
    }

    /// Adds all paths of the other set.
    pub(crate) fn add(&mut self, other: &FieldSet) {
        for (element, node) in &other.nodes {
            let mine = self.nodes.entry(element.clone()).or_default();
            mine.member |= node.member;
            mine.below.add(&node.below);
        }
    }

    pub(crate) fn intersection(&self, other: &FieldSet) -> FieldSet {
        let mut both = FieldSet::default();
        for (element, node) in &self.nodes {
            let Some(others) = other.get(element) else { continue };
            let member = node.member && others.member;
            both.put(element.clone(), Node { member, below: node.below.intersection(&others.below) });
        }
        both
    }

    /// The paths of this set that are not in the other. A path goes only if it is itself in the other set, whether or
    /// not one above it is.
    pub(crate) fn difference(&self, other: &FieldSet) -> FieldSet {
        let mut rest = FieldSet::default();
        for (element, node) in &self.nodes {
            let node = match other.get(element) {
                None => node.clone(),
                Some(others) => Node {
                    member: node.member && !others.member,
                    below: node.below.difference(&others.below),
                },
            };
            rest.put(element.clone(), node);
        }
        rest
    }

    /// The paths, as they are shown to people.
    pub(crate) fn paths(&self) -> Vec<FieldPath> {
        let mut paths = Vec::new();
        self.collect_paths(&FieldPath::root(), &mut paths);
        paths
    }

    fn collect_paths(&self, above: &FieldPath, paths: &mut Vec<FieldPath>) {
        for (element, node) in &self.nodes {
            let here = element.after(above);
            node.below.collect_paths(&here, paths);
            if node.member {
                paths.push(here);
            }
        }
    }
}

impl Element {
    pub(crate) fn field(name: &str) -> Self {
        Element::Field(name.into())
    }

    fn after(&self, above: &FieldPath) -> FieldPath {
        match self {
            Element::Field(name) => above.field(name),
            Element::Item(keys) => above.item(&codec::readable_keys(keys)),
            Element::Value(value) => above.item(&format!("={value}")),
            Element::Index(index) => above.index(*index),
        }
    }
}
