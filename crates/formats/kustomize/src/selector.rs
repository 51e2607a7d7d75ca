//! Which objects a patch applies to.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::Error;
use crate::reader::Reader;
use crate::resource::{Resource, effective};

/// Selects objects. What is given must match: `group`, `version`, `kind`, `name` and `namespace` as regular
/// expressions that hold for the whole text, the others as Kubernetes selectors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the fields that they are held against")]
pub struct Selector {
    pub group: Option<String>,
    pub version: Option<String>,
    pub kind: Option<String>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub annotation_selector: Option<String>,
    pub label_selector: Option<String>,
}

impl Selector {
    pub(crate) fn read(reader: Reader<'_>) -> Result<Selector, Error> {
        let selector = Selector::read_from(&reader)?;
        reader.finish()?;
        Ok(selector)
    }

    /// Reads it out of a map that holds other fields too.
    pub(crate) fn read_from(reader: &Reader<'_>) -> Result<Selector, Error> {
        Ok(Selector {
            group: reader.text("group")?,
            version: reader.text("version")?,
            kind: reader.text("kind")?,
            namespace: reader.text("namespace")?,
            name: reader.text("name")?,
            annotation_selector: reader.text("annotationSelector")?,
            label_selector: reader.text("labelSelector")?,
        })
    }

    /// The selector, ready to be held against objects as they stand.
    ///
    /// # Errors
    /// The name of the malformed field and why.
    pub fn matcher(&self) -> Result<Matcher, String> {
        self.compile().map(Matcher).map_err(|(field, message)| format!("{field}: {message}"))
    }

    /// Compiles it; the error is the name of the malformed field and why.
    pub(crate) fn compile(&self) -> Result<Compiled, (&'static str, String)> {
        let pattern = |name: &'static str, text: &Option<String>| match text {
            Some(text) => anchored(text).map(Some).map_err(|message| (name, message)),
            None => Ok(None),
        };
        let terms = |name: &'static str, text: &Option<String>| {
            parse_terms(text.as_deref().unwrap_or_default()).map_err(|message| (name, message))
        };
        Ok(Compiled {
            group: pattern("group", &self.group)?,
            version: pattern("version", &self.version)?,
            kind: pattern("kind", &self.kind)?,
            namespace: pattern("namespace", &self.namespace)?,
            name: pattern("name", &self.name)?,
            annotations: terms("annotationSelector", &self.annotation_selector)?,
            labels: terms("labelSelector", &self.label_selector)?,
        })
    }
}

/// A [`Selector`] for objects outside of a build.
#[derive(Debug)]
pub struct Matcher(Compiled);

impl Matcher {
    /// Whether the object is meant.
    pub fn selects(&self, object: &Value) -> bool {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let mark = |field: &str, key: &str| object["metadata"][field].get(key)?.as_str().map(str::to_owned);
        let api_version = text("/apiVersion");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let holds = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|it| it.is_match(text));
        holds(&self.0.group, group)
            && holds(&self.0.version, version)
            && holds(&self.0.kind, text("/kind"))
            && holds(&self.0.namespace, text("/metadata/namespace"))
            && holds(&self.0.name, text("/metadata/name"))
            && self.0.labels.iter().all(|term| term.holds(|key| mark("labels", key)))
            && self.0.annotations.iter().all(|term| term.holds(|key| mark("annotations", key)))
    }
}

fn anchored(text: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(&format!("^(?:{text})$"));
    let compiled = builder.size_limit(1 << 20).build();
    compiled.map_err(|error| format!("{text:?} is not a regular expression: {error}"))
}

/// A selector that is ready to be held against objects.
#[derive(Debug)]
pub(crate) struct Compiled {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    namespace: Option<Regex>,
    name: Option<Regex>,
    annotations: Vec<Term>,
    labels: Vec<Term>,
}

impl Compiled {
    /// As patches select: by the first and by today's name.
    pub(crate) fn selects(&self, resource: &Resource) -> bool {
        let holds = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|it| it.is_match(text));
        let (original, current) = (resource.original(), resource.identity());
        let either =
            |pattern: &Option<Regex>, one: &str, other: &str| holds(pattern, one) || holds(pattern, other);
        holds(&self.group, resource.group())
            && holds(&self.version, resource.version())
            && holds(&self.kind, resource.kind())
            && either(&self.name, &original.name, &current.name)
            && either(&self.namespace, &original.namespace, &current.namespace)
            && self.marks_hold(resource)
    }

    /// Whether labels and annotations are as selected.
    pub(crate) fn marks_hold(&self, resource: &Resource) -> bool {
        let meta = |field: &str, key: &str| resource.metadata_text(field, key);
        self.labels.iter().all(|term| term.holds(|key| meta("labels", key)))
            && self.annotations.iter().all(|term| term.holds(|key| meta("annotations", key)))
    }
}

impl Selector {
    /// As replacements select: by the texts themselves, of today and of every time before.
    pub(crate) fn names(&self, resource: &Resource) -> bool {
        let holds = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|it| it == found);
        // kustomize takes today's namespace as it is written, of kinds that have none too.
        let today = effective(resource.namespace());
        let in_namespace = |found: &str| self.namespace.as_deref().is_none_or(|it| effective(it) == found);
        let is = |kind: &str, name: &str, namespace: &str| {
            holds(&self.kind, kind) && holds(&self.name, name) && in_namespace(namespace)
        };
        holds(&self.group, resource.group())
            && holds(&self.version, resource.version())
            && (is(resource.kind(), resource.name(), today)
                || resource.previous.iter().any(|it| is(&it.kind, &it.name, &it.namespace)))
    }

    /// Whether it names nothing, and at most asks for labels and annotations.
    pub(crate) fn names_nothing(&self) -> bool {
        [&self.group, &self.version, &self.kind, &self.namespace, &self.name].iter().all(|it| it.is_none())
    }

    /// Whether it asks for labels or annotations.
    pub(crate) fn asks_for_marks(&self) -> bool {
        self.annotation_selector.is_some() || self.label_selector.is_some()
    }
}

/// One requirement of a Kubernetes label selector.
#[derive(Debug, PartialEq, Eq)]
enum Term {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

impl Term {
    fn holds(&self, value_of: impl Fn(&str) -> Option<String>) -> bool {
        match self {
            Term::Exists(key) => value_of(key).is_some(),
            Term::Absent(key) => value_of(key).is_none(),
            Term::In(key, values) => value_of(key).is_some_and(|value| values.contains(&value)),
            Term::NotIn(key, values) => value_of(key).is_none_or(|value| !values.contains(&value)),
        }
    }
}

fn parse_terms(text: &str) -> Result<Vec<Term>, String> {
    split_outside_brackets(text).into_iter().filter(|term| !term.is_empty()).map(parse_term).collect()
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let mut inside = false;
    text.split(move |character| {
        match character {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        character == ',' && !inside
    })
    .map(str::trim)
    .collect()
}

fn parse_term(term: &str) -> Result<Term, String> {
    let refused =
        || format!("{term:?} is not a requirement such as \"a=b\", \"a in (b,c)\", \"a\" or \"!a\"");
    let key = |text: &str| {
        let text = text.trim();
        let good =
            !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || "-_./".contains(it));
        if good { Ok(text.to_owned()) } else { Err(refused()) }
    };
    let values = |list: &str| -> Result<Vec<String>, String> {
        let inner =
            list.trim().strip_prefix('(').and_then(|list| list.strip_suffix(')')).ok_or_else(refused)?;
        Ok(inner.split(',').map(|value| value.trim().to_owned()).collect())
    };
    if let Some((name, value)) = term.split_once("!=") {
        return Ok(Term::NotIn(key(name)?, vec![value.trim().to_owned()]));
    }
    if let Some((name, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return Ok(Term::In(key(name)?, vec![value.trim().to_owned()]));
    }
    if let Some((name, list)) = term.split_once(" notin ") {
        return Ok(Term::NotIn(key(name)?, values(list)?));
    }
    if let Some((name, list)) = term.split_once(" in ") {
        return Ok(Term::In(key(name)?, values(list)?));
    }
    match term.strip_prefix('!') {
        Some(name) => Ok(Term::Absent(key(name)?)),
        None => Ok(Term::Exists(key(term)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(selector: &str, expected: bool) {
        let labels = [("app", "web"), ("tier", "front")];
        let value_of =
            |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
        let terms = parse_terms(selector).unwrap();
        assert_eq!(terms.iter().all(|term| term.holds(value_of)), expected, "{selector}");
    }

    #[test]
    fn label_selectors_are_those_of_kubernetes() {
        check("", true);
        check("app=web", true);
        check("app==web,tier=front", true);
        check("app=web,tier=back", false);
        check("app!=api", true);
        check("none!=x", true);
        check("app in (api, web),tier", true);
        check("app notin (api,web)", false);
        check("!none", true);
        check("!app", false);
    }

    #[test]
    fn a_malformed_selector_is_refused_with_its_text() {
        let selector = Selector { label_selector: Some("a b".to_owned()), ..Selector::default() };
        let (field, message) = selector.compile().err().unwrap();
        assert_eq!(field, "labelSelector");
        assert!(message.contains("\"a b\""), "{message}");
    }
}
