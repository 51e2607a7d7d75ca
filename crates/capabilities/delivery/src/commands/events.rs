//! `bythos events`: what happened to sources, kustomizations and releases, oldest first.

use std::io::Write;

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};

use super::{CommandError, asked};

/// The API groups of Flux' kinds end so.
const GROUP: &str = ".toolkit.fluxcd.io";

/// Arguments of `events`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of one source, Kustomization or release; all where none is given
    pub name: Option<String>,
    /// Go on printing what happens
    #[arg(long, short)]
    pub follow: bool,
}

/// Prints events, and with `--follow` what comes until the reader is gone.
///
/// # Errors
/// The API did not answer.
pub async fn run(args: &Args, client: &Client, out: &mut impl Write) -> Result<(), CommandError> {
    let api = Api::<Event>::all(client.clone());
    let listed = api.list(&ListParams::default()).await.map_err(asked("list the events"))?;
    let mut events: Vec<Event> = listed.items.into_iter().filter(|event| is_meant(event, args)).collect();
    events.sort_by_key(time_of);
    for event in &events {
        print(event, out)?;
    }
    if !args.follow {
        return Ok(());
    }
    let newest = events.last().and_then(time_of);
    let mut changes =
        std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
    loop {
        let change = changes.try_next().await.map_err(|error| CommandError::Ask {
            action: "follow the events",
            words: bythos_operator::error_chain(&error),
        })?;
        let Some(event) = change else { return Ok(()) };
        if is_meant(&event, args) && time_of(&event) > newest {
            print(&event, out)?;
        }
    }
}

fn is_meant(event: &Event, args: &Args) -> bool {
    let group = event.involved_object.api_version.as_deref().unwrap_or_default();
    let group = group.split('/').next().unwrap_or_default();
    let name = &event.involved_object.name;
    group.ends_with(GROUP) && (args.name.is_none() || *name == args.name)
}

fn time_of(event: &Event) -> Option<Timestamp> {
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.or_else(|| event.event_time.as_ref().map(|time| time.0))
}

/// One line; further lines of the message below it.
fn print(event: &Event, out: &mut impl Write) -> std::io::Result<()> {
    let object = &event.involved_object;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let time = time_of(event).map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
    let mark = if event.type_.as_deref() == Some("Warning") { "✗" } else { " " };
    let message = text(&event.message).trim_end().replace('\n', "\n                        ");
    let times =
        event.count.filter(|count| *count > 1).map(|count| format!(" ({count} times)")).unwrap_or_default();
    writeln!(
        out,
        "{time} {mark} {} {}/{} {}{times}: {message}",
        text(&object.kind),
        text(&object.namespace),
        text(&object.name),
        text(&event.reason),
    )
}
