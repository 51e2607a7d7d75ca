//! `bythos helm get`: what a revision was made from, and what it made.

use std::io::Write;

use bythos_helm::plan::coalesced_values;
use kube::Client;
use serde_json::Value;

use super::options::NamespaceOptions;
use super::print::{self, Format};
use super::status::record;
use crate::commands::CommandError;

/// What to print.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// The values that were given
    Values(ValuesArgs),
    /// The objects, hooks apart
    Manifest(Args),
    /// What the chart told
    Notes(Args),
    /// The hooks
    Hooks(Args),
}

/// Which revision.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of the release
    pub name: String,
    /// Revision; the newest where none is given
    #[arg(long)]
    pub revision: Option<i64>,
    /// Where the release is
    #[command(flatten)]
    pub namespace: NamespaceOptions,
}

/// Arguments of `helm get values`.
#[derive(Debug, Clone, clap::Args)]
pub struct ValuesArgs {
    /// Those of the chart, too
    #[arg(short, long)]
    pub all: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Format,
    /// Of which revision
    #[command(flatten)]
    pub of: Args,
}

/// Prints it.
///
/// # Errors
/// There is no such revision, or its record cannot be read.
pub async fn run(command: &Command, client: Client, out: &mut impl Write) -> Result<(), CommandError> {
    let (Command::Values(ValuesArgs { of: args, .. })
    | Command::Manifest(args)
    | Command::Notes(args)
    | Command::Hooks(args)) = command;
    let record = record(client, &args.namespace.namespace, &args.name, args.revision).await?;
    match command {
        Command::Values(args) => {
            let values = if args.all {
                let values = coalesced_values(&record);
                values.map_err(|error| CommandError::Refuse(bythos_operator::error_chain(&error)))?
            } else {
                record.config.clone()
            };
            let title = if args.all { "COMPUTED VALUES:" } else { "USER-SUPPLIED VALUES:" };
            // As in Helm, nothing is null.
            let values = if values.is_empty() && !args.all { Value::Null } else { Value::Object(values) };
            args.output.write(out, &values, |out| {
                writeln!(out, "{title}")?;
                write!(out, "{}", bythos_yaml::to_string(&values))?;
                Ok(())
            })
        }
        Command::Manifest(_) => Ok(writeln!(out, "{}", record.manifest)?),
        Command::Notes(_) => match record.info.notes.is_empty() {
            true => Ok(()),
            false => Ok(writeln!(out, "NOTES:\n{}", record.info.notes)?),
        },
        Command::Hooks(_) => print::hooks(out, &record),
    }
}
