//! Values: what the user gives, laid over what charts say, for a chart and the charts inside of it.

mod coalesce;
mod dependencies;
mod schema;

pub(crate) use coalesce::{Coalesce, Nulls};
pub(crate) use dependencies::process_dependencies;
pub(crate) use schema::validate;

use bythos_gotemplate::{Map, Value};

/// The table at a path of names with dots between.
pub(crate) fn table(values: &Map, path: &str) -> Option<Map> {
    path.split('.').try_fold(values.clone(), |table, name| match table.get(name.as_bytes()) {
        Some(Value::Map(inner)) => Some(inner),
        _ => None,
    })
}

/// The value at a path, if it is no table.
pub(crate) fn path_value(values: &Map, path: &str) -> Option<Value> {
    let (table_path, name) = path.rsplit_once('.').map_or((None, path), |(table, name)| (Some(table), name));
    let table = match table_path {
        Some(path) => table(values, path)?,
        None => values.clone(),
    };
    table.get(name.as_bytes()).filter(|value| !matches!(value, Value::Map(_)))
}

/// From JSON, in maps of its own.
pub(crate) fn to_map(fields: &serde_json::Map<String, serde_json::Value>) -> Map {
    fields.iter().map(|(name, field)| (name.as_str().into(), Value::from(field.clone()))).collect()
}
