//! What is stored is brought up to a default: what the default grants and the stored object lacks is added, and what
//! somebody added stays. Who wants a default left alone annotates it with `autoupdate: "false"`.

use serde_json::{Map, Value, json};

use crate::policy::missing_grants;

const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// What is to become of a stored role or binding.
#[derive(Debug, Clone, PartialEq)]
pub enum Reconciled {
    /// It holds all that the default holds, or is to be left alone.
    Kept,
    /// It is to be this.
    Changed(Value),
    /// It refers to another role, which no update can change: it is to be made anew, as this.
    MadeAnew(Value),
}

/// What is to become of `stored`, of which `wanted` is the default.
pub fn reconcile(stored: &Value, wanted: &Value) -> Reconciled {
    if stored["metadata"]["annotations"][AUTOUPDATE] == "false" {
        return Reconciled::Kept;
    }
    let mut object = stored.clone();
    for field in ["labels", "annotations"] {
        add_missing_keys(&mut object["metadata"], field, &wanted["metadata"][field]);
    }
    let is_binding = wanted.get("roleRef").is_some();
    if is_binding {
        add_missing_items(&mut object, "subjects", &wanted["subjects"]);
    } else if let Some(rule) = wanted.get("aggregationRule") {
        // The rules are written from what it selects.
        let selectors = "clusterRoleSelectors";
        if !object["aggregationRule"].is_object() {
            object["aggregationRule"] = json!({});
        }
        add_missing_items(&mut object["aggregationRule"], selectors, &rule[selectors]);
    } else {
        add_missing_rules(&mut object, wanted);
    }
    if is_binding && stored["roleRef"] != wanted["roleRef"] {
        let mut anew = wanted.clone();
        anew["subjects"] = object["subjects"].take();
        return Reconciled::MadeAnew(anew);
    }
    if object == *stored { Reconciled::Kept } else { Reconciled::Changed(object) }
}

fn add_missing_keys(metadata: &mut Value, field: &str, wanted: &Value) {
    let Value::Object(wanted) = wanted else { return };
    if !metadata[field].is_object() {
        metadata[field] = Value::Object(Map::new());
    }
    let Value::Object(held) = &mut metadata[field] else { return };
    for (key, value) in wanted {
        held.entry(key).or_insert_with(|| value.clone());
    }
}

fn add_missing_items(object: &mut Value, field: &str, wanted: &Value) {
    let wanted = wanted.as_array().map(Vec::as_slice).unwrap_or_default();
    let missing: Vec<Value> = {
        let held = object[field].as_array().map(Vec::as_slice).unwrap_or_default();
        wanted.iter().filter(|item| !held.contains(item)).cloned().collect()
    };
    append(object, field, missing);
}

fn add_missing_rules(object: &mut Value, wanted: &Value) {
    let held = object["rules"].as_array().cloned().unwrap_or_default();
    let wanted = wanted["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lacks = |rule: &&Value| !missing_grants(&held, std::slice::from_ref(*rule)).is_empty();
    append(object, "rules", wanted.iter().filter(lacks).cloned().collect());
}

fn append(object: &mut Value, field: &str, items: Vec<Value>) {
    if items.is_empty() {
        return;
    }
    match &mut object[field] {
        Value::Array(held) => held.extend(items),
        other => *other = Value::Array(items),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(rules: Value) -> Value {
        json!({"metadata": {"name": "r", "labels": {"a": "b"}}, "rules": rules})
    }

    fn rule(verbs: &[&str], resources: &[&str]) -> Value {
        json!({"verbs": verbs, "apiGroups": [""], "resources": resources})
    }

    #[track_caller]
    fn check(stored: &Value, wanted: &Value, expected: &Reconciled) {
        assert_eq!(reconcile(stored, wanted), *expected, "{stored}");
    }

    #[test]
    fn rules_that_are_missing_are_added_and_others_stay() {
        let wanted = role(json!([rule(&["get"], &["pods"]), rule(&["list"], &["pods"])]));
        check(&wanted, &wanted, &Reconciled::Kept);
        let wider = role(json!([rule(&["*"], &["*"])]));
        check(&wider, &wanted, &Reconciled::Kept);
        let other = role(json!([rule(&["get"], &["pods", "secrets"])]));
        let both = json!([rule(&["get"], &["pods", "secrets"]), rule(&["list"], &["pods"])]);
        check(&other, &wanted, &Reconciled::Changed(role(both)));
        check(&role(Value::Null), &wanted, &Reconciled::Changed(wanted.clone()));
    }

    #[test]
    fn a_default_that_is_to_be_left_alone_is() {
        let mut stored = role(json!([]));
        stored["metadata"]["annotations"] = json!({AUTOUPDATE: "false"});
        check(&stored, &role(json!([rule(&["get"], &["pods"])])), &Reconciled::Kept);
    }

    #[test]
    fn labels_are_added_and_not_overwritten() {
        let mut wanted = role(json!([]));
        wanted["metadata"]["labels"] = json!({"a": "other", "c": "d"});
        let mut expected = role(json!([]));
        expected["metadata"]["labels"] = json!({"a": "b", "c": "d"});
        check(&role(json!([])), &wanted, &Reconciled::Changed(expected));
    }

    #[test]
    fn selectors_of_sums_are_added_and_their_rules_left_to_the_sum() {
        let sum = |selectors: &[&str], rules: Value| {
            let selectors: Vec<Value> =
                selectors.iter().map(|label| json!({"matchLabels": {*label: "true"}})).collect();
            json!({"metadata": {"name": "s"}, "aggregationRule": {"clusterRoleSelectors": selectors}, "rules": rules})
        };
        let wanted = json!({"metadata": {"name": "s"},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"x": "true"}}]}});
        let written = json!([rule(&["get"], &["pods"])]);
        check(&sum(&["x"], written.clone()), &wanted, &Reconciled::Kept);
        check(&sum(&["y"], written.clone()), &wanted, &Reconciled::Changed(sum(&["y", "x"], written)));
    }

    #[test]
    fn subjects_are_added_and_a_binding_of_another_role_is_made_anew() {
        let binding = |role: &str, subjects: &[&str]| {
            let subjects: Vec<Value> =
                subjects.iter().map(|name| json!({"kind": "Group", "name": name})).collect();
            json!({"metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": subjects})
        };
        let wanted = binding("r", &["staff"]);
        check(&binding("r", &["guests", "staff"]), &wanted, &Reconciled::Kept);
        check(&binding("r", &["guests"]), &wanted, &Reconciled::Changed(binding("r", &["guests", "staff"])));
        let anew = binding("r", &["guests", "staff"]);
        check(&binding("other", &["guests"]), &wanted, &Reconciled::MadeAnew(anew));
    }
}
