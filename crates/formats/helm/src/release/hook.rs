//! Hooks as records keep them: with what became of them when they ran last.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{moment, or_default};
use crate::manifest::{DeletePolicy, Hook, HookEvent, LogPolicy};

/// How far a hook came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookPhase {
    /// It never ran.
    #[default]
    #[serde(rename = "")]
    Never,
    /// It was made, and its end is waited for.
    Running,
    /// It ended well.
    Succeeded,
    /// It did not.
    Failed,
    /// Nobody knows.
    #[serde(other)]
    Unknown,
}

/// When a hook ran last, and how far it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookRun {
    /// When its object was made.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// How far it came.
    pub phase: HookPhase,
}

/// A hook, and how it ran last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedHook {
    /// Its object's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its object's kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The template that it came from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Its object, as YAML.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// When it is carried out. Events that are none, Helm 2 had more, are left out.
    #[serde(deserialize_with = "known_events", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<HookEvent>,
    /// How it ran last.
    pub last_run: HookRun,
    /// Smaller ones come first.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub weight: i64,
    /// When its object is deleted.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub delete_policies: Vec<DeletePolicy>,
    /// When its log is shown.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub output_log_policies: Vec<LogPolicy>,
}

fn known_events<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<HookEvent>, D::Error> {
    let names = Option::<Vec<String>>::deserialize(reader)?.unwrap_or_default();
    Ok(names.iter().filter_map(|name| HookEvent::named(name)).collect())
}

impl RecordedHook {
    /// Whether its object is deleted at that point. Without a word about it, it is before the next one is made. A
    /// definition of a kind is never deleted: all objects of the kind would go with it.
    pub fn is_deleted(&self, policy: &DeletePolicy) -> bool {
        let is_default = self.delete_policies.is_empty() && *policy == DeletePolicy::BeforeHookCreation;
        self.kind != "CustomResourceDefinition" && (is_default || self.delete_policies.contains(policy))
    }
}

impl From<&Hook> for RecordedHook {
    fn from(hook: &Hook) -> RecordedHook {
        RecordedHook {
            name: hook.manifest.name.clone(),
            kind: hook.manifest.kind.clone(),
            path: hook.manifest.source.clone(),
            manifest: hook.manifest.content.clone(),
            events: hook.events.clone(),
            last_run: HookRun::default(),
            weight: hook.weight,
            delete_policies: hook.delete_policies.clone(),
            output_log_policies: hook.log_policies.clone(),
        }
    }
}
