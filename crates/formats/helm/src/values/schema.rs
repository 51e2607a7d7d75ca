//! values.schema.json.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bythos_gotemplate::{Budget, Map, Value};
use jsonschema::{Retrieve, Uri};

use crate::chart::Chart;
use crate::error::Error;
use crate::functions::to_json_value;
use crate::world::World;

/// How many documents of other places one schema may stand on.
const FETCHED_MAX: usize = 100;

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
pub(crate) fn validate(
    chart: &Chart,
    values: &Map,
    world: &Arc<dyn World>,
    budget: &Budget,
) -> Result<(), Error> {
    if let Some(schema) = &chart.schema {
        validate_against(chart.name(), schema, &Value::Map(values.clone()), world, budget)?;
    }
    for inner in &chart.dependencies {
        match values.get(inner.name().as_bytes()) {
            None | Some(Value::Nil) => {}
            Some(Value::Map(values)) => validate(inner, &values, world, budget)?,
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
    world: &Arc<dyn World>,
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
    let elsewhere = Elsewhere { world: Arc::clone(world), fetched: AtomicUsize::new(0) };
    let options = jsonschema::options().with_retriever(elsewhere).with_base_uri("file:///values.schema.json");
    let validator = options.build(&schema);
    let validator = validator.map_err(|error| wrong(in_words(&error)))?;
    let values = to_json_value(values, budget).map_err(|failure| wrong(failure.to_string()))?;
    let faults = validator.iter_errors(&values).take(FAULTS_MAX);
    let faults: Vec<String> =
        faults.map(|fault| format!("- at '{}': {fault}", fault.instance_path())).collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::Schema { chart: chart.to_owned(), faults: faults.join("\n") })
}

/// Documents that a schema stands on and does not hold itself.
struct Elsewhere {
    world: Arc<dyn World>,
    fetched: AtomicUsize,
}

impl Retrieve for Elsewhere {
    fn retrieve(
        &self,
        address: &Uri<String>,
    ) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
        match address.scheme().as_str() {
            "http" | "https" => {}
            // As Helm: a name that nobody knows allows everything.
            "urn" => return Ok(serde_json::Value::Bool(true)),
            _ => return Err("only http:// and https:// are fetched".into()),
        }
        if self.fetched.fetch_add(1, Ordering::Relaxed) >= FETCHED_MAX {
            return Err(format!("a schema may stand on {FETCHED_MAX} others, and this is one more").into());
        }
        let document = self.world.schema(address.as_str())?;
        serde_json::from_slice(&document).map_err(|error| format!("expected JSON: {error}").into())
    }
}

/// Why a schema is none. Whether it stands on others is for its author to say; who only wants the chart can go without.
fn in_words(error: &jsonschema::ValidationError<'_>) -> String {
    match error.kind() {
        jsonschema::error::ValidationErrorKind::Referencing(referencing) => {
            let mut words = error.to_string();
            let mut source = std::error::Error::source(referencing);
            while let Some(cause) = source {
                let cause_words = cause.to_string();
                if !words.contains(&cause_words) {
                    words.push_str(&format!(": {cause_words}"));
                }
                source = cause.source();
            }
            format!(
                "{words}. To install without the schema, use --skip-schema-validation or, in a HelmRelease, \
                 install.disableSchemaValidation and upgrade.disableSchemaValidation"
            )
        }
        _ => error.to_string(),
    }
}
