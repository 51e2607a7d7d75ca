//! What a release is to be called.

use std::sync::Arc;

use bythos_helm::set::UserValues;
use bythos_helm::{ArchiveLimits, Chart, File, Limits, Notes, Release, Request, Schemas, render};
use bythos_operator::error_chain;
use k8s_openapi::jiff::Timestamp;

use super::offline;
use crate::commands::CommandError;
use crate::release::Machine;

/// Name and chart, of which the name may be left out: `[NAME] CHART`.
pub(crate) fn name_and_chart(words: &[String]) -> Result<(Option<&str>, &str), CommandError> {
    match words {
        [chart] => Ok((None, chart)),
        [name, chart] => Ok((Some(name), chart)),
        _ => Err(CommandError::Refuse("expected [NAME] CHART".to_owned())),
    }
}

/// The name that is meant: one that was given, that a template gives, or the chart's with the time behind it. Nothing, if
/// none of that was asked for.
pub(crate) fn chosen(
    given: Option<&str>,
    template: Option<&str>,
    generated: bool,
    chart: &str,
) -> Result<Option<String>, CommandError> {
    let refuse = |words: &str| Err(CommandError::Refuse(words.to_owned()));
    match (given, template, generated) {
        (Some(_), Some(_), _) => refuse("cannot set --name-template and also specify a name"),
        (Some(_), _, true) => refuse("cannot set --generate-name and also specify a name"),
        (Some(name), ..) => Ok(Some(name.to_owned())),
        (None, Some(template), _) => from_template(template).map(Some),
        (None, None, true) => Ok(Some(format!("{chart}-{}", Timestamp::now().as_second()))),
        (None, None, false) => Ok(None),
    }
}

/// The name that a template gives: `--name-template`.
fn from_template(template: &str) -> Result<String, CommandError> {
    let wrong = |error: &(dyn std::error::Error + 'static)| {
        CommandError::Refuse(format!("--name-template: {}", error_chain(error)))
    };
    // Notes are what a template may give that is no manifest.
    let files = vec![
        File::new("Chart.yaml", b"apiVersion: v2\nname: name\nversion: 0.0.0\n"),
        File::new("templates/NOTES.txt", template.as_bytes()),
    ];
    let chart = Chart::from_files(files, ArchiveLimits::CHARTS).map_err(|error| wrong(&error))?;
    let release = Release { name: String::new(), namespace: String::new(), revision: 1, is_upgrade: false };
    let request = Request {
        chart: &chart,
        values: &UserValues::default(),
        release,
        capabilities: offline::capabilities(None, &[])?,
        world: Arc::new(Machine::alone()),
        is_linting: false,
        schemas: Schemas::default(),
        notes: Notes::default(),
    };
    let rendered = render(&request, Limits::CHARTS).map_err(|error| wrong(&error))?;
    Ok(rendered.notes.trim().to_owned())
}
