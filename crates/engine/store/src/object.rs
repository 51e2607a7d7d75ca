//! What is stored, how it is named and how it is listed.

use std::sync::Arc;

use bytes::Bytes;

/// Counts committed transactions; the first is 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    pub(crate) fn next(self) -> Revision {
        Revision(self.0.saturating_add(1))
    }

    pub(crate) fn before(self) -> Revision {
        Revision(self.0.saturating_sub(1))
    }
}

/// What names an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// `pods`, or `kustomizations.kustomize.toolkit.fluxcd.io`: plural and group.
    pub resource: Arc<str>,
    /// Empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// The object's name.
    pub name: Arc<str>,
}

/// One stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: Key,
    /// The revision that last wrote it.
    pub revision: Revision,
    /// Its bytes, as the writer encoded them for that revision.
    pub value: Bytes,
}

/// Where objects are looked for: one resource, in one namespace or in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// As in [`Key`].
    pub resource: Arc<str>,
    /// `None` for all namespaces.
    pub namespace: Option<Arc<str>>,
}

impl Scope {
    pub(crate) fn holds_namespace(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
    }
}

/// A part of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// At most so many; `None` for all.
    pub limit: Option<usize>,
    /// At this revision, so that all pages show the same one; `None` for the newest.
    pub at: Option<Revision>,
    /// Only those after this namespace and name.
    pub after: Option<(Arc<str>, Arc<str>)>,
}

/// A consistent list.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The revision of the whole list.
    pub revision: Revision,
    /// Ordered by namespace and name.
    pub entries: Vec<Arc<Entry>>,
    /// How many follow after the last one, at that revision; 0 at the end.
    pub remaining: usize,
}
