//! `bythos helm list`: which releases there are.

use std::collections::BTreeMap;
use std::io::Write;

use bythos_helm::format_time;
use bythos_helm::release::{ReleaseRecord, Status};
use bythos_kustomize::{Matcher, Selector};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};

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
    /// Those whose name fits this regular expression
    #[arg(short, long, value_name = "PATTERN")]
    pub filter: Option<String>,
    /// Those whose labels fit this selector
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// How times are printed, as Go writes it: `2006-01-02 15:04:05Z0700`
    #[arg(long, value_name = "LAYOUT")]
    pub time_format: Option<String>,
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

    /// What chooses releases by their names and labels.
    fn matcher(&self) -> Result<Matcher, CommandError> {
        let name = self.filter.as_ref().map(|pattern| format!(".*(?:{pattern}).*"));
        let selector = Selector { name, label_selector: self.selector.clone(), ..Selector::default() };
        selector.matcher().map_err(|message| CommandError::Refuse(format!("--filter, --selector: {message}")))
    }

    fn updated(&self, record: &ReleaseRecord) -> String {
        match (&self.time_format, record.info.last_deployed) {
            (Some(layout), Some(moment)) => format_time(moment, layout),
            (_, moment) => go_time(moment),
        }
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
    let matcher = args.matcher()?;
    records.retain(|record| args.shows(record.info.status) && matcher.selects(&as_object(record)));
    sort(args, &mut records);
    let max = if args.max == 0 { usize::MAX } else { args.max };
    let rows: Vec<Row> = records.iter().skip(args.offset).take(max).map(|record| row(args, record)).collect();
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

/// A record as selectors see it: with the labels of its Secret.
fn as_object(record: &ReleaseRecord) -> Value {
    let mut labels = record.labels.clone();
    let own = [
        ("owner", "helm".to_owned()),
        ("name", record.name.clone()),
        ("status", record.info.status.to_string()),
        ("version", record.revision.to_string()),
    ];
    labels.extend(own.map(|(key, value)| (key.to_owned(), value)));
    json!({ "metadata": { "name": record.name, "labels": labels } })
}

fn row(args: &Args, record: &ReleaseRecord) -> Row {
    Row {
        name: record.name.clone(),
        namespace: record.namespace.clone(),
        revision: record.revision.to_string(),
        updated: args.updated(record),
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
