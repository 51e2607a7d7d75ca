//! One method per call, each with a limit of time and an error that says what was asked for.

use std::collections::HashMap;
use std::future::Future;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};
use tracing::warn;

use super::containerd_events::events_client::EventsClient;
use super::containerd_tasks::tasks_client::TasksClient;
use super::v1;
use super::v1::image_service_client::ImageServiceClient;
use super::v1::runtime_service_client::RuntimeServiceClient;
use crate::containerd::parking::Parking;

pub(super) const USUAL_LIMIT: Duration = Duration::from_secs(120);
const VERSION_LIMIT: Duration = Duration::from_secs(5);
pub(super) const PULL_LIMIT: Duration = Duration::from_secs(3600);
/// A hook may take as long as it likes.
const NO_LIMIT: Duration = Duration::from_secs(365 * 86_400);
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Containerd did not do what it was asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("failed to {action}: {message}")]
pub(crate) struct CriError {
    action: &'static str,
    code: Code,
    /// Containerd's own words.
    pub(crate) message: String,
}

impl CriError {
    pub(crate) fn is_not_found(&self) -> bool {
        self.code == Code::NotFound
    }

    /// Whether something else has to happen first.
    pub(super) fn is_refused_now(&self) -> bool {
        self.code == Code::FailedPrecondition
    }

    /// Whether just this is being done already, for somebody who has asked before and gone away.
    pub(crate) fn is_under_way(&self) -> bool {
        self.message.contains("already in starting state") || self.message.contains("is reserved for")
    }

    /// Whether there was nobody to ask.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.code == Code::Unavailable
    }
}

/// The address of the socket is not an address.
#[derive(Debug, thiserror::Error)]
#[error("failed to use {socket:?} as the socket of containerd")]
pub(crate) struct SocketError {
    socket: String,
    #[source]
    source: tonic::transport::Error,
}

/// A connection that is made when it is needed and made again after it broke. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Cri {
    runtime: RuntimeServiceClient<Channel>,
    pub(super) images: ImageServiceClient<Channel>,
    pub(super) events: EventsClient<Channel>,
    pub(super) tasks: TasksClient<Channel>,
}

impl Cri {
    /// Must be called within a runtime of tokio.
    pub(crate) fn new(socket: &Path) -> Result<Self, SocketError> {
        let events = endpoint(socket)?.connect_lazy();
        Ok(Cri::over(events.clone(), events))
    }

    /// As [`Cri::new`], but what was asked for goes on when this process dies.
    pub(crate) fn parked(socket: &Path, parking: Parking) -> Result<Self, SocketError> {
        let path = socket.to_owned();
        let connect = tower::service_fn(move |_: http::Uri| {
            let (path, parking) = (path.clone(), parking.clone());
            async move {
                let stream = tokio::net::UnixStream::connect(path).await?;
                if let Err(error) = parking.park(stream.as_fd()) {
                    warn!(%error, "what containerd is doing will be broken off if this process is killed");
                }
                Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
            }
        });
        let calls = endpoint(socket)?.connect_with_connector_lazy(connect);
        // What nobody reads any more would fill up.
        Ok(Cri::over(calls, endpoint(socket)?.connect_lazy()))
    }

    fn over(calls: Channel, events: Channel) -> Self {
        Cri {
            runtime: RuntimeServiceClient::new(calls.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
            images: ImageServiceClient::new(calls.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
            events: EventsClient::new(events),
            tasks: TasksClient::new(calls),
        }
    }

    pub(crate) async fn version(&self) -> Result<v1::VersionResponse, CriError> {
        let mut runtime = self.runtime.clone();
        let request = v1::VersionRequest { version: "v1".to_owned() };
        call("ask containerd for its version", VERSION_LIMIT, runtime.version(request)).await
    }

    /// Why pods cannot run, in containerd's words; `None` if they can.
    pub(crate) async fn not_ready(&self) -> Result<Option<String>, CriError> {
        let mut runtime = self.runtime.clone();
        let status =
            call("ask containerd how it is", USUAL_LIMIT, runtime.status(v1::StatusRequest {})).await?;
        let conditions = status.status.unwrap_or_default().conditions;
        Ok(conditions.into_iter().find(|condition| !condition.status).map(|condition| {
            format!("{} is not true: {}: {}", condition.r#type, condition.reason, condition.message)
        }))
    }

    /// Sandboxes whose labels contain `labels`.
    pub(crate) async fn sandboxes(
        &self,
        labels: HashMap<String, String>,
    ) -> Result<Vec<v1::PodSandbox>, CriError> {
        let filter = v1::PodSandboxFilter { label_selector: labels, ..v1::PodSandboxFilter::default() };
        let request = v1::ListPodSandboxRequest { filter: Some(filter) };
        let mut runtime = self.runtime.clone();
        Ok(call("list sandboxes", USUAL_LIMIT, runtime.list_pod_sandbox(request)).await?.items)
    }

    pub(crate) async fn sandbox_status(&self, id: &str) -> Result<v1::PodSandboxStatus, CriError> {
        let request = v1::PodSandboxStatusRequest { pod_sandbox_id: id.to_owned(), verbose: false };
        let mut runtime = self.runtime.clone();
        let answer = call("read the sandbox", USUAL_LIMIT, runtime.pod_sandbox_status(request)).await?;
        Ok(answer.status.unwrap_or_default())
    }

    /// Makes and starts a sandbox and returns its id.
    pub(crate) async fn run_sandbox(&self, config: v1::PodSandboxConfig) -> Result<String, CriError> {
        let request = v1::RunPodSandboxRequest { config: Some(config), runtime_handler: String::new() };
        let mut runtime = self.runtime.clone();
        to_its_end(async move {
            Ok(call("run the sandbox", USUAL_LIMIT, runtime.run_pod_sandbox(request)).await?.pod_sandbox_id)
        })
        .await
    }

    /// Ends what runs in the sandbox and gives its network back; one that is gone already is stopped.
    pub(crate) async fn stop_sandbox(&self, id: &str) -> Result<(), CriError> {
        let request = v1::StopPodSandboxRequest { pod_sandbox_id: id.to_owned() };
        let mut runtime = self.runtime.clone();
        unless_gone(call("stop the sandbox", USUAL_LIMIT, runtime.stop_pod_sandbox(request)).await)
    }

    pub(crate) async fn remove_sandbox(&self, id: &str) -> Result<(), CriError> {
        let request = v1::RemovePodSandboxRequest { pod_sandbox_id: id.to_owned() };
        let mut runtime = self.runtime.clone();
        unless_gone(call("remove the sandbox", USUAL_LIMIT, runtime.remove_pod_sandbox(request)).await)
    }

    /// Containers whose labels contain `labels`.
    pub(crate) async fn containers(
        &self,
        labels: HashMap<String, String>,
    ) -> Result<Vec<v1::Container>, CriError> {
        let filter = v1::ContainerFilter { label_selector: labels, ..v1::ContainerFilter::default() };
        let request = v1::ListContainersRequest { filter: Some(filter) };
        let mut runtime = self.runtime.clone();
        Ok(call("list containers", USUAL_LIMIT, runtime.list_containers(request)).await?.containers)
    }

    /// `None` if there is no such container.
    pub(crate) async fn container_status(&self, id: &str) -> Result<Option<v1::ContainerStatus>, CriError> {
        let request = v1::ContainerStatusRequest { container_id: id.to_owned() };
        let mut runtime = self.runtime.clone();
        match call("read the container", USUAL_LIMIT, runtime.container_status(request)).await {
            Ok(answer) => Ok(answer.status),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Bytes that the container has written into its own file system, as containerd counted them last.
    pub(crate) async fn written_bytes(&self, id: &str) -> Result<u64, CriError> {
        let request = v1::ContainerStatsRequest { container_id: id.to_owned() };
        let mut runtime = self.runtime.clone();
        let answer = call("read the figures of the container", USUAL_LIMIT, runtime.container_stats(request));
        let written = answer.await?.stats.and_then(|stats| stats.writable_layer?.used_bytes);
        Ok(written.map_or(0, |bytes| bytes.value))
    }

    pub(crate) async fn create_container(
        &self,
        request: v1::CreateContainerRequest,
    ) -> Result<String, CriError> {
        let mut runtime = self.runtime.clone();
        to_its_end(async move {
            Ok(call("create the container", USUAL_LIMIT, runtime.create_container(request))
                .await?
                .container_id)
        })
        .await
    }

    pub(crate) async fn start_container(&self, id: &str) -> Result<(), CriError> {
        let request = v1::StartContainerRequest { container_id: id.to_owned() };
        let mut runtime = self.runtime.clone();
        to_its_end(async move {
            call("start the container", USUAL_LIMIT, runtime.start_container(request)).await.map(drop)
        })
        .await
    }

    /// Asks the container to end, and ends it by force after `grace`.
    pub(crate) async fn stop_container(&self, id: &str, grace: Duration) -> Result<(), CriError> {
        let timeout = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
        let request = v1::StopContainerRequest { container_id: id.to_owned(), timeout };
        let mut runtime = self.runtime.clone();
        let limit = USUAL_LIMIT.saturating_add(grace);
        unless_gone(call("stop the container", limit, runtime.stop_container(request)).await)
    }

    pub(crate) async fn remove_container(&self, id: &str) -> Result<(), CriError> {
        let request = v1::RemoveContainerRequest { container_id: id.to_owned() };
        let mut runtime = self.runtime.clone();
        unless_gone(call("remove the container", USUAL_LIMIT, runtime.remove_container(request)).await)
    }

    /// Runs a command in the container to its end, or to the limit if there is one. It ends with this future.
    pub(crate) async fn exec(
        &self,
        id: &str,
        command: &[String],
        limit: Option<Duration>,
    ) -> Result<v1::ExecSyncResponse, CriError> {
        let timeout = limit.map_or(0, |limit| i64::try_from(limit.as_secs().max(1)).unwrap_or(i64::MAX));
        let limit = limit.unwrap_or(NO_LIMIT);
        let request = v1::ExecSyncRequest { container_id: id.to_owned(), cmd: command.to_vec(), timeout };
        let mut runtime = self.runtime.clone();
        call("run the command", limit.saturating_add(Duration::from_secs(5)), runtime.exec_sync(request))
            .await
    }

    /// Where a command can be run by whoever connects first; soon nobody can any more.
    pub(crate) async fn exec_url(&self, request: v1::ExecRequest) -> Result<String, CriError> {
        let mut runtime = self.runtime.clone();
        Ok(call("prepare the command", USUAL_LIMIT, runtime.exec(request)).await?.url)
    }

    /// Where the streams of a container can be joined, see [`Cri::exec_url`].
    pub(crate) async fn attach_url(&self, request: v1::AttachRequest) -> Result<String, CriError> {
        let mut runtime = self.runtime.clone();
        Ok(call("prepare to attach", USUAL_LIMIT, runtime.attach(request)).await?.url)
    }

    /// Where ports of a sandbox can be reached, see [`Cri::exec_url`].
    pub(crate) async fn port_forward_url(&self, request: v1::PortForwardRequest) -> Result<String, CriError> {
        let mut runtime = self.runtime.clone();
        Ok(call("prepare to forward ports", USUAL_LIMIT, runtime.port_forward(request)).await?.url)
    }

    /// Makes containerd write the container's log into a new file, after the old one was moved away.
    pub(crate) async fn reopen_log(&self, id: &str) -> Result<(), CriError> {
        let request = v1::ReopenContainerLogRequest { container_id: id.to_owned() };
        let mut runtime = self.runtime.clone();
        call("reopen the log", USUAL_LIMIT, runtime.reopen_container_log(request)).await.map(drop)
    }
}

fn endpoint(socket: &Path) -> Result<Endpoint, SocketError> {
    let socket = format!("unix://{}", socket.display());
    Endpoint::try_from(socket.clone()).map_err(|source| SocketError { socket, source })
}

/// Goes on with a call though nobody waits for it any more: containerd would take back what it has half done.
async fn to_its_end<T: Send + 'static>(
    call: impl Future<Output = Result<T, CriError>> + Send + 'static,
) -> Result<T, CriError> {
    match tokio::spawn(call).await {
        Ok(answer) => answer,
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => std::future::pending().await,
    }
}

pub(super) async fn call<T>(
    action: &'static str,
    limit: Duration,
    answer: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, CriError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(CriError { action, code: status.code(), message: words_of(&status) }),
        Err(_) => {
            let message = format!("containerd did not answer within {} seconds", limit.as_secs());
            Err(CriError { action, code: Code::DeadlineExceeded, message })
        }
    }
}

/// The transport's errors carry their cause only as a source.
fn words_of(status: &Status) -> String {
    let mut words = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words.push_str(": ");
            words.push_str(&cause_words);
        }
        source = cause.source();
    }
    words
}

fn unless_gone<T>(answer: Result<T, CriError>) -> Result<(), CriError> {
    match answer {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
impl CriError {
    pub(crate) fn for_test(message: &str) -> Self {
        CriError { action: "pull the image", code: Code::Unknown, message: message.to_owned() }
    }
}
