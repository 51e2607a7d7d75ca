//! `bythos helm list`: which releases there are.

use std::collections::BTreeMap;
use std::io::Write;

use bythos_helm::release::{ReleaseRecord, Status};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use serde::Serialize;

use super::print::{Format, app_version, chart_name, go_time, table};
use crate::commands::{CommandError, asked};
use crate::release::Records;

/// Arguments of `helm list`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Namespace of the releases
    #[arg(short, long, default_value = "default")]
    pub namespace: String,
    /// Releases of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Names alone
    #[arg(short = 'q', long)]
    pub short: bool,
    /// No line of titles
    #[arg(long)]
    pub no_headers: bool,
    /// Sort by date
    #[arg(short, long)]
    pub date: bool,
    /// Sort the other way round
    #[arg(short, long)]
    pub reverse: bool,
    /// Those that are deployed
    #[arg(long)]
    pub deployed: bool,
    /// Those that failed
    #[arg(long)]
    pub failed: bool,
    /// Those that somebody is at work on
    #[arg(long)]
    pub pending: bool,
    /// Earlier revisions
    #[arg(long)]
    pub superseded: bool,
    /// Those that are gone, with their history kept
    #[arg(long)]
    pub uninstalled: bool,
    /// Those that are being taken away
    #[arg(long)]
    pub uninstalling: bool,
    /// Those whose name holds this
    #[arg(short, long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// How many at most
    #[arg(short, long, default_value_t = 256)]
    pub max: usize,
    /// How many to leave out first
    #[arg(long, default_value_t = 0)]
    pub offset: usize,
    /// How to print it
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    namespace: String,
    revision: String,
    updated: String,
    status: String,
    chart: String,
    app_version: String,
}

impl Args {
    /// Whether releases of a status are shown; all, where none is named.
    fn shows(&self, status: Status) -> bool {
        let named = [
            (self.deployed, status == Status::Deployed),
            (self.failed, status == Status::Failed),
            (self.pending, status.is_pending()),
            (self.superseded, status == Status::Superseded),
            (self.uninstalled, status == Status::Uninstalled),
            (self.uninstalling, status == Status::Uninstalling),
        ];
        named.iter().all(|(is_named, _)| !is_named)
            || named.iter().any(|(is_named, is_it)| *is_named && *is_it)
    }

    /// Earlier revisions are only seen by who asks for nothing else.
    fn wants_earlier(&self) -> bool {
        let others = [self.deployed, self.failed, self.pending, self.uninstalled, self.uninstalling];
        self.superseded && !others.contains(&true)
    }

    fn is_meant(&self, record: &ReleaseRecord) -> bool {
        self.shows(record.info.status) && self.filter.as_ref().is_none_or(|text| record.name.contains(text))
    }
}

/// Prints the releases.
///
/// # Errors
/// The API did not answer, or a record cannot be read.
pub async fn run(args: &Args, client: Client, out: &mut impl Write) -> Result<(), CommandError> {
    let mut records = Vec::new();
    for namespace in namespaces(args, &client).await? {
        records.extend(Records::new(client.clone(), &namespace).all().await?);
    }
    let mut records = if args.wants_earlier() { records } else { newest(records) };
    records.retain(|record| args.is_meant(record));
    sort(args, &mut records);
    let max = if args.max == 0 { usize::MAX } else { args.max };
    let rows: Vec<Row> = records.iter().skip(args.offset).take(max).map(row).collect();
    if args.short {
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        return args.output.write(out, &names, |out| {
            names.iter().try_for_each(|name| writeln!(out, "{name}"))?;
            Ok(())
        });
    }
    args.output.write(out, &rows, |out| table(out, &cells(args, &rows)))
}

async fn namespaces(args: &Args, client: &Client) -> Result<Vec<String>, CommandError> {
    if !args.all_namespaces {
        return Ok(vec![args.namespace.clone()]);
    }
    let listed = Api::<Namespace>::all(client.clone()).list_metadata(&ListParams::default()).await;
    Ok(listed.map_err(asked("list the namespaces"))?.items.iter().map(ResourceExt::name_any).collect())
}

fn newest(records: Vec<ReleaseRecord>) -> Vec<ReleaseRecord> {
    let mut newest: BTreeMap<(String, String), ReleaseRecord> = BTreeMap::new();
    for record in records {
        let key = (record.namespace.clone(), record.name.clone());
        if newest.get(&key).is_none_or(|known| known.revision < record.revision) {
            newest.insert(key, record);
        }
    }
    newest.into_values().collect()
}

/// By name; by date the newest first.
fn sort(args: &Args, records: &mut [ReleaseRecord]) {
    if args.date {
        records.sort_by_key(|record| std::cmp::Reverse(record.info.last_deployed));
    } else {
        records.sort_by(|one, other| one.name.cmp(&other.name));
    }
    if args.reverse {
        records.reverse();
    }
}

fn row(record: &ReleaseRecord) -> Row {
    Row {
        name: record.name.clone(),
        namespace: record.namespace.clone(),
        revision: record.revision.to_string(),
        updated: go_time(record.info.last_deployed),
        status: record.info.status.to_string(),
        chart: chart_name(&record.chart),
        app_version: app_version(&record.chart),
    }
}

fn cells(args: &Args, rows: &[Row]) -> Vec<Vec<String>> {
    let titles = ["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"];
    let titles = (!args.no_headers).then(|| titles.map(str::to_owned).to_vec());
    let cells = rows.iter().map(|row| {
        let Row { name, namespace, revision, updated, status, chart, app_version } = row;
        [name, namespace, revision, updated, status, chart, app_version].map(Clone::clone).to_vec()
    });
    titles.into_iter().chain(cells).collect()
}
