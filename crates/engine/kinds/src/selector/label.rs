//! Label selectors, as `k8s.io/apimachinery/pkg/labels` understands them.

use std::fmt;

use bythos_schema::FieldError;
use serde_json::Value;

use super::{SelectorError, label_parser};
use crate::fields::{items, text};
use crate::names;
use crate::spot::Spot;

/// What labels an object must have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

/// One demand on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    pub(super) key: String,
    pub(super) demand: Demand,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Demand {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    GreaterThan(i64),
    LessThan(i64),
}

impl LabelSelector {
    /// Parses a selector such as `a=b,c!=d,e in (x,y),!f`. The empty one selects everything.
    ///
    /// # Errors
    /// The text is no selector, or names a label that cannot exist.
    pub fn parse(selector: &str) -> Result<LabelSelector, SelectorError> {
        let failed = |problem| SelectorError { selector: selector.to_owned(), problem };
        let mut requirements = label_parser::parse(selector).map_err(failed)?;
        for requirement in &requirements {
            requirement.check().map_err(failed)?;
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(LabelSelector { requirements })
    }

    /// The selector in a `LabelSelector` object (`matchLabels`, `matchExpressions`). An empty object selects
    /// everything; `null` selects nothing and is `None`.
    ///
    /// # Errors
    /// An expression's operator or values make no sense.
    pub fn from_object(selector: &Value) -> Result<Option<LabelSelector>, SelectorError> {
        if selector.is_null() {
            return Ok(None);
        }
        let mut requirements = LabelSelector::from_map(&selector["matchLabels"]).requirements;
        for expression in items(selector, "matchExpressions") {
            let failed = |problem| SelectorError { selector: expression.to_string(), problem };
            requirements.push(Requirement::from_expression(expression).map_err(failed)?);
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Some(LabelSelector { requirements }))
    }

    /// The selector in a plain map of labels, as Services have it.
    pub fn from_map(labels: &Value) -> LabelSelector {
        let equal = |(key, value): (&String, &Value)| Requirement {
            key: key.clone(),
            demand: Demand::In(vec![value.as_str().unwrap_or_default().to_owned()]),
        };
        LabelSelector { requirements: labels.as_object().into_iter().flatten().map(equal).collect() }
    }

    /// Whether these `metadata.labels` are selected; `null` is no labels.
    pub fn matches(&self, labels: &Value) -> bool {
        self.requirements.iter().all(|requirement| {
            let found = labels.get(&requirement.key).and_then(Value::as_str);
            requirement.demand.holds(found)
        })
    }

    /// Whether it selects everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }
}

impl Requirement {
    fn from_expression(expression: &Value) -> Result<Requirement, String> {
        let values =
            || items(expression, "values").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let demand = match text(expression, "operator") {
            "In" => Demand::In(values()),
            "NotIn" => Demand::NotIn(values()),
            "Exists" => Demand::Exists,
            "DoesNotExist" => Demand::DoesNotExist,
            other => return Err(format!("{other:?} is not a valid label selector operator")),
        };
        Ok(Requirement { key: text(expression, "key").to_owned(), demand })
    }

    fn check(&self) -> Result<(), String> {
        if let Some(complaint) = names::qualified_name(&self.key).first() {
            return Err(format!("key {:?}: {complaint}", self.key));
        }
        let values = match &self.demand {
            Demand::In(values) | Demand::NotIn(values) => values.as_slice(),
            _ => &[],
        };
        for value in values {
            if let Some(complaint) = names::label_value(value).first() {
                return Err(format!("value {value:?} of key {:?}: {complaint}", self.key));
            }
        }
        Ok(())
    }
}

impl Demand {
    fn holds(&self, found: Option<&str>) -> bool {
        let number = || found.and_then(|value| value.parse::<i64>().ok());
        match self {
            Demand::In(values) => found.is_some_and(|found| values.iter().any(|value| value == found)),
            Demand::NotIn(values) => !found.is_some_and(|found| values.iter().any(|value| value == found)),
            Demand::Exists => found.is_some(),
            Demand::DoesNotExist => found.is_none(),
            Demand::GreaterThan(bound) => number().is_some_and(|number| number > *bound),
            Demand::LessThan(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.demand {
            Demand::In(values) if values.len() == 1 => write!(f, "{key}={}", values.concat()),
            Demand::NotIn(values) if values.len() == 1 => write!(f, "{key}!={}", values.concat()),
            Demand::In(values) => write!(f, "{key} in ({})", sorted(values)),
            Demand::NotIn(values) => write!(f, "{key} notin ({})", sorted(values)),
            Demand::Exists => f.write_str(key),
            Demand::DoesNotExist => write!(f, "!{key}"),
            Demand::GreaterThan(bound) => write!(f, "{key}>{bound}"),
            Demand::LessThan(bound) => write!(f, "{key}<{bound}"),
        }
    }
}

fn sorted(values: &[String]) -> String {
    let mut values = values.to_vec();
    values.sort();
    values.join(",")
}

/// Checks a `LabelSelector` object.
pub(crate) fn validate_label_selector(selector: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let labels = selector.field("matchLabels");
    for (key, value) in labels.entries() {
        errors.extend(names::qualified_name(key).into_iter().map(|words| labels.invalid_value(key, words)));
        errors.extend(
            names::label_value(value.text())
                .into_iter()
                .map(|words| labels.invalid_value(value.text(), words)),
        );
    }
    for expression in selector.field("matchExpressions").items() {
        validate_expression(&expression, errors);
    }
}

fn validate_expression(expression: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    expression.field("key").check_text(names::qualified_name, errors);
    let (operator, values) = (expression.field("operator"), expression.field("values"));
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            errors.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors
                .push(values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => errors.push(operator.invalid("not a valid selector operator")),
    }
    for value in values.items() {
        value.check_text(names::label_value, errors);
    }
}

/// How a `LabelSelector` object or a plain map of labels is printed in a table; `<none>` if there is none.
pub(crate) fn printed(selector: &Value) -> String {
    let is_object = selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some();
    let parsed = if is_object {
        LabelSelector::from_object(selector).ok().flatten().unwrap_or_default()
    } else {
        LabelSelector::from_map(selector)
    };
    if parsed.is_everything() { "<none>".to_owned() } else { parsed.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(selector: &str, selected: &[Value], others: &[Value]) {
        let parsed = LabelSelector::parse(selector).unwrap();
        for labels in selected {
            assert!(parsed.matches(labels), "{selector}: {labels}");
        }
        for labels in others {
            assert!(!parsed.matches(labels), "{selector}: {labels}");
        }
    }

    #[test]
    fn a_selector_selects_what_upstream_selects() {
        check("", &[json!({}), Value::Null, json!({"a": "b"})], &[]);
        check("a=b", &[json!({"a": "b", "c": "d"})], &[json!({"a": "c"}), Value::Null]);
        check("a == b , c", &[json!({"a": "b", "c": ""})], &[json!({"a": "b"})]);
        check("a!=b", &[json!({"a": "c"}), json!({})], &[json!({"a": "b"})]);
        check("a in (x, y)", &[json!({"a": "x"}), json!({"a": "y"})], &[json!({"a": "z"}), json!({})]);
        check("a notin (x,y)", &[json!({"a": "z"}), json!({})], &[json!({"a": "x"})]);
        check("!a", &[json!({"b": ""})], &[json!({"a": ""})]);
        check("in in (in),notin", &[json!({"in": "in", "notin": "x"})], &[json!({"in": "in"})]);
        check("a=", &[json!({"a": ""})], &[json!({"a": "x"}), json!({})]);
        check("a in (,x)", &[json!({"a": ""}), json!({"a": "x"})], &[json!({})]);
        check("a>3,a<5", &[json!({"a": "4"})], &[json!({"a": "3"}), json!({"a": "x"}), json!({})]);
        check("app.kubernetes.io/name=web", &[json!({"app.kubernetes.io/name": "web"})], &[json!({})]);
    }

    #[test]
    fn what_is_no_selector_is_refused_with_the_place() {
        let cases = [
            ("a=b,", "found the end, expected a label"),
            ("a in x", r#"found "x", expected '('"#),
            ("a in (x", "found the end, expected ',' or ')'"),
            ("a b", r#"found "b", expected one of"#),
            ("=b", r#"found "=", expected a label"#),
            ("a>x", "must be a number"),
            ("a=-b", "a valid label must be"),
            ("a/b/c=d", "a qualified name must consist"),
        ];
        for (selector, words) in cases {
            let error = LabelSelector::parse(selector).unwrap_err().to_string();
            assert!(error.contains(words), "{selector}: {error}");
        }
    }

    #[test]
    fn a_selector_prints_as_it_is_parsed() {
        for text in ["a=b,c!=d,e in (x,y),!f", "a,b notin (x,y),c>1", ""] {
            assert_eq!(LabelSelector::parse(text).unwrap().to_string(), text);
        }
        let object =
            json!({"matchLabels": {"b": "1"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]});
        assert_eq!(LabelSelector::from_object(&object).unwrap().unwrap().to_string(), "a,b=1");
        assert_eq!(LabelSelector::from_object(&Value::Null).unwrap(), None);
        assert_eq!(printed(&object), "a,b=1");
        assert_eq!(printed(&json!({"app": "web"})), "app=web");
        assert_eq!(printed(&Value::Null), "<none>");
    }
}
