//! `bythos helm template`: what a chart becomes, without a cluster.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bythos_helm::{
    Chart, HookEvent, Limits, Manifest, Notes, Release, Rendered, Request, path_matches, render, split,
};
use bythos_operator::error_chain;
use kube::Client;

use super::chart::{self, ChartOptions, SchemaOptions, ValuesOptions};
use super::install::DryRun;
use super::name::{chosen, name_and_chart};
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
    /// Let the name be the chart's with the time behind it
    #[arg(short, long)]
    pub generate_name: bool,
    /// `server` lets templates ask the cluster: what it is, what it serves, and for objects
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_value = "client", default_missing_value = "client")]
    pub dry_run: DryRun,
    /// Print definitions of kinds, too
    #[arg(long)]
    pub include_crds: bool,
    /// Print no definitions of kinds, which is so without --include-crds
    #[arg(long, conflicts_with = "include_crds")]
    pub skip_crds: bool,
    /// Write what each template gives into a file below this folder, in place of printing it
    #[arg(long, value_name = "FOLDER", conflicts_with = "show_only")]
    pub output_dir: Option<PathBuf>,
    /// With --output-dir, write into a folder called as the release
    #[arg(long, requires = "output_dir")]
    pub release_name: bool,
    /// Let templates look hosts up by their names
    #[arg(long)]
    pub enable_dns: bool,
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
    /// Whether it must fit
    #[command(flatten)]
    pub schema: SchemaOptions,
}

/// Prints the manifests. `connect` is asked for the cluster where templates are to ask it.
///
/// # Errors
/// The chart is not there, or cannot be rendered with these values.
pub async fn run(
    args: &Args,
    connect: impl AsyncFnOnce() -> Result<Client, CommandError>,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let (name, reference) = name_and_chart(&args.words)?;
    let values = args.values.load().await?;
    let chart = chart::load(reference, &args.chart).await?;
    chart::check_installable(&chart)?;
    let name = chosen(name, args.name_template.as_deref(), args.generate_name, chart.name())?;
    let name = name.unwrap_or_else(|| "release-name".to_owned());
    let (machine, capabilities) = match args.dry_run {
        DryRun::Server => {
            let asked = Machine::with_cluster(connect().await?).await;
            asked.map_err(|error| CommandError::Refuse(error_chain(&error)))?
        }
        DryRun::None | DryRun::Client => {
            (Machine::alone(), offline::capabilities(args.kube_version.as_deref(), &args.api_versions)?)
        }
    };
    let folder = args.output_dir.as_ref().map(|folder| match args.release_name {
        true => folder.join(&name),
        false => folder.clone(),
    });
    let machine = machine.with_names(args.enable_dns);
    let release =
        Release { name, namespace: args.namespace.clone(), revision: 1, is_upgrade: args.is_upgrade };
    let schemas = args.schema.schemas();
    let rendered = blocking(move || {
        let request = Request {
            chart: &chart,
            values: &values,
            release,
            capabilities,
            world: Arc::new(machine),
            is_linting: false,
            schemas,
            notes: Notes::default(),
        };
        render(&request, Limits::CHARTS)
    });
    let rendered = rendered.await.map_err(|error| CommandError::Refuse(error_chain(&error)))?;
    if let Some(folder) = folder {
        return write(&folder, args, &rendered, out);
    }
    if args.show_only.is_empty() {
        let mut out = BufWriter::new(out);
        print(args, &rendered, &mut out)?;
        return Ok(out.flush()?);
    }
    let mut printed = Vec::new();
    print(args, &rendered, &mut printed)?;
    for manifest in only(&String::from_utf8_lossy(&printed), &args.show_only)? {
        writeln!(out, "---\n{manifest}")?;
    }
    Ok(())
}

/// Where a manifest comes from, and its text.
type Sourced<'r> = (Cow<'r, str>, Cow<'r, str>);

/// Definitions and resources.
fn resources<'r>(args: &Args, rendered: &'r Rendered) -> Vec<Sourced<'r>> {
    let crds = rendered.chart.as_ref().filter(|_| args.include_crds).map(Chart::crds_by_path);
    let crds =
        crds.into_iter().flatten().map(|(path, file)| (path.into(), String::from_utf8_lossy(&file.data)));
    let resources = rendered.manifests.resources.iter().map(sourced);
    crds.chain(resources).collect()
}

fn hooks<'r>(args: &Args, rendered: &'r Rendered) -> Vec<Sourced<'r>> {
    let hooks = rendered.manifests.hooks.iter().filter(|_| !args.no_hooks);
    let shown = hooks.filter(|hook| !(args.skip_tests && hook.events.contains(&HookEvent::Test)));
    shown.map(|hook| sourced(&hook.manifest)).collect()
}

fn sourced(manifest: &Manifest) -> Sourced<'_> {
    (Cow::from(&manifest.source), Cow::from(&manifest.content))
}

fn document((source, content): &Sourced<'_>) -> String {
    format!("---\n# Source: {source}\n{content}\n")
}

/// Everything, as Helm prints it: the space behind the last resource is cut.
fn print(args: &Args, rendered: &Rendered, out: &mut impl Write) -> std::io::Result<()> {
    let resources = resources(args, rendered);
    let (last, others) =
        resources.split_last().map_or((None, &[][..]), |(last, others)| (Some(last), others));
    others.iter().try_for_each(|other| out.write_all(document(other).as_bytes()))?;
    writeln!(out, "{}", last.map(document).unwrap_or_default().trim_end())?;
    hooks(args, rendered).iter().try_for_each(|hook| out.write_all(document(hook).as_bytes()))
}

/// Writes everything into files, each called as the template that gave it.
fn write(folder: &Path, args: &Args, rendered: &Rendered, out: &mut impl Write) -> Result<(), CommandError> {
    let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
    for sourced in resources(args, rendered).iter().chain(&hooks(args, rendered)) {
        files.entry(inside(folder, &sourced.0)?).or_default().push_str(&document(sourced));
    }
    for (path, text) in files {
        let failed = |error: std::io::Error| {
            CommandError::Refuse(format!("failed to write {}: {error}", path.display()))
        };
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        std::fs::write(&path, text).map_err(failed)?;
        writeln!(out, "wrote {}", path.display())?;
    }
    Ok(())
}

/// The path below a folder; one that leads out of it is refused.
fn inside(folder: &Path, source: &str) -> Result<PathBuf, CommandError> {
    let path = Path::new(source);
    if !path.components().all(|step| matches!(step, Component::Normal(_))) {
        return Err(CommandError::Refuse(format!("the template {source:?} leads out of the folder")));
    }
    Ok(folder.join(path))
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
