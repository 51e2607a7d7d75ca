//! An object that is described by a source, and what names it.

use std::fmt;

use bythos_api::kustomization::ResourceRef;
use kube::Resource;
use kube::core::GroupVersionKind;
use serde_json::Value;

use crate::metadata::Marked;

/// What names an object in a cluster, in any version of its kind. It prints as Flux does: `Kind/namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) group: String,
    pub(crate) kind: String,
    /// Empty for cluster-scoped kinds.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

impl Id {
    pub(crate) fn gvk(&self, version: &str) -> GroupVersionKind {
        GroupVersionKind { group: self.group.clone(), version: version.to_owned(), kind: self.kind.clone() }
    }

    /// Of an object whose kind is known.
    pub(crate) fn of<K: Resource<DynamicType = ()>>(object: &K) -> Id {
        let meta = object.meta();
        Id {
            group: K::group(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }

    /// As an entry of an inventory: `<namespace>_<name>_<group>_<kind>`. Names of roles may hold a colon, which
    /// upstream writes as two underscores.
    pub(crate) fn entry(&self, version: &str) -> ResourceRef {
        let name = self.name.replace(':', "__");
        ResourceRef {
            id: format!("{}_{name}_{}_{}", self.namespace, self.group, self.kind),
            version: version.to_owned(),
        }
    }

    /// Reads an entry of an inventory.
    pub(crate) fn parse(entry: &ResourceRef) -> Option<Id> {
        let (namespace, rest) = entry.id.split_once('_')?;
        let (rest, kind) = rest.rsplit_once('_')?;
        let (name, group) = rest.rsplit_once('_')?;
        let owned = str::to_owned;
        Some(Id {
            group: owned(group),
            kind: owned(kind),
            namespace: owned(namespace),
            name: name.replace("__", ":"),
        })
    }
}

/// An object that a source describes.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) id: Id,
    pub(crate) version: String,
    pub(crate) value: Value,
}

impl Object {
    /// `value` holds `apiVersion`, `kind` and `metadata.name`: the build saw to that.
    pub(crate) fn of(value: Value) -> Object {
        let text =
            |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let api_version = text("/apiVersion");
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let id = Id {
            group: group.to_owned(),
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        };
        let version = version.to_owned();
        Object { id, version, value }
    }
}

impl Marked for Object {
    fn marks(&self, key: &str) -> [Option<&str>; 2] {
        self.value.marks(key)
    }
}

/// Labels by which objects name the kustomization that keeps them.
pub(crate) const OWNER_NAME: &str = "kustomize.toolkit.fluxcd.io/name";
/// See [`OWNER_NAME`].
pub(crate) const OWNER_NAMESPACE: &str = "kustomize.toolkit.fluxcd.io/namespace";

/// Marks by which an object asks for another treatment.
pub(crate) mod mark {
    pub(in super::super) const PRUNE: &str = "kustomize.toolkit.fluxcd.io/prune";
    pub(in super::super) const RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
    pub(in super::super) const SSA: &str = "kustomize.toolkit.fluxcd.io/ssa";
    pub(in super::super) const FORCE: &str = "kustomize.toolkit.fluxcd.io/force";
    pub(in super::super) const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, namespace: &str, name: &str, group: &str, kind: &str) {
        let entry = ResourceRef { id: id.to_owned(), version: "v1".to_owned() };
        let expected = Id {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        assert_eq!(Id::parse(&entry), Some(expected.clone()));
        assert_eq!(expected.entry("v1"), entry);
    }

    #[test]
    fn inventory_entries_are_those_of_flux() {
        check("shop_web_apps_Deployment", "shop", "web", "apps", "Deployment");
        check("_shop__Namespace", "", "shop", "", "Namespace");
        check("shop_web__Service", "shop", "web", "", "Service");
        check(
            "_system__reader_rbac.authorization.k8s.io_ClusterRole",
            "",
            "system:reader",
            "rbac.authorization.k8s.io",
            "ClusterRole",
        );
    }

    #[test]
    fn what_is_no_entry_is_not_read() {
        for id in ["", "a_b", "a_b_c"] {
            assert_eq!(Id::parse(&ResourceRef { id: id.to_owned(), version: String::new() }), None, "{id}");
        }
    }
}
