//! The calls to containerd that a pod cannot do without, made by a loop that does nothing else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::IMAGE;
use crate::cri::v1;
use crate::cri::v1::runtime_service_client::RuntimeServiceClient;

/// What the kernel tells of itself and its devices, hidden from every container.
const MASKED: &[&str] = &[
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
const READONLY: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

type Runtime = RuntimeServiceClient<Channel>;

/// Starts so many pods at once; the p99 from the beginning to a running container. All are ended again.
pub(crate) async fn start(count: usize, socket: &str, id: &str) -> Result<Duration> {
    let runtime = RuntimeServiceClient::new(Endpoint::try_from(format!("unix://{socket}"))?.connect().await?);
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for index in 0..count {
        let pod = Pod::new(index, id, folder.path());
        let runtime = runtime.clone();
        tasks.spawn(async move {
            let sandbox = pod.start(runtime).await?;
            anyhow::Ok((sandbox, began.elapsed()))
        });
    }
    let (mut sandboxes, mut latencies) = (Vec::new(), Vec::new());
    while let Some(started) = tasks.join_next().await {
        let (sandbox, latency) = started??;
        sandboxes.push(sandbox);
        latencies.push(latency);
    }
    latencies.sort_unstable();
    end(&runtime, sandboxes).await?;
    let place = (latencies.len() * 99).div_ceil(100).saturating_sub(1);
    latencies.get(place).copied().context("there are pods")
}

async fn end(runtime: &Runtime, sandboxes: Vec<String>) -> Result<()> {
    let mut tasks = JoinSet::new();
    for pod_sandbox_id in sandboxes {
        let mut runtime = runtime.clone();
        tasks.spawn(async move {
            runtime
                .stop_pod_sandbox(v1::StopPodSandboxRequest { pod_sandbox_id: pod_sandbox_id.clone() })
                .await?;
            runtime.remove_pod_sandbox(v1::RemovePodSandboxRequest { pod_sandbox_id }).await?;
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

struct Pod {
    name: String,
    cgroup: String,
    folder: PathBuf,
}

impl Pod {
    fn new(index: usize, id: &str, folder: &Path) -> Pod {
        let name = format!("bare-{index:03}");
        Pod { cgroup: format!("/bythos-{id}/besteffort/pod{name}"), folder: folder.join(&name), name }
    }

    /// The sandbox's id, once the container runs.
    async fn start(&self, mut runtime: Runtime) -> Result<String> {
        std::fs::create_dir_all(self.folder.join("main"))?;
        for file in ["hosts", "message"] {
            std::fs::write(self.folder.join(file), "")?;
        }
        let config = self.sandbox();
        let request =
            v1::RunPodSandboxRequest { config: Some(config.clone()), runtime_handler: String::new() };
        let sandbox = runtime.run_pod_sandbox(request).await?.into_inner().pod_sandbox_id;
        let status = v1::PodSandboxStatusRequest { pod_sandbox_id: sandbox.clone(), verbose: false };
        runtime.pod_sandbox_status(status).await?;
        let request = v1::CreateContainerRequest {
            pod_sandbox_id: sandbox.clone(),
            config: Some(self.container()),
            sandbox_config: Some(config),
        };
        let container_id = runtime.create_container(request).await?.into_inner().container_id;
        let request = v1::StartContainerRequest { container_id: container_id.clone() };
        runtime.start_container(request).await?;
        runtime.container_status(v1::ContainerStatusRequest { container_id }).await?;
        Ok(sandbox)
    }

    fn sandbox(&self) -> v1::PodSandboxConfig {
        v1::PodSandboxConfig {
            metadata: Some(v1::PodSandboxMetadata {
                name: self.name.clone(),
                uid: self.name.clone(),
                namespace: "bare".to_owned(),
                attempt: 0,
            }),
            hostname: self.name.clone(),
            log_directory: self.folder.display().to_string(),
            dns_config: Some(v1::DnsConfig {
                servers: vec!["10.43.0.10".to_owned()],
                searches: vec!["default.svc.cluster.local".to_owned()],
                options: vec!["ndots:5".to_owned()],
            }),
            labels: HashMap::new(),
            annotations: HashMap::new(),
            linux: Some(v1::LinuxPodSandboxConfig {
                cgroup_parent: self.cgroup.clone(),
                security_context: Some(v1::LinuxSandboxSecurityContext {
                    namespace_options: Some(namespaces()),
                    ..v1::LinuxSandboxSecurityContext::default()
                }),
                sysctls: HashMap::new(),
            }),
        }
    }

    fn container(&self) -> v1::ContainerConfig {
        let mount = |path: &str, file: &str| v1::Mount {
            container_path: path.to_owned(),
            host_path: self.folder.join(file).display().to_string(),
            ..v1::Mount::default()
        };
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        v1::ContainerConfig {
            metadata: Some(v1::ContainerMetadata { name: "main".to_owned(), attempt: 0 }),
            image: Some(v1::ImageSpec { image: IMAGE.to_owned() }),
            command: owned(&["/bin/busybox", "sleep", "1000000"]),
            mounts: vec![mount("/etc/hosts", "hosts"), mount("/dev/termination-log", "message")],
            log_path: "main/0.log".to_owned(),
            linux: Some(v1::LinuxContainerConfig {
                resources: Some(v1::LinuxContainerResources {
                    cpu_shares: 2,
                    ..v1::LinuxContainerResources::default()
                }),
                security_context: Some(v1::LinuxContainerSecurityContext {
                    namespace_options: Some(namespaces()),
                    masked_paths: owned(MASKED),
                    readonly_paths: owned(READONLY),
                    ..v1::LinuxContainerSecurityContext::default()
                }),
            }),
            ..v1::ContainerConfig::default()
        }
    }
}

fn namespaces() -> v1::NamespaceOption {
    v1::NamespaceOption {
        network: v1::NamespaceMode::Pod.into(),
        pid: v1::NamespaceMode::Container.into(),
        ipc: v1::NamespaceMode::Pod.into(),
        target_id: String::new(),
    }
}
