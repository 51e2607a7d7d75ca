//! Chart.lock: which versions the charts inside were chosen to be.

use serde_json::{Map, Value, json};

use super::metadata::{Dependency, Reader};
use crate::error::Error;

/// What Chart.lock says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// When it was written, as RFC 3339.
    pub generated: String,
    /// What was asked for and what was chosen, hashed: [`crate::repository::lock_digest`].
    pub digest: String,
    /// Each with the one version that was chosen.
    pub dependencies: Vec<Dependency>,
}

impl Lock {
    pub(crate) fn read(chart: &str, fields: &Map<String, Value>) -> Result<Lock, Error> {
        let reader = Reader::new(chart, "Chart.lock: ", fields);
        Ok(Lock {
            generated: reader.text("generated")?,
            digest: reader.text("digest")?,
            dependencies: reader.each("dependencies", super::metadata::dependency)?,
        })
    }

    /// As Helm writes it.
    pub fn to_json(&self) -> Value {
        let dependencies: Vec<Value> = self.dependencies.iter().map(Dependency::to_json).collect();
        json!({"generated": self.generated, "digest": self.digest, "dependencies": dependencies})
    }
}
