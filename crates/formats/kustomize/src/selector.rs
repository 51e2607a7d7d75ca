//! Which objects a patch applies to.

use regex::{Regex, RegexBuilder};

use crate::Error;
use crate::reader::Reader;
use crate::resource::Resource;

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
        let selector = Selector {
            group: reader.text("group")?,
            version: reader.text("version")?,
            kind: reader.text("kind")?,
            namespace: reader.text("namespace")?,
            name: reader.text("name")?,
            annotation_selector: reader.text("annotationSelector")?,
            label_selector: reader.text("labelSelector")?,
        };
        reader.finish()?;
        Ok(selector)
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

fn anchored(text: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(&format!("^(?:{text})$"));
    let compiled = builder.size_limit(1 << 20).build();
    compiled.map_err(|error| format!("{text:?} is not a regular expression: {error}"))
}

/// A selector that is ready to be held against objects.
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
    pub(crate) fn selects(&self, resource: &Resource) -> bool {
        let holds = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|it| it.is_match(text));
        let any_name = resource.identities().any(|identity| holds(&self.name, &identity.name));
        let any_namespace = resource.identities().any(|identity| {
            holds(&self.namespace, &identity.namespace)
                || identity.namespace.is_empty() && holds(&self.namespace, "default")
        });
        let meta = |field: &str, key: &str| resource.metadata_text(field, key);
        holds(&self.group, resource.group())
            && holds(&self.version, resource.version())
            && holds(&self.kind, resource.kind())
            && any_name
            && any_namespace
            && self.labels.iter().all(|term| term.holds(|key| meta("labels", key)))
            && self.annotations.iter().all(|term| term.holds(|key| meta("annotations", key)))
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
    fn holds<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        match self {
            Term::Exists(key) => value_of(key).is_some(),
            Term::Absent(key) => value_of(key).is_none(),
            Term::In(key, values) => value_of(key).is_some_and(|value| values.iter().any(|it| it == value)),
            Term::NotIn(key, values) => value_of(key).is_none_or(|value| values.iter().all(|it| it != value)),
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
        let value_of = |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
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
