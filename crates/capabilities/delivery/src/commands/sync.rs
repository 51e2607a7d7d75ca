//! `bythos sync`: asks the sources, then the kustomizations with those that they bring, then the Helm releases that these
//! brought, with their charts and repositories, to look now; and shows how it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::io::Write;
use std::time::Duration;

use bythos_api::gitrepository::GitRepository;
use bythos_api::helmchart::HelmChart;
use bythos_api::helmrelease::HelmRelease;
use bythos_api::helmrepository::HelmRepository;
use bythos_api::kustomization::Kustomization;
use bythos_api::names::RECONCILE_REQUESTED_AT;
use bythos_operator::ObjectKey;
use bythos_operator::condition::get;
use futures::TryStreamExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{CommandError, asked};
use crate::kustomization::Id;

/// Arguments of `sync`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of one Kustomization; all where none is given
    pub name: Option<String>,
    /// How long to follow, in seconds
    #[arg(long, default_value_t = 300)]
    pub timeout: u64,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as its source describes it.
    Applied,
    /// Something is not; it was printed.
    Failed,
}

/// What is followed: an object that answers to a request.
trait Followed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static
{
    /// The request that was handled last, and the conditions.
    fn answer(&self) -> (Option<&String>, &[Condition]);
    fn is_suspended(&self) -> bool;
}

macro_rules! followed {
    ($($kind:ty),+) => {$(
        impl Followed for $kind {
            fn answer(&self) -> (Option<&String>, &[Condition]) {
                let status = self.status.as_ref();
                status.map_or((None, &[]), |it| (it.last_handled_reconcile_at.as_ref(), &it.conditions))
            }

            fn is_suspended(&self) -> bool {
                self.spec.suspend
            }
        }
    )+};
}

followed!(GitRepository, HelmRepository, HelmChart, Kustomization, HelmRelease);

/// Asks and follows.
///
/// # Errors
/// The API did not answer, nothing has the name, or it did not end in time.
pub async fn run(args: &Args, client: &Client, out: &mut impl Write) -> Result<Outcome, CommandError> {
    let chosen: Vec<Kustomization> = super::kustomizations(client)
        .await?
        .into_iter()
        .filter(|it| args.name.is_none() || it.metadata.name == args.name)
        .collect();
    if let (Some(name), true) = (&args.name, chosen.is_empty()) {
        let message = format!("there is no Kustomization {name:?}; `bythos tree` lists what there is");
        return Err(CommandError::Refuse(message));
    }
    let needed: Vec<ObjectKey> = chosen.iter().map(crate::kustomization::source_key).collect();
    let sources: Vec<GitRepository> = super::sources(client)
        .await?
        .into_iter()
        .filter(|source| args.name.is_none() || needed.contains(&ObjectKey::of(source)))
        .collect();
    let mut round = Round { client, limit: Duration::from_secs(args.timeout), outcome: Outcome::Applied };
    round.follow(sources, out).await?;
    let keys = round.follow_kustomizations(chosen, out).await?;
    let releases = releases_of(client, &keys).await?;
    let charts = charts_of(client, &releases).await?;
    round.follow(repositories_of(client, &charts).await?, out).await?;
    round.follow(charts, out).await?;
    round.follow(releases, out).await?;
    Ok(round.outcome)
}

/// One sync under way.
struct Round<'c> {
    client: &'c Client,
    limit: Duration,
    outcome: Outcome,
}

impl Round<'_> {
    async fn follow<K: Followed>(
        &mut self,
        objects: Vec<K>,
        out: &mut impl Write,
    ) -> Result<(), CommandError> {
        if follow(self.client, objects, self.limit, out).await? == Outcome::Failed {
            self.outcome = Outcome::Failed;
        }
        Ok(())
    }

    /// These, then those that they brought by then, and so on. Returns all of them.
    async fn follow_kustomizations(
        &mut self,
        chosen: Vec<Kustomization>,
        out: &mut impl Write,
    ) -> Result<BTreeSet<ObjectKey>, CommandError> {
        let mut keys = BTreeSet::new();
        let mut next = chosen;
        while !next.is_empty() {
            keys.extend(next.iter().map(ObjectKey::of));
            self.follow(next, out).await?;
            let all = super::kustomizations(self.client).await?;
            let brought = brought_by(&all, &keys);
            let is_new =
                |it: &Kustomization| brought.contains(&Id::of(it)) && !keys.contains(&ObjectKey::of(it));
            next = all.into_iter().filter(is_new).collect();
        }
        Ok(keys)
    }
}

/// What these kustomizations brought by now.
fn brought_by(all: &[Kustomization], keys: &BTreeSet<ObjectKey>) -> BTreeSet<Id> {
    let meant = all.iter().filter(|it| keys.contains(&ObjectKey::of(*it)));
    let inventories = meant.filter_map(|it| it.status.as_ref()?.inventory.as_ref());
    inventories.flat_map(|it| &it.entries).filter_map(Id::parse).collect()
}

async fn releases_of(client: &Client, keys: &BTreeSet<ObjectKey>) -> Result<Vec<HelmRelease>, CommandError> {
    let brought = brought_by(&super::kustomizations(client).await?, keys);
    let mut releases = super::releases(client).await?;
    releases.retain(|release| brought.contains(&Id::of(release)));
    Ok(releases)
}

/// The charts that these releases are made from.
async fn charts_of(client: &Client, releases: &[HelmRelease]) -> Result<Vec<HelmChart>, CommandError> {
    let named: BTreeSet<ObjectKey> = releases.iter().filter_map(chart_of).collect();
    let listed = Api::<HelmChart>::all(client.clone()).list(&ListParams::default()).await;
    let charts = listed.map_err(asked("list the charts"))?.items;
    Ok(charts.into_iter().filter(|chart| named.contains(&ObjectKey::of(chart))).collect())
}

fn chart_of(release: &HelmRelease) -> Option<ObjectKey> {
    let (namespace, name) = match &release.spec.chart_ref {
        Some(reference) => {
            let own = release.metadata.namespace.clone();
            (reference.namespace.clone().or(own)?, reference.name.clone())
        }
        None => {
            let (namespace, name) = release.status.as_ref()?.helm_chart.as_ref()?.split_once('/')?;
            (namespace.to_owned(), name.to_owned())
        }
    };
    Some(ObjectKey::namespaced(namespace, name.as_str()))
}

/// The repositories that these charts come from. A registry has nothing to look at before a chart is asked for.
async fn repositories_of(client: &Client, charts: &[HelmChart]) -> Result<Vec<HelmRepository>, CommandError> {
    let named: BTreeSet<ObjectKey> = charts
        .iter()
        .filter(|chart| chart.spec.source_ref.kind == "HelmRepository")
        .map(|chart| {
            let namespace = chart.metadata.namespace.clone().unwrap_or_default();
            ObjectKey::namespaced(namespace, chart.spec.source_ref.name.as_str())
        })
        .collect();
    let listed = Api::<HelmRepository>::all(client.clone()).list(&ListParams::default()).await;
    let repositories = listed.map_err(asked("list the repositories"))?.items;
    let is_meant = |it: &HelmRepository| named.contains(&ObjectKey::of(it)) && !it.is_oci();
    Ok(repositories.into_iter().filter(is_meant).collect())
}

/// Asks all objects of a kind, and prints what they say until each has answered.
async fn follow<K: Followed>(
    client: &Client,
    objects: Vec<K>,
    limit: Duration,
    out: &mut impl Write,
) -> Result<Outcome, CommandError> {
    let request = Timestamp::now().to_string();
    let mut open = BTreeMap::new();
    for object in &objects {
        let key = ObjectKey::of(object);
        if object.is_suspended() {
            writeln!(out, "- {} {key} is suspended", K::kind(&()))?;
            continue;
        }
        let patch = json!({ "metadata": { "annotations": { RECONCILE_REQUESTED_AT: request } } });
        let api = Api::<K>::namespaced(client.clone(), &key.namespace);
        let marked = api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await;
        marked.map_err(asked("ask for a reconciliation"))?;
        open.insert(key, String::new());
    }
    let mut outcome = Outcome::Applied;
    let answers = listen::<K, _>(client, &request, &mut open, &mut outcome, out);
    let in_time = tokio::time::timeout(limit, answers).await;
    match in_time {
        Ok(listened) => listened.map(|()| outcome),
        Err(_) => {
            let open: Vec<String> = open.iter().map(|(key, said)| format!("{key} ({said})")).collect();
            Err(CommandError::TimedOut { seconds: limit.as_secs(), open: open.join(", ") })
        }
    }
}

async fn listen<K: Followed, W: Write>(
    client: &Client,
    request: &str,
    open: &mut BTreeMap<ObjectKey, String>,
    outcome: &mut Outcome,
    out: &mut W,
) -> Result<(), CommandError> {
    let kind = K::kind(&());
    let changes = watcher(Api::<K>::all(client.clone()), watcher::Config::default());
    let mut changes = std::pin::pin!(changes.default_backoff().applied_objects());
    while !open.is_empty() {
        let change = changes.try_next().await;
        let change = change.map_err(|error| CommandError::Ask {
            action: "follow",
            words: bythos_operator::error_chain(&error),
        })?;
        let Some(object) = change else { return Ok(()) };
        let key = ObjectKey::of(&object);
        let Some(said) = open.get_mut(&key) else { continue };
        let (handled, conditions) = object.answer();
        let Some(ready) = get(conditions, "Ready") else { continue };
        let has_answered = handled.is_some_and(|handled| handled == request) && ready.status != "Unknown";
        if has_answered {
            let mark = if ready.status == "True" { "✓" } else { "✗" };
            writeln!(out, "{mark} {kind} {key}: {}", ready.message)?;
            if ready.status != "True" {
                *outcome = Outcome::Failed;
            }
            open.remove(&key);
        } else if *said != ready.message && ready.status == "Unknown" {
            said.clone_from(&ready.message);
            writeln!(out, "  {kind} {key}: {said}")?;
        }
    }
    Ok(())
}
