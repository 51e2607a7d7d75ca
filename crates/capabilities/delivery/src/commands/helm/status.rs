//! `bythos helm status`: how a release is, and what its chart tells.

use std::io::Write;
use std::sync::Arc;

use bythos_helm::release::ReleaseRecord;
use kube::Client;

use super::options::{Desk, NamespaceOptions};
use super::print::{self, Format, Show};
use crate::commands::CommandError;

/// Arguments of `helm status`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of the release
    pub name: String,
    /// Revision; the newest where none is given
    #[arg(long)]
    pub revision: Option<i64>,
    /// How to print it
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Format,
    /// Where the release is
    #[command(flatten)]
    pub namespace: NamespaceOptions,
}

/// Prints how a release is.
///
/// # Errors
/// There is no such revision, or its record cannot be read.
pub async fn run(args: &Args, client: Client, out: &mut impl Write) -> Result<(), CommandError> {
    let record = record(client, &args.namespace.namespace, &args.name, args.revision).await?;
    args.output.write(out, &*record, |out| print::status(out, &record, Show::default()))
}

/// A revision; the newest where none is given.
pub(super) async fn record(
    client: Client,
    namespace: &str,
    name: &str,
    revision: Option<i64>,
) -> Result<Arc<ReleaseRecord>, CommandError> {
    let desk = Desk::new(client, namespace);
    let history = desk.releases().history(name).await?;
    let found = match revision.filter(|revision| *revision != 0) {
        Some(revision) => history.revision(revision),
        None => history.last(),
    };
    found.cloned().ok_or_else(|| CommandError::Refuse("release: not found".to_owned()))
}
