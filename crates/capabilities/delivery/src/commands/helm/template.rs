//! `bythos helm template`: what a chart becomes, without a cluster.

use std::io::Write;
use std::sync::Arc;

use bythos_helm::{HookEvent, Limits, Manifest, Release, Rendered, Request, path_matches, render, split};
use bythos_operator::error_chain;

use super::chart::{self, ChartOptions, ValuesOptions};
use super::name::{from_template, name_and_chart};
use super::offline;
use crate::charts::blocking;
use crate::commands::CommandError;
use crate::release::Machine;

/// Arguments of `helm template`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of the release, if it is to have one, and the chart: a folder, a `.tgz`, or an address
    #[arg(value_name = "[NAME] CHART", required = true, num_args = 1..=2)]
    pub words: Vec<String>,
    /// Namespace that the release is for
    #[arg(short, long, default_value = "default")]
    pub namespace: String,
    /// Template that gives the name
    #[arg(long, value_name = "TEMPLATE")]
    pub name_template: Option<String>,
    /// Print definitions of kinds, too
    #[arg(long)]
    pub include_crds: bool,
    /// Render as for a release that is there already
    #[arg(long)]
    pub is_upgrade: bool,
    /// Version of the cluster
    #[arg(long, value_name = "VERSION")]
    pub kube_version: Option<String>,
    /// What the cluster serves beside Kubernetes' own kinds
    #[arg(short, long, value_name = "VERSION", value_delimiter = ',')]
    pub api_versions: Vec<String>,
    /// Print what these templates give, and nothing else
    #[arg(short, long, value_name = "TEMPLATE")]
    pub show_only: Vec<String>,
    /// Leave out tests
    #[arg(long)]
    pub skip_tests: bool,
    /// Leave out hooks
    #[arg(long)]
    pub no_hooks: bool,
    /// Where the chart is
    #[command(flatten)]
    pub chart: ChartOptions,
    /// What a user would give
    #[command(flatten)]
    pub values: ValuesOptions,
}

/// Prints the manifests.
///
/// # Errors
/// The chart is not there, or cannot be rendered with these values.
pub async fn run(args: &Args, out: &mut impl Write) -> Result<(), CommandError> {
    let (name, reference) = name_and_chart(&args.words)?;
    let name = match (name, &args.name_template) {
        (Some(_), Some(_)) => {
            let words = "cannot set --name-template and also specify a name";
            return Err(CommandError::Refuse(words.to_owned()));
        }
        (None, Some(template)) => from_template(template)?,
        (name, None) => name.unwrap_or("release-name").to_owned(),
    };
    let values = args.values.load().await?;
    let chart = chart::load(reference, &args.chart).await?;
    chart::check_installable(&chart)?;
    let capabilities = offline::capabilities(args.kube_version.as_deref(), &args.api_versions)?;
    let release =
        Release { name, namespace: args.namespace.clone(), revision: 1, is_upgrade: args.is_upgrade };
    let rendered = blocking(move || {
        let request = Request {
            chart: &chart,
            values: &values,
            release,
            capabilities,
            world: Arc::new(Machine::default()),
            is_linting: false,
        };
        render(&request, Limits::CHARTS)
    });
    let rendered = rendered.await.map_err(|error| CommandError::Refuse(error_chain(&error)))?;
    let printed = print(args, &rendered);
    if args.show_only.is_empty() {
        out.write_all(printed.as_bytes())?;
        return Ok(());
    }
    for manifest in only(&printed, &args.show_only)? {
        writeln!(out, "---\n{manifest}")?;
    }
    Ok(())
}

/// Everything, as Helm prints it.
fn print(args: &Args, rendered: &Rendered) -> String {
    let with_source = |source: &str, content: &str| format!("---\n# Source: {source}\n{content}\n");
    let mut manifest = String::new();
    if let Some(chart) = rendered.chart.as_ref().filter(|_| args.include_crds) {
        for (path, file) in chart.crds_by_path() {
            manifest.push_str(&with_source(&path, &String::from_utf8_lossy(&file.data)));
        }
    }
    for Manifest { source, content, .. } in &rendered.manifests.resources {
        manifest.push_str(&with_source(source, content));
    }
    let mut printed = format!("{}\n", manifest.trim());
    let hooks = rendered.manifests.hooks.iter().filter(|_| !args.no_hooks);
    for hook in hooks.filter(|hook| !(args.skip_tests && hook.events.contains(&HookEvent::Test))) {
        printed.push_str(&with_source(&hook.manifest.source, &hook.manifest.content));
    }
    printed
}

/// The manifests that come from these templates, by their paths in the chart.
fn only<'p>(printed: &'p str, wanted: &[String]) -> Result<Vec<&'p str>, CommandError> {
    let documents = split(printed);
    let path_of = |document: &str| {
        let source = document.lines().find_map(|line| line.strip_prefix("# Source: "))?;
        source.split_once('/').map(|(_, path)| path.to_owned())
    };
    let mut shown = Vec::new();
    for pattern in wanted {
        let before = shown.len();
        let fits = |document: &&&str| path_of(document).is_some_and(|path| path_matches(pattern, &path));
        shown.extend(documents.iter().filter(fits).map(|document| document.trim_end()));
        if shown.len() == before {
            return Err(CommandError::Refuse(format!("could not find template {pattern} in chart")));
        }
    }
    Ok(shown)
}
