//! Remotes and APIs that do not do what they should.

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

/// A remote that answers everything with the same bytes.
pub(super) struct Lossy {
    address: std::net::SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Lossy {
    pub(super) async fn saying(answer: &'static [u8]) -> Lossy {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // What is closed over a request that nobody read loses the answer on its way.
                drop(stream.read(&mut [0; 4096]).await);
                drop(stream.write_all(answer).await);
            }
        });
        Lossy { address, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/app.git", self.address)
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How many writes are let through before nothing is answered any more.
#[derive(Clone)]
pub(super) struct Writes {
    left: Arc<AtomicIsize>,
    over: Arc<Notify>,
}

impl Writes {
    pub(super) fn of(count: usize) -> Writes {
        Writes { left: Arc::new(AtomicIsize::new(count.try_into().unwrap())), over: Arc::default() }
    }

    /// When the first write was held back.
    pub(super) async fn are_over(&self) {
        self.over.notified().await;
    }

    /// `client`, which lets only so many writes through: the next ones wait for ever, as those of a process that was
    /// killed. Dry runs, Leases and events are none.
    pub(super) fn through(&self, client: &Client) -> Client {
        let (writes, inner) = (self.clone(), client.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (writes, inner) = (writes.clone(), inner.clone());
            async move {
                let uri = request.uri().to_string();
                let is_free = [Method::GET, Method::HEAD].contains(request.method())
                    || ["dryRun", "/leases", "/events", "/subjectaccessreviews", "selfsubject"]
                        .iter()
                        .any(|part| uri.contains(part));
                if !is_free && writes.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
                    writes.over.notify_one();
                    std::future::pending::<()>().await;
                }
                inner.send(request).await
            }
        });
        Client::new(service, client.default_namespace())
    }
}
