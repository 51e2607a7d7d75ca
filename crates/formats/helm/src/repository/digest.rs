//! Digests: of archives, and of what a lock file was written for.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;

use crate::chart::{ApiVersion, Chart, Dependency, ImportValues, Lock};

/// The bytes are not those that were announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the digest differs: expected {expected}, found {found}")]
pub struct DigestError {
    /// What was announced.
    pub expected: String,
    /// What came.
    pub found: String,
}

/// SHA-256, in hexadecimal digits.
pub fn sha256(data: &[u8]) -> String {
    digest(&SHA256, data).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the bytes are those that were announced, with `sha256:` in front or without.
///
/// # Errors
/// They are not.
pub fn check_digest(data: &[u8], expected: &str) -> Result<(), DigestError> {
    let found = sha256(data);
    if expected.strip_prefix("sha256:").unwrap_or(expected).eq_ignore_ascii_case(&found) {
        return Ok(());
    }
    Err(DigestError { expected: expected.to_owned(), found })
}

/// A dependency in the order of fields in which Go hashes it.
#[derive(Serialize)]
struct Hashed<'d> {
    name: &'d str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'d str,
    repository: &'d str,
    #[serde(skip_serializing_if = "str::is_empty")]
    condition: &'d str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'d [String],
    #[serde(rename = "import-values", skip_serializing_if = "Vec::is_empty")]
    import_values: Vec<Value>,
    #[serde(skip_serializing_if = "str::is_empty")]
    alias: &'d str,
}

impl<'d> From<&'d Dependency> for Hashed<'d> {
    fn from(dependency: &'d Dependency) -> Hashed<'d> {
        Hashed {
            name: &dependency.name,
            version: &dependency.version,
            repository: &dependency.repository,
            condition: &dependency.condition,
            tags: &dependency.tags,
            import_values: dependency.import_values.iter().map(ImportValues::to_json).collect(),
            alias: &dependency.alias,
        }
    }
}

fn hashed(dependencies: &[Dependency]) -> Vec<Hashed<'_>> {
    dependencies.iter().map(Hashed::from).collect()
}

/// As Go writes JSON: these signs as escapes.
fn go_json(value: &impl Serialize) -> String {
    // Texts and lists of them can be written.
    let text = serde_json::to_string(value).unwrap_or_default();
    let escapes = [
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ];
    escapes.iter().fold(text, |text, (sign, escape)| text.replace(sign, escape))
}

/// The digest that Chart.lock holds: of what is asked for and what was chosen.
pub fn lock_digest(asked: &[Dependency], chosen: &[Dependency]) -> String {
    format!("sha256:{}", sha256(go_json(&[hashed(asked), hashed(chosen)]).as_bytes()))
}

/// Helm 2's, of what is asked for alone.
fn old_lock_digest(asked: &[Dependency]) -> String {
    let fields = std::collections::BTreeMap::from([("dependencies", hashed(asked))]);
    format!("sha256:{}", sha256(go_json(&fields).as_bytes()))
}

/// Whether a chart's lock was written for what the chart asks for now.
pub fn is_in_sync(chart: &Chart, lock: &Lock) -> bool {
    let asked = &chart.metadata.dependencies;
    let is_old = chart.metadata.api_version == ApiVersion::V1 && old_lock_digest(asked) == lock.digest;
    is_old || lock_digest(asked, &lock.dependencies) == lock.digest
}
