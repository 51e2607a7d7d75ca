//! The node as a part: brings up containerd, makes itself known, and drives the pods.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bythos_operator::cache::CacheError;
use bythos_operator::event::Publisher;
use bythos_operator::kubelet::NodePort;
use bythos_operator::part::allow;
use bythos_operator::{BoxError, Controller, Health, Part, PartContext};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::rbac::v1::PolicyRule;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::info;

use crate::claimed_volumes::ClaimedVolumes;
use crate::config::NodeConfig;
use crate::containerd::cgroup::{CgroupError, Hierarchies};
use crate::containerd::parking::Parking;
use crate::containerd::start::{ContainerdError, start_or_adopt};
use crate::containerd::supervise::supervise;
use crate::cri::{Cri, CriError, Happened, follow};
use crate::images::archive::ArchiveError;
use crate::images::clean_up::keep_clean;
use crate::images::import::{ImportError, import};
use crate::images::pause;
use crate::node::Node;
use crate::pods::dispatch;
use crate::pods::eviction::{self, Evictions};
use crate::pods::objects::ObjectCaches;
use crate::pods::runtime::{Snapshot, keep_fresh, look_at_all};
use crate::pods::static_pods::{self, StaticPods, keep_mirror, mirror_keys};
use crate::{kubelet_api, logs, node_status};

/// While pods cannot run, containerd is asked this often: it tells nobody when it has found a network.
const ASK_WHILE_NOT_READY: Duration = Duration::from_millis(250);
const ASK_WHILE_READY: Duration = Duration::from_secs(10);

/// The node cannot do its work.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("failed to bring up containerd")]
    Containerd(#[from] ContainerdError),
    #[error("failed to pack the pause image")]
    PackPause(#[from] ArchiveError),
    #[error("failed to import the pause image")]
    ImportPause(#[from] ImportError),
    #[error("failed to ask containerd what runs")]
    Look(#[from] CriError),
    #[error("failed to find the cgroups of the host")]
    Cgroups(#[from] CgroupError),
    #[error("failed to read what the API says")]
    Cache(#[from] CacheError),
    #[error("failed to make the node known")]
    Register(#[from] node_status::RegisterError),
    #[error("failed to use the socket of containerd")]
    Socket(#[source] BoxError),
    #[error("failed to make the folder {folder:?}")]
    MakeFolder {
        folder: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("a task of the node ended: {task}")]
    TaskEnded { task: &'static str },
}

/// The node of this host. It answers the kubelet's API on `port` while it runs.
///
/// When the part stops, containerd and all containers go on; the next run adopts them. See
/// [`stop_all`](crate::stop_all).
pub fn part(config: NodeConfig, port: NodePort) -> Part {
    Part {
        name: "node",
        title: "Containers",
        resources: Vec::new(),
        role: role(),
        listeners: Vec::new(),
        run: Arc::new(move |context| {
            let (config, port) = (config.clone(), port.clone());
            Box::pin(async move { run(config, port, context).await.map_err(Into::into) })
        }),
    }
}

fn role() -> Vec<PolicyRule> {
    vec![
        allow("", &["pods"], &["get", "list", "watch", "create", "delete"]),
        allow("", &["pods/status"], &["get", "patch"]),
        allow("", &["configmaps", "secrets", "services"], &["get", "list", "watch"]),
        allow("", &["persistentvolumeclaims"], &["get", "list", "watch"]),
        allow("", &["persistentvolumes"], &["get", "list", "watch", "patch"]),
        allow("", &["serviceaccounts/token"], &["create"]),
        allow("", &["nodes"], &["get", "create", "patch"]),
        allow("", &["nodes/status"], &["get", "patch"]),
        allow("", &["events"], &["get", "create", "patch"]),
        allow("coordination.k8s.io", &["leases"], &["get", "create", "patch"]),
    ]
}

/// Takes the node out of the port again, however the part ends.
struct Plugged(NodePort);

impl Drop for Plugged {
    fn drop(&mut self) {
        self.0.unplug();
    }
}

async fn run(config: NodeConfig, port: NodePort, context: PartContext) -> Result<(), RunError> {
    let shutdown = context.shutdown.clone();
    match shutdown.run_until_cancelled(work(config, port, context)).await {
        Some(ended) => ended,
        None => {
            info!("the node stops; containerd and all containers go on");
            Ok(())
        }
    }
}

/// Ends only by a failure; whatever it has started ends with it.
async fn work(config: NodeConfig, port: NodePort, context: PartContext) -> Result<(), RunError> {
    let health = &context.health;
    health.starting("starting containerd");
    let cri = Cri::parked(&config.containerd_socket(), Parking::of(&config))
        .map_err(|error| RunError::Socket(error.into()))?;
    let sandbox_image = pause::image_name();
    let process = start_or_adopt(&config, &cri, &sandbox_image).await?;
    make_private_folders(&config)?;
    health.starting("importing the pause image");
    import_pause_image(&config, &cri, &sandbox_image).await?;
    let ask_now = Arc::new(Notify::new());
    let containerd = supervise(&config, &cri, &sandbox_image, process, health, || ask_now.notify_one());
    tokio::select! {
        failed = containerd => Err(failed.into()),
        failed = drive(&config, &cri, &port, &context, ask_now.clone()) => failed,
    }
}

/// Makes the node known and runs all that works beside each other.
async fn drive(
    config: &NodeConfig,
    cri: &Cri,
    port: &NodePort,
    context: &PartContext,
    ask_now: Arc<Notify>,
) -> Result<(), RunError> {
    let (health, client) = (&context.health, &context.client);
    health.starting("reading what the API says");
    let (snapshot_sender, snapshot) = watch::channel(Arc::new(first_look(cri).await?));
    let (not_ready_sender, not_ready) = watch::channel(Some("the node has just started".to_owned()));
    let node = Arc::new(Node {
        config: config.clone(),
        cri: cri.clone(),
        client: client.clone(),
        publisher: Publisher::new(client.clone(), "kubelet"),
        pods: context.caches.of::<Pod>().await?,
        static_pods: StaticPods::default(),
        objects: ObjectCaches {
            config_maps: context.caches.of().await?,
            secrets: context.caches.of().await?,
            services: context.caches.of().await?,
            claims: context.caches.of().await?,
            volumes: context.caches.of().await?,
        },
        snapshot,
        look: Arc::new(Notify::new()),
        no_network: not_ready.clone(),
        capacity: node_status::capacity(&config.root),
        cgroup_version: Hierarchies::of_host()?.version(),
        evictions: Evictions::default(),
    });
    health.starting("registering the node");
    let beat = node_status::Heart::register(client, config, cri.version().await?.runtime_version).await?;
    port.plug(kubelet_api::service(node.clone()));
    let _plugged = Plugged(port.clone());

    let (images, look) = (Arc::new(Notify::new()), node.look.clone());
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, "heartbeat", beat.beat(not_ready));
    spawn(&mut tasks, "events", follow_events(cri.clone(), look.clone(), images.clone()));
    spawn(&mut tasks, "snapshot", keep_snapshot(cri.clone(), look, snapshot_sender));
    spawn(&mut tasks, "readiness", watch_readiness(cri.clone(), ask_now, not_ready_sender, health.clone()));
    node.static_pods.read(config);
    let mirrors = Controller::new("mirrors").watches(&node.pods, mirror_keys);
    spawn(&mut tasks, "static pods", static_pods::follow(node.clone(), mirrors.trigger()));
    let mirrored = node.clone();
    let reconcile = move |key| keep_mirror(mirrored.clone(), key);
    spawn(&mut tasks, "mirrors", until_dropped(mirrors.run(1, context.shutdown.clone(), reconcile)));
    let ends = Arc::new(ClaimedVolumes {
        config: config.clone(),
        client: client.clone(),
        volumes: node.objects.volumes.clone(),
    });
    let controller = Controller::new("claimed-volumes").reconciles(&node.objects.volumes);
    let reconcile = move |key| ends.clone().reconcile(key);
    spawn(&mut tasks, "volumes", until_dropped(controller.run(1, context.shutdown.clone(), reconcile)));
    spawn(&mut tasks, "image clean-up", keep_clean(config.clone(), cri.clone()));
    spawn(&mut tasks, "logs", keep_logs_small(node.clone()));
    spawn(&mut tasks, "evictions", eviction::keep_within_limits(node.clone()));
    spawn(&mut tasks, "pods", dispatch::run(node, images));
    match tasks.join_next().await {
        Some(Err(failed)) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Some(Ok(task)) => Err(RunError::TaskEnded { task }),
        _ => Ok(()),
    }
}

/// Nobody but root may look into the volumes of pods.
fn make_private_folders(config: &NodeConfig) -> Result<(), RunError> {
    for folder in [config.pods_dir.clone(), config.secret_volumes_dir()] {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| RunError::MakeFolder { folder, source })?;
    }
    Ok(())
}

fn spawn(
    tasks: &mut JoinSet<&'static str>,
    name: &'static str,
    work: impl Future<Output = ()> + Send + 'static,
) {
    tasks.spawn(async move {
        work.await;
        name
    });
}

/// A controller ends with the shutdown; that is no failure of the node.
async fn until_dropped(controller: impl Future<Output = ()>) {
    controller.await;
    std::future::pending::<()>().await;
}

async fn import_pause_image(config: &NodeConfig, cri: &Cri, name: &str) -> Result<(), RunError> {
    if cri.image(name).await?.is_some() {
        return Ok(());
    }
    let archive = config.run_dir.join("pause.tar");
    pause::write(&archive)?;
    let imported = import(config, cri, &archive).await;
    // It is small, and the next start would write it anew.
    drop(std::fs::remove_file(&archive));
    imported?;
    Ok(())
}

async fn first_look(cri: &Cri) -> Result<Snapshot, CriError> {
    let pods = look_at_all(cri).await?;
    Ok(pods.into_iter().map(|(uid, pod)| (uid, Arc::new(pod))).collect())
}

async fn follow_events(cri: Cri, look: Arc<Notify>, images: Arc<Notify>) {
    follow(&cri, |happened| match happened {
        Happened::ToContainer => look.notify_one(),
        Happened::ToImage => images.notify_one(),
    })
    .await;
}

async fn keep_logs_small(node: Arc<Node>) {
    logs::keep_small(&node).await;
}

async fn keep_snapshot(cri: Cri, look: Arc<Notify>, snapshot: watch::Sender<Arc<Snapshot>>) {
    keep_fresh(&cri, &look, &snapshot).await;
}

/// Tells everyone whether pods can run. While containerd is away its supervisor speaks.
async fn watch_readiness(
    cri: Cri,
    ask_now: Arc<Notify>,
    not_ready: watch::Sender<Option<String>>,
    health: Health,
) {
    loop {
        let pause = match cri.not_ready().await {
            Ok(None) => {
                health.ready();
                tell(&not_ready, None);
                ASK_WHILE_READY
            }
            Ok(Some(reason)) => {
                health.starting(format!("waiting until pods can run: {reason}"));
                tell(&not_ready, Some(reason));
                ASK_WHILE_NOT_READY
            }
            Err(error) => {
                tell(&not_ready, Some(error.to_string()));
                ASK_WHILE_NOT_READY
            }
        };
        tokio::select! {
            () = ask_now.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn tell(not_ready: &watch::Sender<Option<String>>, reason: Option<String>) {
    not_ready.send_if_modified(|current| {
        let changed = *current != reason;
        *current = reason;
        changed
    });
}
