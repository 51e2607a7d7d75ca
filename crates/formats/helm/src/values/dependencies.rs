//! Which charts inside of a chart are used, under which names, and which of their values the outer chart takes over.

use bythos_gotemplate::{Budget, Map, Text, Value};

use super::coalesce::{Coalesce, Nulls};
use super::{path_value, table};
use crate::chart::{Chart, Dependency, ImportValues};
use crate::error::Error;
use crate::functions::to_json_value;
use crate::semver::{Constraint, Version};
use crate::set::UserValues;

/// Leaves only the charts that are used, named as they are used, and takes values over.
pub(crate) fn process_dependencies(
    chart: &mut Chart,
    values: &UserValues,
    budget: &Budget,
    coalesce: &mut Coalesce,
) -> Result<(), Error> {
    choose(chart, &values.seen(), "", coalesce)?;
    import_values(chart, budget, coalesce)
}

fn choose(chart: &mut Chart, values: &Map, path: &str, coalesce: &mut Coalesce) -> Result<(), Error> {
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    chart.dependencies = under_their_names(chart);
    let values = copy(values);
    coalesce.chart(chart, &values, Nulls::Removed)?;
    let tags = table(&values, "tags");
    let is_used = |dependency: &Dependency| {
        let by_condition = condition(dependency, &values, path);
        by_condition.unwrap_or_else(|| is_tagged(dependency, tags.as_ref()))
    };
    let (used, unused): (Vec<_>, Vec<_>) =
        std::mem::take(&mut chart.metadata.dependencies).into_iter().partition(is_used);
    chart.metadata.dependencies = used;
    chart.dependencies.retain(|inner| !unused.iter().any(|unused| unused.used_name() == inner.name()));
    for inner in &mut chart.dependencies {
        let path = format!("{path}{}.", inner.name());
        choose(inner, &values, &path, coalesce)?;
    }
    Ok(())
}

fn copy(values: &Map) -> Map {
    let fields = values.to_fields().into_iter().map(|(name, field)| match field {
        Value::Map(inner) => (name, Value::Map(copy(&inner))),
        other => (name, other),
    });
    fields.collect()
}

/// The charts that are there, each as often as Chart.yaml asks for it, and those that it does not speak of.
fn under_their_names(chart: &Chart) -> Vec<Chart> {
    let fits = |inner: &Chart, dependency: &Dependency| {
        inner.name() == dependency.name && is_compatible(&dependency.version, &inner.metadata.version)
    };
    let wanted = &chart.metadata.dependencies;
    let others = chart.dependencies.iter().filter(|inner| !wanted.iter().any(|wanted| fits(inner, wanted)));
    let named = wanted.iter().filter_map(|dependency| {
        let mut inner = chart.dependencies.iter().find(|inner| fits(inner, dependency))?.clone();
        inner.metadata.name = dependency.used_name().to_owned();
        Some(inner)
    });
    others.cloned().chain(named).collect()
}

fn is_compatible(constraint: &str, version: &str) -> bool {
    let parsed = Constraint::parse(constraint).ok().zip(Version::parse(version).ok());
    parsed.is_some_and(|(constraint, version)| constraint.allows(&version))
}

/// The first path that leads to a truth value decides.
fn condition(dependency: &Dependency, values: &Map, path: &str) -> Option<bool> {
    let paths = dependency.condition.trim().split(',').filter(|condition| !condition.is_empty());
    let mut decided = paths.filter_map(|condition| match path_value(values, &format!("{path}{condition}")) {
        Some(Value::Bool(used)) => Some(used),
        _ => None,
    });
    decided.next()
}

/// One tag that is true is enough; without any, the chart is used.
fn is_tagged(dependency: &Dependency, tags: Option<&Map>) -> bool {
    let Some(tags) = tags else { return true };
    let set = dependency.tags.iter().filter_map(|tag| match tags.get(tag.as_bytes()) {
        Some(Value::Bool(set)) => Some(set),
        _ => None,
    });
    let set: Vec<bool> = set.collect();
    set.is_empty() || set.contains(&true)
}

/// From the innermost outwards.
fn import_values(chart: &mut Chart, budget: &Budget, coalesce: &mut Coalesce) -> Result<(), Error> {
    for inner in &mut chart.dependencies {
        import_values(inner, budget, coalesce)?;
    }
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let own = Map::new();
    coalesce.chart(chart, &own, Nulls::Kept)?;
    let imported = Map::new();
    for dependency in &chart.metadata.dependencies {
        for import in &dependency.import_values {
            let (child, parent) = match import {
                ImportValues::Exported(name) => (format!("exports.{name}"), "."),
                ImportValues::Table { child, parent } => (child.clone(), parent.as_str()),
            };
            match table(&own, &format!("{}.{child}", dependency.used_name())) {
                Some(found) => coalesce.tables(&imported, &at_path(parent, found), "", Nulls::Kept),
                None => coalesce.warnings.push(format!(
                    "import-values: the chart {} has no table {child}",
                    dependency.used_name()
                )),
            }
        }
    }
    let values = copy(&own);
    coalesce.tables(&values, &imported, "", Nulls::Kept);
    let json = to_json_value(&Value::Map(values), budget);
    let json = json
        .map_err(|failure| Error::Values { path: chart.name().to_owned(), message: failure.to_string() })?;
    if let serde_json::Value::Object(fields) = json {
        chart.values = fields;
    }
    Ok(())
}

/// The table, inside of tables for each part of the path.
fn at_path(path: &str, found: Map) -> Map {
    if path == "." {
        return found;
    }
    path.rsplit('.').fold(found, |inner, name| [(Text::from(name), Value::Map(inner))].into_iter().collect())
}
