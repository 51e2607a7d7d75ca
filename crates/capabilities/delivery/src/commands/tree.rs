//! `bythos tree`: every object that came from Git, under what brought it, with its state.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use bythos_api::helmrelease::HelmRelease;
use bythos_api::kustomization::{Kustomization, ResourceInventory};
use bythos_operator::ObjectKey;
use bythos_operator::condition::get;
use futures::StreamExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use serde::Serialize;

use super::{CommandError, Output};
use crate::kinds::Kinds;
use crate::kustomization::{Id, source_key};

/// Requests that may be under way at once.
const REQUESTS: usize = 16;

/// Arguments of `tree`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    pub output: Output,
}

/// An object and what it brought.
#[derive(Debug, Serialize)]
struct Node {
    /// `Kind/namespace/name`
    object: String,
    /// In words: a condition, or what is known of its health.
    state: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    brought: Vec<Node>,
}

impl Node {
    fn alone(id: &Id, state: String) -> Node {
        Node { object: id.to_string(), state, brought: Vec::new() }
    }
}

/// Prints the tree.
///
/// # Errors
/// The API did not answer.
pub async fn run(args: &Args, client: &Client, out: &mut impl Write) -> Result<(), CommandError> {
    let sources = super::sources(client).await?;
    let kustomizations = super::kustomizations(client).await?;
    let releases = super::releases(client).await?;
    let bringers: BTreeMap<Id, Bringer> = kustomizations
        .iter()
        .map(Bringer::kustomization)
        .chain(releases.iter().map(Bringer::release))
        .collect();
    // One that another brought stands below that one; not itself, as a bootstrap writes it.
    let inside = |(id, it): (&Id, &Bringer)| {
        it.brought.iter().map(|(id, _)| id).filter(|it| *it != id).cloned().collect::<Vec<_>>()
    };
    let brought: BTreeSet<Id> = bringers.iter().flat_map(inside).collect();
    let look = Look { kinds: Kinds::new(client.clone()), client, bringers: &bringers };
    let mut roots = Vec::new();
    let mut shown = BTreeSet::new();
    for source in &sources {
        let key = ObjectKey::of(source);
        let mut below = Vec::new();
        let of_source = kustomizations.iter().filter(|it| source_key(it) == key).map(Id::of);
        for id in of_source.filter(|id| !brought.contains(id)) {
            below.push(look.node(&id, &mut shown).await);
        }
        let conditions = source.status.as_ref().map(|status| status.conditions.as_slice());
        let state = state_of(conditions.unwrap_or_default(), source.spec.suspend);
        roots.push(Node { object: format!("GitRepository/{key}"), state, brought: below });
    }
    for id in kustomizations.iter().map(Id::of) {
        if !shown.contains(&id) {
            roots.push(look.node(&id, &mut shown).await);
        }
    }
    if args.output == Output::Json {
        let text = serde_json::to_string_pretty(&roots).map_err(|error| CommandError::Print(error.into()))?;
        writeln!(out, "{text}")?;
        return Ok(());
    }
    if roots.is_empty() {
        writeln!(out, "nothing comes from Git yet")?;
    }
    for root in &roots {
        print(root, "", "", out)?;
    }
    Ok(())
}

/// What an object brought that brings others, a Kustomization or a HelmRelease.
struct Bringer {
    state: String,
    /// The objects, each with its version.
    brought: Vec<(Id, String)>,
}

impl Bringer {
    fn kustomization(object: &Kustomization) -> (Id, Bringer) {
        let status = object.status.clone().unwrap_or_default();
        let state = state_of(&status.conditions, object.spec.suspend);
        (Id::of(object), Bringer { state, brought: entries(status.inventory) })
    }

    fn release(object: &HelmRelease) -> (Id, Bringer) {
        let status = object.status.clone().unwrap_or_default();
        let state = state_of(&status.conditions, object.spec.suspend);
        (Id::of(object), Bringer { state, brought: entries(status.inventory) })
    }
}

fn entries(inventory: Option<ResourceInventory>) -> Vec<(Id, String)> {
    let entries = inventory.unwrap_or_default().entries.into_iter();
    entries.filter_map(|entry| Some((Id::parse(&entry)?, entry.version))).collect()
}

struct Look<'a> {
    kinds: Kinds,
    client: &'a Client,
    bringers: &'a BTreeMap<Id, Bringer>,
}

impl Look<'_> {
    /// An object that brings others, with these; one that was shown before stands alone.
    async fn node(&self, id: &Id, shown: &mut BTreeSet<Id>) -> Node {
        let Some(bringer) = self.bringers.get(id) else { return Node::alone(id, String::new()) };
        let mut node = Node::alone(id, bringer.state.clone());
        if !shown.insert(id.clone()) {
            return node;
        }
        let cluster = self.kinds.used_by(self.client.clone());
        let states: Vec<String> =
            futures::stream::iter(bringer.brought.iter().map(|(id, version)| cluster.state_of(id, version)))
                .buffered(REQUESTS)
                .collect()
                .await;
        for ((id, _), state) in bringer.brought.iter().zip(states) {
            node.brought.push(match self.bringers.contains_key(id) {
                true => Box::pin(self.node(id, shown)).await,
                false => Node::alone(id, state),
            });
        }
        node
    }
}

fn state_of(conditions: &[Condition], is_suspended: bool) -> String {
    let ready = match get(conditions, "Ready") {
        None => "not looked at yet".to_owned(),
        Some(ready) if ready.status == "True" => ready.message.clone(),
        Some(ready) => format!("{}: {}", ready.reason, ready.message),
    };
    if is_suspended { format!("suspended; {ready}") } else { ready }
}

fn print(node: &Node, first: &str, rest: &str, out: &mut impl Write) -> std::io::Result<()> {
    let state = node.state.lines().next().unwrap_or_default();
    writeln!(out, "{first}{} {state}", node.object)?;
    for (index, below) in node.brought.iter().enumerate() {
        let is_last = index + 1 == node.brought.len();
        let (branch, trunk) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        print(below, &format!("{rest}{branch}"), &format!("{rest}{trunk}"), out)?;
    }
    Ok(())
}
