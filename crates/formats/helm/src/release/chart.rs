//! Charts as records keep them: without the charts inside, whose templates have done their work.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::chart::{Chart, File, Lock, Metadata};
use crate::error::Error;

/// The chart of a record, as the text that it is there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredChart(Option<Arc<RawValue>>);

#[derive(Deserialize)]
struct OnlyMetadata {
    metadata: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Parts {
    metadata: Option<Map<String, Value>>,
    lock: Option<Map<String, Value>>,
    templates: Option<Vec<StoredFile>>,
    values: Option<Map<String, Value>>,
    schema: Option<String>,
    files: Option<Vec<StoredFile>>,
}

#[derive(Deserialize)]
struct StoredFile {
    name: String,
    data: Option<String>,
}

impl StoredChart {
    /// The chart as it is to be kept.
    pub fn new(chart: &Chart) -> StoredChart {
        let schema = chart.schema.as_ref().map(|schema| STANDARD.encode(schema));
        let text = json!({
            "metadata": chart.metadata.to_json(),
            "lock": chart.lock.as_ref().map(Lock::to_json),
            "templates": files(&chart.templates),
            "values": chart.values,
            "schema": schema,
            "schemamodtime": "0001-01-01T00:00:00Z",
            "files": files(&chart.files),
        });
        // What was just made is JSON.
        StoredChart(RawValue::from_string(text.to_string()).ok().map(Arc::from))
    }

    /// What its Chart.yaml said; nothing, if the record has no chart.
    ///
    /// # Errors
    /// The record holds something else.
    pub fn metadata(&self) -> Result<Option<Metadata>, Error> {
        let Some(text) = &self.0 else { return Ok(None) };
        let parts: OnlyMetadata = serde_json::from_str(text.get()).map_err(broken)?;
        parts.metadata.map(|metadata| Metadata::read(&metadata)).transpose()
    }

    /// The whole chart; nothing, if the record has none.
    ///
    /// # Errors
    /// The record holds something else.
    pub fn read(&self) -> Result<Option<Chart>, Error> {
        let Some(text) = &self.0 else { return Ok(None) };
        let parts: Parts = serde_json::from_str(text.get()).map_err(broken)?;
        let metadata = Metadata::read(&parts.metadata.unwrap_or_default())?;
        let schema = parts.schema.filter(|schema| !schema.is_empty());
        Ok(Some(Chart {
            lock: parts.lock.map(|lock| Lock::read(&metadata.name, &lock)).transpose()?,
            metadata,
            values: parts.values.unwrap_or_default(),
            values_text: None,
            schema: schema.map(|schema| decoded(&schema)).transpose()?.map(Arc::from),
            templates: read_files(parts.templates)?,
            files: read_files(parts.files)?,
            dependencies: Vec::new(),
        }))
    }
}

fn files(files: &[File]) -> Vec<Value> {
    files.iter().map(|file| json!({"name": file.name, "data": STANDARD.encode(&file.data)})).collect()
}

fn read_files(files: Option<Vec<StoredFile>>) -> Result<Vec<File>, Error> {
    let files = files.unwrap_or_default().into_iter();
    files.map(|file| Ok(File::new(file.name, &decoded(&file.data.unwrap_or_default())?))).collect()
}

fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::StoredChart(error.to_string())
}
