//! `bythos helm uninstall`: releases that go.

use std::io::Write;

use bythos_helm::plan::{Options, PlanError, Propagation, Uninstall, kept, uninstall};
use kube::Client;

use super::options::{Desk, NamespaceOptions, WaitOptions};
use crate::commands::CommandError;

/// Arguments of `helm uninstall`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Names of the releases
    #[arg(required = true)]
    pub names: Vec<String>,
    /// Only say whether it can be done
    #[arg(long)]
    pub dry_run: bool,
    /// A release that is not there is no failure
    #[arg(long)]
    pub ignore_not_found: bool,
    /// Keep the records
    #[arg(long)]
    pub keep_history: bool,
    /// What becomes of what the objects own
    #[arg(long, value_enum, default_value = "background")]
    pub cascade: Cascade,
    /// Words for the history
    #[arg(long)]
    pub description: Option<String>,
    /// Where the release is
    #[command(flatten)]
    pub namespace: NamespaceOptions,
    /// What is waited for
    #[command(flatten)]
    pub wait: WaitOptions,
}

/// What becomes of what the objects own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Cascade {
    /// It goes afterwards
    Background,
    /// It goes before
    Foreground,
    /// It stays
    Orphan,
}

impl From<Cascade> for Propagation {
    fn from(cascade: Cascade) -> Propagation {
        match cascade {
            Cascade::Background => Propagation::Background,
            Cascade::Foreground => Propagation::Foreground,
            Cascade::Orphan => Propagation::Orphan,
        }
    }
}

/// Takes releases away, one after the other.
///
/// # Errors
/// One of them is not there, or cannot be taken away.
pub async fn run(args: &Args, client: Client, out: &mut impl Write) -> Result<(), CommandError> {
    let desk = Desk::new(client, &args.namespace.namespace);
    for name in &args.names {
        one(args, name, &desk, out).await?;
        writeln!(out, "release {name:?} uninstalled")?;
    }
    Ok(())
}

async fn one(args: &Args, name: &str, desk: &Desk, out: &mut impl Write) -> Result<(), CommandError> {
    let releases = desk.releases();
    let history = releases.history(name).await?;
    let request = Uninstall {
        options: Options { description: args.description.clone(), ..args.wait.options() },
        keep_history: args.keep_history,
        propagation: args.cascade.into(),
    };
    let plan = match uninstall(name, &history, &request) {
        Err(PlanError::NotFound(_)) if args.ignore_not_found => return Ok(()),
        Err(PlanError::NotFound(name)) => {
            let words = format!("uninstall: Release not loaded: {name}: release: not found");
            return Err(CommandError::Refuse(words));
        }
        plan => plan.map_err(|error| CommandError::Refuse(error.to_string()))?,
    };
    let kept = kept(&plan.record).map_err(|error| CommandError::Refuse(error.to_string()))?;
    if !args.dry_run {
        let done = releases.carried(plan).await;
        for line in desk.told.take() {
            writeln!(out, "{line}")?;
        }
        done?;
    }
    if !kept.is_empty() {
        writeln!(out, "These resources were kept due to the resource policy:")?;
        for kept in kept {
            writeln!(out, "[{}] {}", kept.kind, kept.name)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
