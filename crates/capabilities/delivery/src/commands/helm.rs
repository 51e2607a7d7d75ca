//! `bythos helm`: charts and releases, with Helm's own verbs, options and words.
//!
//! For who works by hand, or by a script that was written for Helm. What a platform needs for good belongs into its
//! repository, as a HelmRelease.
//!
//! Left out: repositories by name (`helm repo`), signatures, plugins, post-renderers that are programs,
//! `--insecure-skip-tls-verify`, `show values --jsonpath`, and options of `template` that change nothing there.

use std::io::Write;

use kube::Client;

use super::CommandError;

pub(crate) mod chart;
pub mod get;
pub mod history;
pub mod install;
pub mod lint;
pub mod list;
mod name;
mod offline;
pub mod options;
pub mod print;
pub mod pull;
pub mod rollback;
pub mod show;
pub mod status;
pub mod template;
pub mod test;
pub mod uninstall;
pub mod upgrade;

/// The verbs.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Make a release of a chart
    Install(install::Args),
    /// Change a release
    Upgrade(upgrade::Args),
    /// Bring an earlier revision of a release back
    Rollback(rollback::Args),
    /// Take releases away
    #[command(aliases = ["del", "delete", "un"])]
    Uninstall(uninstall::Args),
    /// List releases
    #[command(alias = "ls")]
    List(list::Args),
    /// Print what became of a release
    #[command(alias = "hist")]
    History(history::Args),
    /// Print how a release is
    Status(status::Args),
    /// Print what a revision was made from, and what it made
    #[command(subcommand)]
    Get(get::Command),
    /// Run the tests of a release
    Test(test::Args),
    /// Print what a chart becomes with these values
    Template(Box<template::Args>),
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
    match command {
        Command::Install(args) => install::run(args, connect().await?, out).await,
        Command::Upgrade(args) => upgrade::run(args, connect().await?, out).await,
        Command::Rollback(args) => rollback::run(args, connect().await?, out).await,
        Command::Uninstall(args) => uninstall::run(args, connect().await?, out).await,
        Command::List(args) => list::run(args, connect().await?, out).await,
        Command::History(args) => history::run(args, connect().await?, out).await,
        Command::Status(args) => status::run(args, connect().await?, out).await,
        Command::Get(command) => get::run(command, connect().await?, out).await,
        Command::Test(args) => test::run(args, connect().await?, out).await,
        Command::Template(args) => template::run(args, connect, out).await,
        Command::Show(command) => show::run(command, out).await,
        Command::Lint(args) => lint::run(args, out).await,
        Command::Pull(args) => pull::run(args, out).await,
    }
}
