//! The kubelet's HTTP API, as far as it is spoken: health, pods, logs and streams.
//!
//! The API server calls it in process; it has authenticated and authorized the request before.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use bythos_operator::kubelet::{NodeBody, NodeService};
use bythos_operator::{ObjectKey, error_chain};
use futures::StreamExt as _;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use k8s_openapi::List;
use k8s_openapi::api::core::v1::{ContainerStateWaiting, ContainerStatus, Pod, PodSpec};
use k8s_openapi::jiff::Timestamp;
use tower::util::BoxCloneSyncService;

use crate::logs::{self, LogOptions, LogSource, OptionError};
use crate::node::Node;
use crate::pods::runtime::{RunState, look};
use crate::pods::{paths, spec};
use crate::streams::{self, StreamError};

/// The answer to a request that cannot be served.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the node does not serve {path:?}")]
    NoSuchPath { path: String },
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error("pod {pod} is not on this node")]
    NoPod { pod: ObjectKey },
    #[error("container {container:?} is not valid for pod {pod}")]
    NoContainer { container: String, pod: ObjectKey },
    #[error("container {container:?} in pod {pod:?} is waiting to start: {reason}")]
    Waiting { container: String, pod: String, reason: String },
    #[error("previous terminated container {container:?} in pod {pod:?} not found")]
    NoPrevious { container: String, pod: String },
    #[error("failed to find the container")]
    Find(#[source] crate::cri::CriError),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::NoSuchPath { .. } | Refusal::NoPod { .. } => StatusCode::NOT_FOUND,
            Refusal::Stream(error) => error.status(),
            Refusal::Option(_)
            | Refusal::NoContainer { .. }
            | Refusal::Waiting { .. }
            | Refusal::NoPrevious { .. } => StatusCode::BAD_REQUEST,
            Refusal::Find(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The API of this node as a service.
pub(crate) fn service(node: Arc<Node>) -> NodeService {
    BoxCloneSyncService::new(tower::service_fn(move |request| {
        let node = node.clone();
        async move { Ok::<_, Infallible>(answer(&node, request).await) }
    }))
}

async fn answer(node: &Node, request: Request<NodeBody>) -> Response<NodeBody> {
    let (head, _) = request.into_parts();
    route(node, &head).await.unwrap_or_else(|refusal| {
        let text = error_chain(&refusal);
        plain(refusal.status(), full(text))
    })
}

async fn route(node: &Node, request: &Parts) -> Result<Response<NodeBody>, Refusal> {
    let path = request.uri.path();
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    match (&request.method, parts.as_slice()) {
        (&Method::GET, ["healthz"]) => Ok(plain(StatusCode::OK, full("ok".to_owned()))),
        (&Method::GET, ["pods"]) => Ok(json(&all_pods(node))),
        (&Method::GET, ["containerLogs", namespace, pod, container]) => {
            let options = LogOptions::parse(request.uri.query().unwrap_or_default(), Timestamp::now())?;
            let source = find(node, &ObjectKey::namespaced(*namespace, *pod), container, &options).await?;
            let pieces = logs::stream(source, options);
            let frames = pieces.map(|piece| piece.map(Frame::data).map_err(Into::into));
            Ok(plain(StatusCode::OK, StreamBody::new(frames).boxed_unsync()))
        }
        (&Method::GET | &Method::POST, ["exec", namespace, pod, container]) => {
            Ok(streams::exec(node, &ObjectKey::namespaced(*namespace, *pod), container, request).await?)
        }
        (&Method::GET | &Method::POST, ["attach", namespace, pod, container]) => {
            Ok(streams::attach(node, &ObjectKey::namespaced(*namespace, *pod), container, request).await?)
        }
        (&Method::GET | &Method::POST, ["portForward", namespace, pod]) => {
            Ok(streams::port_forward(node, &ObjectKey::namespaced(*namespace, *pod), request).await?)
        }
        _ => Err(Refusal::NoSuchPath { path: path.to_owned() }),
    }
}

async fn find(
    node: &Node,
    key: &ObjectKey,
    container: &str,
    options: &LogOptions,
) -> Result<LogSource, Refusal> {
    let pod = node.named_pod(key).ok_or_else(|| Refusal::NoPod { pod: key.clone() })?;
    if !pod.spec.as_ref().is_some_and(|spec| is_of_pod(spec, container)) {
        return Err(Refusal::NoContainer { container: container.to_owned(), pod: key.clone() });
    }
    let identity = spec::identity(&pod);
    let runtime = look(&node.cri, &identity).await.map_err(Refusal::Find)?;
    let status = status_of(&pod, container);
    let is_waiting = status.as_ref().is_some_and(|status| waiting(status).is_some());
    let mut instances = runtime.instances(container);
    let latest = instances.next();
    // One that was not started yet has no log.
    let latest = latest.filter(|latest| latest.state != RunState::Created);
    let found = if options.previous {
        let ended = latest.filter(|latest| latest.state == RunState::Ended);
        // Of a container that waits for its next start, the last one is the previous one as well. The client may
        // know that it waits before we hear of our own words again.
        let is_never_restarted =
            pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()) == Some("Never");
        let waits = ended.filter(|_| is_waiting);
        waits.or(instances.next()).or(ended.filter(|_| !is_never_restarted))
    } else {
        latest
    };
    let folder = paths::log_dir(&node.config, &identity);
    let source = |file: PathBuf, id: &str, is_known: bool| LogSource {
        file,
        pod_uid: identity.uid.clone(),
        container_id: id.to_owned(),
        is_known,
        snapshot: node.snapshot.clone(),
    };
    let Some(found) = found else {
        // Containerd has forgotten the container, and its log is still there.
        if let Some(file) = logs::latest_files(&folder.join(container)).nth(usize::from(options.previous))
            && runtime.latest(container).is_none()
        {
            return Ok(source(file, "", true));
        }
        let (container, pod_name) = (container.to_owned(), key.name.clone());
        return Err(if options.previous {
            Refusal::NoPrevious { container, pod: pod_name }
        } else {
            let reason = reason_to_wait(status.as_ref());
            Refusal::Waiting { container, pod: pod_name, reason }
        });
    };
    let file = folder.join(paths::log_file(container, found.notes.restart_count));
    Ok(source(file, &found.id, found.state == RunState::Ended))
}

fn is_of_pod(spec: &PodSpec, container: &str) -> bool {
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|known| &known.name);
    spec::all_containers(spec).map(|(_, known)| &known.name).chain(ephemeral).any(|known| known == container)
}

fn status_of(pod: &Pod, container: &str) -> Option<ContainerStatus> {
    let status = pod.status.as_ref()?;
    let lists =
        [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    lists.into_iter().flatten().flatten().find(|status| status.name == container).cloned()
}

fn waiting(status: &ContainerStatus) -> Option<&ContainerStateWaiting> {
    status.state.as_ref()?.waiting.as_ref()
}

/// The reason and, where there is one, the cause.
fn reason_to_wait(status: Option<&ContainerStatus>) -> String {
    let waiting = status.and_then(waiting).cloned().unwrap_or_default();
    match (waiting.reason, waiting.message) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (Some(reason), None) => reason,
        _ => "ContainerCreating".to_owned(),
    }
}

/// All pods that are to run here, as the API server would list them.
fn all_pods(node: &Node) -> List<Pod> {
    let items = node.wanted_pods().iter().map(|pod| Pod::clone(pod)).collect();
    List { items, ..List::default() }
}

fn json(value: &List<Pod>) -> Response<NodeBody> {
    match serde_json::to_string(value) {
        Ok(text) => {
            let mut response = plain(StatusCode::OK, full(text));
            let json = header::HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            response
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, full(error.to_string())),
    }
}

fn full(text: String) -> NodeBody {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

fn plain(status: StatusCode, body: NodeBody) -> Response<NodeBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
