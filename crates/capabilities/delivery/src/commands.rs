//! What the owner asks of delivery: `bythos sync`, `diff`, `tree`, `events`. Each speaks to the API as the owner, and
//! prints to the writer that it is given.

use std::io;

use bythos_api::gitrepository::GitRepository;
use bythos_api::helmrelease::HelmRelease;
use bythos_api::kustomization::Kustomization;
use kube::api::ListParams;
use kube::{Api, Client};

pub mod diff;
pub mod events;
pub mod helm;
pub mod sync;
pub mod tree;

use crate::status::words;

/// How a command prints what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// A command that cannot do what it is asked for.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The API did not do it.
    #[error("failed to {action}: {words}")]
    Ask {
        /// What was tried.
        action: &'static str,
        /// What the API said.
        words: String,
    },
    /// What is asked for is not there, or is wrong.
    #[error("{0}")]
    Refuse(String),
    /// The answer cannot be printed.
    #[error("failed to print")]
    Print(#[source] io::Error),
    /// It did not end in time.
    #[error("not everything is reconciled after {seconds}s; still open: {open}")]
    TimedOut {
        /// How long was waited.
        seconds: u64,
        /// What is open, and why.
        open: String,
    },
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        CommandError::Print(error)
    }
}

fn asked(action: &'static str) -> impl FnOnce(kube::Error) -> CommandError {
    move |error| CommandError::Ask { action, words: words(&error) }
}

async fn sources(client: &Client) -> Result<Vec<GitRepository>, CommandError> {
    let listed = Api::<GitRepository>::all(client.clone()).list(&ListParams::default()).await;
    Ok(listed.map_err(asked("list the sources"))?.items)
}

async fn kustomizations(client: &Client) -> Result<Vec<Kustomization>, CommandError> {
    let listed = Api::<Kustomization>::all(client.clone()).list(&ListParams::default()).await;
    Ok(listed.map_err(asked("list the kustomizations"))?.items)
}

async fn releases(client: &Client) -> Result<Vec<HelmRelease>, CommandError> {
    let listed = Api::<HelmRelease>::all(client.clone()).list(&ListParams::default()).await;
    Ok(listed.map_err(asked("list the Helm releases"))?.items)
}
