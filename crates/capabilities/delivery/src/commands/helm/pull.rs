//! `bythos helm pull`: a chart from somewhere else, as a file or a folder here.

use std::io::Write;
use std::path::{Path, PathBuf};

use bythos_helm::{ArchiveLimits, Chart, unpack};
use bythos_operator::error_chain;

use super::chart::{self, ChartOptions};
use crate::commands::CommandError;

/// Arguments of `helm pull`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address of the chart, or with `--repo` its name
    pub reference: String,
    /// Folder to write it into
    #[arg(short, long, value_name = "FOLDER", default_value = ".")]
    pub destination: PathBuf,
    /// Unpack it
    #[arg(long)]
    pub untar: bool,
    /// Folder, as seen from the destination, to unpack it into
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub untardir: PathBuf,
    /// Where the chart is
    #[command(flatten)]
    pub chart: ChartOptions,
}

/// Writes the chart, and prints where.
///
/// # Errors
/// It is not there, is no chart, or cannot be written.
pub async fn run(args: &Args, out: &mut impl Write) -> Result<(), CommandError> {
    let bytes = chart::archive(&args.reference, &args.chart).await?;
    let wrong = |error: bythos_helm::Error| {
        CommandError::Refuse(format!("chart {:?}: {}", args.reference, error_chain(&error)))
    };
    let chart = Chart::from_archive(&bytes, ArchiveLimits::CHARTS).map_err(wrong)?;
    if args.untar {
        // The name of a chart holds no `/`.
        let folder = args.destination.join(&args.untardir).join(chart.name());
        if folder.exists() {
            let words =
                format!("failed to untar: a file or directory with the name {folder:?} already exists");
            return Err(CommandError::Refuse(words));
        }
        // Their paths lead nowhere but below.
        for file in unpack(&bytes, ArchiveLimits::CHARTS).map_err(wrong)? {
            write(&folder.join(&file.name), &file.data)?;
        }
        writeln!(out, "{}", folder.display())?;
        return Ok(());
    }
    let file = args.destination.join(format!("{}-{}.tgz", chart.name(), chart.metadata.version));
    write(&file, &bytes)?;
    writeln!(out, "{}", file.display())?;
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let written = std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))
        .and_then(|()| std::fs::write(path, bytes));
    written.map_err(|error| CommandError::Refuse(format!("failed to write {path:?}: {error}")))
}
