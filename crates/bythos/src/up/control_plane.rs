//! The engine's lower half: authority, store, API server, and the owner's kubeconfig.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bythos_access::User;
use bythos_access::authority::Authority;
use bythos_access::token::TokenSigner;
use bythos_api::names::BYTHOS_NAMESPACE;
use bythos_apiserver::{ApiServer, Config};
use bythos_operator::kubelet::NodePort;
use bythos_store::{Options, Store};
use kube::Client;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::settings::{API_LISTENER, Settings};
use crate::tls::{ServerCertificate, ServerNames};
use crate::{host, kubeconfig};

/// How many past events watchers can resume from.
const HISTORY_EVENTS: usize = 10_000;

/// The API at work.
pub(super) struct ControlPlane {
    api: ApiServer,
    certificate: Arc<ServerCertificate>,
    tasks: JoinSet<()>,
}

impl ControlPlane {
    pub(super) async fn start(
        settings: &Settings,
        node: NodePort,
        services: &[&str],
        shutdown: CancellationToken,
    ) -> Result<ControlPlane> {
        let authority = Authority::load_or_create(&settings.layout.authority())?;
        let tokens = TokenSigner::load_or_create(&settings.layout.authority())?;
        kubeconfig::write(settings, &authority)?;
        let certificate = ServerCertificate::new(authority, names(settings, services)?)?;
        let store = Store::open(Options {
            directory: Some(settings.layout.store()),
            history_events: HISTORY_EVENTS,
        })?;
        let service_network = settings.service_network.clone();
        let api =
            ApiServer::start(Config { store, node, tokens, service_network, checks: Vec::new() }).await?;

        let address = (Ipv4Addr::UNSPECIFIED, settings.api_port());
        let socket = TcpListener::bind(address)
            .await
            .with_context(|| super::listeners::cannot_bind(API_LISTENER, settings.api_port()))?;
        let mut tasks = JoinSet::new();
        let (serving, tls, until) = (api.clone(), certificate.for_api()?, shutdown.clone());
        tasks.spawn(async move { serving.serve(socket, tls, until).await });
        tasks.spawn(certificate.clone().keep_fresh(shutdown.clone()));
        tasks.spawn(kubeconfig::keep_fresh(settings.clone(), certificate.clone(), shutdown));
        Ok(ControlPlane { api, certificate, tasks })
    }

    pub(super) fn api(&self) -> ApiServer {
        self.api.clone()
    }

    /// A client that may do anything, for what the binary itself writes.
    pub(super) fn admin(&self) -> Client {
        self.api.client(User::authenticated("system:bythos", &["system:masters"]))
    }

    pub(super) fn authority_pem(&self) -> &str {
        self.certificate.authority().certificate_pem()
    }

    pub(super) fn part_tls(&self) -> Arc<rustls::ServerConfig> {
        self.certificate.for_parts()
    }

    pub(super) async fn drain(mut self, grace: Duration) {
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all_ended).await.is_err() {
            warn!(?grace, "requests to the API were cut off");
        }
    }
}

/// Everything by which the engine's listeners are reached: from the host, from the network, and from pods.
fn names(settings: &Settings, services: &[&str]) -> Result<ServerNames> {
    let in_cluster = |service: &str, namespace: &str| {
        [
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.cluster.local"),
        ]
    };
    let mut names = vec!["localhost".to_owned(), settings.domain.clone(), settings.node_name.clone()];
    names.push("kubernetes".to_owned());
    names.extend(in_cluster("kubernetes", "default"));
    names.extend(services.iter().flat_map(|service| in_cluster(service, BYTHOS_NAMESPACE)));
    names.dedup();
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut addresses = vec![loopback, settings.gateway()?, settings.kubernetes_address()?];
    addresses.extend(host::outward_address());
    Ok(ServerNames { names, addresses })
}
