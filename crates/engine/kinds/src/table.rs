//! The rows: one function per API group, one builder chain per kind.

mod access;
mod admission;
mod apps;
mod autoscaling;
mod batch;
mod certificates;
mod core;
mod devices;
mod events;
mod extensions;
mod flow_control;
mod network;
mod policy;
mod storage;

use serde_json::Value;

use crate::columns::age;
use crate::{
    Column, Conversion, Custom, Kind, NameRule, Rules, SchemaSource, SelectableField, Subresource, Text,
};

/// All built-in kinds, in the order in which discovery lists them.
pub fn built_in() -> Vec<Kind> {
    let groups = [
        core::kinds(),
        events::kinds(),
        apps::kinds(),
        autoscaling::kinds(),
        batch::kinds(),
        network::kinds(),
        policy::kinds(),
        storage::kinds(),
        devices::kinds(),
        access::kinds(),
        certificates::kinds(),
        admission::kinds(),
        flow_control::kinds(),
        extensions::kinds(),
    ];
    groups.into_iter().flatten().collect()
}

/// A stored kind of the cluster's scope, described by the schema library alone.
fn row(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        plural: plural.into(),
        singular: kind.to_lowercase().into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: false,
        stored: true,
        subresources: Vec::new(),
        columns: vec![age()],
        schema: SchemaSource::BuiltIn,
        rules: Rules::default(),
        custom: Custom::default(),
    }
}

impl Kind {
    fn namespaced(mut self) -> Self {
        self.namespaced = true;
        self
    }

    fn only_answered(mut self) -> Self {
        self.stored = false;
        self.columns.clear();
        self
    }

    fn short(mut self, names: &[&'static str]) -> Self {
        self.short_names = names.iter().copied().map(Text::from).collect();
        self
    }

    /// Shown by `kubectl get all`.
    fn in_all(self) -> Self {
        self.category("all")
    }

    fn category(mut self, name: &'static str) -> Self {
        self.categories.push(name.into());
        self
    }

    /// With a status that only the system writes: a new object has none.
    fn status(mut self) -> Self {
        self.subresources.push(Subresource::Status);
        self.rules.prepare_create = clear_status;
        self
    }

    fn subresource(mut self, subresource: Subresource) -> Self {
        self.subresources.push(subresource);
        self
    }

    fn scale(self) -> Self {
        self.subresource(Subresource::Scale {
            spec_replicas: "spec.replicas".into(),
            status_replicas: "status.replicas".into(),
            selector: Some("spec.selector".into()),
        })
    }

    fn columns(mut self, columns: Vec<Column>) -> Self {
        self.columns = columns;
        self
    }

    fn names(mut self, rule: NameRule) -> Self {
        self.rules.name = rule;
        self
    }

    fn defaults(mut self, default: fn(&mut Value)) -> Self {
        self.rules.default = default;
        self
    }

    fn validate(mut self, validate: fn(&Value) -> Vec<bythos_schema::FieldError>) -> Self {
        self.rules.validate = validate;
        self
    }

    fn validate_update(mut self, validate: fn(&Value, &Value) -> Vec<bythos_schema::FieldError>) -> Self {
        self.rules.validate_update = validate;
        self
    }

    fn converted(mut self, conversion: &'static Conversion) -> Self {
        self.rules.conversion = Some(conversion);
        self
    }

    /// Stored, and nothing here acts on it: its writers are told so.
    fn caveat(mut self, words: &'static str) -> Self {
        self.rules.caveat = words;
        self
    }

    fn on_create(mut self, prepare: fn(&mut Value)) -> Self {
        self.rules.prepare_create = prepare;
        self
    }

    fn on_update(mut self, prepare: fn(&Value, &mut Value)) -> Self {
        self.rules.prepare_update = prepare;
        self
    }

    fn selectable(mut self, fields: &'static [SelectableField]) -> Self {
        self.rules.selectable_fields = fields;
        self
    }
}

pub(crate) fn clear_status(object: &mut Value) {
    if let Value::Object(fields) = object {
        fields.remove("status");
    }
}

/// Fields that are texts or numbers and can be selected by.
macro_rules! selectable_fields {
    ($($path:literal),* $(,)?) => {
        &[$(($path, |object| $crate::table::selectable(object, $path))),*]
    };
}
use selectable_fields;

/// How many pods a set of them has.
const REPLICAS: &[SelectableField] =
    &[("status.replicas", |object| selectable_count(object, "status.replicas"))];

/// A number that is 0 where it is left out, as field selectors compare it.
pub(crate) fn selectable_count(object: &Value, path: &str) -> String {
    crate::fields::integer(object, path).unwrap_or_default().to_string()
}

/// A switch that is off where it is left out, as field selectors compare it.
pub(crate) fn selectable_switch(object: &Value, path: &str) -> String {
    crate::fields::at(object, path).as_bool().unwrap_or_default().to_string()
}

/// A field as field selectors compare it.
pub(crate) fn selectable(object: &Value, path: &str) -> String {
    match crate::fields::at(object, path) {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
