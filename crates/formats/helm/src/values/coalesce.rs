//! Laying values over the defaults of charts, with Helm's rules for nulls, tables and globals.
//!
//! Maps are shared where Helm shares them: the values of an inner chart are the table of its name in the outer's.

use bythos_gotemplate::{Map, Value};

use crate::chart::Chart;
use crate::error::Error;
use crate::values::to_map;

const GLOBAL: &str = "global";

/// What becomes of nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// A null takes the default away, and is gone.
    Removed,
    /// A null stays, for a later step.
    Kept,
}

/// One run, and what it has to say.
#[derive(Default)]
pub(crate) struct Coalesce {
    pub(crate) warnings: Vec<String>,
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

impl Coalesce {
    /// The values for a chart and those inside, from what the user gave. `values` is changed.
    pub(crate) fn chart(&mut self, chart: &Chart, values: &Map, nulls: Nulls) -> Result<(), Error> {
        self.chart_at(chart, values, "", nulls)
    }

    fn chart_at(&mut self, chart: &Chart, values: &Map, prefix: &str, nulls: Nulls) -> Result<(), Error> {
        self.defaults(chart, values, prefix, nulls);
        let prefix = joined(prefix, chart.name());
        for inner in &chart.dependencies {
            let name = inner.name();
            let table = match values.get(name.as_bytes()) {
                None => {
                    let table = Map::new();
                    values.set(name, Value::Map(table.clone()));
                    table
                }
                Some(Value::Map(table)) => table,
                Some(other) => {
                    let message = format!(
                        "expected a table, for it holds the values of the chart {name:?}; found {}",
                        other.type_name()
                    );
                    return Err(Error::Values { path: joined(&prefix, name), message });
                }
            };
            self.globals(&table, values, &prefix);
            self.chart_at(inner, &table, &prefix, nulls)?;
        }
        Ok(())
    }

    /// What values.yaml says, below what is there already.
    fn defaults(&mut self, chart: &Chart, values: &Map, prefix: &str, nulls: Nulls) {
        let prefix = joined(prefix, chart.name());
        for (key, default) in to_map(&chart.values).to_fields() {
            match (values.get(key.as_bytes()), default) {
                (Some(Value::Nil), _) if nulls == Nulls::Removed => values.unset(key.as_bytes()),
                (Some(Value::Map(given)), Value::Map(default)) => {
                    let is_inner =
                        chart.dependencies.iter().any(|inner| inner.name().as_bytes() == key.as_bytes());
                    let nulls = if is_inner { Nulls::Kept } else { nulls };
                    if nulls == Nulls::Removed {
                        without_nulls(&default);
                    }
                    self.tables(&given, &default, &joined(&prefix, &key.to_str()), nulls);
                }
                (Some(Value::Map(_)), default) if !matches!(default, Value::Nil) => {
                    self.warn(format!("skipped value for {prefix}.{key}: not a table"));
                }
                (Some(_), _) => {}
                (None, Value::Nil) if nulls == Nulls::Removed => {}
                (None, default) => {
                    if let (Value::Map(table), Nulls::Removed) = (&default, nulls) {
                        without_nulls(table);
                    }
                    values.set(key, default);
                }
            }
        }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// The outer chart's globals over the inner chart's.
    fn globals(&mut self, inner: &Map, outer: &Map, prefix: &str) {
        let of = |values: &Map| match values.get(GLOBAL.as_bytes()) {
            None => Some(Map::new()),
            Some(Value::Map(table)) => Some(table),
            Some(_) => None,
        };
        let (Some(target), Some(source)) = (of(inner), of(outer)) else {
            return self.warn(format!("skipping globals of {prefix}: {GLOBAL} is not a table"));
        };
        for (key, value) in source.to_fields() {
            match (value, target.get(key.as_bytes())) {
                (Value::Map(table), None) => {
                    target.set(key, Value::Map(table.to_fields().into_iter().collect()));
                }
                (Value::Map(table), Some(Value::Map(given))) => {
                    // A copy of the first level alone, as Helm makes it.
                    let copy: Map = table.to_fields().into_iter().collect();
                    self.tables(&copy, &given, &joined(prefix, &key.to_str()), Nulls::Kept);
                    target.set(key, Value::Map(copy));
                }
                (Value::Map(_), Some(_)) => {
                    self.warn(format!("cannot merge the table {prefix}.global.{key} onto what is none"));
                }
                (_, Some(Value::Map(_))) => {
                    self.warn(format!("key {prefix}.global.{key} is a table: skipped"));
                }
                (value, _) => target.set(key, value),
            }
        }
        inner.set(GLOBAL, Value::Map(target));
    }

    /// What is in the second table and not in the first is added to the first.
    pub(crate) fn tables(&mut self, over: &Map, under: &Map, prefix: &str, nulls: Nulls) {
        for (key, value) in under.to_fields() {
            match (over.get(key.as_bytes()), value) {
                (Some(Value::Nil), Value::Nil) => {}
                (Some(Value::Nil), _) if nulls == Nulls::Removed => over.unset(key.as_bytes()),
                (None, value) => over.set(key, value),
                (Some(Value::Map(over)), Value::Map(under)) => {
                    self.tables(&over, &under, &joined(prefix, &key.to_str()), nulls);
                }
                // A null in the first table hides what is in the second.
                (Some(Value::Nil), _) => {}
                (Some(_), Value::Map(_)) => {
                    self.warn(format!(
                        "cannot overwrite the table {} with what is none",
                        joined(prefix, &key.to_str())
                    ));
                }
                (Some(Value::Map(_)), value) if !matches!(value, Value::Nil) => {
                    self.warn(format!(
                        "{} is a table: a plain value is ignored",
                        joined(prefix, &key.to_str())
                    ));
                }
                _ => {}
            }
        }
    }
}

/// Takes nulls out of a table and the tables inside.
pub(super) fn without_nulls(table: &Map) {
    for (key, value) in table.to_fields() {
        match value {
            Value::Nil => table.unset(key.as_bytes()),
            Value::Map(inner) => without_nulls(&inner),
            _ => {}
        }
    }
}
