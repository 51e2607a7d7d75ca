//! Kinds by their names in a document, and the definitions that belong to them.

use bythos_schema::{Definitions, Dialect, custom_definition, definition_name};
use serde_json::{Value, json};

use crate::registry::{DEFINITIONS, Served};
use crate::state::State;

const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// A kind by group, version and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupVersionKind<'a>(pub(super) &'a str, pub(super) &'a str, pub(super) &'a str);

impl GroupVersionKind<'_> {
    /// As `x-kubernetes-group-version-kind` has it.
    pub(super) fn to_value(self) -> Value {
        json!({ "group": self.0, "version": self.1, "kind": self.2 })
    }

    /// `io.k8s.api.apps.v1.Deployment`, or the group turned round for kinds of others: `com.example.v1.Thing`.
    pub(super) fn definition(self) -> String {
        let GroupVersionKind(group, version, kind) = self;
        definition_name(group, version, kind).unwrap_or_else(|| {
            let reversed = Vec::from_iter(group.rsplit('.')).join(".");
            format!("{reversed}.{version}.{kind}")
        })
    }
}

impl Served {
    pub(super) fn group_version_kind(&self) -> GroupVersionKind<'_> {
        GroupVersionKind(&self.kind.group, &self.kind.version, &self.kind.kind)
    }

    /// Where its paths begin: `/api/v1`, `/apis/apps/v1`.
    pub(super) fn root(&self) -> String {
        let root = if self.kind.group.is_empty() { "api" } else { "apis" };
        format!("/{root}/{}", self.api_version)
    }
}

/// The definitions of a served kind, of its list, and of what its subresources take and give.
pub(super) fn of_kind(
    state: &State,
    handed_out: &mut Definitions,
    served: &Served,
    dialect: Dialect,
) -> Vec<(String, Value)> {
    let own = served.group_version_kind();
    let mut found = if served.is_custom() {
        let mut definition = custom_definition(&stored_schema(state, served).unwrap_or_default(), dialect);
        definition["x-kubernetes-group-version-kind"] = json!([own.to_value()]);
        vec![(own.definition(), definition)]
    } else {
        handed_out.of_kind(own.0, own.1, own.2)
    };
    for subresource in crate::discovery::doors(served).filter(|door| !door.connects()) {
        if let Some((group, version, kind)) = subresource.kind {
            found.extend(handed_out.of_kind(group, version, kind));
        }
    }
    if served.kind.stored {
        found.push(list_of(served, dialect));
    }
    found
}

/// The schema of a custom kind as its definition has it, with all that is said there.
fn stored_schema(state: &State, served: &Served) -> Option<Value> {
    let name = format!("{}.{}", served.kind.plural, served.kind.group);
    let key = bythos_store::Key { resource: DEFINITIONS.into(), namespace: "".into(), name: name.into() };
    let mut definition: Value = serde_json::from_slice(&state.store.get(&key)?.value).ok()?;
    let versions = definition.pointer_mut("/spec/versions")?.as_array_mut()?;
    let version = versions.iter_mut().find(|version| version["name"] == served.kind.version.as_ref())?;
    version.pointer_mut("/schema/openAPIV3Schema").map(Value::take)
}

fn list_of(served: &Served, dialect: Dialect) -> (String, Value) {
    let GroupVersionKind(group, version, kind) = served.group_version_kind();
    let name = format!("{}List", served.group_version_kind().definition());
    let text = |description: &str| json!({ "type": "string", "description": description });
    let definition = json!({
        "description": format!("Objects of kind {kind}."),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": text("Group and version of the schema in which this list is written."),
            "items": {
                "description": "The objects.",
                "type": "array",
                "items": dialect.reference(&served.group_version_kind().definition()),
            },
            "kind": text("Kind of the list."),
            "metadata": dialect.reference(LIST_META),
        },
        "x-kubernetes-group-version-kind":
            [GroupVersionKind(group, version, &served.list_kind).to_value()],
    });
    (name, definition)
}
