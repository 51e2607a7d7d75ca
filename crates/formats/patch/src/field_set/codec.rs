//! `FieldsV1`: a set of fields as JSON.
//!
//! Each key is one step (`f:`, `k:`, `v:` or `i:` and the rest), each value an object of the steps below it; `.` says
//! that the path itself is in the set, as does an empty object.

use serde_json::{Map, Value};

use super::{Element, FieldSet, Node};

const SELF: &str = ".";

/// Below this depth a set is written as the path that holds it: an object with its `managedFields` must not be nested
/// deeper than a JSON reader takes.
const DEPTH_MAX: usize = 100;

impl FieldSet {
    pub(crate) fn to_json(&self) -> Value {
        self.to_json_within(DEPTH_MAX)
    }

    fn to_json_within(&self, depth: usize) -> Value {
        let Some(depth_below) = depth.checked_sub(1) else { return Value::Object(Map::new()) };
        let steps = self.nodes().map(|(element, node)| {
            let mut below = node.below.to_json_within(depth_below);
            if let Value::Object(below) = &mut below
                && node.member
                && !below.is_empty()
            {
                below.insert(SELF.to_owned(), Value::Object(Map::new()));
            }
            (element.to_string(), below)
        });
        Value::Object(steps.collect())
    }

    /// # Errors
    /// The key or value that is none of `FieldsV1`'s, in words.
    pub(crate) fn from_json(value: &Value) -> Result<FieldSet, String> {
        let steps =
            value.as_object().ok_or_else(|| format!("expected an object of fields, found {value}"))?;
        let mut set = FieldSet::default();
        for (key, below) in steps {
            if key == SELF {
                continue;
            }
            let Some(element) = Element::parse(key)? else { continue };
            let below_set = FieldSet::from_json(below)?;
            let member = below_set.is_empty() || below.get(SELF).is_some();
            set.put(element, Node { member, below: below_set });
        }
        Ok(set)
    }
}

impl Element {
    /// `None` for a step of a kind that is not known: a later version may write it, and upstream passes over it.
    fn parse(key: &str) -> Result<Option<Element>, String> {
        let (kind, rest) = key.split_once(':').ok_or_else(|| format!("key {key:?} has no colon"))?;
        let json = || {
            serde_json::from_str::<Value>(rest).map_err(|error| format!("key {key:?} is no JSON: {error}"))
        };
        Ok(match kind {
            "f" => Some(Element::Field(rest.into())),
            "k" => match json()? {
                Value::Object(keys) => {
                    Some(Element::item(keys.iter().map(|(name, value)| (name.as_str(), value))))
                }
                _ => return Err(format!("key {key:?} holds no JSON object")),
            },
            "v" => Some(Element::value(&json()?)),
            "i" => Some(Element::Index(
                rest.parse().map_err(|error| format!("key {key:?} is no index: {error}"))?,
            )),
            _ => None,
        })
    }

    /// The item of a list that these keys tell apart.
    pub(crate) fn item<'a>(keys: impl Iterator<Item = (&'a str, &'a Value)>) -> Element {
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by_key(|(name, _)| *name);
        let fields: Vec<String> =
            keys.iter().map(|(name, value)| format!("{}:{value}", Value::from(*name))).collect();
        Element::Item(format!("{{{}}}", fields.join(",")).into())
    }

    /// The item of a set.
    pub(crate) fn value(value: &Value) -> Element {
        Element::Value(value.to_string().into())
    }
}

impl std::fmt::Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Element::Field(name) => write!(f, "f:{name}"),
            Element::Item(keys) => write!(f, "k:{keys}"),
            Element::Value(value) => write!(f, "v:{value}"),
            Element::Index(index) => write!(f, "i:{index}"),
        }
    }
}

/// `name="web"` or `port=80,protocol="TCP"`, as upstream's conflicts print it.
pub(super) fn readable_keys(keys: &str) -> String {
    match serde_json::from_str::<Map<String, Value>>(keys) {
        Ok(keys) => keys.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(","),
        Err(_) => keys.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_round_trip(fields: &Value) {
        assert_eq!(&FieldSet::from_json(fields).unwrap().to_json(), fields);
    }

    #[test]
    fn what_upstream_writes_is_written_back_the_same() {
        check_round_trip(&json!({}));
        check_round_trip(&json!({
            "f:metadata": {"f:labels": {".": {}, "f:app.kubernetes.io/name": {}}, "f:finalizers": {".": {}, "v:\"a/b\"": {}}},
            "f:spec": {
                "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:ports": {
                    ".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}},
                "f:list": {"i:3": {}},
            },
        }));
    }

    #[test]
    fn keys_are_sorted_and_unknown_steps_passed_over() {
        let set = FieldSet::from_json(&json!({"k:{\"b\": 1, \"a\": \"x\"}": {}, "z:later": {}})).unwrap();
        assert_eq!(set.to_json(), json!({"k:{\"a\":\"x\",\"b\":1}": {}}));
        let paths: Vec<String> = set.paths().iter().map(ToString::to_string).collect();
        assert_eq!(paths, [r#"[a="x",b=1]"#]);
    }

    #[test]
    fn a_deep_set_can_be_read_again() {
        let path = vec!["a"; 500];
        let mut set = FieldSet::default();
        set.insert_fields(&path);
        let written = json!({"metadata": {"managedFields": [{"fieldsV1": set.to_json()}]}}).to_string();
        assert!(serde_json::from_str::<Value>(&written).is_ok());
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for fields in [
            json!([]),
            json!({"f": {}}),
            json!({"k:[]": {}}),
            json!({"v:{": {}}),
            json!({"i:x": {}}),
            json!({"f:a": 1}),
        ] {
            assert!(FieldSet::from_json(&fields).is_err(), "{fields}");
        }
    }

    fn element() -> impl Strategy<Value = Element> {
        prop_oneof![
            "[a-z./:]{0,4}".prop_map(|name| Element::field(&name)),
            ("[a-z]{1,2}", any::<i32>())
                .prop_map(|(name, value)| Element::item([(name.as_str(), &json!(value))].into_iter())),
            "\\PC{0,3}".prop_map(|text| Element::value(&json!(text))),
            (0..5_usize).prop_map(Element::Index),
        ]
    }

    fn set() -> impl Strategy<Value = FieldSet> {
        let leaf = Just(FieldSet::default());
        leaf.prop_recursive(4, 32, 4, |below| {
            proptest::collection::vec((element(), any::<bool>(), below), 0..4).prop_map(|nodes| {
                let mut set = FieldSet::default();
                for (element, member, below) in nodes {
                    set.put(element, Node { member, below });
                }
                set
            })
        })
    }

    proptest! {
        #[test]
        fn a_set_read_back_is_the_set(set in set()) {
            prop_assert_eq!(FieldSet::from_json(&set.to_json()).unwrap(), set);
        }

        #[test]
        fn sets_follow_the_laws_of_sets(a in set(), b in set()) {
            prop_assert!(a.difference(&b).intersection(&b).is_empty());
            prop_assert_eq!(a.union(&b), b.union(&a));
            prop_assert!(a.difference(&a).is_empty());
            prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a);
        }
    }
}
