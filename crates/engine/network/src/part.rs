//! The part: keeps the rules and the names in step with the services.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bythos_operator::apply::ApplyError;
use bythos_operator::cache::CacheError;
use bythos_operator::event::{Publisher, Severity};
use bythos_operator::part::allow;
use bythos_operator::{BoxError, Health, Part, PartCaches, PartContext, error_chain};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::balancer::{self, Balancer};
use crate::config::NetworkConfig;
use crate::conntrack::{self, Outdated};
use crate::dns::{DnsError, DnsServer, Forwarder, Responder, Zone, ZoneConfig};
use crate::follow::{Aftermath, Following, Watched};
use crate::program::ProgramError;
use crate::{loopback, nft, publish};

const HOST_RESOLVERS: &str = "/etc/resolv.conf";
/// Changes that arrive together are applied together.
const GATHER: Duration = Duration::from_millis(10);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// The kernel tells nobody here when someone else flushes all tables (as a restart of Debian's `nftables.service`
/// does), so it is looked this often whether the table is still there.
const PUT_BACK: Duration = Duration::from_secs(60);

/// The network part cannot work.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The Service of cluster DNS.
    #[error("failed to publish the Service of cluster DNS")]
    Publish {
        /// What went wrong.
        #[source]
        source: ApplyError,
    },
    /// Services or endpoints.
    #[error("failed to read services")]
    Read {
        /// What went wrong.
        #[source]
        source: CacheError,
    },
    /// Cluster DNS.
    #[error("failed to serve cluster DNS")]
    Dns {
        /// What went wrong.
        #[source]
        source: DnsError,
    },
    /// The rules could not be applied; they are tried again.
    #[error("failed to apply the rules of services")]
    Rules {
        /// The program's words.
        #[source]
        source: ProgramError,
    },
    /// The task that applies the rules is gone.
    #[error("the task that applies the rules of services ended early")]
    Task {
        /// How it ended.
        #[source]
        source: tokio::task::JoinError,
    },
}

/// The part `network`. [`prepare_host`](crate::prepare_host) must have been called before it runs.
pub fn part(config: NetworkConfig) -> Part {
    let config = Arc::new(config);
    let verbs = ["get", "list", "watch", "create", "patch"];
    Part {
        name: "network",
        title: "Services and cluster DNS",
        resources: Vec::new(),
        role: vec![
            allow("", &["services"], &verbs),
            allow("", &["services/status"], &["patch"]),
            allow("", &["events"], &["get", "create", "patch"]),
            allow("discovery.k8s.io", &["endpointslices"], &verbs),
            allow("", &["pods", "namespaces"], &["get", "list", "watch"]),
            allow("networking.k8s.io", &["networkpolicies"], &["get", "list", "watch"]),
        ],
        listeners: Vec::new(),
        run: Arc::new(move |context| {
            let config = config.clone();
            Box::pin(async move { run(config, context).await.map_err(BoxError::from) })
        }),
    }
}

async fn run(config: Arc<NetworkConfig>, context: PartContext) -> Result<(), NetworkError> {
    context.health.starting("reading services");
    publish::cluster_dns(&context.client, &config)
        .await
        .map_err(|source| NetworkError::Publish { source })?;
    let watched = watched(&context.caches).await.map_err(|source| NetworkError::Read { source })?;

    context.health.starting("starting cluster DNS");
    let zone_config = ZoneConfig::new(&config, &context.platform.domain);
    let forwarder = Forwarder::new(HOST_RESOLVERS, [config.gateway, config.dns_address]);
    let responder = Responder::new(Zone::new(zone_config), forwarder);
    let mut following = Following::new(config.clone(), watched.clone(), responder.clone());
    // The names are there before the first question can be asked.
    following.catch_up();
    let mut dns =
        DnsServer::bind(config.gateway, responder).await.map_err(|source| NetworkError::Dns { source })?;

    context.health.starting("applying the rules of services");
    let client = context.client.clone();
    let mut keeper = Keeper {
        config,
        watched,
        balancer: Balancer::new(client.clone()),
        events: Publisher::new(client, "bythos-network"),
        health: context.health.clone(),
    };
    tokio::select! {
        () = context.shutdown.cancelled() => Ok(()),
        source = dns.run() => Err(NetworkError::Dns { source }),
        () = keeper.keep(following) => Ok(()),
    }
}

async fn watched(caches: &PartCaches) -> Result<Watched, CacheError> {
    Ok(Watched {
        services: caches.of().await?,
        slices: caches.of().await?,
        policies: caches.of().await?,
        pods: caches.of().await?,
        namespaces: caches.of().await?,
    })
}

struct Keeper {
    config: Arc<NetworkConfig>,
    watched: Watched,
    balancer: Balancer,
    events: Publisher,
    health: Health,
}

impl Keeper {
    /// Applies each change, for ever.
    async fn keep(&mut self, mut following: Following) {
        let changes = following.changes();
        let mut retry = FIRST_RETRY;
        // Balancers are given their addresses at the start, too.
        let mut ports_changed = true;
        loop {
            ports_changed |= following.catch_up();
            match apply(following.table.script()).await {
                Ok(()) => {
                    following.table.is_applied();
                    retry = FIRST_RETRY;
                    self.health.ready();
                    self.settle(std::mem::take(&mut following.aftermath)).await;
                    if std::mem::take(&mut ports_changed) {
                        let services = self.watched.services.list();
                        let plan = balancer::plan(&self.config, &services, &following.host_ports);
                        self.balancer.carry_out(plan).await;
                    }
                    if timeout(PUT_BACK, changes.told()).await.is_err() && !self.is_there().await {
                        following.table.is_lost();
                    }
                }
                Err(error) => {
                    // Whatever has happened to the table: written whole it is right.
                    following.table.is_lost();
                    let cause = error_chain(&error);
                    warn!(%cause, "{} keeps its last rules", self.config.table());
                    self.health.failing(cause);
                    if timeout(retry, changes.told()).await.is_err() {
                        retry = LONGEST_RETRY.min(retry * 2);
                    }
                }
            }
            sleep(GATHER).await;
        }
    }

    async fn settle(&self, aftermath: Aftermath) {
        let Aftermath { outdated, at_loopback, refused } = aftermath;
        forget(outdated).await;
        open_loopback(at_loopback).await;
        for (pod, port) in refused {
            let message = format!("host port {port} leads to no container: Bythos itself answers there");
            self.events.publish(&*pod, Severity::Warning, "HostPortConflict", &message).await;
        }
    }

    /// Whether the kernel still has the table.
    async fn is_there(&self) -> bool {
        let name = self.config.table();
        let tables = tokio::task::spawn_blocking(nft::tables).await;
        matches!(tables, Ok(Ok(tables)) if tables.lines().any(|line| line.ends_with(&format!(" {name}"))))
    }
}

/// Once the rules lead elsewhere, so must the conversations that go on. A failure leaves them to their timeout.
async fn forget(outdated: Outdated) {
    if outdated.is_empty() {
        return;
    }
    match tokio::task::spawn_blocking(move || conntrack::forget_udp(&outdated)).await {
        Ok(Ok(count)) => debug!(count, "forgot conversations with endpoints that are gone"),
        Ok(Err(error)) => {
            warn!(error = error_chain(&error), "conversations by UDP go on with endpoints that are gone");
        }
        Err(error) => warn!(%error, "conversations by UDP go on with endpoints that are gone"),
    }
}

/// Once the table drops what must not use it. A failure leaves the pods reachable at all other addresses.
async fn open_loopback(pods: BTreeSet<Ipv4Addr>) {
    if pods.is_empty() {
        return;
    }
    match tokio::task::spawn_blocking(move || loopback::open(&pods)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            warn!(error = error_chain(&error), "ports of the host do not lead to pods at 127.0.0.1");
        }
        Err(error) => warn!(%error, "ports of the host do not lead to pods at 127.0.0.1"),
    }
}

async fn apply(script: Option<String>) -> Result<(), NetworkError> {
    let Some(script) = script else { return Ok(()) };
    debug!(bytes = script.len(), "applying the rules of services");
    let applied = tokio::task::spawn_blocking(move || nft::apply(&script)).await;
    applied.map_err(|source| NetworkError::Task { source })?.map_err(|source| NetworkError::Rules { source })
}
