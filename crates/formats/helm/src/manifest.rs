//! What templates give, as manifests: split, told apart from hooks, and in the order in which they are applied.

mod order;

use bythos_yaml::Limits;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

pub use order::{install_order, uninstall_order};

use crate::error::Error;

const HOOK: &str = "helm.sh/hook";
const WEIGHT: &str = "helm.sh/hook-weight";
const DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
const LOG_POLICY: &str = "helm.sh/hook-output-log-policy";

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The template that it came from: `chart/templates/service.yaml`.
    pub source: String,
    /// Its `kind`.
    pub kind: String,
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `metadata.name`.
    pub name: String,
    /// As the template gave it.
    pub content: String,
}

/// When a hook is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// `pre-install`
    PreInstall,
    /// `post-install`
    PostInstall,
    /// `pre-delete`
    PreDelete,
    /// `post-delete`
    PostDelete,
    /// `pre-upgrade`
    PreUpgrade,
    /// `post-upgrade`
    PostUpgrade,
    /// `pre-rollback`
    PreRollback,
    /// `post-rollback`
    PostRollback,
    /// `test`
    Test,
}

/// When the object of a hook is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletePolicy {
    /// Before the next one is made; what holds if nothing is said.
    #[serde(rename = "before-hook-creation")]
    BeforeHookCreation,
    /// When all hooks of the event succeeded.
    #[serde(rename = "hook-succeeded")]
    HookSucceeded,
    /// When it failed.
    #[serde(rename = "hook-failed")]
    HookFailed,
    /// A word that means nothing. As in Helm, it stands against what holds if nothing is said.
    #[serde(untagged)]
    Other(String),
}

/// When the log of a hook is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogPolicy {
    /// When it succeeded.
    #[serde(rename = "hook-succeeded")]
    HookSucceeded,
    /// When it failed.
    #[serde(rename = "hook-failed")]
    HookFailed,
    /// A word that means nothing.
    #[serde(untagged)]
    Other(String),
}

impl DeletePolicy {
    fn named(name: String) -> DeletePolicy {
        match name.as_str() {
            "before-hook-creation" => DeletePolicy::BeforeHookCreation,
            "hook-succeeded" => DeletePolicy::HookSucceeded,
            "hook-failed" => DeletePolicy::HookFailed,
            _ => DeletePolicy::Other(name),
        }
    }
}

impl LogPolicy {
    fn named(name: String) -> LogPolicy {
        match name.as_str() {
            "hook-succeeded" => LogPolicy::HookSucceeded,
            "hook-failed" => LogPolicy::HookFailed,
            _ => LogPolicy::Other(name),
        }
    }
}

/// An object that is made at certain times, apart from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The object.
    pub manifest: Manifest,
    /// When it is carried out.
    pub events: Vec<HookEvent>,
    /// Smaller ones come first.
    pub weight: i64,
    /// When it is deleted.
    pub delete_policies: Vec<DeletePolicy>,
    /// When its log is shown.
    pub log_policies: Vec<LogPolicy>,
}

/// Hooks and all others, each by the order in which kinds are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifests {
    /// Carried out at certain times.
    pub hooks: Vec<Hook>,
    /// Made and kept.
    pub resources: Vec<Manifest>,
}

const EVENTS: [(HookEvent, &str); 9] = [
    (HookEvent::PreInstall, "pre-install"),
    (HookEvent::PostInstall, "post-install"),
    (HookEvent::PreDelete, "pre-delete"),
    (HookEvent::PostDelete, "post-delete"),
    (HookEvent::PreUpgrade, "pre-upgrade"),
    (HookEvent::PostUpgrade, "post-upgrade"),
    (HookEvent::PreRollback, "pre-rollback"),
    (HookEvent::PostRollback, "post-rollback"),
    (HookEvent::Test, "test"),
];

impl HookEvent {
    /// As Helm writes it.
    pub fn name(self) -> &'static str {
        EVENTS.iter().find(|(event, _)| *event == self).map_or("test", |(_, name)| name)
    }

    pub(crate) fn named(name: &str) -> Option<HookEvent> {
        // Helm 2 told tests apart by how they must end.
        let name = if name == "test-success" { "test" } else { name };
        EVENTS.iter().find(|(_, known)| *known == name).map(|(event, _)| *event)
    }
}

impl Serialize for HookEvent {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.serialize_str(self.name())
    }
}

/// The documents of a text, without empty ones. As Helm: a line that begins with `---` ends one, whatever follows.
pub fn split(text: &str) -> Vec<&str> {
    let text = text.trim_start();
    let mut documents = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            documents.extend(text.get(start..at));
            start = at + "---".len() + spaces;
        }
        at += line.len();
    }
    documents.extend(text.get(start..));
    documents.into_iter().filter(|document| !document.trim().is_empty()).map(str::trim_start).collect()
}

impl Manifests {
    /// From what templates gave, by name.
    ///
    /// # Errors
    /// One of the texts is no manifest.
    pub fn sort<'r>(rendered: impl Iterator<Item = (&'r str, &'r str)>) -> Result<Manifests, Error> {
        let mut sorted: Vec<(&str, &str)> = rendered.collect();
        sorted.sort_unstable();
        let mut manifests = Manifests::default();
        for (source, text) in sorted {
            manifests.read(source, text)?;
        }
        Ok(manifests.in_install_order())
    }

    /// Adds the documents of a text, in their order.
    pub(crate) fn read(&mut self, source: &str, text: &str) -> Result<(), Error> {
        split(text).into_iter().try_for_each(|document| self.add(source, document))
    }

    pub(crate) fn in_install_order(mut self) -> Manifests {
        self.resources.sort_by(|left, right| install_order(&left.kind, &right.kind));
        self.hooks.sort_by(|left, right| install_order(&left.manifest.kind, &right.manifest.kind));
        self
    }

    fn add(&mut self, source: &str, document: &str) -> Result<(), Error> {
        let wrong = |message: String| Error::Manifest { file: source.to_owned(), message };
        let parsed =
            bythos_yaml::parse_all(document, Limits::MANIFESTS).map_err(|error| wrong(error.to_string()))?;
        let object = parsed.into_iter().next().unwrap_or(Value::Null);
        if !matches!(object, Value::Object(_) | Value::Null) {
            return Err(wrong("expected fields (`name: value`), found something else".to_owned()));
        }
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let manifest = Manifest {
            source: source.to_owned(),
            kind: text("/kind"),
            api_version: text("/apiVersion"),
            name: text("/metadata/name"),
            content: document.to_owned(),
        };
        let annotation = |name: &str| object.pointer("/metadata/annotations")?.get(name)?.as_str();
        match annotation(HOOK) {
            None => self.resources.push(manifest),
            Some(events) => self.hooks.extend(hook(manifest, events, annotation)),
        }
        Ok(())
    }
}

/// Nothing, if it names an event that is none: Helm passes it over.
fn hook<'o>(manifest: Manifest, events: &str, annotation: impl Fn(&str) -> Option<&'o str>) -> Option<Hook> {
    let parts =
        |text: &str| -> Vec<String> { text.split(',').map(|part| part.trim().to_lowercase()).collect() };
    let policies = |name: &str| annotation(name).map(parts).unwrap_or_default();
    let events = parts(events).iter().map(|event| HookEvent::named(event)).collect::<Option<Vec<_>>>()?;
    Some(Hook {
        manifest,
        events,
        weight: annotation(WEIGHT).and_then(|weight| weight.parse().ok()).unwrap_or(0),
        delete_policies: policies(DELETE_POLICY).into_iter().map(DeletePolicy::named).collect(),
        log_policies: policies(LOG_POLICY).into_iter().map(LogPolicy::named).collect(),
    })
}

#[cfg(test)]
mod tests;
