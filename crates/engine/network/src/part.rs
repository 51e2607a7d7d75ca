//! The part: keeps the rules and the names in step with the services.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bythos_operator::apply::ApplyError;
use bythos_operator::cache::CacheError;
use bythos_operator::part::allow;
use bythos_operator::{BoxError, Health, Part, PartCaches, PartContext, error_chain};
use kube::Client;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::config::NetworkConfig;
use crate::dns::{DnsError, DnsServer, Forwarder, Responder, Zone, ZoneConfig};
use crate::follow::{Following, Watched};
use crate::program::ProgramError;
use crate::{balancer, conntrack, nft, publish};

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
    let keeper = Keeper { config, watched, client: context.client.clone(), health: context.health.clone() };
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
    client: Client,
    health: Health,
}

impl Keeper {
    /// Applies each change, for ever.
    async fn keep(&self, mut following: Following) {
        let changes = following.changes();
        let mut retry = FIRST_RETRY;
        // Balancers are given their addresses at the start, too.
        let mut services_changed = true;
        loop {
            services_changed |= following.catch_up();
            match apply(following.table.script()).await {
                Ok(()) => {
                    following.table.is_applied();
                    forget(std::mem::take(&mut following.gone)).await;
                    retry = FIRST_RETRY;
                    self.health.ready();
                    if std::mem::take(&mut services_changed) {
                        self.balance().await;
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

    async fn balance(&self) {
        for correction in balancer::corrections(&self.config, &self.watched.services.list()) {
            balancer::correct(&self.client, &correction).await;
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
async fn forget(endpoints: BTreeSet<(Ipv4Addr, u16)>) {
    if endpoints.is_empty() {
        return;
    }
    match tokio::task::spawn_blocking(move || conntrack::forget_udp(&endpoints)).await {
        Ok(Ok(count)) => debug!(count, "forgot conversations with endpoints that are gone"),
        Ok(Err(error)) => {
            warn!(error = error_chain(&error), "conversations by UDP go on with endpoints that are gone");
        }
        Err(error) => warn!(%error, "conversations by UDP go on with endpoints that are gone"),
    }
}

async fn apply(script: Option<String>) -> Result<(), NetworkError> {
    let Some(script) = script else { return Ok(()) };
    debug!(bytes = script.len(), "applying the rules of services");
    let applied = tokio::task::spawn_blocking(move || nft::apply(&script)).await;
    applied.map_err(|source| NetworkError::Task { source })?.map_err(|source| NetworkError::Rules { source })
}
