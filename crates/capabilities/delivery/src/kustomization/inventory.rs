//! What a kustomization keeps, as its status lists it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use bythos_api::kustomization::{ResourceInventory, ResourceRef};

use super::object::{Id, Object};

/// The inventory of these objects.
pub(super) fn of(objects: &[Object]) -> ResourceInventory {
    let mut entries: Vec<ResourceRef> = objects.iter().map(|it| it.id.entry(&it.version)).collect();
    entries.sort_by(|one, other| one.id.cmp(&other.id));
    ResourceInventory { entries }
}

/// Everything in either; of an object in both, the version of the new one.
pub(super) fn union(old: Option<&ResourceInventory>, new: &ResourceInventory) -> ResourceInventory {
    let all = old.map_or(&[][..], |old| &old.entries).iter().chain(&new.entries);
    let by_id: BTreeMap<&str, &ResourceRef> = all.map(|entry| (entry.id.as_str(), entry)).collect();
    ResourceInventory { entries: by_id.into_values().cloned().collect() }
}

/// The objects that are only in `old`. Entries that nobody can read are left out: there is nothing to look for.
pub(super) fn gone(old: &ResourceInventory, new: &ResourceInventory) -> Vec<(Id, ResourceRef)> {
    let described: BTreeSet<&str> = new.entries.iter().map(|it| it.id.as_str()).collect();
    let old = old.entries.iter().filter(|entry| !described.contains(entry.id.as_str()));
    old.filter_map(|entry| Some((Id::parse(entry)?, entry.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(ids: &[&str]) -> ResourceInventory {
        let entry = |id: &&str| ResourceRef { id: (*id).to_owned(), version: "v1".to_owned() };
        ResourceInventory { entries: ids.iter().map(entry).collect() }
    }

    #[test]
    fn what_is_no_longer_described_is_gone() {
        let (old, new) = (inventory(&["n_a__Pod", "n_b__Pod"]), inventory(&["n_b__Pod", "n_c__Pod"]));
        let names: Vec<String> = gone(&old, &new).into_iter().map(|(id, _)| id.to_string()).collect();
        assert_eq!(names, ["Pod/n/a"]);
        assert_eq!(union(Some(&old), &new), inventory(&["n_a__Pod", "n_b__Pod", "n_c__Pod"]));
    }
}
