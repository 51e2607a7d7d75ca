//! values.schema.json.

use bythos_gotemplate::{Budget, Map, Value};

use crate::chart::Chart;
use crate::error::Error;
use crate::functions::to_json_value;

/// Whether values must fit the schemas of charts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Schemas {
    /// They must.
    #[default]
    Enforced,
    /// They need not: `--skip-schema-validation`.
    Ignored,
}

/// Whether the values fit the schemas of the chart and those inside.
pub(crate) fn validate(chart: &Chart, values: &Map, budget: &Budget) -> Result<(), Error> {
    if let Some(schema) = &chart.schema {
        validate_against(chart.name(), schema, &Value::Map(values.clone()), budget)?;
    }
    for inner in &chart.dependencies {
        match values.get(inner.name().as_bytes()) {
            None | Some(Value::Nil) => {}
            Some(Value::Map(values)) => validate(inner, &values, budget)?,
            Some(other) => {
                let message = format!("expected a table, found {}", other.type_name());
                return Err(Error::Values { path: inner.name().to_owned(), message });
            }
        }
    }
    Ok(())
}

/// Whether values fit one schema.
pub(crate) fn validate_against(
    chart: &str,
    schema: &[u8],
    values: &Value,
    budget: &Budget,
) -> Result<(), Error> {
    const FAULTS_MAX: usize = 20;
    let wrong = |message: String| Error::ReadFile {
        chart: chart.to_owned(),
        file: "values.schema.json".to_owned(),
        message,
    };
    let schema: serde_json::Value =
        serde_json::from_slice(schema).map_err(|error| wrong(error.to_string()))?;
    let validator = jsonschema::validator_for(&schema).map_err(|error| wrong(in_words(&error)))?;
    let values = to_json_value(values, budget).map_err(|failure| wrong(failure.to_string()))?;
    let faults = validator.iter_errors(&values).take(FAULTS_MAX);
    let faults: Vec<String> =
        faults.map(|fault| format!("- at '{}': {fault}", fault.instance_path())).collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::Schema { chart: chart.to_owned(), faults: faults.join("\n") })
}

/// Why a schema is none. One that stands on others, elsewhere, asks for what nobody fetches.
fn in_words(error: &jsonschema::ValidationError<'_>) -> String {
    match error.kind() {
        jsonschema::error::ValidationErrorKind::Referencing(_) => format!(
            "{error}; a schema may refer only to what is in it, nothing is fetched from elsewhere. To install without the \
             schema, use --skip-schema-validation or, in a HelmRelease, install.disableSchemaValidation and \
             upgrade.disableSchemaValidation"
        ),
        _ => error.to_string(),
    }
}
