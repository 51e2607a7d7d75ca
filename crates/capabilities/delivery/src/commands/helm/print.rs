//! How releases are printed: tables, JSON, YAML, and what `helm status` says of one.

use std::io::Write;

use bythos_helm::release::{ReleaseRecord, StoredChart};
use bythos_helm::{HookEvent, split};
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::commands::CommandError;

/// How a command prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// For scripts
    Json,
    /// For scripts
    Yaml,
}

impl Format {
    /// Prints a value for scripts, or `table` for people.
    pub(crate) fn write<W: Write>(
        self,
        out: &mut W,
        value: &impl Serialize,
        table: impl FnOnce(&mut W) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        match self {
            Format::Table => return table(out),
            Format::Json => writeln!(out, "{}", json!(value))?,
            Format::Yaml => write!(out, "{}", bythos_yaml::to_string(&json!(value)))?,
        }
        Ok(())
    }
}

/// Prints rows as Helm does: cells as wide as the widest of their column, with tabs between them.
pub(crate) fn table(out: &mut impl Write, rows: &[Vec<String>]) -> Result<(), CommandError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("\t"))?;
    }
    Ok(())
}

/// `<chart>-<version>`
pub(crate) fn chart_name(chart: &StoredChart) -> String {
    match chart.metadata() {
        Ok(Some(metadata)) => format!("{}-{}", metadata.name, metadata.version),
        _ => "MISSING".to_owned(),
    }
}

pub(crate) fn app_version(chart: &StoredChart) -> String {
    match chart.metadata() {
        Ok(Some(metadata)) => metadata.app_version,
        _ => "MISSING".to_owned(),
    }
}

/// As C prints a time.
pub(crate) fn ansi_time(moment: Timestamp) -> String {
    moment.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

/// As Go prints a time.
pub(crate) fn go_time(moment: Option<Timestamp>) -> String {
    moment.map_or("-".to_owned(), |moment| moment.strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC").to_string())
}

/// A manifest with nothing of its Secrets but where they come from.
pub(crate) fn without_secrets(manifest: &str) -> String {
    const HIDDEN: &str = "# HIDDEN: The Secret output has been suppressed";
    let shown = |document: &str| match document.lines().next().filter(|_| is_secret(document)) {
        Some(source) => format!("---\n{source}\n{HIDDEN}\n"),
        None => format!("---\n{}\n", document.trim_end()),
    };
    split(manifest).into_iter().map(shown).collect()
}

fn is_secret(document: &str) -> bool {
    let object = bythos_yaml::parse(document, bythos_yaml::Limits::MANIFESTS).unwrap_or_default();
    object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

/// What a record's printing leaves out or adds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Show {
    pub(crate) hides_notes: bool,
    /// Hooks and manifests too: there is no other way to see what was only tried.
    pub(crate) manifests: bool,
}

/// What `helm status` says.
pub(crate) fn status(out: &mut impl Write, record: &ReleaseRecord, show: Show) -> Result<(), CommandError> {
    let info = &record.info;
    writeln!(out, "NAME: {}", record.name)?;
    if let Some(moment) = info.last_deployed {
        writeln!(out, "LAST DEPLOYED: {}", ansi_time(moment))?;
    }
    writeln!(out, "NAMESPACE: {}", record.namespace)?;
    writeln!(out, "STATUS: {}", info.status)?;
    writeln!(out, "REVISION: {}", record.revision)?;
    writeln!(out, "DESCRIPTION: {}", info.description)?;
    tests(out, record)?;
    if show.manifests {
        writeln!(out, "HOOKS:")?;
        hooks(out, record)?;
        writeln!(out, "MANIFEST:\n{}", record.manifest)?;
    }
    if !show.hides_notes && !info.notes.is_empty() {
        writeln!(out, "NOTES:\n{}", info.notes.trim())?;
    }
    Ok(())
}

fn tests(out: &mut impl Write, record: &ReleaseRecord) -> Result<(), CommandError> {
    let mut tests = record.hooks.iter().filter(|hook| hook.events.contains(&HookEvent::Test)).peekable();
    if tests.peek().is_none() {
        writeln!(out, "TEST SUITE: None")?;
    }
    for test in tests {
        let Some(began) = test.last_run.started_at else { continue };
        let ended = test.last_run.completed_at.map(ansi_time).unwrap_or_default();
        writeln!(out, "TEST SUITE:     {}", test.name)?;
        writeln!(out, "Last Started:   {}", ansi_time(began))?;
        writeln!(out, "Last Completed: {ended}")?;
        writeln!(out, "Phase:          {}", json!(test.last_run.phase).as_str().unwrap_or_default())?;
    }
    Ok(())
}

pub(crate) fn hooks(out: &mut impl Write, record: &ReleaseRecord) -> Result<(), CommandError> {
    for hook in &record.hooks {
        writeln!(out, "---\n# Source: {}\n{}", hook.path, hook.manifest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests_of_tables {
    use super::*;

    #[test]
    fn cells_are_as_wide_as_their_column() {
        let mut out = Vec::new();
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        table(&mut out, &[row(["NAME", "B"]), row(["x", "long"])]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "NAME\tB   \nx   \tlong\n");
    }

    #[test]
    fn of_secrets_only_the_source_is_shown() {
        let document =
            |kind: &str| format!("---\n# Source: c/{kind}\napiVersion: v1\nkind: {kind}\ndata: {{a: b}}\n");
        let manifest = document("ConfigMap") + &document("Secret");
        let hidden = "---\n# Source: c/Secret\n# HIDDEN: The Secret output has been suppressed\n";
        assert_eq!(without_secrets(&manifest), document("ConfigMap") + hidden);
    }

    #[test]
    fn times_are_printed_as_helm_does() {
        let moment: Timestamp = "2026-01-02T03:04:05.12Z".parse().unwrap();
        assert_eq!(ansi_time(moment), "Fri Jan  2 03:04:05 2026");
        assert_eq!(go_time(Some(moment)), "2026-01-02 03:04:05.12 +0000 UTC");
    }
}
