//! `bythos helm install`: a new release.

use std::io::Write;
use std::sync::Arc;

use bythos_helm::plan::{CrdPolicy, Install, Options};
use bythos_helm::release::{History, ReleaseRecord, Status};
use bythos_helm::set::UserValues;
use bythos_helm::{Chart, Notes, Release};
use kube::Client;

use super::chart::{self, ChartOptions, SchemaOptions, ValuesOptions};
use super::name::{chosen, name_and_chart};
use super::options::{ApplyOptions, Desk, NamespaceOptions, Server, WaitOptions, failed};
use super::print::{self, Format, Show};
use crate::commands::CommandError;
use crate::release::{ActionError, Definitions, Releases, Wish};

/// Arguments of `helm install`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of the release, and the chart: a folder, a `.tgz`, or an address
    #[arg(value_name = "[NAME] CHART", required = true, num_args = 1..=2)]
    pub words: Vec<String>,
    /// Template that gives the name
    #[arg(long, value_name = "TEMPLATE")]
    pub name_template: Option<String>,
    /// Make a name
    #[arg(short, long)]
    pub generate_name: bool,
    /// Take the name of a release that is gone, with its history kept
    #[arg(long)]
    pub replace: bool,
    /// Whether objects are applied by the server
    #[arg(long, value_enum, default_value = "true")]
    pub server_side: Server,
    /// What a release is made with
    #[command(flatten)]
    pub making: MakeOptions,
}

/// What `install` and `upgrade --install` share.
#[derive(Debug, Clone, clap::Args)]
pub struct MakeOptions {
    /// Make the namespace, if it is not there
    #[arg(long)]
    pub create_namespace: bool,
    /// Bring no definitions of kinds
    #[arg(long)]
    pub skip_crds: bool,
    /// Take objects that others made
    #[arg(long)]
    pub take_ownership: bool,
    /// After a failure, go back to what was before
    #[arg(long, visible_alias = "atomic")]
    pub rollback_on_failure: bool,
    /// Try it out without writing anything: `client` or `server`
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: Option<DryRun>,
    /// Do not print the notes
    #[arg(long)]
    pub hide_notes: bool,
    /// Print the notes of the charts inside, too
    #[arg(long)]
    pub render_subchart_notes: bool,
    /// Let templates look hosts up by their names
    #[arg(long)]
    pub enable_dns: bool,
    /// With --dry-run, do not print what Secrets hold
    #[arg(long)]
    pub hide_secret: bool,
    /// Labels of the record
    #[arg(short, long, value_name = "NAME=VALUE", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Format,
    /// Where the release is
    #[command(flatten)]
    pub namespace: NamespaceOptions,
    /// What is waited for
    #[command(flatten)]
    pub wait: WaitOptions,
    /// How objects are changed
    #[command(flatten)]
    pub apply: ApplyOptions,
    /// Which chart
    #[command(flatten)]
    pub chart: ChartOptions,
    /// With which values
    #[command(flatten)]
    pub values: ValuesOptions,
    /// Whether they must fit
    #[command(flatten)]
    pub schema: SchemaOptions,
}

/// Where something is tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DryRun {
    /// It is not: everything is done
    #[value(alias = "false")]
    None,
    /// Rendered, not sent
    #[value(alias = "true")]
    Client,
    /// As `client`: the cluster is asked by templates either way
    Server,
}

impl MakeOptions {
    pub(super) fn notes(&self) -> Notes {
        if self.render_subchart_notes { Notes::All } else { Notes::Outermost }
    }

    pub(super) fn is_dry(&self) -> bool {
        matches!(self.dry_run, Some(DryRun::Client | DryRun::Server))
    }

    fn labels(&self) -> Result<Vec<(String, String)>, CommandError> {
        let pair = |text: &String| {
            let (name, value) = text.split_once('=').ok_or_else(|| {
                CommandError::Refuse(format!("--labels: expected NAME=VALUE, found {text:?}"))
            })?;
            Ok((name.to_owned(), value.to_owned()))
        };
        self.labels.iter().map(pair).collect()
    }

    pub(super) fn label(&self, record: &mut ReleaseRecord) -> Result<(), CommandError> {
        record.labels.extend(self.labels()?);
        Ok(())
    }

    pub(super) fn options(&self, server: Server) -> Options {
        Options { rollback_on_failure: self.rollback_on_failure, ..self.apply.options(&self.wait, server) }
    }

    /// Prints what would come of it.
    pub(super) fn print_dry(
        &self,
        out: &mut impl Write,
        mut record: ReleaseRecord,
    ) -> Result<(), CommandError> {
        "Dry run complete".clone_into(&mut record.info.description);
        if self.hide_secret {
            record.manifest = print::without_secrets(&record.manifest).into();
        }
        self.print(out, &record)
    }

    /// Refuses options that stand against each other.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        if self.hide_secret && !self.is_dry() {
            let words = "hiding Kubernetes secrets requires a dry-run mode";
            return Err(CommandError::Refuse(words.to_owned()));
        }
        Ok(())
    }

    /// Prints what came of it.
    pub(super) fn print(&self, out: &mut impl Write, record: &ReleaseRecord) -> Result<(), CommandError> {
        let show = Show { hides_notes: self.hide_notes, manifests: self.is_dry() };
        self.output.write(out, record, |out| print::status(out, record, show))
    }

    /// Prints what was told, for people alone.
    pub(super) fn print_told(&self, out: &mut impl Write, desk: &Desk) -> Result<(), CommandError> {
        for line in desk.told.take() {
            if self.output == Format::Table {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

/// What is to be installed.
pub(super) struct New<'n> {
    pub(super) name: String,
    pub(super) chart: Chart,
    pub(super) values: UserValues,
    pub(super) history: &'n History,
    pub(super) replace: bool,
    pub(super) server: Server,
}

/// Makes a release.
///
/// # Errors
/// The chart or the values are wrong, or the release cannot be made.
pub async fn run(args: &Args, client: Client, out: &mut impl Write) -> Result<(), CommandError> {
    args.making.check()?;
    let (given, reference) = name_and_chart(&args.words)?;
    let values = args.making.values.load().await?;
    let chart = chart::load(reference, &args.making.chart).await?;
    let name = chosen(given, args.name_template.as_deref(), args.generate_name, chart.name())?;
    let name = name.ok_or_else(|| {
        CommandError::Refuse("must either provide a name or specify --generate-name".to_owned())
    })?;
    let desk = Desk::new(client, &args.making.namespace.namespace);
    let history = desk.releases().history(&name).await?;
    let new = New { name, chart, values, history: &history, replace: args.replace, server: args.server_side };
    install(new, &args.making, &desk, out).await
}

/// Installs and prints.
pub(super) async fn install(
    new: New<'_>,
    making: &MakeOptions,
    desk: &Desk,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    chart::check_installable(&new.chart)?;
    let releases = desk.releases();
    let (history, name) = (new.history, new.name.clone());
    let request = Install {
        options: making.options(new.server),
        create_namespace: making.create_namespace,
        replace: new.replace,
        take_ownership: making.take_ownership,
    };
    let rendered = render(new, making, &releases).await;
    let mut record = rendered.map_err(failed("INSTALLATION FAILED"))?;
    making.label(&mut record)?;
    if making.is_dry() {
        record.info.status = Status::PendingInstall;
        return making.print_dry(out, record);
    }
    let done = releases.install(history.clone(), record, &request).await;
    making.print_told(out, desk)?;
    done.map_err(failed("INSTALLATION FAILED"))?;
    print_last(&releases, &name, making, out).await
}

async fn render(
    new: New<'_>,
    making: &MakeOptions,
    releases: &Releases<'_>,
) -> Result<ReleaseRecord, ActionError> {
    let skips = making.skip_crds || making.is_dry();
    let policy = if skips { CrdPolicy::Skip } else { CrdPolicy::Create };
    let release = Release {
        name: new.name,
        namespace: making.namespace.namespace.clone(),
        revision: 1,
        is_upgrade: false,
    };
    let definitions = Definitions { policy, ..Definitions::default() };
    let wish = Wish {
        chart: Arc::new(new.chart),
        values: new.values,
        release,
        definitions,
        schemas: making.schema.schemas(),
        notes: making.notes(),
        enable_dns: making.enable_dns,
        finish: None,
    };
    releases.render(wish).await
}

/// Prints the newest revision, as it is recorded.
pub(super) async fn print_last(
    releases: &Releases<'_>,
    name: &str,
    making: &MakeOptions,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let history = releases.history(name).await?;
    match history.last() {
        Some(record) => making.print(out, record),
        None => Err(CommandError::Refuse(format!("release {name:?} not found"))),
    }
}
