//! The paths of a kind, and what can be done at each.

use bythos_schema::Dialect;
use serde_json::{Map, Value, json};

use super::definitions::GroupVersionKind;
use super::parameters::{DELETE, DELETE_COLLECTION, LIST, PATCH, READ, WRITE, referred, written_out};
use crate::registry::Served;

const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
const PATCH_BODY: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
const WATCH_EVENT: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent";

const WRITTEN: &[&str] = &["application/json", "application/yaml"];
const READ_TYPES: &[&str] = &["application/json", "application/yaml"];
const WATCHED: &[&str] = &["application/json", "application/yaml", "application/json;stream=watch"];
/// A custom kind knows no strategic merge: clients choose their patch by what stands here.
const CUSTOM_PATCH_TYPES: &[&str] =
    &["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
const PATCH_TYPES: &[&str] = &[
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// One operation, before it is written in a dialect.
struct Operation<'a> {
    method: &'static str,
    /// `x-kubernetes-action`
    action: &'static str,
    /// Unique in the document.
    id: String,
    description: String,
    parameters: &'static [&'static str],
    body: Option<Body>,
    produces: &'static [&'static str],
    /// Status codes of success, and the definition that they come with.
    success: &'static [u16],
    answer: String,
    kind: GroupVersionKind<'a>,
}

struct Body {
    definition: String,
    is_required: bool,
    types: &'static [&'static str],
}

/// All paths of a kind with what is there, as members of the document's `paths`.
pub(super) fn paths(served: &Served, dialect: Dialect) -> Vec<(String, Value)> {
    let kind = KindPaths { served, dialect };
    let mut paths = if served.kind.stored { kind.of_stored() } else { vec![kind.of_answered()] };
    paths.extend(kind.of_subresources());
    paths
}

struct KindPaths<'a> {
    served: &'a Served,
    dialect: Dialect,
}

impl KindPaths<'_> {
    fn place(&self) -> &'static str {
        if self.served.kind.namespaced { "/namespaces/{namespace}" } else { "" }
    }

    /// `/apis/apps/v1/namespaces/{namespace}/deployments`
    fn collection(&self) -> String {
        format!("{}{}/{}", self.served.root(), self.place(), self.served.kind.plural)
    }

    fn of_answered(&self) -> (String, Value) {
        (self.collection(), self.item(&[], vec![self.create()]))
    }

    fn of_stored(&self) -> Vec<(String, Value)> {
        let Served { kind, .. } = self.served;
        let collection = vec![self.list(""), self.create(), self.delete_collection()];
        let object = vec![self.get("", None), self.replace("", None), self.patch("", None), self.delete()];
        let mut paths = vec![
            (self.collection(), self.item(&[], collection)),
            (format!("{}/{{name}}", self.collection()), self.item(&["name"], object)),
        ];
        if kind.namespaced {
            let everywhere = format!("{}/{}", self.served.root(), kind.plural);
            let list = self.list("ForAllNamespaces");
            paths.push((everywhere, self.item_of(&[], vec![list])));
        }
        if !self.served.is_custom() {
            paths.extend(self.legacy_watches());
        }
        paths
    }

    /// `/api/v1/watch/...`: deprecated upstream, and served still.
    fn legacy_watches(&self) -> Vec<(String, Value)> {
        let Served { kind, .. } = self.served;
        let root = format!("{}/watch", self.served.root());
        let collection = format!("{root}{}/{}", self.place(), kind.plural);
        let one = self.watch("watch", "watch", "");
        let mut paths = vec![
            (format!("{collection}/{{name}}"), self.item(&["name"], vec![one])),
            (collection, self.item(&[], vec![self.watch("watchlist", "watch", "List")])),
        ];
        if kind.namespaced {
            let all = self.watch("watchlist", "watch", "ListForAllNamespaces");
            paths.push((format!("{root}/{}", kind.plural), self.item_of(&[], vec![all])));
        }
        paths
    }

    fn of_subresources(&self) -> Vec<(String, Value)> {
        let doors = crate::discovery::doors(self.served).filter(|door| !door.connects());
        let paths = doors.map(|door| {
            let kind = door.kind.map(|(group, version, kind)| GroupVersionKind(group, version, kind));
            let suffix = capitalized(door.path);
            let operations = door.verbs.iter().filter_map(|verb| match *verb {
                "get" => Some(self.get(&suffix, kind)),
                "update" => Some(self.replace(&suffix, kind)),
                "patch" => Some(self.patch(&suffix, kind)),
                "create" => Some(self.create_through(&suffix, kind)),
                _ => None,
            });
            let path = format!("{}/{{name}}/{}", self.collection(), door.path);
            (path, self.item(&["name"], operations.collect()))
        });
        paths.collect()
    }

    /// A path item below the namespace, if the kind is in one.
    fn item(&self, parameters: &[&str], operations: Vec<Operation<'_>>) -> Value {
        let namespace: &[&str] = if self.served.kind.namespaced { &["namespace"] } else { &[] };
        self.item_of(&[parameters, namespace].concat(), operations)
    }

    fn item_of(&self, parameters: &[&str], operations: Vec<Operation<'_>>) -> Value {
        let mut item: Map<String, Value> = operations
            .into_iter()
            .map(|operation| (operation.method.to_owned(), self.write(&operation)))
            .collect();
        if !parameters.is_empty() {
            item.insert("parameters".to_owned(), json!(referred(parameters, self.dialect)));
        }
        Value::Object(item)
    }

    /// `readAppsV1NamespacedDeploymentScale`
    fn id(&self, action: &str, before: &str, suffix: &str) -> String {
        let Served { kind, .. } = self.served;
        let is_everywhere = suffix.ends_with("ForAllNamespaces");
        let scope = if kind.namespaced && !is_everywhere { "Namespaced" } else { "" };
        format!("{action}{}{before}{scope}{}{suffix}", self.group_version(), kind.kind)
    }

    /// `AppsV1`
    fn group_version(&self) -> String {
        let Served { kind, .. } = self.served;
        let group = if kind.group.is_empty() { "core" } else { kind.group.trim_end_matches(".k8s.io") };
        let group: String = group.split('.').map(capitalized).collect();
        format!("{group}{}", capitalized(&kind.version))
    }

    fn operation(&self, method: &'static str, action: &'static str, id: String) -> Operation<'_> {
        let kind = self.served.group_version_kind();
        Operation {
            method,
            action,
            id,
            description: String::new(),
            parameters: READ,
            body: None,
            produces: READ_TYPES,
            success: &[200],
            answer: kind.definition(),
            kind,
        }
    }

    /// An operation on a subresource speaks of its own kind, if it has one.
    fn of<'a>(mut operation: Operation<'a>, kind: Option<GroupVersionKind<'a>>) -> Operation<'a> {
        if let Some(kind) = kind {
            operation.answer = kind.definition();
            operation.kind = kind;
        }
        operation
    }

    fn get<'a>(&'a self, suffix: &str, kind: Option<GroupVersionKind<'a>>) -> Operation<'a> {
        let operation = self.operation("get", "get", self.id("read", "", suffix));
        let description = self.described("Read", suffix);
        Self::of(Operation { description, ..operation }, kind)
    }

    fn replace<'a>(&'a self, suffix: &str, kind: Option<GroupVersionKind<'a>>) -> Operation<'a> {
        let operation = Self::of(self.operation("put", "put", self.id("replace", "", suffix)), kind);
        let description = self.described("Replace", suffix);
        let body = Some(Body { definition: operation.answer.clone(), is_required: true, types: WRITTEN });
        Operation { description, parameters: WRITE, body, success: &[200, 201], ..operation }
    }

    fn patch<'a>(&'a self, suffix: &str, kind: Option<GroupVersionKind<'a>>) -> Operation<'a> {
        let operation = Self::of(self.operation("patch", "patch", self.id("patch", "", suffix)), kind);
        let description = self.described("Change parts of", suffix);
        let types = if self.served.is_custom() { CUSTOM_PATCH_TYPES } else { PATCH_TYPES };
        let body = Some(Body { definition: PATCH_BODY.to_owned(), is_required: true, types });
        Operation { description, parameters: PATCH, body, success: &[200, 201], ..operation }
    }

    fn create(&self) -> Operation<'_> {
        self.create_through("", None)
    }

    fn create_through<'a>(&'a self, suffix: &str, kind: Option<GroupVersionKind<'a>>) -> Operation<'a> {
        let operation = Self::of(self.operation("post", "post", self.id("create", "", suffix)), kind);
        let description = self.described("Create", suffix);
        let body = Some(Body { definition: operation.answer.clone(), is_required: true, types: WRITTEN });
        Operation { description, parameters: WRITE, body, success: &[200, 201, 202], ..operation }
    }

    fn delete(&self) -> Operation<'_> {
        let operation = self.operation("delete", "delete", self.id("delete", "", ""));
        let description = self.described("Delete", "");
        let (success, answer) = (&[200, 202], STATUS.to_owned());
        Operation { description, parameters: DELETE, body: delete_options(), success, answer, ..operation }
    }

    fn delete_collection(&self) -> Operation<'_> {
        let id = self.id("delete", "Collection", "");
        let operation = self.operation("delete", "deletecollection", id);
        let description = self.described("Delete all selected", "");
        let (parameters, body) = (DELETE_COLLECTION, delete_options());
        Operation { description, parameters, body, answer: STATUS.to_owned(), ..operation }
    }

    fn list(&self, suffix: &str) -> Operation<'_> {
        let operation = self.operation("get", "list", self.id("list", "", suffix));
        let answer = format!("{}List", operation.answer);
        let description = self.described("List or watch", "");
        Operation { description, parameters: LIST, produces: WATCHED, answer, ..operation }
    }

    fn watch(&self, action: &'static str, verb: &str, suffix: &str) -> Operation<'_> {
        let operation = self.operation("get", action, self.id(verb, "", suffix));
        let description = self.described("Watch", "");
        let answer = WATCH_EVENT.to_owned();
        Operation { description, parameters: LIST, produces: WATCHED, answer, ..operation }
    }

    fn described(&self, what: &str, subresource: &str) -> String {
        let kind = &self.served.kind.kind;
        match subresource {
            "" => format!("{what} {kind}"),
            subresource => format!("{what} {} of {kind}", subresource.to_lowercase()),
        }
    }

    fn write(&self, operation: &Operation<'_>) -> Value {
        // Clients look for `dryRun` and `fieldValidation` in what is written out at a patch.
        let parameters = if operation.method == "patch" {
            written_out(operation.parameters, self.dialect)
        } else {
            referred(operation.parameters, self.dialect)
        };
        let mut value = json!({
            "description": operation.description,
            "operationId": operation.id,
            "parameters": parameters,
            "responses": self.responses(operation),
            "tags": [self.tag()],
            "x-kubernetes-action": operation.action,
            "x-kubernetes-group-version-kind": operation.kind.to_value(),
        });
        match self.dialect {
            Dialect::V2 => {
                value["consumes"] = json!(operation.body.as_ref().map_or(&["*/*"][..], |body| body.types));
                value["produces"] = json!(operation.produces);
                value["schemes"] = json!(["https"]);
            }
            Dialect::V3 => {}
        }
        if let Some(body) = &operation.body {
            self.add_body(&mut value, body);
        }
        value
    }

    fn add_body(&self, operation: &mut Value, body: &Body) {
        let schema = self.dialect.reference(&body.definition);
        match (self.dialect, operation["parameters"].as_array_mut()) {
            (Dialect::V2, Some(parameters)) => parameters.push(
                json!({ "in": "body", "name": "body", "required": body.is_required, "schema": schema }),
            ),
            _ => {
                let content: Map<String, Value> = body
                    .types
                    .iter()
                    .map(|type_| ((*type_).to_owned(), json!({ "schema": schema })))
                    .collect();
                operation["requestBody"] = json!({ "content": content, "required": body.is_required });
            }
        }
    }

    fn responses(&self, operation: &Operation<'_>) -> Value {
        let schema = self.dialect.reference(&operation.answer);
        let success = match self.dialect {
            Dialect::V2 => json!({ "description": "OK", "schema": schema }),
            Dialect::V3 => {
                let content: Map<String, Value> = operation
                    .produces
                    .iter()
                    .map(|type_| ((*type_).to_owned(), json!({ "schema": schema })))
                    .collect();
                json!({ "description": "OK", "content": content })
            }
        };
        let mut responses: Map<String, Value> =
            operation.success.iter().map(|code| (code.to_string(), success.clone())).collect();
        responses.insert("401".to_owned(), json!({ "description": "Unauthorized" }));
        Value::Object(responses)
    }

    /// `apps_v1`
    fn tag(&self) -> String {
        let Served { kind, .. } = self.served;
        let group = if kind.group.is_empty() { "core" } else { kind.group.trim_end_matches(".k8s.io") };
        format!("{}_{}", group.replace('.', "_"), kind.version)
    }
}

fn delete_options() -> Option<Body> {
    Some(Body { definition: DELETE_OPTIONS.to_owned(), is_required: false, types: WRITTEN })
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
