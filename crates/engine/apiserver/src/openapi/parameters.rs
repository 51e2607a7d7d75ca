//! What can be said behind the `?` and in the path of a request.

use bythos_schema::Dialect;
use serde_json::{Value, json};

/// One parameter.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    place: Place,
    type_: &'static str,
    description: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
}

const fn query(name: &'static str, type_: &'static str, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, type_, description }
}

const fn path(name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Path, type_: "string", description }
}

/// All parameters that there are.
pub(super) const ALL: &[Parameter] = &[
    path("name", "Name of the object."),
    path("namespace", "Namespace of the object, such as for teams and projects."),
    query(
        "allowWatchBookmarks",
        "boolean",
        "Whether a watch tells now and then how far it has come (BOOKMARK).",
    ),
    query(
        "continue",
        "string",
        "Where the next page of a list begins: metadata.continue of the page before.",
    ),
    query("dryRun", "string", "\"All\" to do everything but keep the outcome."),
    query("fieldManager", "string", "Under which name the fields that this request sets are owned."),
    query("fieldSelector", "string", "Only objects with these fields, for example status.phase=Running."),
    query(
        "fieldValidation",
        "string",
        "What to do about fields that are unknown or given twice: Ignore, Warn (the default) or Strict.",
    ),
    query("force", "boolean", "Whether an apply takes fields from those who own them."),
    query("gracePeriodSeconds", "integer", "How long the object may take to end; 0 for at once."),
    query("labelSelector", "string", "Only objects with these labels, for example app=web,tier!=cache."),
    query("limit", "integer", "Most objects of one answer; the rest follows by continue."),
    query("orphanDependents", "boolean", "Deprecated: use propagationPolicy."),
    query("pretty", "string", "Whether the answer is indented."),
    query(
        "propagationPolicy",
        "string",
        "What becomes of what the object owns: Orphan, Background or Foreground.",
    ),
    query("resourceVersion", "string", "Which state is read; see resourceVersionMatch."),
    query("resourceVersionMatch", "string", "How resourceVersion binds: NotOlderThan or Exact."),
    query(
        "sendInitialEvents",
        "boolean",
        "Whether a watch begins with what is there; needs resourceVersionMatch=NotOlderThan.",
    ),
    query("timeoutSeconds", "integer", "After how long a list or a watch ends."),
    query("watch", "boolean", "Whether changes follow, as a stream of events."),
];

pub(super) const READ: &[&str] = &["pretty"];
pub(super) const LIST: &[&str] = &[
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "pretty",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
];
pub(super) const WRITE: &[&str] = &["dryRun", "fieldManager", "fieldValidation", "pretty"];
pub(super) const PATCH: &[&str] = &["dryRun", "fieldManager", "fieldValidation", "force", "pretty"];
pub(super) const DELETE: &[&str] =
    &["dryRun", "gracePeriodSeconds", "orphanDependents", "pretty", "propagationPolicy"];
pub(super) const DELETE_COLLECTION: &[&str] = &[
    "continue",
    "dryRun",
    "fieldSelector",
    "gracePeriodSeconds",
    "labelSelector",
    "limit",
    "orphanDependents",
    "pretty",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
];

/// Parameters written out: clients find out by those of a patch what the server can do.
pub(super) fn written_out(names: &[&str], dialect: Dialect) -> Vec<Value> {
    let found = names.iter().filter_map(|name| ALL.iter().find(|parameter| parameter.name == *name));
    found.map(|parameter| parameter.to_value(dialect)).collect()
}

/// References to parameters, which stand once in the document.
pub(super) fn referred(names: &[&str], dialect: Dialect) -> Vec<Value> {
    let place = match dialect {
        Dialect::V2 => "#/parameters/",
        Dialect::V3 => "#/components/parameters/",
    };
    names.iter().map(|name| json!({ "$ref": format!("{place}{name}") })).collect()
}

impl Parameter {
    pub(super) fn to_value(&self, dialect: Dialect) -> Value {
        let place = match self.place {
            Place::Path => "path",
            Place::Query => "query",
        };
        let mut value = json!({ "name": self.name, "in": place, "description": self.description });
        if self.place == Place::Path {
            value["required"] = json!(true);
        }
        match dialect {
            Dialect::V2 => {
                value["type"] = json!(self.type_);
                value["uniqueItems"] = json!(true);
            }
            Dialect::V3 => value["schema"] = json!({ "type": self.type_, "uniqueItems": true }),
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_an_operation_is_described() {
        for names in [READ, LIST, WRITE, PATCH, DELETE, DELETE_COLLECTION, &["name", "namespace"]] {
            assert_eq!(written_out(names, Dialect::V2).len(), names.len(), "{names:?}");
        }
    }
}
