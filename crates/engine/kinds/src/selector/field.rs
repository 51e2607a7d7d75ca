//! Field selectors: `metadata.name=x,status.phase!=Running`.

use serde_json::Value;

use super::SelectorError;
use crate::Kind;
use crate::fields::text;
use crate::table::selectable;

/// What fields an object must have. Which fields can be asked for depends on the kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    field: String,
    value: String,
    is_equal: bool,
}

impl FieldSelector {
    /// Parses a selector. The empty one selects everything. In values `\`, `,` and `=` are escaped by `\`.
    ///
    /// # Errors
    /// A part of it is no comparison.
    pub fn parse(selector: &str) -> Result<FieldSelector, SelectorError> {
        let parts = split_unescaped(selector).into_iter().filter(|part| !part.is_empty());
        let requirements = parts.map(Requirement::parse).collect::<Result<_, _>>();
        requirements
            .map(|requirements| FieldSelector { requirements })
            .map_err(|problem| SelectorError { selector: selector.to_owned(), problem })
    }

    /// The first field by which objects of `kind` cannot be selected; upstream answers 400 with
    /// `field label not supported: <field>`.
    pub fn unsupported_field(&self, kind: &Kind) -> Option<&str> {
        let is_supported = |field: &str| {
            matches!(field, "metadata.name" | "metadata.namespace")
                || kind.rules.selectable_fields.iter().any(|(known, _)| *known == field)
                || kind.custom.selectable_fields.iter().any(|known| known == field)
        };
        self.requirements
            .iter()
            .map(|requirement| requirement.field.as_str())
            .find(|field| !is_supported(field))
    }

    /// Whether an object of `kind` is selected. By a field that `kind` does not know, nothing is.
    pub fn matches(&self, kind: &Kind, object: &Value) -> bool {
        self.requirements.iter().all(|requirement| {
            value_of(kind, object, &requirement.field)
                .is_some_and(|value| (value == requirement.value) == requirement.is_equal)
        })
    }

    /// Whether an object is selected, as far as its name and namespace tell; `None` if its other fields matter, too.
    pub fn matches_names(&self, namespace: &str, name: &str) -> Option<bool> {
        let mut is_decided = true;
        for Requirement { field, value, is_equal } in &self.requirements {
            let found = match field.as_str() {
                "metadata.name" => name,
                "metadata.namespace" => namespace,
                _ => {
                    is_decided = false;
                    continue;
                }
            };
            if (found == value) != *is_equal {
                return Some(false);
            }
        }
        is_decided.then_some(true)
    }

    /// The one name that objects must have, if `metadata.name=x` is asked for: a list is then a look-up.
    pub fn name(&self) -> Option<&str> {
        self.equal_to("metadata.name")
    }

    /// The value that `field` must have, if one is asked for.
    pub fn equal_to(&self, field: &str) -> Option<&str> {
        let found =
            self.requirements.iter().find(|requirement| requirement.is_equal && requirement.field == field);
        found.map(|requirement| requirement.value.as_str())
    }

    /// Whether it selects everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }
}

fn value_of(kind: &Kind, object: &Value, field: &str) -> Option<String> {
    if matches!(field, "metadata.name" | "metadata.namespace") {
        return Some(text(object, field).to_owned());
    }
    if kind.custom.selectable_fields.iter().any(|known| known == field) {
        return Some(selectable(object, field));
    }
    let (_, read) = kind.rules.selectable_fields.iter().find(|(known, _)| *known == field)?;
    Some(read(object))
}

impl Requirement {
    fn parse(part: &str) -> Result<Requirement, String> {
        let operators = [("!=", false), ("==", true), ("=", true)];
        // The leftmost operator counts; `!=` and `==` are looked at before the `=` inside of them.
        let found = operators
            .iter()
            .filter_map(|(operator, is_equal)| part.find(operator).map(|place| (place, *operator, *is_equal)))
            .min_by_key(|(place, ..)| *place);
        let Some((place, operator, is_equal)) = found else {
            return Err(format!("found {part:?}, expected a comparison such as metadata.name=x"));
        };
        let (field, value) = (&part[..place], &part[place + operator.len()..]);
        if field.is_empty() {
            return Err(format!("found {part:?}, which names no field"));
        }
        Ok(Requirement { field: field.to_owned(), value: unescape(value)?, is_equal })
    }
}

fn split_unescaped(selector: &str) -> Vec<&str> {
    let (mut parts, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (place, character) in selector.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ',' => {
                parts.push(&selector[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&selector[start..]);
    parts
}

fn unescape(value: &str) -> Result<String, String> {
    let (mut plain, mut characters) = (String::with_capacity(value.len()), value.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                other => return Err(format!("found \\{}, which escapes nothing", other.unwrap_or(' '))),
            },
            '=' => return Err(format!("found an unescaped '=' in {value:?}")),
            other => plain.push(other),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pods() -> Kind {
        crate::built_in().into_iter().find(|kind| kind.kind == "Pod").unwrap()
    }

    #[test]
    fn a_selector_selects_by_the_fields_of_its_kind() {
        let pod = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"nodeName": "one"}});
        let cases = [
            ("", true),
            ("metadata.name=web,metadata.namespace==shop", true),
            ("metadata.name!=web", false),
            ("spec.nodeName=one,status.phase!=Running", true),
            ("spec.nodeName=", false),
            ("status.phase=", true),
            ("spec.unknown=x", false),
        ];
        for (selector, expected) in cases {
            assert_eq!(
                FieldSelector::parse(selector).unwrap().matches(&pods(), &pod),
                expected,
                "{selector}"
            );
        }
    }

    #[test]
    fn what_is_left_out_is_compared_as_upstream_reads_it() {
        let event = json!({"reportingComponent": "bythos"});
        let of_kubelet = json!({"source": {"component": "kubelet"}, "reportingComponent": "other"});
        let cases = [
            ("Pod", json!({}), "spec.hostNetwork=false"),
            ("Pod", json!({"spec": {"hostNetwork": true}}), "spec.hostNetwork=true"),
            ("Pod", json!({"status": {"podIPs": [{"ip": "10.42.0.3"}]}}), "status.podIPs="),
            ("Job", json!({}), "status.successful=0"),
            ("Job", json!({"status": {"succeeded": 2}}), "status.successful=2"),
            ("ReplicaSet", json!({}), "status.replicas=0"),
            ("ReplicationController", json!({"status": {"replicas": 3}}), "status.replicas=3"),
            ("Event", event, "source=bythos"),
            ("Event", of_kubelet, "source=kubelet,reportingComponent=other"),
            ("Node", json!({}), "spec.unschedulable=false"),
        ];
        for (name, object, selector) in cases {
            let kind = crate::built_in().into_iter().find(|kind| kind.kind == name).unwrap();
            let selector = FieldSelector::parse(selector).unwrap();
            assert_eq!(selector.unsupported_field(&kind), None);
            assert!(selector.matches(&kind, &object), "{name} {selector:?}");
        }
    }

    #[test]
    fn names_tell_as_much_as_they_can() {
        let cases = [
            ("", Some(true)),
            ("metadata.name=web,metadata.namespace==shop", Some(true)),
            ("metadata.name!=web", Some(false)),
            ("metadata.namespace=other,spec.nodeName=one", Some(false)),
            ("metadata.name=web,spec.nodeName=one", None),
            ("spec.nodeName=one", None),
        ];
        for (selector, expected) in cases {
            let selected = FieldSelector::parse(selector).unwrap().matches_names("shop", "web");
            assert_eq!(selected, expected, "{selector}");
        }
    }

    #[test]
    fn fields_of_other_kinds_are_told() {
        let selector = FieldSelector::parse("metadata.name=x,spec.unknown=y").unwrap();
        assert_eq!(selector.unsupported_field(&pods()), Some("spec.unknown"));
        assert_eq!(selector.name(), Some("x"));
        assert_eq!(FieldSelector::parse("metadata.name!=x").unwrap().name(), None);
    }

    #[test]
    fn values_are_unescaped_and_nonsense_is_refused() {
        let selector = FieldSelector::parse(r"metadata.name=a\,b\=c\\").unwrap();
        assert_eq!(selector.name(), Some(r"a,b=c\"));
        for (selector, words) in [
            ("name", "expected a comparison"),
            ("=x", "names no field"),
            ("a=b=c", "unescaped"),
            (r"a=\b", "escapes nothing"),
        ] {
            let error = FieldSelector::parse(selector).unwrap_err().to_string();
            assert!(error.contains(words), "{selector}: {error}");
        }
    }
}
