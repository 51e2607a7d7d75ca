//! Fields that others may change, where a difference is no reason to apply: `spec.ignore` of a Kustomization,
//! `spec.driftDetection.ignore` of a HelmRelease. Pure.
//!
//! As in Flux, what is ignored is still applied when an object is made. Later, where such a field differs while something
//! else is changed, it is left to whoever else applies it, or keeps the value that the cluster has.

use bythos_api::kustomization::IgnoreRule;
use bythos_kustomize::Matcher;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::kustomization::selector;

/// A rule that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {message}")]
pub(crate) struct RuleError {
    field: String,
    message: String,
}

/// The rules of a spec, ready to be held against objects.
#[derive(Debug, Default)]
pub(crate) struct Ignored(Vec<(Option<Matcher>, Vec<String>)>);

impl Ignored {
    /// `field` is where the rules stand.
    pub(crate) fn compile(field: &str, rules: &[IgnoreRule]) -> Result<Self, RuleError> {
        let rule = |(index, rule): (usize, &IgnoreRule)| {
            let refuse = |inner: &str, message: String| RuleError {
                field: format!("{field}[{index}].{inner}"),
                message,
            };
            if let Some(path) = rule.paths.iter().find(|path| !path.starts_with('/') || path.len() < 2) {
                let message = format!("expected JSON pointers such as \"/spec/replicas\", found {path:?}");
                return Err(refuse("paths", message));
            }
            let matcher = rule.target.as_ref().map(|target| selector(target).matcher());
            let matcher = matcher.transpose().map_err(|message| refuse("target", message))?;
            Ok((matcher, rule.paths.clone()))
        };
        rules.iter().enumerate().map(rule).collect::<Result<_, _>>().map(Ignored)
    }

    /// The JSON pointers that are ignored in an object.
    pub(crate) fn paths_of(&self, object: &Value) -> Vec<&str> {
        let meant = self.0.iter().filter(|(matcher, _)| matcher.as_ref().is_none_or(|it| it.selects(object)));
        meant.flat_map(|(_, paths)| paths.iter().map(String::as_str)).collect()
    }

    /// Takes fields that differ out of what `manager` applies, or gives them the value that the cluster has.
    pub(crate) fn leave_to_others(
        manager: &str,
        body: &mut Value,
        existing: &DynamicObject,
        outcome: &DynamicObject,
        paths: &[&str],
    ) {
        if paths.is_empty() {
            return;
        }
        let (existing, outcome) = (json!(existing), json!(outcome));
        for path in paths {
            let here = existing.pointer(path);
            if here == outcome.pointer(path) {
                continue;
            }
            match here {
                Some(value) if !is_applied_by_another(manager, &existing, path) => {
                    if let Some(field) = body.pointer_mut(path) {
                        *field = value.clone();
                    }
                }
                _ => remove(body, path),
            }
        }
    }
}

/// Whether applying would change anything but the book-keeping and the fields that are ignored.
pub(crate) fn differs(existing: &DynamicObject, outcome: &DynamicObject, ignored: &[&str]) -> bool {
    let marks = |object: &DynamicObject| {
        let mut marks = json!({ "metadata": {
            "labels": object.metadata.labels.clone().unwrap_or_default(),
            "annotations": object.metadata.annotations.clone().unwrap_or_default(),
        } });
        ignored.iter().for_each(|path| remove(&mut marks, path));
        marks
    };
    let contents = |object: &DynamicObject| {
        let mut data = object.data.clone();
        if let Some(data) = data.as_object_mut() {
            data.remove("status");
        }
        ignored.iter().for_each(|path| remove(&mut data, path));
        data
    };
    marks(existing) != marks(outcome) || contents(existing) != contents(outcome)
}

/// Removes what a JSON pointer leads to, if it is there.
fn remove(value: &mut Value, path: &str) {
    let Some((parent, last)) = path.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&unescape(last));
        }
        Some(Value::Array(items)) => {
            if let Some(index) = last.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// Whether somebody else applies the field by server-side apply.
fn is_applied_by_another(manager: &str, existing: &Value, path: &str) -> bool {
    let entries = existing["metadata"]["managedFields"].as_array();
    let others = entries.into_iter().flatten().filter(|entry| {
        entry["operation"] == "Apply" && entry["subresource"].is_null() && entry["manager"] != manager
    });
    others.into_iter().any(|entry| holds(&entry["fieldsV1"], existing, path))
}

/// Whether a set of fields has the one that a JSON pointer leads to.
fn holds(fields: &Value, object: &Value, path: &str) -> bool {
    let (mut fields, mut object) = (fields, object);
    for step in path.split('/').skip(1).map(unescape) {
        let next = match object {
            Value::Array(items) => {
                let item = step.parse().ok().and_then(|index: usize| items.get(index));
                item.and_then(|item| Some((entry_of(fields, item)?, item)))
            }
            _ => {
                fields.get(format!("f:{step}")).map(|next| (next, object.get(&step).unwrap_or(&Value::Null)))
            }
        };
        match next {
            Some(next) => (fields, object) = next,
            None => return false,
        }
    }
    true
}

/// The set of fields of an item of a list, found by its keys: `k:{"name":"web"}`.
fn entry_of<'a>(fields: &'a Value, item: &Value) -> Option<&'a Value> {
    let is_of = |key: &str| {
        let keys = key.strip_prefix("k:").and_then(|keys| serde_json::from_str::<Value>(keys).ok());
        let keys = keys.as_ref().and_then(Value::as_object);
        keys.is_some_and(|keys| keys.iter().all(|(name, value)| item.get(name) == Some(value)))
    };
    fields.as_object()?.iter().find(|(key, _)| is_of(key)).map(|(_, fields)| fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(replicas: i64, manager: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "web", "managedFields": [{
                "manager": manager, "operation": "Apply",
                "fieldsV1": {
                    "f:spec": { "f:replicas": {}, "f:containers": { "k:{\"name\":\"web\"}": { "f:image": {} } } },
                },
            }] },
            "spec": { "replicas": replicas, "containers": [{ "name": "web", "image": format!("web:{replicas}") }] },
        }))
        .unwrap()
    }

    const FIELD_MANAGER: &str = "kustomize-controller";

    fn rules(rules: Value) -> Result<Ignored, RuleError> {
        let rules: Vec<IgnoreRule> = serde_json::from_value(rules).unwrap();
        Ignored::compile("spec.ignore", &rules)
    }

    #[track_caller]
    fn check(manager: &str, path: &str, expected: &Value) {
        let (existing, outcome) = (deployment(5, manager), deployment(2, manager));
        let mut body =
            json!({ "spec": { "replicas": 2, "containers": [{ "name": "web", "image": "web:2" }] } });
        Ignored::leave_to_others(FIELD_MANAGER, &mut body, &existing, &outcome, &[path]);
        assert_eq!(body, *expected);
    }

    #[test]
    fn a_field_that_another_applies_is_left_to_them() {
        let containers = json!([{ "name": "web", "image": "web:2" }]);
        check("scaler", "/spec/replicas", &json!({ "spec": { "containers": containers } }));
        let containers = json!([{ "name": "web" }]);
        check(
            "scaler",
            "/spec/containers/0/image",
            &json!({ "spec": { "replicas": 2, "containers": containers } }),
        );
    }

    #[test]
    fn a_field_that_nobody_else_applies_keeps_its_value() {
        let containers = json!([{ "name": "web", "image": "web:2" }]);
        check(
            FIELD_MANAGER,
            "/spec/replicas",
            &json!({ "spec": { "replicas": 5, "containers": containers } }),
        );
    }

    #[test]
    fn rules_hold_for_the_objects_that_they_select() {
        let rule =
            json!([{ "paths": ["/spec/replicas"], "target": { "kind": "Deployment", "name": "w.*" } }]);
        let ignored = rules(rule).unwrap();
        let object = |kind: &str, name: &str| json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": name } });
        assert_eq!(ignored.paths_of(&object("Deployment", "web")), ["/spec/replicas"]);
        assert!(ignored.paths_of(&object("Deployment", "db")).is_empty());
        assert!(ignored.paths_of(&object("StatefulSet", "web")).is_empty());
    }

    #[test]
    fn what_is_no_rule_is_refused_with_its_field() {
        let error = rules(json!([{ "paths": ["spec"] }])).unwrap_err().to_string();
        assert!(error.contains("spec.ignore[0].paths: expected JSON pointers"), "{error}");
        let target = json!([{ "paths": ["/a"], "target": { "name": "(" } }]);
        let error = rules(target).unwrap_err().to_string();
        assert!(error.contains("spec.ignore[0].target: name"), "{error}");
    }
}
