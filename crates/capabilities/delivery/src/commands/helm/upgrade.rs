//! `bythos helm upgrade`: a release that changes or, with `--install`, comes to be.

use std::io::Write;
use std::sync::Arc;

use bythos_helm::plan::{CrdPolicy, Options, Upgrade, ValuesPolicy, upgrade_values};
use bythos_helm::release::{History, ReleaseRecord, Status};
use bythos_helm::set::UserValues;
use bythos_helm::{Chart, Release};
use kube::Client;

use super::chart;
use super::install::{MakeOptions, New, install, print_last};
use super::options::{Desk, Server, failed};
use super::print::Format;
use crate::commands::CommandError;
use crate::release::{ActionError, Definitions, Releases, Wish};

/// Arguments of `helm upgrade`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of the release
    pub name: String,
    /// The chart: a folder, a `.tgz`, or an address
    pub reference: String,
    /// Make the release, if it is not there
    #[arg(short, long)]
    pub install: bool,
    /// Forget the values of the release
    #[arg(long)]
    pub reset_values: bool,
    /// Lay the values over those of the release, and over what its chart said then
    #[arg(long)]
    pub reuse_values: bool,
    /// Lay the values over those of the release, and over what the chart says now
    #[arg(long)]
    pub reset_then_reuse_values: bool,
    /// Take away what a failed upgrade made
    #[arg(long)]
    pub cleanup_on_fail: bool,
    /// How many records are kept; 0 is no limit
    #[arg(long, default_value_t = 10)]
    pub history_max: usize,
    /// Whether objects are applied by the server
    #[arg(long, value_enum, default_value = "auto")]
    pub server_side: Server,
    /// What a release is made with
    #[command(flatten)]
    pub making: MakeOptions,
}

impl Args {
    fn policy(&self) -> ValuesPolicy {
        match (self.reset_values, self.reuse_values, self.reset_then_reuse_values) {
            (true, ..) => ValuesPolicy::Reset,
            (_, true, _) => ValuesPolicy::Reuse,
            (_, _, true) => ValuesPolicy::ResetThenReuse,
            _ => ValuesPolicy::Default,
        }
    }

    fn request(&self) -> Upgrade {
        Upgrade {
            options: Options {
                history_max: self.history_max,
                cleanup_on_fail: self.cleanup_on_fail,
                ..self.making.options(self.server_side)
            },
            take_ownership: self.making.take_ownership,
        }
    }
}

/// Changes a release.
///
/// # Errors
/// The chart or the values are wrong, or the release cannot be changed.
pub async fn run(args: &Args, client: Client, out: &mut impl Write) -> Result<(), CommandError> {
    let making = &args.making;
    making.check()?;
    let desk = Desk::new(client, &making.namespace.namespace);
    let releases = desk.releases();
    let history = releases.history(&args.name).await?;
    let values = making.values.load().await?;
    let chart = chart::load(&args.reference, &making.chart).await?;
    if args.install && history.wants_install() {
        if making.output == Format::Table {
            writeln!(out, "Release {:?} does not exist. Installing it now.", args.name)?;
        }
        let server = if args.server_side == Server::False { Server::False } else { Server::True };
        let replace = history.last().is_some();
        let new = New { name: args.name.clone(), chart, values, history: &history, replace, server };
        return install(new, making, &desk, out).await;
    }
    chart::check_installable(&chart)?;
    let rendered = render(args, &history, chart, values, &releases).await;
    let mut record = rendered.map_err(failed("UPGRADE FAILED"))?;
    making.label(&mut record)?;
    if making.is_dry() {
        record.info.status = Status::PendingUpgrade;
        return making.print_dry(out, record);
    }
    let done = releases.upgrade(history, record, &args.request()).await;
    making.print_told(out, &desk)?;
    done.map_err(failed("UPGRADE FAILED"))?;
    if making.output == Format::Table {
        writeln!(out, "Release {:?} has been upgraded. Happy Helming!", args.name)?;
    }
    print_last(&releases, &args.name, making, out).await
}

async fn render(
    args: &Args,
    history: &History,
    chart: Chart,
    given: UserValues,
    releases: &Releases<'_>,
) -> Result<ReleaseRecord, ActionError> {
    let (values, chart) = match history.deployed().or_else(|| history.last()) {
        Some(current) => {
            let values = upgrade_values(args.policy(), current, given);
            let values = values.map_err(|error| ActionError::Render(error.into()))?;
            let chart = values.chart(&chart);
            (values.values, chart)
        }
        None => (given, chart),
    };
    let release = Release {
        name: args.name.clone(),
        namespace: args.making.namespace.namespace.clone(),
        revision: history.next_revision(),
        is_upgrade: true,
    };
    // As in Helm, an upgrade brings no definitions.
    let definitions = Definitions { policy: CrdPolicy::Skip, ..Definitions::default() };
    let wish = Wish {
        chart: Arc::new(chart),
        values,
        release,
        definitions,
        schemas: args.making.schema.schemas(),
        notes: args.making.notes(),
        enable_dns: args.making.enable_dns,
        finish: None,
    };
    releases.render(wish).await
}
