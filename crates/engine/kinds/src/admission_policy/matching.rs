//! Which requests a policy or a binding is about: `MatchResources`.

use serde_json::{Value, json};

use crate::LabelSelector;
use crate::fields::{at, items, text};

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub enum AdmissionOperation {
    Create,
    Update,
    Delete,
}

impl AdmissionOperation {
    /// As in `AdmissionRequest.operation`.
    pub fn name(self) -> &'static str {
        match self {
            AdmissionOperation::Create => "CREATE",
            AdmissionOperation::Update => "UPDATE",
            AdmissionOperation::Delete => "DELETE",
        }
    }
}

/// A request, as far as it decides who is about it.
#[derive(Clone, Copy)]
pub struct Matched<'a> {
    /// What is done.
    pub operation: AdmissionOperation,
    /// API group; empty for the core group.
    pub group: &'a str,
    /// The version that is asked for, and others in which the resource is served.
    pub versions: &'a [&'a str],
    /// Plural.
    pub resource: &'a str,
    /// Empty for the object itself.
    pub subresource: &'a str,
    /// Name of the object.
    pub name: &'a str,
    /// Whether it lives in a namespace.
    pub is_namespaced: bool,
    /// The namespace of the object; the object itself if it is a namespace.
    pub namespace: Option<&'a Value>,
    /// The new state.
    pub object: Option<&'a Value>,
    /// The state before.
    pub old_object: Option<&'a Value>,
}

/// Rules and selectors. Without rules everything that the selectors select is meant.
#[derive(Debug, Default)]
pub struct MatchResources {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    namespaces: LabelSelector,
    objects: LabelSelector,
    /// `matchPolicy: Equivalent`: other versions of the same resource count.
    takes_equivalents: bool,
}

#[derive(Debug)]
struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    names: Vec<String>,
    scope: String,
}

impl MatchResources {
    /// Reads `MatchResources`; `null` means everything.
    ///
    /// # Errors
    /// A selector makes no sense.
    pub fn parse(resources: &Value) -> Result<MatchResources, String> {
        let selector = |field: &str| match at(resources, field) {
            Value::Null => LabelSelector::from_object(&json!({})),
            written => LabelSelector::from_object(written),
        };
        let selector = |field: &str| {
            selector(field).map(Option::unwrap_or_default).map_err(|error| format!("{field}: {error}"))
        };
        Ok(MatchResources {
            rules: items(resources, "resourceRules").iter().map(Rule::parse).collect(),
            excluded: items(resources, "excludeResourceRules").iter().map(Rule::parse).collect(),
            namespaces: selector("namespaceSelector")?,
            objects: selector("objectSelector")?,
            takes_equivalents: text(resources, "matchPolicy") != "Exact",
        })
    }

    /// Whether a request is meant.
    pub fn matches(&self, request: &Matched<'_>) -> bool {
        let rules = |rules: &[Rule]| rules.iter().any(|rule| rule.matches(request, self.takes_equivalents));
        self.selects(request) && !rules(&self.excluded) && (self.rules.is_empty() || rules(&self.rules))
    }

    fn selects(&self, request: &Matched<'_>) -> bool {
        let labels = |object: &Value| self.objects.matches(at(object, "metadata.labels"));
        let objects = [request.object, request.old_object];
        let by_object = self.objects.is_everything() || objects.into_iter().flatten().any(labels);
        // What lives in no namespace is always meant.
        let by_namespace = request
            .namespace
            .is_none_or(|namespace| self.namespaces.matches(at(namespace, "metadata.labels")));
        by_object && by_namespace
    }
}

impl Rule {
    fn parse(rule: &Value) -> Rule {
        let texts = |field: &str| {
            items(rule, field).iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<String>>()
        };
        Rule {
            operations: texts("operations"),
            groups: texts("apiGroups"),
            versions: texts("apiVersions"),
            resources: texts("resources"),
            names: texts("resourceNames"),
            scope: text(rule, "scope").to_owned(),
        }
    }

    fn matches(&self, request: &Matched<'_>, takes_equivalents: bool) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|known| known == "*" || known == wanted);
        let versions =
            if takes_equivalents { request.versions } else { request.versions.get(..1).unwrap_or_default() };
        let scope_fits = match self.scope.as_str() {
            "Namespaced" => request.is_namespaced,
            "Cluster" => !request.is_namespaced,
            _ => true,
        };
        has(&self.operations, request.operation.name())
            && has(&self.groups, request.group)
            && versions.iter().any(|version| has(&self.versions, version))
            && self.resources.iter().any(|resource| names_resource(resource, request))
            && scope_fits
            && (self.names.is_empty() || self.names.iter().any(|name| name == request.name))
    }
}

/// `pods`, `pods/status`, `*`, `*/scale`, `pods/*`, `*/*`
fn names_resource(written: &str, request: &Matched<'_>) -> bool {
    let (resource, subresource) = written.split_once('/').unwrap_or((written, ""));
    let is = |written: &str, found: &str| written == "*" || written == found;
    is(resource, request.resource) && is(subresource, request.subresource)
}
