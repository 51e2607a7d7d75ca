//! `bythos helm rollback`: an earlier revision comes back.

use std::io::Write;

use bythos_helm::plan::{Options, Rollback, rollback};
use k8s_openapi::jiff::Timestamp;
use kube::Client;

use super::options::{ApplyOptions, Desk, NamespaceOptions, Server, WaitOptions};
use crate::commands::CommandError;

/// Arguments of `helm rollback`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of the release
    pub name: String,
    /// Revision to bring back; the one before where none is given
    pub revision: Option<i64>,
    /// Take away what a failed rollback made
    #[arg(long)]
    pub cleanup_on_fail: bool,
    /// How many records are kept; 0 is no limit
    #[arg(long, default_value_t = 10)]
    pub history_max: usize,
    /// Whether objects are applied by the server
    #[arg(long, value_enum, default_value = "auto")]
    pub server_side: Server,
    /// Only say whether it can be done
    #[arg(long)]
    pub dry_run: bool,
    /// Where the release is
    #[command(flatten)]
    pub namespace: NamespaceOptions,
    /// What is waited for
    #[command(flatten)]
    pub wait: WaitOptions,
    /// How objects are changed
    #[command(flatten)]
    pub apply: ApplyOptions,
}

/// Brings a revision back.
///
/// # Errors
/// There is no such revision, or it cannot be brought back.
pub async fn run(args: &Args, client: Client, out: &mut impl Write) -> Result<(), CommandError> {
    let desk = Desk::new(client, &args.namespace.namespace);
    let releases = desk.releases();
    let history = releases.history(&args.name).await?;
    let options = Options {
        cleanup_on_fail: args.cleanup_on_fail,
        history_max: args.history_max,
        ..args.apply.options(&args.wait, args.server_side)
    };
    // As in Helm, 0 is the one before.
    let request = Rollback { options, revision: args.revision.filter(|revision| *revision != 0) };
    let plan = rollback(&args.name, &history, &request, Timestamp::now());
    let plan = plan.map_err(|error| CommandError::Refuse(error.to_string()))?;
    if !args.dry_run {
        let done = releases.carried(plan).await;
        for line in desk.told.take() {
            writeln!(out, "{line}")?;
        }
        done?;
    }
    writeln!(out, "Rollback was a success! Happy Helming!")?;
    Ok(())
}
