//! Releases as Helm remembers them: one record for each revision, in a Secret of its own.
//!
//! ```text
//! Secret or ConfigMap ──storage──> ReleaseRecord ──History──> last, deployed, what is one too many
//!                     <──────────        └── changed(Change, now): the next state of the same revision
//! ```
//!
//! The chart of a record stays the text that it is until somebody asks for it: lists and histories need little of it.

mod change;
mod chart;
mod history;
mod hook;
mod moment;
mod name;
mod status;
mod storage;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use change::Change;
pub use chart::StoredChart;
pub use history::History;
pub use hook::{HookPhase, HookRun, RecordedHook};
pub use name::{InvalidName, check_release_name};
pub use status::{ApplyMethod, Status};
pub use storage::{
    Driver, RECORD_BYTES_MAX, RecordError, SECRET_TYPE, list_selector, release_selector, storage_name,
};

use crate::render::{Rendered, Request};

/// What happened to one revision of a release.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// When the release was made first.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub first_deployed: Option<Timestamp>,
    /// When this revision was begun.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub last_deployed: Option<Timestamp>,
    /// When it was taken away.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Timestamp>,
    /// In words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it stands.
    pub status: Status,
    /// The revision that this one brought back; 0 if it was no rollback.
    #[serde(skip_serializing_if = "is_zero")]
    pub rollback_revision: i64,
    /// What the chart tells the user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// One revision of a release.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReleaseRecord {
    /// The release's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What happened to it.
    pub info: Info,
    /// The chart.
    pub chart: StoredChart,
    /// What the user gave, without the chart's own values.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// All objects, hooks apart, as YAML in the order in which they are made.
    #[serde(skip_serializing_if = "is_empty")]
    pub manifest: Arc<str>,
    /// The hooks, by the order in which their kinds are made.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<RecordedHook>,
    /// From 1.
    #[serde(rename = "version")]
    pub revision: i64,
    /// The namespace that the release lives in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// How its objects were applied. Helm 3 wrote nothing here: client-side.
    #[serde(rename = "apply_method")]
    pub apply_method: ApplyMethod,
    /// Labels of the user. They are labels of the Secret and no part of the text in it.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
    /// When the Secret was made, in seconds of Unix; Helm keeps it as a label.
    #[serde(skip)]
    pub created_at: Option<i64>,
}

fn is_empty(text: &Arc<str>) -> bool {
    text.is_empty()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Go writes `null` for what is empty.
fn or_default<'de, D, T>(reader: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(reader).map(Option::unwrap_or_default)
}

impl ReleaseRecord {
    /// Of what was just rendered. Its status is [`Status::Unknown`] until a plan says what is to be done with it.
    pub fn new(request: &Request<'_>, rendered: &Rendered, now: Timestamp) -> ReleaseRecord {
        let chart = rendered.chart.as_ref().unwrap_or(request.chart);
        ReleaseRecord {
            name: request.release.name.clone(),
            info: Info {
                first_deployed: Some(now),
                last_deployed: Some(now),
                notes: rendered.notes.clone(),
                ..Info::default()
            },
            chart: StoredChart::new(chart),
            config: request.values.to_json(),
            manifest: manifest_text(rendered).into(),
            hooks: rendered.manifests.hooks.iter().map(RecordedHook::from).collect(),
            revision: request.release.revision,
            namespace: request.release.namespace.clone(),
            apply_method: ApplyMethod::ServerSide,
            labels: BTreeMap::new(),
            created_at: None,
        }
    }
}

/// Every object with the template that it came from, as Helm prints and keeps them.
fn manifest_text(rendered: &Rendered) -> String {
    let resources = rendered.manifests.resources.iter();
    resources.map(|one| format!("---\n# Source: {}\n{}\n", one.source, one.content)).collect()
}

#[cfg(test)]
mod tests;
