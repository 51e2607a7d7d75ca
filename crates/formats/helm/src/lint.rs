//! `helm lint`: what is wrong or unusual about a chart, in Helm's words.
//!
//! Where Helm repeats the words of its own parsers, these are ours: what is no YAML, what does not fit the schema, what a
//! template does wrong. Addresses of people and pages are checked loosely.

mod chart_file;
mod definitions;
mod deprecated;
mod names;
mod templates;
mod values;

use std::fmt;
use std::sync::Arc;

use bythos_gotemplate::Limits;

use crate::capabilities::Capabilities;
use crate::chart::{ArchiveLimits, Chart, File};
use crate::set::UserValues;
use crate::values::Schemas;
use crate::world::World;

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It might be better.
    Info,
    /// It works, but is not as it should be.
    Warning,
    /// It does not work.
    Error,
}

/// Something about a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How much it matters.
    pub severity: Severity,
    /// Which file or folder of the chart.
    pub path: String,
    /// What it is.
    pub text: String,
}

/// What to look at.
#[derive(Clone)]
pub struct LintRequest<'l> {
    /// All files of the chart's folder, or of its archive.
    pub files: &'l [File],
    /// What the folder is called; messages about the chart as a whole name it.
    pub folder: &'l str,
    /// What a user would give.
    pub values: &'l UserValues,
    /// The namespace that templates see.
    pub namespace: &'l str,
    /// The cluster that it is to be good for.
    pub capabilities: Capabilities,
    /// What templates may ask for.
    pub world: Arc<dyn World>,
    /// Whether the values must fit the schema.
    pub schemas: Schemas,
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Info => "INFO",
            Severity::Warning => "WARNING",
            Severity::Error => "ERROR",
        };
        write!(formatter, "[{severity}] {}: {}", self.path, self.text)
    }
}

/// Messages, as they come.
#[derive(Default)]
struct Messages(Vec<Message>);

impl Messages {
    /// Returns whether there was nothing to say.
    fn check(&mut self, severity: Severity, path: &str, result: Result<(), String>) -> bool {
        let Err(text) = result else { return true };
        self.0.push(Message { severity, path: path.to_owned(), text });
        false
    }

    fn wrong(&mut self, severity: Severity, path: &str, text: impl Into<String>) {
        self.check(severity, path, Err(text.into()));
    }
}

/// Everything that is to be said about a chart, in the order in which Helm says it.
pub fn lint(request: &LintRequest<'_>, archive: ArchiveLimits, limits: Limits) -> Vec<Message> {
    let mut messages = Messages::default();
    chart_file::check(request, &mut messages);
    values::check(request, limits, &mut messages);
    let chart = Chart::from_folder(request.files.to_vec(), archive);
    templates::check(request, chart.as_ref(), limits, &mut messages);
    dependencies(request, chart.as_ref(), &mut messages);
    definitions::check(request, chart.as_ref(), &mut messages);
    messages.0
}

impl LintRequest<'_> {
    fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    fn has_folder(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name.starts_with(name))
    }
}

fn text(file: &File) -> String {
    String::from_utf8_lossy(&file.data).into_owned()
}

fn dependencies(request: &LintRequest<'_>, chart: Result<&Chart, &crate::Error>, messages: &mut Messages) {
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => {
            return messages.wrong(Severity::Error, "", format!("unable to load chart\n\t{error}"));
        }
    };
    let named = &chart.metadata.dependencies;
    let unnamed = chart.dependencies.iter().map(Chart::name);
    let unnamed: Vec<&str> = unnamed.filter(|name| !named.iter().any(|named| named.name == *name)).collect();
    if !unnamed.is_empty() {
        let text = format!("chart metadata is missing these dependencies: {}", unnamed.join(","));
        messages.wrong(Severity::Error, request.folder, text);
    }
    let is_there = |name: &str| chart.dependencies.iter().any(|inner| inner.name() == name);
    let missing = named.iter().map(|named| named.name.as_str());
    let missing: Vec<&str> = missing.filter(|name| !is_there(name)).collect();
    if !missing.is_empty() {
        let text = format!("chart directory is missing these dependencies: {}", missing.join(","));
        messages.wrong(Severity::Warning, request.folder, text);
    }
}

#[cfg(test)]
mod tests;
