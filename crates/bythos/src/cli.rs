//! The command line: words in, one function call out.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

use crate::settings::Settings;
use crate::{down, gitops, image, init, install, kubeconfig, status, up};

/// A private cloud in one binary.
#[derive(Debug, Parser)]
#[command(name = "bythos", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// Folder that holds everything of this engine, so that several can live side by side
    #[arg(long, global = true, value_name = "DIR", default_value = crate::layout::DEFAULT_ROOT)]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

/// How a command prints what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the cloud on this machine and stay in the foreground; pods outlive the process
    Up(up::Args),
    /// Let systemd run the cloud from now on, with this very program; again to update it
    Install,
    /// Stop the cloud: its pods, its containerd and its rules on the host; all data stays
    Down,
    /// Stop the cloud and remove everything that belongs to it, data included
    Uninstall(down::UninstallArgs),
    /// Say how the cloud is, and the first cause of what is wrong
    Status {
        /// How to print it
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// Make a new platform repository with a sample application, ready to be pushed
    Init(bythos_forge::init::Args),
    /// Ask Git sources and kustomizations to look now, and follow until everything is applied
    Sync(bythos_delivery::commands::sync::Args),
    /// Say what a push of a folder would change, without changing it
    Diff(bythos_delivery::commands::diff::Args),
    /// Show every object that came from Git, under what brought it, with its state
    Tree(bythos_delivery::commands::tree::Args),
    /// Show what happened to sources, kustomizations and releases
    Events(bythos_delivery::commands::events::Args),
    /// Work with charts as Helm does
    #[command(subcommand)]
    Helm(Box<bythos_delivery::commands::helm::Command>),
    /// Print the owner's kubeconfig, for example for `kubectl --kubeconfig`
    Kubeconfig(kubeconfig::Args),
    /// Build and import container images without a registry
    #[command(subcommand)]
    Image(image::Command),
    /// Make this machine trust the platform's root certificate
    Trust(bythos_certificates::trust::Args),
    /// Answer Git's credential helper protocol; `bythos init` sets it up
    #[command(hide = true)]
    GitCredential(bythos_forge::credential::Args),
}

impl Cli {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let settings = match self.command {
            Command::Down | Command::Uninstall(_) => Settings::load_to_stop(&self.root)?,
            _ => Settings::load(&self.root)?,
        };
        match self.command {
            Command::Up(args) => up::run(settings, args).await?,
            Command::Install => install::run(&settings)?,
            Command::Down => down::run(&settings).await?,
            Command::Uninstall(args) => down::uninstall(&settings, &args).await?,
            Command::Status { output } => return status::run(&settings, output).await,
            Command::Init(args) => init::run(&settings, &args).await?,
            Command::Sync(args) => return gitops::sync(&settings, &args).await,
            Command::Diff(args) => return gitops::diff(&settings, &args).await,
            Command::Tree(args) => gitops::tree(&settings, &args).await?,
            Command::Events(args) => gitops::events(&settings, &args).await?,
            Command::Helm(command) => gitops::helm(&settings, &command).await?,
            Command::Kubeconfig(args) => kubeconfig::run(&settings, &args)?,
            Command::Image(command) => image::run(&settings, command).await?,
            Command::Trust(args) => {
                let client = kubeconfig::client(&settings).await?;
                bythos_certificates::trust::run(&args, client).await?;
            }
            Command::GitCredential(args) => init::answer_git(&settings, &args).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
