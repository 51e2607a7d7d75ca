//! What is to be in the kernel's table, put together from what its owners want, and what has changed since it was
//! last written there.
//!
//! Each owner (a service, a pod with ports of the host, the policies, the network itself) brings a [`Fragment`]. Where two want the same place, the
//! first in their order has it, so that a clash of two objects cannot spoil a transaction. A change of one owner costs
//! what that owner's fragment costs, whatever else the table holds.

mod script;

use std::collections::{BTreeMap, BTreeSet};

use bythos_operator::ObjectKey;

/// Who wants something in the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// The network itself: what is always there.
    Network,
    Service(ObjectKey),
    /// A pod that holds ports of the host.
    HostPorts(ObjectKey),
    Policies,
}

/// One thing in the table, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A set or a map.
    Lookup(String),
    Chain(String),
    Element {
        lookup: String,
        key: String,
    },
}

/// What stands in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Lookup(Lookup),
    Chain(Chain),
    /// To what a map leads; nothing for an element of a set.
    Element(Option<String>),
}

/// A set or a map without its elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) form: Form,
    /// Lines such as `type ipv4_addr` and `flags dynamic`.
    pub(crate) properties: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Set,
    Map,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Where the kernel enters it, for example `filter hook input priority filter`.
    pub(crate) hook: Option<String>,
    pub(crate) rules: Vec<String>,
    /// Its rules can be written together with the whole table only; see [`Fragment::whole_chain`].
    pub(crate) is_written_whole: bool,
}

/// All that one owner wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fragment(BTreeMap<Place, Content>);

impl Fragment {
    pub(crate) fn set(&mut self, name: &str, properties: &[&str]) {
        self.lookup(Form::Set, name, properties);
    }

    pub(crate) fn map(&mut self, name: &str, properties: &[&str]) {
        self.lookup(Form::Map, name, properties);
    }

    fn lookup(&mut self, form: Form, name: &str, properties: &[&str]) {
        let properties = properties.iter().map(|&line| line.to_owned()).collect();
        self.0.insert(Place::Lookup(name.to_owned()), Content::Lookup(Lookup { form, properties }));
    }

    pub(crate) fn chain(&mut self, name: &str, hook: Option<&str>, rules: Vec<String>) {
        let hook = hook.map(str::to_owned);
        let chain = Chain { hook, rules, is_written_whole: false };
        self.0.insert(Place::Chain(name.to_owned()), Content::Chain(chain));
    }

    /// A chain whose rules look into a map that is declared by `typeof`: `nft` 1.0.6 refuses to add such a rule when
    /// the map is in the kernel already ("conflicting protocols specified").
    pub(crate) fn whole_chain(&mut self, name: &str, rules: Vec<String>) {
        let chain = Chain { hook: None, rules, is_written_whole: true };
        self.0.insert(Place::Chain(name.to_owned()), Content::Chain(chain));
    }

    /// An element of a set.
    pub(crate) fn member(&mut self, set: &str, key: impl Into<String>) {
        self.element(set, key.into(), None);
    }

    /// An element of a map.
    pub(crate) fn entry(&mut self, map: &str, key: impl Into<String>, value: impl Into<String>) {
        self.element(map, key.into(), Some(value.into()));
    }

    fn element(&mut self, lookup: &str, key: String, value: Option<String>) {
        let place = Place::Element { lookup: lookup.to_owned(), key };
        self.0.entry(place).or_insert(Content::Element(value));
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Table {
    name: String,
    wanted: BTreeMap<Place, BTreeMap<Owner, Content>>,
    /// Places that may differ from the kernel's, with what stands there.
    changed: BTreeMap<Place, Option<Content>>,
    /// Nothing is known of the kernel's table.
    is_unknown: bool,
}

impl Table {
    pub(crate) fn new(name: String) -> Self {
        Table { name, is_unknown: true, ..Table::default() }
    }

    /// From now on `owner` wants `new` where it wanted `old`.
    pub(crate) fn replace(&mut self, owner: &Owner, old: &Fragment, new: Fragment) {
        let gone: BTreeSet<_> = old.0.keys().filter(|place| !new.0.contains_key(place)).cloned().collect();
        for place in gone {
            self.note(&place);
            if let Some(owners) = self.wanted.get_mut(&place) {
                owners.remove(owner);
                if owners.is_empty() {
                    self.wanted.remove(&place);
                }
            }
        }
        for (place, content) in new.0 {
            if old.0.get(&place) == Some(&content) {
                continue;
            }
            self.note(&place);
            self.wanted.entry(place).or_default().insert(owner.clone(), content);
        }
    }

    /// Remembers what the kernel has in a place before it is changed.
    fn note(&mut self, place: &Place) {
        if !self.is_unknown && !self.changed.contains_key(place) {
            let now = self.content(place).cloned();
            self.changed.insert(place.clone(), now);
        }
    }

    /// What is to stand there: what the first owner wants.
    fn content(&self, place: &Place) -> Option<&Content> {
        self.wanted.get(place)?.values().next()
    }

    /// The transaction that brings the kernel's table to what is wanted; `None` if it is there already.
    pub(crate) fn script(&self) -> Option<String> {
        if self.is_unknown || self.needs_new_table() {
            return Some(script::whole(&self.name, self.all()));
        }
        let changes: Vec<_> = self
            .changed
            .iter()
            .map(|(place, old)| (place, old.as_ref(), self.content(place)))
            .filter(|(_, old, new)| old != new)
            .collect();
        (!changes.is_empty()).then(|| script::difference(&self.name, &changes))
    }

    fn all(&self) -> impl Iterator<Item = (&Place, &Content)> {
        self.wanted.iter().filter_map(|(place, owners)| Some((place, owners.values().next()?)))
    }

    /// A set cannot become another one while rules speak of it, nor a chain get another hook, and some rules arrive with
    /// the whole table alone.
    fn needs_new_table(&self) -> bool {
        self.changed.iter().any(|(place, old)| match (old, self.content(place)) {
            (Some(Content::Lookup(old)), Some(Content::Lookup(new))) => old != new,
            (Some(Content::Chain(old)), Some(Content::Chain(new))) => {
                old.hook != new.hook || new.is_written_whole && old.rules != new.rules
            }
            (None, Some(Content::Chain(new))) => new.is_written_whole,
            _ => false,
        })
    }

    /// The kernel has taken the last script.
    pub(crate) fn is_applied(&mut self) {
        self.changed.clear();
        self.is_unknown = false;
    }

    /// The kernel's table may be anything.
    pub(crate) fn is_lost(&mut self) {
        self.changed.clear();
        self.is_unknown = true;
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn service(name: &str) -> Owner {
        Owner::Service(ObjectKey::namespaced("default", name))
    }

    fn fixed() -> Fragment {
        let mut fragment = Fragment::default();
        fragment.map("ports", &["type inet_service : verdict"]);
        fragment.chain(
            "entry",
            Some("filter hook input priority filter"),
            vec!["tcp dport vmap @ports".to_owned()],
        );
        fragment
    }

    fn web(target: &str) -> Fragment {
        let mut fragment = Fragment::default();
        fragment.chain("web", None, vec![format!("ip daddr {target} accept")]);
        fragment.entry("ports", "80", "goto web");
        fragment
    }

    fn table() -> Table {
        let mut table = Table::new("t".to_owned());
        table.replace(&Owner::Network, &Fragment::default(), fixed());
        table.replace(&service("web"), &Fragment::default(), web("10.0.0.1"));
        table
    }

    #[track_caller]
    fn check(table: &Table, expected: &Expect) {
        expected.assert_eq(&table.script().unwrap_or_default());
    }

    #[test]
    fn a_table_that_is_not_known_is_written_whole() {
        check(
            &table(),
            &expect![[r#"
            add table inet t
            delete table inet t
            table inet t {
              map ports {
                type inet_service : verdict
                elements = {
                  80 : goto web,
                }
              }
              chain entry {
                type filter hook input priority filter; policy accept;
                tcp dport vmap @ports
              }
              chain web {
                ip daddr 10.0.0.1 accept
              }
            }
        "#]],
        );
    }

    #[test]
    fn afterwards_only_what_changed_is_written() {
        let mut table = table();
        table.is_applied();
        check(&table, &expect![[""]]);
        table.replace(&service("web"), &web("10.0.0.1"), web("10.0.0.2"));
        check(
            &table,
            &expect![[r#"
            flush chain inet t web
            add rule inet t web ip daddr 10.0.0.2 accept
        "#]],
        );
        table.replace(&service("web"), &web("10.0.0.2"), web("10.0.0.1"));
        check(&table, &expect![[""]]);
        table.replace(&service("web"), &web("10.0.0.1"), Fragment::default());
        check(
            &table,
            &expect![[r#"
            delete element inet t ports { 80 }
            flush chain inet t web
            delete chain inet t web
        "#]],
        );
        table.is_applied();
        table.replace(&service("web"), &Fragment::default(), web("10.0.0.1"));
        check(
            &table,
            &expect![[r#"
            add chain inet t web
            add rule inet t web ip daddr 10.0.0.1 accept
            add element inet t ports { 80 : goto web }
        "#]],
        );
    }

    #[test]
    fn the_first_of_two_that_want_one_place_has_it_until_it_leaves() {
        let mut table = table();
        table.is_applied();
        let mut other = Fragment::default();
        other.entry("ports", "80", "accept");
        table.replace(&service("xyz"), &Fragment::default(), other.clone());
        check(&table, &expect![[""]]);
        table.is_applied();
        table.replace(&service("web"), &web("10.0.0.1"), Fragment::default());
        check(
            &table,
            &expect![[r#"
            delete element inet t ports { 80 }
            add element inet t ports { 80 : accept }
            flush chain inet t web
            delete chain inet t web
        "#]],
        );
        table.is_lost();
        assert!(table.script().unwrap().starts_with("add table inet t\ndelete table"));
    }
}
