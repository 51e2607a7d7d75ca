//! The part: its listeners, its role, and what runs in it.

use std::sync::Arc;

use bythos_operator::cache::CacheError;
use bythos_operator::part::{ListenerError, allow};
use bythos_operator::{BoxError, Controller, ListenerSpec, ObjectKey, Part, PartContext, Reach};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::rbac::v1::PolicyRule;
use tokio::net::TcpListener;

use crate::class::{self, ClassError};
use crate::proxy::{Entrance, Proxy};
use crate::server::Server;
use crate::status::Announcer;
use crate::tables::{Objects, Tables};

const HTTP: &str = "http";
const HTTPS: &str = "https";

/// The ingress part cannot work.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// The ingress classes.
    #[error("failed to set up the ingress classes")]
    Classes {
        /// What went wrong.
        #[source]
        source: ClassError,
    },
    /// The objects that routes are made of.
    #[error("failed to read the objects that routes are made of")]
    Read {
        /// What went wrong.
        #[source]
        source: CacheError,
    },
    /// A listener.
    #[error("failed to get a listener")]
    Listener {
        /// What went wrong.
        #[source]
        source: ListenerError,
    },
    /// The port of a listener.
    #[error("failed to learn on which port HTTPS is served")]
    Port {
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// TLS.
    #[error("failed to set up TLS")]
    Tls {
        /// What rustls said.
        #[source]
        source: rustls::Error,
    },
}

/// The part `ingress`.
pub fn part() -> Part {
    Part {
        name: "ingress",
        title: "HTTPS to applications",
        resources: Vec::new(),
        role: role(),
        listeners: vec![listener(HTTP, 80), listener(HTTPS, 443)],
        run: Arc::new(|context| Box::pin(async move { run(context).await.map_err(BoxError::from) })),
    }
}

fn role() -> Vec<PolicyRule> {
    let read = ["get", "list", "watch"];
    vec![
        allow("", &["services", "secrets", "nodes"], &read),
        allow("discovery.k8s.io", &["endpointslices"], &read),
        allow("networking.k8s.io", &["ingresses"], &read),
        allow("networking.k8s.io", &["ingresses/status"], &["patch"]),
        allow("networking.k8s.io", &["ingressclasses"], &["get", "list", "watch", "create", "patch"]),
        allow("", &["events"], &["get", "create", "patch"]),
    ]
}

/// TLS is begun here, by the name that the client asks for, and not by whoever binds the socket.
fn listener(name: &'static str, port: u16) -> ListenerSpec {
    ListenerSpec { name, port, reach: Reach::World, tls: false, service: Some("ingress") }
}

async fn run(context: PartContext) -> Result<(), IngressError> {
    context.health.starting("setting up the ingress classes");
    class::publish(&context.client).await.map_err(|source| IngressError::Classes { source })?;
    context.health.starting("reading Ingresses and what they lead to");
    let objects = Objects::read(&context.caches).await.map_err(|source| IngressError::Read { source })?;
    let nodes = context.caches.of::<Node>().await.map_err(|source| IngressError::Read { source })?;

    let tables = Tables::default();
    let (http, https) = (socket(&context, HTTP)?, socket(&context, HTTPS)?);
    let https_port = https.local_addr().map_err(|source| IngressError::Port { source })?.port();
    let proxy = Proxy::new(tables.routes.clone(), https_port);
    let server =
        Server::new(proxy, tables.certificates.clone()).map_err(|source| IngressError::Tls { source })?;

    let every_ingress = objects.ingresses.clone();
    let controller = Controller::new("ingress").reconciles(&objects.ingresses).watches(&nodes, move |_| {
        every_ingress.list().iter().map(|ingress| ObjectKey::of(ingress.as_ref())).collect()
    });
    let changed = controller.trigger();
    let announcer = Arc::new(Announcer::new(
        context.client.clone(),
        objects.ingresses.clone(),
        nodes,
        tables.report.clone(),
        context.platform.domain.clone(),
    ));
    let announcing = controller.run(2, context.shutdown.clone(), move |key| {
        let announcer = announcer.clone();
        async move { announcer.announce(key).await }
    });
    let following = context.shutdown.run_until_cancelled(objects.follow(&tables, &changed, &context.health));
    tokio::join!(
        following,
        announcing,
        server.clone().serve(http, Entrance::Http, context.shutdown.clone()),
        server.serve(https, Entrance::Https, context.shutdown.clone()),
    );
    Ok(())
}

fn socket(context: &PartContext, name: &str) -> Result<TcpListener, IngressError> {
    let listener = context.listener(name).map_err(|source| IngressError::Listener { source })?;
    Ok(listener.socket)
}
