//! For tests only: the engine's API in process, whole machines, and waiting for a state.
//!
//! A controller is tested against our own engine, with a store in memory, one per test; never against a mock.

pub mod machine;
pub mod socket;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bythos_access::User;
use bythos_access::token::TokenSigner;
use bythos_apiserver::{ApiServer, Config};
use bythos_operator::kubelet::NodePort;
use bythos_operator::part::{BoundListener, RunPart};
use bythos_operator::{Caches, Health, HealthReport, Part, PartContext, PlatformInfo, apply};
use bythos_store::{Options, Store};
use kube::Client;
use tokio_util::sync::CancellationToken;

/// The API in process, and whoever runs on it. Everything ends when it is dropped.
pub struct Engine {
    /// The API itself.
    pub api: ApiServer,
    /// A client that may do anything.
    pub admin: Client,
    /// Caches, shared by the parts that the test starts.
    pub caches: Caches,
    shutdown: CancellationToken,
    data: tempfile::TempDir,
}

impl Engine {
    /// An engine with an empty store in memory.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start() -> anyhow::Result<Engine> {
        Engine::start_with(NodePort::default()).await
    }

    /// [`Engine::start`], with a port into which the test plugs a node.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_with(node: NodePort) -> anyhow::Result<Engine> {
        let store = Store::open(Options { directory: None, history_events: 10_000 })?;
        let config = Config {
            store,
            node,
            tokens: TokenSigner::ephemeral()?,
            service_network: "10.43.0.0/16".to_owned(),
            checks: Vec::new(),
        };
        let api = ApiServer::start(config).await?;
        let admin = api.client(User::authenticated("admin", &["system:masters"]));
        let shutdown = CancellationToken::new();
        let caches = Caches::new(admin.clone(), shutdown.clone());
        Ok(Engine { api, admin, caches, shutdown, data: tempfile::tempdir()? })
    }

    /// A client with the part's own identity and role, and nothing more.
    ///
    /// # Errors
    /// The role cannot be applied.
    pub async fn client_of(&self, part: &Part) -> anyhow::Result<Client> {
        let (role, binding) = part.access();
        apply::cluster(&self.admin, "bythos", &role).await?;
        apply::cluster(&self.admin, "bythos", &binding).await?;
        Ok(self.api.client(User::authenticated(part.identity(), &["system:bythos"])))
    }

    /// Runs a part as the binary would, under its own identity and role, until the engine is dropped.
    ///
    /// # Errors
    /// Its resource types cannot be applied, or its data folder cannot be made.
    pub async fn run(&self, part: &Part) -> anyhow::Result<HealthReport> {
        for definition in &part.resources {
            apply::cluster(&self.admin, "bythos", definition).await?;
        }
        let client = self.client_of(part).await?;
        let (health, report) = Health::new();
        let data = self.data.path().join(part.name);
        std::fs::create_dir_all(&data)?;
        let mut listeners = std::collections::BTreeMap::new();
        for spec in &part.listeners {
            let socket = std::net::TcpListener::bind(("127.0.0.1", 0))?;
            socket.set_nonblocking(true)?;
            listeners.insert(spec.name, BoundListener { socket, tls: None });
        }
        let context = PartContext {
            caches: self.caches.for_part(client.clone()),
            client,
            health,
            shutdown: self.shutdown.clone(),
            data,
            platform: Arc::new(PlatformInfo {
                domain: "bythos.localhost".to_owned(),
                authority_pem: String::new(),
            }),
            listeners: Arc::new(listeners),
        };
        let run: RunPart = part.run.clone();
        tokio::spawn(run(context));
        Ok(report)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Asks `look` until it finds something, for at most a minute.
///
/// # Errors
/// Nothing was found; the error says what was waited for.
pub async fn eventually<T, F, Fut>(what: &str, mut look: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let found = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    found.await.map_err(|_| anyhow::anyhow!("waited a minute for {what}"))
}
