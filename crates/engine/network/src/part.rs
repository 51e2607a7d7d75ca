//! The part: keeps the rules and the names in step with the services.

use std::sync::Arc;
use std::time::Duration;

use bythos_operator::apply::ApplyError;
use bythos_operator::cache::{CacheError, Cacheable};
use bythos_operator::part::allow;
use bythos_operator::{BoxError, Cache, Health, Part, PartContext, error_chain};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::config::NetworkConfig;
use crate::dns::{DnsError, DnsServer, Forwarder, Responder, Zone, ZoneConfig};
use crate::program::ProgramError;
use crate::{nft, publish, ruleset, services};

const HOST_RESOLVERS: &str = "/etc/resolv.conf";
/// Changes that arrive together are applied together.
const GATHER: Duration = Duration::from_millis(10);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// The kernel tells nobody here when someone else flushes all tables (as a restart of Debian's `nftables.service`
/// does), so the table is put back this often.
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
        role: vec![allow("", &["services"], &verbs), allow("discovery.k8s.io", &["endpointslices"], &verbs)],
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
    let services = context.caches.of().await.map_err(|source| NetworkError::Read { source })?;
    let slices = context.caches.of().await.map_err(|source| NetworkError::Read { source })?;

    context.health.starting("starting cluster DNS");
    let zone_config = ZoneConfig::new(&config, &context.platform.domain);
    let forwarder = Forwarder::new(HOST_RESOLVERS, [config.gateway, config.dns_address]);
    let responder = Responder::new(Zone::build(zone_config.clone(), &[]), forwarder);
    let network =
        Network { services, slices, zone_config, responder, health: context.health.clone(), config };
    // The names are there before the first question can be asked.
    network.take_names();
    let mut dns = DnsServer::bind(network.config.gateway, network.responder.clone())
        .await
        .map_err(|source| NetworkError::Dns { source })?;

    context.health.starting("applying the rules of services");
    tokio::select! {
        () = context.shutdown.cancelled() => Ok(()),
        source = dns.run() => Err(NetworkError::Dns { source }),
        () = network.follow() => Ok(()),
    }
}

struct Network {
    config: Arc<NetworkConfig>,
    services: Cache<Service>,
    slices: Cache<EndpointSlice>,
    zone_config: ZoneConfig,
    responder: Responder,
    health: Health,
}

impl Network {
    /// Renders and applies everything after each change, for ever.
    async fn follow(&self) {
        let changed = Arc::new(Notify::new());
        notify_of_changes(&self.services, &changed);
        notify_of_changes(&self.slices, &changed);
        let mut applied = None;
        let mut retry = FIRST_RETRY;
        loop {
            let script = self.take_names();
            let result = if applied.as_ref() == Some(&script) { Ok(()) } else { apply(script.clone()).await };
            match result {
                Ok(()) => {
                    applied = Some(script);
                    retry = FIRST_RETRY;
                    self.health.ready();
                    if timeout(PUT_BACK, changed.notified()).await.is_err() {
                        applied = None;
                    }
                }
                Err(error) => {
                    let cause = error_chain(&error);
                    warn!(%cause, "{} keeps its last rules", self.config.table());
                    self.health.failing(cause);
                    if timeout(retry, changed.notified()).await.is_err() {
                        retry = LONGEST_RETRY.min(retry * 2);
                    }
                }
            }
            sleep(GATHER).await;
        }
    }

    /// Replaces the names and returns the rules, both from the same look at the services.
    fn take_names(&self) -> String {
        let services = services::read(&self.services.list(), &self.slices.list());
        self.responder.replace(Zone::build(self.zone_config.clone(), &services));
        ruleset::render(&self.config, &services)
    }
}

fn notify_of_changes<K: Cacheable>(cache: &Cache<K>, changed: &Arc<Notify>) {
    let changed = Arc::downgrade(changed);
    cache.subscribe(move |_| {
        let changed = changed.upgrade();
        if let Some(changed) = &changed {
            changed.notify_one();
        }
        changed.is_some()
    });
}

async fn apply(script: String) -> Result<(), NetworkError> {
    debug!(bytes = script.len(), "applying the rules of services");
    let applied = tokio::task::spawn_blocking(move || nft::apply(&script)).await;
    applied.map_err(|source| NetworkError::Task { source })?.map_err(|source| NetworkError::Rules { source })
}
