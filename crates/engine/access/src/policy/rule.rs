//! One rule of a role, matched as upstream's `pkg/apis/rbac/v1` evaluation helpers do.

use serde_json::{Map, Value, json};

use crate::Request;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rule {
    verbs: Vec<String>,
    groups: Vec<String>,
    resources: Vec<String>,
    resource_names: Vec<String>,
    paths: Vec<String>,
}

impl Rule {
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(rule: &Value) -> Result<Rule, String> {
        let Value::Object(fields) = rule else { return Err(format!("a rule is not an object: {rule}")) };
        Ok(Rule {
            verbs: strings(fields, "verbs")?,
            groups: strings(fields, "apiGroups")?,
            resources: strings(fields, "resources")?,
            resource_names: strings(fields, "resourceNames")?,
            paths: strings(fields, "nonResourceURLs")?,
        })
    }

    pub(super) fn to_value(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("verbs".to_owned(), json!(self.verbs));
        let others = [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.resource_names),
            ("nonResourceURLs", &self.paths),
        ];
        for (name, values) in others.into_iter().filter(|(_, values)| !values.is_empty()) {
            fields.insert(name.to_owned(), json!(values));
        }
        Value::Object(fields)
    }

    pub(super) fn allows(&self, request: &Request<'_>) -> bool {
        match request {
            Request::Resource { verb, group, resource, subresource, name, .. } => {
                holds(&self.verbs, verb)
                    && holds(&self.groups, group)
                    && self.holds_resource(resource, subresource)
                    && (self.resource_names.is_empty()
                        || self.resource_names.iter().any(|known| known == name))
            }
            Request::Path { verb, path } => {
                holds(&self.verbs, verb) && self.paths.iter().any(|pattern| path_matches(pattern, path))
            }
        }
    }

    fn holds_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|known| match known.split_once('/') {
            None => known == "*" || (subresource.is_empty() && known == resource),
            Some((of, sub)) => !subresource.is_empty() && sub == subresource && (of == "*" || of == resource),
        })
    }
}

fn holds(known: &[String], wanted: &str) -> bool {
    known.iter().any(|known| known == "*" || known == wanted)
}

fn path_matches(pattern: &str, path: &str) -> bool {
    pattern == path || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}

fn strings(fields: &Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| format!("{name} holds {item}, which is no string"))
            })
            .collect(),
        Some(other) => Err(format!("{name} is {other}, which is no list of strings")),
    }
}
