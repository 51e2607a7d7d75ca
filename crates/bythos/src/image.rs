//! `bythos image`: container images without a registry.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::parts;
use crate::progress::Progress;
use crate::settings::Settings;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Build an image from a recipe: Debian packages, files, user and command
    Build {
        /// The recipe, a YAML file
        recipe: PathBuf,
        /// Write the image to this file instead of giving it to the cloud
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Give the cloud the images of an archive (OCI, or what `docker save` writes)
    Import {
        /// The archive
        file: PathBuf,
    },
}

pub(crate) async fn run(settings: &Settings, command: Command) -> Result<()> {
    let mut progress = Progress::new();
    match command {
        Command::Import { file } => import(settings, &file, &mut progress).await,
        Command::Build { recipe, output: Some(output) } => build(&recipe, &output, &mut progress).await,
        Command::Build { recipe, output: None } => {
            let folder = tempdir()?;
            let archive = folder.path().join("image.tar");
            build(&recipe, &archive, &mut progress).await?;
            import(settings, &archive, &mut progress).await
        }
    }
}

fn tempdir() -> Result<tempfile::TempDir> {
    tempfile::tempdir().context("failed to make a temporary folder")
}

async fn build(recipe: &Path, output: &Path, progress: &mut Progress) -> Result<()> {
    progress.step(format!("building {}", recipe.display()));
    let (recipe, output) = (recipe.to_owned(), output.to_owned());
    let built =
        tokio::task::spawn_blocking(move || bythos_node::build_image(&recipe, &output, |_| {})).await??;
    progress.done();
    progress.line(&format!("  {} {}", built.name, built.digest));
    Ok(())
}

async fn import(settings: &Settings, archive: &Path, progress: &mut Progress) -> Result<()> {
    progress.step(format!("importing into the cloud in {}", settings.layout.root.display()));
    let names = bythos_node::import_image(&parts::node_config(settings)?, archive).await?;
    progress.done();
    for name in names {
        progress.line(&format!("  {name}"));
    }
    Ok(())
}
