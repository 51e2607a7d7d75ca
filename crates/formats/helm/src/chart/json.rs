//! What Chart.yaml says, as JSON: what records and registries keep.

use serde_json::{Map, Value, json};

use super::metadata::{Dependency, ImportValues, Maintainer, Metadata};

/// Go leaves out what is empty.
fn without_empty(fields: Value) -> Value {
    let Value::Object(fields) = fields else { return fields };
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    Value::Object(fields.into_iter().filter(|(_, value)| !is_empty(value)).collect::<Map<_, _>>())
}

impl Metadata {
    /// As Helm writes it.
    pub fn to_json(&self) -> Value {
        let maintainers: Vec<Value> = self.maintainers.iter().map(Maintainer::to_json).collect();
        let dependencies: Vec<Value> = self.dependencies.iter().map(Dependency::to_json).collect();
        without_empty(json!({
            "name": self.name,
            "home": self.home,
            "sources": self.sources,
            "version": self.version,
            "description": self.description,
            "keywords": self.keywords,
            "maintainers": maintainers,
            "icon": self.icon,
            "apiVersion": self.api_version_text,
            "condition": self.condition,
            "tags": self.tags,
            "appVersion": self.app_version,
            "deprecated": self.deprecated,
            "annotations": self.annotations,
            "kubeVersion": self.kube_version,
            "dependencies": dependencies,
            "type": self.type_text,
        }))
    }
}

impl Maintainer {
    fn to_json(&self) -> Value {
        without_empty(json!({"name": self.name, "email": self.email, "url": self.url}))
    }
}

impl Dependency {
    /// As Helm writes it: the name and the repository are there even if they are empty.
    pub(crate) fn to_json(&self) -> Value {
        let imports: Vec<Value> = self.import_values.iter().map(ImportValues::to_json).collect();
        let fields = without_empty(json!({
            "version": self.version,
            "condition": self.condition,
            "tags": self.tags,
            "import-values": imports,
            "alias": self.alias,
        }));
        let Value::Object(mut fields) = fields else { return fields };
        fields.insert("name".to_owned(), self.name.as_str().into());
        fields.insert("repository".to_owned(), self.repository.as_str().into());
        Value::Object(fields)
    }
}

impl ImportValues {
    pub(crate) fn to_json(&self) -> Value {
        match self {
            ImportValues::Exported(name) => name.as_str().into(),
            ImportValues::Table { child, parent } => json!({"child": child, "parent": parent}),
        }
    }
}
