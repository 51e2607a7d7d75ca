//! Which pods a term of another pod speaks of, and where nodes lie. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod, PodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};

/// Labels of namespaces, by name.
pub(crate) type Namespaces = BTreeMap<String, BTreeMap<String, String>>;

/// Whether the selector speaks of something with these labels. A missing selector speaks of nothing, as does one
/// that cannot be read.
pub(crate) fn selects(selector: Option<&LabelSelector>, labels: Option<&BTreeMap<String, String>>) -> bool {
    let no_labels = BTreeMap::new();
    let selector = selector.cloned().and_then(|selector| Selector::try_from(selector).ok());
    selector.is_some_and(|selector| selector.matches(labels.unwrap_or(&no_labels)))
}

/// Whether `term` of the pod `owner` speaks of `pod`.
pub(crate) fn speaks_of(term: &PodAffinityTerm, owner: &Pod, pod: &Pod, namespaces: &Namespaces) -> bool {
    is_in_namespace(term, owner, pod, namespaces)
        && selects(term.label_selector.as_ref(), pod.metadata.labels.as_ref())
}

fn is_in_namespace(term: &PodAffinityTerm, owner: &Pod, pod: &Pod, namespaces: &Namespaces) -> bool {
    let (own, name) = (owner.metadata.namespace.as_deref(), pod.metadata.namespace.as_deref());
    let named = term.namespaces.as_deref().unwrap_or_default();
    if named.is_empty() && term.namespace_selector.is_none() {
        return own == name;
    }
    let Some(name) = name else { return false };
    named.iter().any(|one| one == name)
        || selects(term.namespace_selector.as_ref(), namespaces.get(name))
            && term.namespace_selector.is_some()
}

/// The node's value of a topology, for example its zone.
pub(crate) fn place<'a>(node: &'a Node, topology: &str) -> Option<&'a str> {
    node.metadata.labels.as_ref()?.get(topology).map(String::as_str)
}

/// The priority of a pod; admission has written that of its class into it.
pub(crate) fn priority(pod: &Pod) -> i32 {
    pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;
    use crate::testdata::pod;

    #[track_caller]
    fn check(case: &str, term: Value, namespace: &str, expected: bool) {
        let mut term: PodAffinityTerm = from_value(term).unwrap();
        term.label_selector = Some(LabelSelector::default());
        let other = pod("other", json!({ "metadata": { "namespace": namespace } }));
        let namespaces = Namespaces::from([("team".to_owned(), [("a".to_owned(), "b".to_owned())].into())]);
        assert_eq!(speaks_of(&term, &pod("own", json!({})), &other, &namespaces), expected, "{case}");
    }

    #[test]
    fn a_term_speaks_of_its_own_namespace_unless_it_names_others() {
        let key = json!({ "topologyKey": "zone" });
        check("own", key.clone(), "default", true);
        check("another", key, "team", false);
        check("named", json!({ "topologyKey": "zone", "namespaces": ["team"] }), "team", true);
        check(
            "own, others named",
            json!({ "topologyKey": "zone", "namespaces": ["team"] }),
            "default",
            false,
        );
        let selector = |labels: Value| json!({ "topologyKey": "zone", "namespaceSelector": labels });
        check("selected", selector(json!({ "matchLabels": { "a": "b" } })), "team", true);
        check("not selected", selector(json!({ "matchLabels": { "a": "c" } })), "team", false);
        check("all", selector(json!({})), "default", true);
    }

    #[test]
    fn no_selector_speaks_of_nothing() {
        assert!(!selects(None, None));
        assert!(selects(Some(&LabelSelector::default()), None));
    }
}
