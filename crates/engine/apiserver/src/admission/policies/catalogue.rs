//! The policies that are bound, compiled once and again only when one of them changes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bythos_kinds::{AdmissionPolicy, MatchResources};
use bythos_store::{Entry, Page, Revision, Scope, Store};
use serde_json::Value;

use crate::object;

const POLICIES: &str = "validatingadmissionpolicies.admissionregistration.k8s.io";
const BINDINGS: &str = "validatingadmissionpolicybindings.admissionregistration.k8s.io";

/// A policy as one binding uses it.
pub(super) struct Bound {
    /// Of the binding.
    pub(super) name: String,
    pub(super) policy_name: String,
    pub(super) policy: Arc<AdmissionPolicy>,
    /// Where the binding narrows the policy down.
    pub(super) resources: MatchResources,
    /// `spec.paramRef`; `null` if there is none.
    pub(super) parameters: Value,
    pub(super) actions: Actions,
}

/// What a finding leads to.
pub(super) struct Actions {
    pub(super) deny: bool,
    pub(super) warn: bool,
    pub(super) audit: bool,
}

type Policies = BTreeMap<Arc<str>, (Revision, Arc<AdmissionPolicy>)>;

#[derive(Default)]
struct Compiled {
    changes: u64,
    policies: Policies,
    bound: Arc<[Bound]>,
}

/// See the module's documentation.
pub(crate) struct PolicyCatalogue {
    changes: AtomicU64,
    compiled: ArcSwap<Compiled>,
    compiling: Mutex<()>,
}

impl PolicyCatalogue {
    /// One that compiles on first use.
    pub(crate) fn new() -> PolicyCatalogue {
        PolicyCatalogue {
            changes: AtomicU64::new(1),
            compiled: ArcSwap::from_pointee(Compiled::default()),
            compiling: Mutex::new(()),
        }
    }

    /// An object of this resource was written.
    pub(crate) fn noticed(&self, resource: &str) {
        if matches!(resource, POLICIES | BINDINGS) {
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The policies that are bound now.
    pub(super) fn current(&self, store: &Store) -> Arc<[Bound]> {
        let wanted = self.changes.load(Ordering::SeqCst);
        let known = self.compiled.load();
        if known.changes >= wanted {
            return known.bound.clone();
        }
        let _one_at_a_time = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.compiled.load();
        if known.changes >= wanted {
            return known.bound.clone();
        }
        // Read before the objects: a change in between only compiles once more.
        let changes = self.changes.load(Ordering::SeqCst);
        let policies = policies(store, &known.policies);
        let bound: Arc<[Bound]> =
            entries(store, BINDINGS).iter().filter_map(|entry| bound(entry, &policies)).collect();
        self.compiled.store(Arc::new(Compiled { changes, policies, bound: bound.clone() }));
        bound
    }
}

fn entries(store: &Store, resource: &str) -> Vec<Arc<Entry>> {
    let scope = Scope { resource: resource.into(), namespace: None };
    // The newest revision is always retained.
    store.list(&scope, &Page::default()).map(|listing| listing.entries).unwrap_or_default()
}

fn policies(store: &Store, known: &Policies) -> Policies {
    let compile = |entry: &Arc<Entry>| {
        let name = entry.key.name.clone();
        if let Some((revision, policy)) = known.get(&name)
            && *revision == entry.revision
        {
            return Some((name, (*revision, policy.clone())));
        }
        let policy: Value = serde_json::from_slice(&entry.value).ok()?;
        let (policy, errors) = AdmissionPolicy::compile(&policy);
        for error in errors {
            tracing::warn!(policy = &*name, error = error.to_string(), "an admission policy makes no sense");
        }
        Some((name, (entry.revision, Arc::new(policy))))
    };
    entries(store, POLICIES).iter().filter_map(compile).collect()
}

fn bound(entry: &Entry, policies: &Policies) -> Option<Bound> {
    let binding: Value = serde_json::from_slice(&entry.value).ok()?;
    let policy_name = object::text_at(&binding, "/spec/policyName")?;
    let (_, policy) = policies.get(policy_name)?;
    let actions = object::strings(binding.pointer("/spec/validationActions"));
    let resources = binding.pointer("/spec/matchResources").unwrap_or(&Value::Null);
    Some(Bound {
        name: entry.key.name.to_string(),
        policy_name: policy_name.to_owned(),
        policy: policy.clone(),
        // It was held against the rules when it was written.
        resources: MatchResources::parse(resources).unwrap_or_default(),
        parameters: binding.pointer("/spec/paramRef").cloned().unwrap_or_default(),
        actions: Actions {
            deny: actions.contains(&"Deny"),
            warn: actions.contains(&"Warn"),
            audit: actions.contains(&"Audit"),
        },
    })
}
