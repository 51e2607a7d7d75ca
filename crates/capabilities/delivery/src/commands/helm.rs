//! `bythos helm`: charts and releases, with Helm's own verbs, options and words.
//!
//! For who works by hand, or by a script that was written for Helm. What a platform needs for good belongs into its
//! repository, as a HelmRelease.
//!
//! Left out: repositories by name (`helm repo`), signatures, plugins, post-renderers that are programs.

use std::io::Write;

use kube::Client;

use super::CommandError;

pub(crate) mod chart;
pub mod lint;
mod name;
mod offline;
pub mod pull;
pub mod show;
pub mod template;

/// The verbs.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Print what a chart becomes with these values, without a cluster
    Template(template::Args),
    /// Print what a chart says about itself
    #[command(subcommand)]
    Show(show::Command),
    /// Say what is wrong or unusual about charts
    Lint(lint::Args),
    /// Download a chart
    Pull(pull::Args),
}

/// Carries a verb out. `connect` is asked for the cluster by those that need one.
///
/// # Errors
/// It cannot be done, or the cluster is not there.
pub async fn run(
    command: &Command,
    connect: impl AsyncFnOnce() -> Result<Client, CommandError>,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    // No verb asks for a cluster yet.
    drop(connect);
    match command {
        Command::Template(args) => template::run(args, out).await,
        Command::Show(command) => show::run(command, out).await,
        Command::Lint(args) => lint::run(args, out).await,
        Command::Pull(args) => pull::run(args, out).await,
    }
}
