//! Steps of starting one container: volumes, image, environment, the container itself.

mod image;
mod volumes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bythos_operator::error_chain;
use k8s_openapi::api::core::v1::{Container as ContainerSpec, Pod, PodSpec};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;
use tracing::debug;

use self::image::image_topic;
use super::container::{self, Assembled, Ingredients};
use super::hooks::Hook;
use super::plan::{Made, Start};
use super::probes::ProbeSpec;
use super::report::PodEvents;
use super::runtime::PodInRuntime;
use super::spec;
use super::status::Waiting;
use super::volumes::Place;
use super::worker::{StepError, Worker};
use super::{environment, network, paths, sandbox};
use crate::cri::{CriError, v1};

/// What is under way for a Bythos that has died is asked about this often.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// The container does not start now.
pub(super) enum NotStarted {
    Hold(Hold),
    Failed(StepError),
}

/// What the container waits for.
pub(super) struct Hold {
    pub(super) waiting: Waiting,
    /// When that may change without anything being told.
    pub(super) until: Option<Instant>,
}

impl NotStarted {
    pub(super) fn hold(reason: &'static str, message: impl Into<String>) -> Self {
        NotStarted::Hold(Hold { waiting: Waiting { reason, message: message.into() }, until: None })
    }

    /// It is being made or started for somebody else, which nothing tells the end of.
    pub(super) fn soon(message: String) -> Self {
        let waiting = Waiting { reason: "ContainerCreating", message };
        NotStarted::Hold(Hold { waiting, until: Some(Instant::now() + ASK_AGAIN) })
    }
}

impl From<StepError> for NotStarted {
    fn from(error: StepError) -> Self {
        NotStarted::Failed(error)
    }
}

impl From<CriError> for NotStarted {
    fn from(error: CriError) -> Self {
        NotStarted::Failed(error.into())
    }
}

/// A pod with what runs of it.
#[derive(Clone, Copy)]
pub(super) struct PodView<'a> {
    pub(super) pod: &'a Arc<Pod>,
    pub(super) spec: &'a PodSpec,
    pub(super) runtime: &'a PodInRuntime,
}

/// A container that is to be started.
struct ToStart<'a> {
    view: PodView<'a>,
    container: &'a ContainerSpec,
    start: &'a Start,
    events: PodEvents,
}

impl Worker {
    /// Starts a container, or says what it waits for.
    pub(super) async fn start_container(
        &mut self,
        view: PodView<'_>,
        start: &Start,
    ) -> Result<(), NotStarted> {
        if let Some(failure) = self.failures.get(&start.name)
            && let Some(due) = failure.retry.holds(Instant::now())
        {
            return Err(NotStarted::Hold(Hold { waiting: failure.waiting.clone(), until: Some(due) }));
        }
        let Some((_, container)) = spec::container(view.spec, &start.name) else { return Ok(()) };
        let events = self.events(view.pod).of_container(start.kind, &start.name);
        let to_start = ToStart { view, container: &container, start, events };
        let id = match &start.made {
            Made::Created(id) => id.clone(),
            Made::Nothing => self.create(&to_start).await?,
            Made::BrokenOff(id) => {
                debug!(
                    container = id,
                    "the start of a container was broken off; another one takes its place"
                );
                if let Some(broken) = view.runtime.latest(&start.name).filter(|latest| latest.id == *id) {
                    self.remove_container(broken).await?;
                }
                self.create(&to_start).await?
            }
        };
        self.start_created(&to_start, &id).await
    }

    async fn create(&mut self, to_start: &ToStart<'_>) -> Result<String, NotStarted> {
        let ToStart { view, container, start, events } = to_start;
        let Some(sandbox) = view.runtime.ready_sandbox() else {
            return Err(NotStarted::hold("ContainerCreating", String::new()));
        };
        let volumes = self.mounted_volumes(*view).await?;
        let image = self.image(to_start).await?;
        let Assembled { config, bindings } = self.assembled(to_start, &image, &volumes).await?;
        self.prepare_files(to_start).await?;
        self.bind(to_start, bindings).await?;
        let sandbox_config = sandbox::config(&self.node.config, view.pod, view.spec, sandbox.attempt)
            .map_err(|error| NotStarted::hold("CreateContainerConfigError", error.to_string()))?;
        let request = v1::CreateContainerRequest {
            pod_sandbox_id: sandbox.id.clone(),
            config: Some(config),
            sandbox_config: Some(sandbox_config),
        };
        let id = match self.node.cri.create_container(request).await {
            Ok(id) => id,
            Err(error) if error.is_unreachable() => return Err(error.into()),
            Err(error) if error.is_under_way() => return Err(NotStarted::soon(error.message)),
            Err(error) => {
                return Err(self.failed(events, start, "CreateContainerError", error.message).await);
            }
        };
        self.pulls.used(spec::image(container));
        self.said.remove(&container.name);
        self.said.remove(&image_topic(container));
        if start.is_restart {
            let before = view.runtime.latest(&start.name).and_then(|before| self.details.get(&before.id));
            let (ended, now) = (before.and_then(|before| before.finished_at), Timestamp::now());
            self.backoffs.entry(start.name.clone()).or_default().restarted(ended.unwrap_or(now), now);
        }
        events.normal("Created", &format!("Created container: {}", container.name)).await;
        Ok(id)
    }

    async fn start_created(&mut self, to_start: &ToStart<'_>, id: &str) -> Result<(), NotStarted> {
        let ToStart { start, events, .. } = to_start;
        match self.node.cri.start_container(id).await {
            Ok(()) => {}
            Err(error) if error.is_unreachable() => return Err(error.into()),
            Err(error) if error.is_under_way() => return Err(NotStarted::soon(error.message)),
            Err(error) => {
                // It has ended for the plan; the next attempt makes a new one.
                debug!(container = id, %error, "the container did not start");
                return Err(self.failed(events, start, "RunContainerError", error.message).await);
            }
        }
        self.failures.remove(&start.name);
        events.normal("Started", &format!("Started container {}", start.name)).await;
        Ok(())
    }

    async fn failed(
        &mut self,
        events: &PodEvents,
        start: &Start,
        reason: &'static str,
        message: String,
    ) -> NotStarted {
        events.warning("Failed", &format!("Error: {message}")).await;
        let waiting = Waiting { reason, message };
        let until = Some(self.note_failure(&start.name, waiting.clone()));
        NotStarted::Hold(Hold { waiting, until })
    }

    /// The container as CRI takes it.
    async fn assembled(
        &mut self,
        to_start: &ToStart<'_>,
        image: &v1::Image,
        volumes: &BTreeMap<String, Place>,
    ) -> Result<Assembled, NotStarted> {
        let ToStart { view, container, start, events } = to_start;
        let addresses = self.addresses(view.pod, view.runtime).await?;
        let objects = self.node.objects.gather(view.pod, self.node.capacity);
        let target_id = target_id(*view, &start.name)?;
        let made = environment::build(view.pod, container, &objects, &addresses)
            .map_err(|error| error_chain(&error))
            .and_then(|environment| {
                ProbeSpec::of(container).map_err(|error| error_chain(&error))?;
                for hook in [Hook::after_start(container), Hook::before_stop(container)].into_iter().flatten()
                {
                    hook.map_err(|error| error_chain(&error))?;
                }
                container::assemble(&Ingredients {
                    config: &self.node.config,
                    pod: view.pod,
                    spec: view.spec,
                    container,
                    image,
                    environment,
                    volumes,
                    target_id,
                    restart_count: start.restart_count,
                    memory_bytes: self.node.capacity.memory_bytes,
                    cgroup_version: self.node.cgroup_version,
                })
                .map_err(|error| error_chain(&error))
            });
        match made {
            Ok(assembled) => Ok(assembled),
            Err(message) => {
                self.warn_once(events, &container.name, "Failed", &format!("Error: {message}")).await;
                Err(NotStarted::hold("CreateContainerConfigError", message))
            }
        }
    }

    /// The files of the container that are no volumes: hosts, the folder of its log, its termination message.
    async fn prepare_files(&mut self, to_start: &ToStart<'_>) -> Result<(), NotStarted> {
        let ToStart { view, start, events, .. } = to_start;
        let addresses = self.addresses(view.pod, view.runtime).await?;
        let (config, uid) = (&self.node.config, &self.identity.uid);
        let host_file = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let hosts = network::hosts_file(config, view.pod, view.spec, &addresses.pod, &host_file);
        let log = paths::log_file(&start.name, start.restart_count);
        let files = Files {
            hosts: paths::hosts_file(config, uid),
            message: paths::termination_message_file(config, uid, &start.name, start.restart_count),
            log: paths::log_dir(config, &self.identity).join(log),
        };
        match files.prepare(&hosts) {
            Ok(()) => Ok(()),
            Err(error) => {
                let message = format!("failed to prepare the files of the container: {error}");
                Err(self.failed(events, start, "CreateContainerError", message).await)
            }
        }
    }
}

struct Files {
    hosts: PathBuf,
    message: PathBuf,
    log: PathBuf,
}

impl Files {
    fn prepare(&self, hosts: &str) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        for folder in
            [&self.hosts, &self.message, &self.log].into_iter().filter_map(|file| Path::parent(file))
        {
            std::fs::create_dir_all(folder)?;
        }
        // In place: containers that run have this very file mounted.
        if std::fs::read_to_string(&self.hosts).ok().as_deref() != Some(hosts) {
            std::fs::write(&self.hosts, hosts)?;
        }
        std::fs::write(&self.message, "")?;
        // The container may run as any user.
        std::fs::set_permissions(&self.message, std::fs::Permissions::from_mode(0o666))
    }
}

/// The container whose processes the ephemeral container `name` shares, once it runs.
fn target_id(view: PodView<'_>, name: &str) -> Result<Option<String>, NotStarted> {
    let ephemeral = spec::ephemeral_containers(view.spec).iter().find(|container| container.name == name);
    let target = ephemeral.and_then(|container| container.target_container_name.as_deref());
    let Some(target) = target.filter(|target| !target.is_empty()) else { return Ok(None) };
    match view.runtime.running().find(|container| container.notes.name == target) {
        Some(running) => Ok(Some(running.id.clone())),
        None => {
            let message = format!("targetContainerName: container {target:?} does not run");
            Err(NotStarted::hold("CreateContainerConfigError", message))
        }
    }
}
