//! A part as one value, and what the binary gives it to run with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::{BoxError, Health, PartCaches};

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// The function that runs a part until its context's `shutdown`. It is called again after a failure.
pub type RunPart = Arc<dyn Fn(PartContext) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

/// One part of Bythos. The binary's table is a list of these and knows nothing else about them.
#[derive(Clone)]
pub struct Part {
    /// Short name, as in the identity `system:bythos:<name>`.
    pub name: &'static str,
    /// What it does, in a few words for the owner, for example `Git hosting`.
    pub title: &'static str,
    /// The resource types it brings.
    pub resources: Vec<CustomResourceDefinition>,
    /// What its identity may do, and nothing more.
    pub role: Vec<PolicyRule>,
    /// The sockets it answers on.
    pub listeners: Vec<ListenerSpec>,
    /// Runs it.
    pub run: RunPart,
}

impl Part {
    /// The name under which the part asks the API.
    pub fn identity(&self) -> String {
        format!("system:bythos:{}", self.name)
    }

    /// The part's role and its binding to the part's identity, both named after that.
    pub fn access(&self) -> (ClusterRole, ClusterRoleBinding) {
        let metadata = ObjectMeta { name: Some(self.identity()), ..ObjectMeta::default() };
        let role = ClusterRole {
            metadata: metadata.clone(),
            rules: Some(self.role.clone()),
            ..ClusterRole::default()
        };
        let binding = ClusterRoleBinding {
            metadata,
            role_ref: RoleRef {
                api_group: Some(RBAC_GROUP.to_owned()),
                kind: "ClusterRole".to_owned(),
                name: self.identity(),
            },
            subjects: Some(vec![Subject {
                api_group: Some(RBAC_GROUP.to_owned()),
                kind: "User".to_owned(),
                name: self.identity(),
                namespace: None,
            }]),
        };
        (role, binding)
    }
}

/// From where a listener can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// From everywhere the host can be reached from.
    World,
    /// From the host itself and from pods.
    Cluster,
}

/// A socket that a part asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSpec {
    /// Name by which the part fetches it, and by which the settings move it to another port.
    pub name: &'static str,
    /// Port where nothing else is configured.
    pub port: u16,
    /// From where it can be reached.
    pub reach: Reach,
    /// Whether the connection is TLS with a certificate of the engine's authority.
    pub tls: bool,
    /// Name of the Service in `bythos-system` through which pods and other parts reach it.
    pub service: Option<&'static str>,
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    /// Accepts connections.
    pub socket: tokio::net::TcpListener,
    /// How to begin TLS on them; present if the spec asked for it.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// What the whole platform shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformInfo {
    /// Domain under which applications get their host names, for example `bythos.localhost`.
    pub domain: String,
    /// PEM of the engine's certificate authority, with which its listeners and the API are verified.
    pub authority_pem: String,
}

/// A part asked for a listener that it did not declare, or that could not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// The name is not in the part's list.
    #[error("the part declares no listener {name:?}")]
    NotDeclared {
        /// What was asked for.
        name: String,
    },
    /// The operating system refused to share the socket.
    #[error("failed to hand over listener {name:?}")]
    HandOver {
        /// What was asked for.
        name: String,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
}

/// A listener as the binary keeps it: it outlives a restart of its part.
#[derive(Debug)]
pub struct BoundListener {
    /// The socket, non-blocking.
    pub socket: std::net::TcpListener,
    /// See [`Listener::tls`].
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// What a part runs with.
#[derive(Clone)]
pub struct PartContext {
    /// Speaks to the API under the part's identity.
    pub client: Client,
    /// The shared caches, bounded by the part's role.
    pub caches: PartCaches,
    /// Where the part reports how it is.
    pub health: Health,
    /// Ends when the part has to stop.
    pub shutdown: CancellationToken,
    /// A folder of the part's own, mode 0700, that exists.
    pub data: PathBuf,
    /// What the whole platform shares.
    pub platform: Arc<PlatformInfo>,
    /// The part's sockets by name; use [`PartContext::listener`].
    pub listeners: Arc<BTreeMap<&'static str, BoundListener>>,
}

impl PartContext {
    /// The bound socket of this name.
    ///
    /// # Errors
    /// The part did not declare it, or the system refused to share it.
    pub fn listener(&self, name: &str) -> Result<Listener, ListenerError> {
        let bound =
            self.listeners.get(name).ok_or_else(|| ListenerError::NotDeclared { name: name.to_owned() })?;
        let hand_over = |source| ListenerError::HandOver { name: name.to_owned(), source };
        let socket = bound.socket.try_clone().map_err(hand_over)?;
        let socket = tokio::net::TcpListener::from_std(socket).map_err(hand_over)?;
        Ok(Listener { socket, tls: bound.tls.clone() })
    }
}

/// One rule of a role: `verbs` on `resources` of `group`.
pub fn allow(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}
