//! `bythos sync`, `diff`, `tree`, `events` and `helm`: delivery's own commands, as the owner, on standard output.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use bythos_delivery::commands::{CommandError, diff, events, helm, sync, tree};

use crate::kubeconfig;
use crate::settings::Settings;

pub(crate) async fn sync(settings: &Settings, args: &sync::Args) -> Result<ExitCode> {
    let client = kubeconfig::client(settings).await?;
    let outcome = sync::run(args, &client, &mut io::stdout()).await;
    let Some(outcome) = read_to_the_end(outcome)? else { return Ok(ExitCode::SUCCESS) };
    Ok(if outcome == sync::Outcome::Applied { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn diff(settings: &Settings, args: &diff::Args) -> Result<ExitCode> {
    let client = kubeconfig::client(settings).await?;
    let mut out = io::stdout();
    let Some(found) = read_to_the_end(diff::run(args, &client, &mut out).await)? else {
        return Ok(ExitCode::SUCCESS);
    };
    if found == diff::Differences::default() {
        writeln!(out, "a push would change nothing")?;
    }
    Ok(if found.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn tree(settings: &Settings, args: &tree::Args) -> Result<()> {
    let client = kubeconfig::client(settings).await?;
    read_to_the_end(tree::run(args, &client, &mut io::stdout()).await).map(drop)
}

pub(crate) async fn events(settings: &Settings, args: &events::Args) -> Result<()> {
    let client = kubeconfig::client(settings).await?;
    read_to_the_end(events::run(args, &client, &mut io::stdout()).await).map(drop)
}

pub(crate) async fn helm(settings: &Settings, command: &helm::Command) -> Result<()> {
    let connect = async || {
        let connected = kubeconfig::client(settings).await;
        connected.map_err(|error| CommandError::Refuse(format!("{error:#}")))
    };
    read_to_the_end(helm::run(command, connect, &mut io::stdout()).await).map(drop)
}

/// What was found; nothing for a reader who has seen enough (`| head`), which is no failure.
fn read_to_the_end<T>(outcome: Result<T, CommandError>) -> Result<Option<T>> {
    match outcome {
        Err(CommandError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
        outcome => Ok(Some(outcome?)),
    }
}
