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
    /// How to print it
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Format,
    /// Where the release is
    #[command(flatten)]
    pub namespace: NamespaceOptions,
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
    let mut rows = vec![
        ["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "DESCRIPTION"].map(str::to_owned).to_vec(),
    ];
    for record in shown {
        let (chart, app_version, info) =
            (chart_name(&record.chart), app_version(&record.chart), &record.info);
        let updated = info.last_deployed.map(ansi_time).unwrap_or_default();
        values.push(json!({
            "revision": record.revision, "updated": info.last_deployed.map(|it| it.to_string()),
            "status": info.status, "chart": chart, "app_version": app_version, "description": info.description,
        }));
        let status = info.status.to_string();
        rows.push(vec![
            record.revision.to_string(),
            updated,
            status,
            chart,
            app_version,
            info.description.clone(),
        ]);
    }
    args.output.write(out, &values, |out| table(out, &rows))
}
