//! `bythos tree`: every object that came from Git, under what brought it, with its state.

use std::collections::BTreeSet;
use std::io::Write;

use bythos_api::kustomization::Kustomization;
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

/// Prints the tree.
///
/// # Errors
/// The API did not answer.
pub async fn run(args: &Args, client: &Client, out: &mut impl Write) -> Result<(), CommandError> {
    let sources = super::sources(client).await?;
    let kustomizations = super::kustomizations(client).await?;
    let look = Look { kinds: Kinds::new(client.clone()), client, kustomizations: &kustomizations };
    // One that another brought stands below that one.
    let brought: BTreeSet<ObjectKey> = kustomizations.iter().flat_map(kustomizations_in).collect();
    let mut roots = Vec::new();
    let mut shown = BTreeSet::new();
    for source in &sources {
        let key = ObjectKey::of(source);
        let mut below = Vec::new();
        let of_source = kustomizations.iter().filter(|it| source_key(it) == key);
        for kustomization in of_source.filter(|it| !brought.contains(&ObjectKey::of(*it))) {
            below.push(look.node(kustomization, &mut shown).await);
        }
        let conditions = source.status.as_ref().map(|status| status.conditions.as_slice());
        let state = state_of(conditions.unwrap_or_default(), source.spec.suspend);
        roots.push(Node { object: format!("GitRepository/{key}"), state, brought: below });
    }
    for kustomization in &kustomizations {
        if !shown.contains(&ObjectKey::of(kustomization)) {
            roots.push(look.node(kustomization, &mut shown).await);
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

struct Look<'a> {
    kinds: Kinds,
    client: &'a Client,
    kustomizations: &'a [Kustomization],
}

impl Look<'_> {
    /// A kustomization with its objects; one that was shown before stands alone.
    async fn node(&self, kustomization: &Kustomization, shown: &mut BTreeSet<ObjectKey>) -> Node {
        let key = ObjectKey::of(kustomization);
        let status = kustomization.status.as_ref();
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        let state = state_of(conditions, kustomization.spec.suspend);
        let mut node = Node { object: format!("Kustomization/{key}"), state, brought: Vec::new() };
        if !shown.insert(key) {
            return node;
        }
        let entries = status.and_then(|status| status.inventory.as_ref()).map(|it| it.entries.as_slice());
        let ids: Vec<(Id, &str)> = entries
            .unwrap_or_default()
            .iter()
            .filter_map(|entry| Some((Id::parse(entry)?, entry.version.as_str())))
            .collect();
        let cluster = self.kinds.used_by(self.client.clone());
        let states: Vec<String> =
            futures::stream::iter(ids.iter().map(|(id, version)| cluster.state_of(id, version)))
                .buffered(REQUESTS)
                .collect()
                .await;
        for ((id, _), state) in ids.iter().zip(states) {
            let inner = self.kustomizations.iter().find(|it| is_kustomization(id, it));
            node.brought.push(match inner {
                Some(inner) => Box::pin(self.node(inner, shown)).await,
                None => Node { object: id.to_string(), state, brought: Vec::new() },
            });
        }
        node
    }
}

fn is_kustomization(id: &Id, object: &Kustomization) -> bool {
    id.kind == "Kustomization" && ObjectKey::namespaced(&*id.namespace, &*id.name) == ObjectKey::of(object)
}

/// The kustomizations that a kustomization brought; not itself, as a bootstrap writes it.
fn kustomizations_in(object: &Kustomization) -> Vec<ObjectKey> {
    let inventory = object.status.as_ref().and_then(|status| status.inventory.as_ref());
    let ids = inventory.into_iter().flat_map(|it| &it.entries).filter_map(Id::parse);
    ids.filter(|id| id.kind == "Kustomization")
        .map(|id| ObjectKey::namespaced(id.namespace, id.name))
        .filter(|key| *key != ObjectKey::of(object))
        .collect()
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
