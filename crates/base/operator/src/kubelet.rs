//! The one call that runs from the API server to the node with no object in between.
//!
//! The node serves the kubelet's HTTP API (`/containerLogs/{namespace}/{pod}/{container}`, `/exec/...`, ...) as a
//! tower service. The API server reaches it through a [`NodePort`], which the binary hands to both. Until a node
//! has plugged itself in, a call is answered [`NoNode`], with the reason.
//!
//! `exec`, `attach` and `port-forward` answer `101 Switching Protocols`; the answer then carries the node's side of the
//! upgraded connection in its extensions (`hyper::upgrade::on`), and [`couple`] joins it to the client's side. [`forward`]
//! is how such an answer is had from a socket.

mod coupling;
mod forwarding;

pub use coupling::{CouplingError, couple};
pub use forwarding::{ForwardError, forward};

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use tower::Service as _;
use tower::util::BoxCloneSyncService;

use crate::BoxError;

/// Body of a request to the node and of its answer.
pub type NodeBody = UnsyncBoxBody<Bytes, BoxError>;

/// The kubelet's HTTP API as a service. Its failures are HTTP answers, as the kubelet gives them.
pub type NodeService = BoxCloneSyncService<Request<NodeBody>, Response<NodeBody>, Infallible>;

/// There is no node to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is not running yet")]
pub struct NoNode;

/// Where the node plugs in and the API server calls. Clones share the same port.
#[derive(Clone, Default)]
pub struct NodePort(Arc<ArcSwapOption<NodeService>>);

impl NodePort {
    /// From now on calls go to `service`.
    pub fn plug(&self, service: NodeService) {
        self.0.store(Some(Arc::new(service)));
    }

    /// From now on calls are answered [`NoNode`].
    pub fn unplug(&self) {
        self.0.store(None);
    }

    /// Calls the node.
    ///
    /// # Errors
    /// No node is plugged in.
    pub async fn call(&self, request: Request<NodeBody>) -> Result<Response<NodeBody>, NoNode> {
        let mut service = NodeService::clone(&*self.0.load_full().ok_or(NoNode)?);
        // Not `oneshot`: the compiler does not see that its future may move between threads.
        let Ok(()) = poll_fn(|context| service.poll_ready(context)).await;
        let Ok(response) = service.call(request).await;
        Ok(response)
    }
}
