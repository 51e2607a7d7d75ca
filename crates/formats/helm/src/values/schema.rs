//! values.schema.json.

mod fault;

use std::fmt;
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

/// The values of one chart that do not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The chart.
    pub chart: String,
    /// One line for each fault, without the values themselves.
    pub faults: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:\n{}", self.chart, self.faults)
    }
}

/// Whether the values fit the schemas of the chart and those inside.
pub(crate) fn validate(
    chart: &Chart,
    values: &Map,
    world: &Arc<dyn World>,
    budget: &Budget,
) -> Result<(), Error> {
    let mut unfit = Vec::new();
    collect(chart, values, world, budget, &mut unfit)?;
    if unfit.is_empty() { Ok(()) } else { Err(Error::Schema(unfit)) }
}

fn collect(
    chart: &Chart,
    values: &Map,
    world: &Arc<dyn World>,
    budget: &Budget,
    unfit: &mut Vec<Unfit>,
) -> Result<(), Error> {
    if let Some(schema) = &chart.schema {
        let faults = faults(chart.name(), schema, &Value::Map(values.clone()), world, budget)?;
        unfit.extend(faults.map(|faults| Unfit { chart: chart.name().to_owned(), faults }));
    }
    for inner in &chart.dependencies {
        match values.get(inner.name().as_bytes()) {
            None | Some(Value::Nil) => {}
            Some(Value::Map(values)) => collect(inner, &values, world, budget, unfit)?,
            Some(other) => {
                let faults =
                    format!("invalid type for values: expected object (map), got {}", other.type_name());
                unfit.push(Unfit { chart: inner.name().to_owned(), faults });
            }
        }
    }
    Ok(())
}

/// What does not fit one schema; nothing, if all does.
pub(crate) fn faults(
    chart: &str,
    schema: &[u8],
    values: &Value,
    world: &Arc<dyn World>,
    budget: &Budget,
) -> Result<Option<String>, Error> {
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
    let errors: Vec<_> = validator.iter_errors(&values).collect();
    Ok((!errors.is_empty()).then(|| fault::describe(&errors)))
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
