//! `bythos helm lint`: what is wrong or unusual about charts.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use bythos_helm::lint::{LintRequest, Message, Severity, lint};
use bythos_helm::set::UserValues;
use bythos_helm::{ArchiveLimits, Capabilities, Limits, Schemas, unpack};
use bythos_operator::error_chain;

use super::chart::{self, FOLDERS_DEPTH_MAX, SchemaOptions, ValuesOptions};
use super::offline;
use crate::charts::blocking;
use crate::commands::CommandError;
use crate::release::Machine;

/// Arguments of `helm lint`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Folders or archives of charts
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
    /// Fail on warnings as well
    #[arg(long)]
    pub strict: bool,
    /// Print only warnings and errors
    #[arg(long)]
    pub quiet: bool,
    /// Look also at the charts inside
    #[arg(long)]
    pub with_subcharts: bool,
    /// Namespace that templates see
    #[arg(short, long, default_value = "default")]
    pub namespace: String,
    /// Version of the cluster that the charts are to be good for
    #[arg(long, value_name = "VERSION")]
    pub kube_version: Option<String>,
    /// What a user would give
    #[command(flatten)]
    pub values: ValuesOptions,
    /// Whether it must fit
    #[command(flatten)]
    pub schema: SchemaOptions,
}

/// Prints what is to be said.
///
/// # Errors
/// A chart is wrong, or is not there.
pub async fn run(args: &Args, out: &mut impl Write) -> Result<(), CommandError> {
    let values = args.values.load().await?;
    let capabilities = offline::capabilities(args.kube_version.as_deref(), &[])?;
    let least = if args.strict { Severity::Warning } else { Severity::Error };
    let (mut failed, mut speaking) = (0, 0);
    let mut paths = args.paths.clone();
    if args.with_subcharts {
        paths.extend(
            args.paths.iter().flat_map(|path| inside(&Path::new(path).join("charts"), FOLDERS_DEPTH_MAX)),
        );
    }
    for path in &paths {
        let look = Look {
            path: path.clone(),
            namespace: args.namespace.clone(),
            values: values.clone(),
            capabilities: capabilities.clone(),
            schemas: args.schema.schemas(),
        };
        let found = blocking(move || look.messages()).await;
        let is_wrong = found.as_ref().map_or(true, |messages| messages.iter().any(|it| it.severity >= least));
        let matters = |it: &&Message| !args.quiet || it.severity > Severity::Info;
        let speaks =
            found.as_ref().map_or(true, |messages| messages.iter().any(|it| it.severity > Severity::Info));
        failed += usize::from(is_wrong);
        speaking += usize::from(speaks);
        if args.quiet && !speaks {
            continue;
        }
        writeln!(out, "==> Linting {path}")?;
        match &found {
            Ok(messages) => {
                for message in messages.iter().filter(matters) {
                    writeln!(out, "{message}")?;
                }
            }
            Err(words) => writeln!(out, "Error {words}")?,
        }
        writeln!(out)?;
    }
    let summary = format!("{} chart(s) linted, {failed} chart(s) failed", paths.len());
    if failed > 0 {
        return Err(CommandError::Refuse(summary));
    }
    if !args.quiet || speaking > 0 {
        writeln!(out, "{summary}")?;
    }
    Ok(())
}

/// The charts below a folder of charts, those inside of them included.
fn inside(folder: &Path, depth_left: usize) -> Vec<String> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.path();
        let is_archive = path.extension().is_some_and(|ending| ending == "tgz");
        // A link may lead in a circle.
        let is_folder = entry.file_type().is_ok_and(|it| it.is_dir());
        if is_archive || is_folder && path.join("Chart.yaml").exists() {
            found.push(path.display().to_string());
        }
        if is_folder && depth_left > 0 {
            found.extend(inside(&path, depth_left - 1));
        }
    }
    found
}

/// One chart to look at.
struct Look {
    path: String,
    namespace: String,
    values: UserValues,
    capabilities: Capabilities,
    schemas: Schemas,
}

impl Look {
    /// In words, why there is no chart to look at.
    fn messages(self) -> Result<Vec<Message>, String> {
        let path = Path::new(&self.path);
        let files = if self.path.ends_with(".tgz") || self.path.ends_with(".tar.gz") {
            let bytes = std::fs::read(path).map_err(|error| format!("unable to open tarball: {error}"))?;
            unpack(&bytes, ArchiveLimits::CHARTS).map_err(|error| error_chain(&error))?
        } else {
            chart::folder(path).map_err(|error| error_chain(&error))?
        };
        if !files.iter().any(|file| file.name == "Chart.yaml") {
            return Err("unable to check Chart.yaml file in chart: there is none".to_owned());
        }
        let request = LintRequest {
            files: &files,
            folder: &self.path,
            values: &self.values,
            namespace: &self.namespace,
            capabilities: self.capabilities,
            world: Arc::new(Machine::alone()),
            schemas: self.schemas,
        };
        Ok(lint(&request, ArchiveLimits::CHARTS, Limits::CHARTS))
    }
}
