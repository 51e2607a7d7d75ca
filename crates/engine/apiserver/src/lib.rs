//! The Kubernetes API over store, kinds and access.
//!
//! One request path serves every kind, built-in or custom; what a kind is stands in a table, never in a handler:
//!
//! ```text
//! socket ── server ──┐ (TLS, client certificate or token, limits)
//!                    ├─> service: impersonate ─> request ─> authorize ─┬─> paths: health, discovery, openapi
//! client(user) ──────┘ (no socket)                                     └─> resources ─> verbs, subresource, reviews
//!                                                                           │ reads: stored bytes as they are
//!                                                                           │ writes: decode ─> write
//!   write: prune ─> default ─> admission ─> validate ─> stamp ─> owners of fields ─> store
//! ```
//!
//! It is for everyone who speaks to a Kubernetes API: kubectl and other clients through [`ApiServer::serve`], the
//! parts of Bythos through [`ApiServer::client`]. Both doors lead through the same authorization.
//!
//! Nothing here knows what a kind means beyond the few rules in `admission` and `subresource`; nothing here runs
//! controllers, but for the clean-up behind a CustomResourceDefinition (`custom`) and the count of what is used of
//! quotas (`admission::quota::recount`), both of which guard the server's own promises. The store's bytes are JSON with
//! the revision put in at the commit (`encode`), so that reads, lists and watches hand them out unread.
//!
//! Not there yet: answers in protobuf (they are JSON, which such clients accept), OIDC tokens, calls of admission webhooks,
//! MutatingAdmissionPolicies, aggregated APIs, flow control by FlowSchemas (all of them are stored, and their writers are
//! told so), patches of `certificatesigningrequests/approval`, the authorizer and the audit log of
//! ValidatingAdmissionPolicies (what they would write there is logged), conversion webhooks of custom resources,
//! `pods/ephemeralcontainers`, an audit log and with it the mode `audit` of Pod Security, the ConfigMap
//! `extension-apiserver-authentication`.

#![cfg_attr(
    test,
    allow(clippy::needless_pass_by_value, reason = "tests hand over the literals that they write")
)]

mod admission;
mod authenticate;
mod authorize;
mod body;
mod bootstrap;
mod call;
mod compress;
mod custom;
mod decode;
mod discovery;
mod encode;
mod health;
mod impersonate;
mod negotiate;
mod object;
mod openapi;
mod paths;
mod policy;
mod protobuf;
mod registry;
mod request;
mod resources;
mod reviews;
mod selection;
mod server;
mod service;
mod stamp;
mod state;
mod status;
mod subresource;
mod table;
mod verbs;
mod version;
mod write;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError};

use bythos_access::User;
use bythos_access::token::TokenSigner;
use bythos_operator::kubelet::NodePort;
use bythos_store::Store;
use tokio_util::sync::CancellationToken;

use admission::service::ServiceNetwork;
pub use admission::service::ServiceNetworkError;
use call::Caller;
use state::State;

/// A named check of `/readyz`: `Err` holds the reason.
pub type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the API server is made of.
pub struct Config {
    /// Where objects live.
    pub store: Store,
    /// Through which logs and the like are asked of the node.
    pub node: NodePort,
    /// Signs and verifies the tokens of service accounts.
    pub tokens: TokenSigner,
    /// Network of cluster IPs, for example `10.43.0.0/16`.
    pub service_network: String,
    /// Further checks of `/readyz`, for example one per part. More can be added while it runs.
    pub checks: Vec<(String, Check)>,
}

/// It cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The first objects (namespaces, roles) cannot be written.
    #[error("failed to write the first objects")]
    Bootstrap(#[source] bythos_store::CommitError),
    /// One of the first objects is refused by the server's own rules.
    #[error("failed to make {object}: {reason}")]
    FirstObject {
        /// Kind and name.
        object: String,
        /// The server's words.
        reason: String,
    },
    /// The network of cluster IPs makes no sense.
    #[error("failed to read the service network")]
    ServiceNetwork(#[source] ServiceNetworkError),
}

/// The API server. Clones share it.
#[derive(Clone)]
pub struct ApiServer {
    state: Arc<State>,
}

impl ApiServer {
    /// Makes the first objects if they are not there and is ready to answer.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<ApiServer, StartError> {
        let Config { store, node, tokens, service_network, checks } = config;
        let services = ServiceNetwork::parse(&service_network).map_err(StartError::ServiceNetwork)?;
        let state = Arc::new(State::new(store, node, tokens, services, checks));
        bootstrap::make_first_objects(&state).await?;
        tokio::spawn(custom::clean_up(Arc::downgrade(&state)));
        tokio::spawn(admission::quota::recount::keep(Arc::downgrade(&state)));
        Ok(ApiServer { state })
    }

    /// Adds a check to `/readyz`.
    pub fn add_check(&self, name: &str, check: Check) {
        let mut checks = self.state.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.push((name.to_owned(), check));
    }

    /// A client in this process, without a socket, that asks as `user`.
    pub fn client(&self, user: User) -> kube::Client {
        let state = self.state.clone();
        // In-process answers end with the process.
        let caller = Caller { user, ending: CancellationToken::new() };
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (state, caller) = (state.clone(), caller.clone());
            async move { Ok::<_, Infallible>(service::answer(state, caller, request).await) }
        });
        kube::Client::new(service, "default")
    }

    /// Answers on `socket` until `shutdown`, then lets requests under way finish for a moment.
    ///
    /// `tls` asks for, but does not demand, client certificates of the engine's authority. It should offer `h2` and
    /// `http/1.1` by ALPN.
    pub async fn serve(
        &self,
        socket: tokio::net::TcpListener,
        tls: Arc<rustls::ServerConfig>,
        shutdown: CancellationToken,
    ) {
        server::serve(self.state.clone(), socket, tls, shutdown).await;
    }

    /// How many watches run, by resource (`pods`, `deployments.apps`). Resources without any are left out.
    pub fn watches(&self) -> BTreeMap<String, usize> {
        self.state.watches.all()
    }
}
