//! `bythos helm history`: what became of a release.

use std::io::Write;

use kube::Client;
use serde_json::{Value, json};

use super::options::{Desk, NamespaceOptions};
use super::print::{Format, ansi_time, app_version, chart_name, table};
use crate::commands::CommandError;

/// Arguments of `helm history`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of the release
    pub name: String,
    /// How many revisions at most
    #[arg(long, default_value_t = 256)]
    pub max: usize,
    /// Show which revision a rollback brought back
    #[arg(long)]
    pub show_rollback_revision: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Format,
    /// Where the release is
    #[command(flatten)]
    pub namespace: NamespaceOptions,
}

impl Args {
    /// Without the revision that was brought back, unless it is asked for.
    fn row(&self, cells: [&str; 7]) -> Vec<String> {
        const ROLLBACK: usize = 5;
        let is_shown = |(index, _): &(usize, &str)| *index != ROLLBACK || self.show_rollback_revision;
        cells.into_iter().enumerate().filter(is_shown).map(|(_, cell)| cell.to_owned()).collect()
    }
}

/// Prints the revisions, the oldest first.
///
/// # Errors
/// There is no such release, or a record cannot be read.
pub async fn run(args: &Args, client: Client, out: &mut impl Write) -> Result<(), CommandError> {
    let desk = Desk::new(client, &args.namespace.namespace);
    let history = desk.releases().history(&args.name).await?;
    let all = history.records();
    if all.is_empty() {
        return Err(CommandError::Refuse("release: not found".to_owned()));
    }
    let shown = all.get(all.len().saturating_sub(args.max)..).unwrap_or_default();
    let mut values: Vec<Value> = Vec::new();
    let mut rows =
        vec![args.row(["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "ROLLBACK", "DESCRIPTION"])];
    for record in shown {
        let (chart, app_version, info) =
            (chart_name(&record.chart), app_version(&record.chart), &record.info);
        let updated = info.last_deployed.map(ansi_time).unwrap_or_default();
        let rolled_back_to = Some(info.rollback_revision).filter(|revision| *revision > 0);
        let mut value = json!({
            "revision": record.revision, "updated": info.last_deployed.map(|it| it.to_string()),
            "status": info.status, "chart": chart, "app_version": app_version, "description": info.description,
        });
        if let Some(revision) = rolled_back_to {
            value["rollback_revision"] = revision.into();
        }
        values.push(value);
        let (revision, status) = (record.revision.to_string(), info.status.to_string());
        let rolled_back_to = rolled_back_to.map(|revision| revision.to_string()).unwrap_or_default();
        rows.push(args.row([
            &revision,
            &updated,
            &status,
            &chart,
            &app_version,
            &rolled_back_to,
            &info.description,
        ]));
    }
    args.output.write(out, &values, |out| table(out, &rows))
}
