//! Values: what the user gives, laid over what charts say, for a chart and the charts inside of it.

mod coalesce;
mod dependencies;
mod schema;

pub(crate) use coalesce::{Coalesce, Nulls};
pub(crate) use dependencies::process_dependencies;
pub use schema::{Schemas, Unfit};
pub(crate) use schema::{faults, validate};

use bythos_gotemplate::{Budget, Limits, Map, Value};

use crate::chart::Chart;
use crate::error::Error;
use crate::functions::to_json_value;

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

/// The values of a chart and the charts inside, with those that the user gave on top.
pub(crate) fn coalesced(
    chart: &Chart,
    given: &serde_json::Map<String, serde_json::Value>,
) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
    let values = to_map(given);
    Coalesce::default().chart(chart, &values, Nulls::Removed)?;
    match to_json_value(&Value::Map(values), &Budget::new(Limits::CHARTS)) {
        Ok(serde_json::Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(serde_json::Map::new()),
        Err(failure) => Err(Error::Values { path: chart.name().to_owned(), message: failure.to_string() }),
    }
}
