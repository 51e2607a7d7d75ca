//! A host for one test: folders, a network namespace, and a look at what is left afterwards.

use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bythos_node::{BuiltImage, ImageGcPolicy, NodeConfig, build_image, import_image, part, stop_all};
use bythos_operator::kubelet::NodePort;
use bythos_operator::{BoxError, Health, HealthReport, HealthState, PartContext, PlatformInfo};
use bythos_testing::Engine;
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::{Patch, PatchParams};
use tokio_util::sync::CancellationToken;

/// Set for the process that runs a test in a network namespace of its own, to the folder that was prepared for it.
const INSIDE: &str = "BYTHOS_TEST_IN_OWN_NETWORK";
pub(crate) const NODE: &str = "test-node";
pub(crate) const IMAGE: &str = "localhost/bythos-test/busybox:1";

pub(crate) struct Host {
    pub(crate) config: NodeConfig,
    pub(crate) engine: Engine,
    pub(crate) port: NodePort,
    /// What was prepared before the test began.
    pub(crate) prepared: PathBuf,
    /// How each node that was run is stopped, and how it tells that it has ended.
    nodes: Mutex<Vec<(CancellationToken, CancellationToken)>>,
    folder: tempfile::TempDir,
}

/// A node that runs, until it is stopped or dropped.
pub(crate) struct RunningNode {
    pub(crate) health: HealthReport,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), BoxError>>,
}

/// Runs `test` in a network namespace of its own, with an engine and the image [`IMAGE`], and checks that nothing
/// is left when everything was stopped. `name` is the test's full name.
pub(crate) fn alone<F, Fut>(name: &str, test: F)
where
    F: FnOnce(Arc<Host>) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    alone_after(name, |_| Ok(()), test);
}

/// [`alone`], after `prepare` was done on the network of the host; what it puts into its folder is in
/// [`Host::prepared`].
pub(crate) fn alone_after<F, Fut>(name: &str, prepare: impl FnOnce(&Path) -> anyhow::Result<()>, test: F)
where
    F: FnOnce(Arc<Host>) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    if !rustix::process::geteuid().is_root() || Command::new("containerd").arg("--version").output().is_err()
    {
        eprintln!("skipped: {name} needs root and the package containerd; `make test` has both");
        return;
    }
    let Some(prepared) = std::env::var_os(INSIDE) else {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path()).expect("what the test needs");
        let own = std::env::current_exe().expect("the test has a program");
        let mut command = Command::new("unshare");
        command.arg("--net").arg(own).args(["--exact", name, "--nocapture"]).env(INSIDE, folder.path());
        assert!(command.status().expect("unshare runs").success(), "{name} failed; its words are above");
        return;
    };
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(up.expect("ip runs").success());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let host = Arc::new(Host::new(prepared.into()).await.expect("a host"));
        let outcome = AssertUnwindSafe(test(host.clone())).catch_unwind().await;
        if !matches!(outcome, Ok(Ok(()))) {
            eprintln!(
                "containerd said:\n{}",
                std::fs::read_to_string(host.config.containerd_log()).unwrap_or_default()
            );
        }
        host.stop_nodes().await;
        let mut steps = Vec::new();
        let stopped = stop_all(&host.config, |step| steps.push(step.to_owned())).await;
        match outcome {
            Ok(outcome) => outcome.expect("the test succeeds"),
            Err(panicked) => std::panic::resume_unwind(panicked),
        }
        stopped.unwrap_or_else(|error| panic!("everything stops: {error:?}, after {steps:?}"));
        host.check_that_nothing_is_left().expect("nothing is left");
    });
}

/// A node with all its things below `folder`.
pub(crate) fn node_config(folder: &Path, id: &str) -> NodeConfig {
    let path = |name: &str| folder.join(name);
    NodeConfig {
        root: path("root"),
        run_dir: path("run"),
        id: id.to_owned(),
        node_name: NODE.to_owned(),
        cluster_dns: IpAddr::from([10, 43, 0, 10]),
        cluster_domain: "cluster.local".to_owned(),
        pod_network: "10.42.0.0/16".to_owned(),
        node_address: IpAddr::from([127, 0, 0, 1]),
        host_pod_logs: path("root/log/pods"),
        pods_dir: path("root/pods"),
        cni_conf_dir: path("run/cni/net.d"),
        cni_bin_dir: PathBuf::from("/usr/lib/cni"),
        image_gc: ImageGcPolicy::default(),
    }
}

impl Host {
    async fn new(prepared: PathBuf) -> anyhow::Result<Host> {
        let folder = tempfile::tempdir()?;
        let config = node_config(folder.path(), &format!("{:08x}", std::process::id()));
        std::fs::create_dir_all(&config.root)?;
        std::fs::create_dir_all(&config.cni_conf_dir)?;
        let plugins = serde_json::json!([{
            "type": "ptp",
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": config.pod_network}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }]);
        let network = serde_json::json!({"cniVersion": "1.0.0", "name": "test", "plugins": plugins});
        std::fs::write(config.cni_conf_dir.join("10-test.conflist"), network.to_string())?;
        let port = NodePort::default();
        let engine = Engine::start_with(port.clone()).await?;
        go_without_tokens(&engine).await?;
        Ok(Host { config, engine, port, prepared, nodes: Mutex::default(), folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the nodes that a test which failed has left: they would start containerd again.
    async fn stop_nodes(&self) {
        let nodes = std::mem::take(&mut *self.nodes.lock().expect("no test panics here"));
        for (shutdown, ended) in nodes {
            shutdown.cancel();
            ended.cancelled().await;
        }
    }

    /// Runs the node under its own identity and role, and waits until pods can run.
    pub(crate) async fn run_node(&self) -> anyhow::Result<RunningNode> {
        self.run_node_as(self.config.clone()).await
    }

    /// [`Host::run_node`], with other settings.
    pub(crate) async fn run_node_as(&self, config: NodeConfig) -> anyhow::Result<RunningNode> {
        let part = part(config, self.port.clone());
        let client = self.engine.client_of(&part).await?;
        let (health, report) = Health::new();
        let shutdown = CancellationToken::new();
        let context = PartContext {
            client: client.clone(),
            caches: self.engine.caches.for_part(client),
            health,
            shutdown: shutdown.clone(),
            data: self.folder().to_owned(),
            platform: Arc::new(PlatformInfo {
                domain: "bythos.localhost".to_owned(),
                authority_pem: String::new(),
            }),
            listeners: Arc::default(),
        };
        let running = (part.run)(context);
        let ended = CancellationToken::new();
        self.nodes.lock().expect("no test panics here").push((shutdown.clone(), ended.clone()));
        let task = tokio::spawn(async move {
            let _ended = ended.drop_guard();
            running.await
        });
        let mut node = RunningNode { health: report, shutdown, task };
        node.wait_until_ready().await?;
        Ok(node)
    }

    /// [`Host::run_node`], with [`IMAGE`] imported.
    pub(crate) async fn run_node_with_image(&self) -> anyhow::Result<RunningNode> {
        let node = self.run_node().await?;
        let archive = self.folder().join("busybox.tar");
        self.build_busybox(&archive)?;
        let names = import_image(&self.config, &archive).await?;
        ensure!(names == [IMAGE], "{names:?}");
        Ok(node)
    }

    /// An image of the host's own static busybox, without a package source.
    fn build_busybox(&self, archive: &Path) -> anyhow::Result<BuiltImage> {
        std::fs::copy("/bin/busybox", self.folder().join("busybox"))
            .context("busybox-static is not installed")?;
        let recipe = self.folder().join("busybox.yaml");
        let text = format!(
            "image: {IMAGE}\nfiles:\n  busybox: /bin/busybox\nlinks:\n  /bin/sh: busybox\n  /bin/sleep: busybox\n  \
             /bin/tar: busybox\n  /bin/cat: busybox\ncommand: [/bin/sh]\n"
        );
        std::fs::write(&recipe, text)?;
        Ok(build_image(&recipe, archive, |_| {})?)
    }

    /// Takes away what a reboot takes: all processes of the engine at once, and with them the mounts and network
    /// namespaces; cgroups; and what lies in memory. The node must have ended.
    pub(crate) async fn reboot(&self) -> anyhow::Result<()> {
        crate::restarts::kill_containerd(self)?;
        // Without containerd, nothing ends in an orderly way.
        stop_all(&self.config, |_| {}).await?;
        self.check_that_nothing_is_left()
    }

    /// The process id of containerd, as written when it was started.
    pub(crate) fn containerd_pid(&self) -> anyhow::Result<i32> {
        let text = std::fs::read_to_string(self.config.run_dir.join("containerd.process"))?;
        Ok(text.split(' ').next().unwrap_or_default().parse()?)
    }

    /// Process ids of all in cgroups of this engine.
    fn processes(&self) -> anyhow::Result<Vec<String>> {
        let cgroup = format!("bythos-{}", self.config.id);
        let mut found = Vec::new();
        for process in std::fs::read_dir("/proc")?.flatten() {
            let read = |file: &str| std::fs::read_to_string(process.path().join(file)).unwrap_or_default();
            let is_own = process.file_name() == std::process::id().to_string().as_str();
            let command = read("cmdline").replace('\0', " ");
            let in_folder = command.contains(&self.folder().display().to_string());
            // What has ended and is not reaped yet by its parent, perhaps this process, is none any more.
            let is_zombie = read("status").contains("State:\tZ");
            if !is_own && !is_zombie && (read("cgroup").contains(&cgroup) || in_folder) {
                found.push(format!("{} {command}", process.file_name().display()));
            }
        }
        Ok(found)
    }

    fn check_that_nothing_is_left(&self) -> anyhow::Result<()> {
        let processes = self.processes()?;
        ensure!(processes.is_empty(), "processes are left: {processes:?}");
        let mounts = std::fs::read_to_string("/proc/self/mounts")?;
        ensure!(!mounts.contains(&self.folder().display().to_string()), "mounts are left:\n{mounts}");
        let cgroups = Command::new("find")
            .args(["/sys/fs/cgroup", "-name", &format!("bythos-{}", self.config.id)])
            .output()?;
        ensure!(cgroups.stdout.is_empty(), "cgroups are left: {}", String::from_utf8_lossy(&cgroups.stdout));
        let links = Command::new("ip").args(["-o", "link"]).output()?;
        let links = String::from_utf8_lossy(&links.stdout).into_owned();
        ensure!(!links.contains("veth"), "links are left:\n{links}");
        let left: Vec<_> =
            std::fs::read_dir(&self.config.run_dir)?.flatten().map(|entry| entry.file_name()).collect();
        ensure!(left == ["cni"], "files are left: {left:?}");
        Ok(())
    }
}

impl RunningNode {
    pub(crate) async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let ready = tokio::time::timeout(Duration::from_secs(60), self.ready()).await;
        ready.with_context(|| format!("the node is not ready after a minute: {:?}", self.health.state()))?
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        while self.health.state() != HealthState::Ready {
            tokio::select! {
                _ = self.health.changed() => {}
                ended = &mut self.task => bail!("the node ended: {ended:?}"),
            }
        }
        Ok(())
    }

    /// Stops the part, as a restart of Bythos would. Containers go on.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.task.await?.map_err(|error| anyhow::anyhow!(error))
    }
}

/// Nobody here publishes the certificate that comes with a token of the default account: pods go without both, unless
/// they ask for them.
async fn go_without_tokens(engine: &Engine) -> anyhow::Result<()> {
    let accounts = Api::<ServiceAccount>::namespaced(engine.admin.clone(), "default");
    let no_token = Patch::Merge(serde_json::json!({"automountServiceAccountToken": false}));
    accounts.patch("default", &PatchParams::default(), &no_token).await?;
    Ok(())
}
