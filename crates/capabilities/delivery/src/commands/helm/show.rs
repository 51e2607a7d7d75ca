//! `bythos helm show`: what a chart says about itself.

use std::io::Write;

use super::chart::{self, ChartOptions};
use crate::commands::CommandError;

/// What to show.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// All of it
    All(Args),
    /// Chart.yaml
    Chart(Args),
    /// values.yaml
    Values(Args),
    /// README.md
    Readme(Args),
    /// The definitions of kinds
    Crds(Args),
}

/// Arguments of each.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A folder, a `.tgz`, or an address
    pub reference: String,
    /// Where the chart is
    #[command(flatten)]
    pub chart: ChartOptions,
}

/// Prints it.
///
/// # Errors
/// The chart is not there, or is none.
pub async fn run(command: &Command, out: &mut impl Write) -> Result<(), CommandError> {
    let args = match command {
        Command::All(args)
        | Command::Chart(args)
        | Command::Values(args)
        | Command::Readme(args)
        | Command::Crds(args) => args,
    };
    let chart = chart::load(&args.reference, &args.chart).await?;
    let shown = match command {
        Command::All(_) => chart.show_all(),
        Command::Chart(_) => chart.show_chart(),
        Command::Values(_) => chart.show_values(),
        Command::Readme(_) => chart.show_readme(),
        Command::Crds(_) => chart.show_crds(),
    };
    out.write_all(shown.as_bytes())?;
    Ok(())
}
