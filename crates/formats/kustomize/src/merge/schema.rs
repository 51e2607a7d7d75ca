//! What is known of a value while it is merged: from Kubernetes' own kinds, or from a file of definitions.

use std::collections::BTreeMap;

use bythos_schema::{ListType, PatchStrategy, Schema};
use serde_json::Value;

/// OpenAPI definitions of a source, and which kinds they describe.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    all: Value,
    by_kind: BTreeMap<(String, String, String), String>,
}

impl Definitions {
    /// Of a document of OpenAPI version 2.
    pub(crate) fn of(mut document: Value) -> Definitions {
        const KINDS: &str = "x-kubernetes-group-version-kind";
        let all = document.get_mut("definitions").map(Value::take).unwrap_or_default();
        let mut by_kind = BTreeMap::new();
        for (name, definition) in all.as_object().into_iter().flatten() {
            for gvk in definition[KINDS].as_array().into_iter().flatten() {
                let text = |field: &str| gvk[field].as_str().unwrap_or_default().to_owned();
                by_kind.insert((text("group"), text("version"), text("kind")), name.clone());
            }
        }
        Definitions { all, by_kind }
    }

    /// What is known of a kind.
    pub(crate) fn shape(&self, group: &str, version: &str, kind: &str) -> Shape<'_> {
        let key = (group.to_owned(), version.to_owned(), kind.to_owned());
        let definition = self.by_kind.get(&key).and_then(|name| self.all.get(name));
        definition.map_or(Shape::Unknown, |definition| Shape::Defined(self, definition))
    }

    fn resolve<'a>(&'a self, mut definition: &'a Value) -> Option<&'a Value> {
        /// References to references are followed so far.
        const STEPS_MAX: usize = 20;
        for _ in 0..STEPS_MAX {
            let Some(reference) = definition["$ref"].as_str() else { return Some(definition) };
            definition = self.all.get(reference.strip_prefix("#/definitions/")?)?;
        }
        None
    }
}

/// What is known of one value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// Lists are replaced.
    Unknown,
    BuiltIn(&'a Schema),
    Defined(&'a Definitions, &'a Value),
}

impl<'a> Shape<'a> {
    pub(super) fn field(self, name: &str) -> Shape<'a> {
        match self {
            Shape::Unknown => Shape::Unknown,
            Shape::BuiltIn(schema) => schema.field(name).map_or(Shape::Unknown, |it| Shape::BuiltIn(it)),
            Shape::Defined(definitions, definition) => {
                let property = definition["properties"].get(name);
                let found = property.or_else(|| definition.get("additionalProperties"));
                let found = found.and_then(|found| definitions.resolve(found));
                found.map_or(Shape::Unknown, |found| Shape::Defined(definitions, found))
            }
        }
    }

    pub(super) fn items(self) -> Shape<'a> {
        match self {
            Shape::Unknown => Shape::Unknown,
            Shape::BuiltIn(schema) => schema.items.as_deref().map_or(Shape::Unknown, Shape::BuiltIn),
            Shape::Defined(definitions, definition) => {
                let found = definition.get("items").and_then(|found| definitions.resolve(found));
                found.map_or(Shape::Unknown, |found| Shape::Defined(definitions, found))
            }
        }
    }

    /// Whether a list of this shape merges.
    pub(super) fn merges(self) -> bool {
        match self {
            Shape::Unknown => false,
            Shape::BuiltIn(schema) => schema.patch_strategy != PatchStrategy::Replace,
            Shape::Defined(_, definition) => definition["x-kubernetes-patch-strategy"]
                .as_str()
                .is_some_and(|strategies| strategies.split(',').any(|it| it == "merge")),
        }
    }

    /// The keys by which items of a merging list are told apart; none for scalars.
    pub(super) fn keys(self) -> Vec<String> {
        match self {
            Shape::Unknown => Vec::new(),
            Shape::BuiltIn(schema) => match (&schema.list_type, &schema.patch_strategy) {
                (ListType::Map(keys), _) => keys.iter().map(|key| (**key).to_owned()).collect(),
                (_, PatchStrategy::MergeBy(key)) => vec![(**key).to_owned()],
                (_, PatchStrategy::MergeScalars | PatchStrategy::Replace) => Vec::new(),
            },
            Shape::Defined(_, definition) => match &definition["x-kubernetes-list-map-keys"] {
                Value::Array(keys) => keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect(),
                _ => definition["x-kubernetes-patch-merge-key"]
                    .as_str()
                    .map(str::to_owned)
                    .into_iter()
                    .collect(),
            },
        }
    }
}
