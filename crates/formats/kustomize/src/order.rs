//! In which order objects are printed.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use crate::config::Gvk;
use crate::resource::Resource;

/// Kinds that come first, in kustomize's order: what others need before what needs it.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that come last: once they are there, they may refuse the others.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// How objects are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they were gathered.
    Gathered,
    /// By kind, then by name.
    Kinds(Ranks),
}

/// Where kinds stand; those that are not named stand in the middle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ranks(Arc<HashMap<String, i64>>);

static STANDARD: LazyLock<Ranks> = LazyLock::new(|| Ranks::of(&FIRST, &LAST));

impl Ranks {
    pub(crate) fn standard() -> Ranks {
        STANDARD.clone()
    }

    pub(crate) fn of<T: AsRef<str>>(first: &[T], last: &[T]) -> Ranks {
        let ranks = |kinds: &[T], from: i64| {
            let kinds = kinds.iter().map(|kind| kind.as_ref().to_owned());
            (from..).zip(kinds).map(|(rank, kind)| (kind, rank)).collect::<Vec<_>>()
        };
        let before = i64::try_from(first.len()).unwrap_or(i64::MAX);
        Ranks(Arc::new(ranks(first, -before).into_iter().chain(ranks(last, 1)).collect()))
    }

    fn of_kind(&self, kind: &str) -> i64 {
        self.0.get(kind).copied().unwrap_or(0)
    }
}

/// Puts objects in order.
pub(crate) fn sort(resources: &mut [Resource], order: &Order) {
    let Order::Kinds(ranks) = order else { return };
    let key = |resource: &Resource| {
        let or = |text: &str, empty: &str| if text.is_empty() { empty.to_owned() } else { text.to_owned() };
        (resource.gvk(), format!("{}|{}", or(resource.namespace(), "~X"), resource.name()))
    };
    let mut keyed: Vec<_> = resources.iter_mut().map(|it| (key(it), std::mem::take(it))).collect();
    keyed.sort_by(|((gvk, name), _), ((other_gvk, other_name), _)| {
        compare_kinds(gvk, other_gvk, ranks).then_with(|| name.cmp(other_name))
    });
    for (place, (_, resource)) in resources.iter_mut().zip(keyed) {
        *place = resource;
    }
}

/// By rank, then by group, version and kind.
pub(crate) fn compare_kinds(one: &Gvk, other: &Gvk, ranks: &Ranks) -> Ordering {
    let by_name = || sort_text(one).cmp(&sort_text(other));
    let of_namespaces = one.kind == "Namespace" && other.kind == "Namespace";
    ranks.of_kind(&one.kind).cmp(&ranks.of_kind(&other.kind)).then_with(|| {
        // Kubernetes' own namespaces come before those of others, though `~` sorts last.
        if of_namespaces && (one.group.is_empty() || other.group.is_empty()) {
            by_name().reverse()
        } else {
            by_name()
        }
    })
}

/// `~` comes after all letters: what has no group comes last.
fn sort_text(gvk: &Gvk) -> String {
    let or = |text: &str, empty: &str| if text.is_empty() { empty.to_owned() } else { text.to_owned() };
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}
