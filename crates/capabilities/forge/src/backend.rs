//! One `git http-backend` per request: started, fed, streamed back, and ended when nobody listens any more.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Body, Incoming};
use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::io::{ReaderStream, StreamReader};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

use crate::cgi;
use crate::git::{Git, GitError, Group};
use crate::repository::Repositories;
use crate::route::{Call, Route};
use crate::token::OWNER;

/// Body of an answer.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, io::Error>;

/// Bytes that a client may send in one request. Git's own limit (`receive.maxInputSize`) is as high and answers in
/// words; this one also holds for what is not a push.
const REQUEST_BYTES_MAX: usize = 260 << 20;
const REQUEST_TIME_MAX: Duration = Duration::from_secs(600);
const BACKENDS_MAX: usize = 16;
const WAIT_FOR_BACKEND_MAX: Duration = Duration::from_secs(30);
const STDERR_BYTES_MAX: u64 = 16 << 10;

/// A request that no backend could answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    #[error("the request is longer than {REQUEST_BYTES_MAX} bytes")]
    TooLong,
    #[error("{BACKENDS_MAX} requests are under way already")]
    Busy,
    #[error("failed to start git http-backend")]
    Start(#[source] io::Error),
    #[error("failed to read the branches before the push")]
    References(#[source] GitError),
    #[error("git http-backend did not answer")]
    NoAnswer(#[source] io::Error),
}

impl BackendError {
    /// How the client is told.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            BackendError::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            BackendError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Starts backends, a bounded number at once, and tells which repositories were pushed to.
#[derive(Clone)]
pub(crate) struct Backends {
    git: Git,
    repositories: Repositories,
    permits: Arc<Semaphore>,
    pushed: mpsc::Sender<String>,
}

impl Backends {
    pub(crate) fn new(git: Git, repositories: Repositories, pushed: mpsc::Sender<String>) -> Self {
        Backends { git, repositories, permits: Arc::new(Semaphore::new(BACKENDS_MAX)), pushed }
    }

    pub(crate) fn has(&self, repository: &str) -> bool {
        self.repositories.contains(repository)
    }

    /// Has a backend answer the request.
    pub(crate) async fn answer(
        &self,
        route: Route,
        request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, BackendError> {
        if request.body().size_hint().lower() > REQUEST_BYTES_MAX as u64 {
            return Err(BackendError::TooLong);
        }
        let permit = self.permit().await?;
        let before = match route.call {
            Call::ReceivePack => {
                let references = self.repositories.references(&route.repository).await;
                Some(references.map_err(BackendError::References)?)
            }
            Call::Advertise | Call::UploadPack => None,
        };
        let (head, body) = request.into_parts();
        let mut command = self.git.command(&["http-backend"]);
        cgi::describe(&mut command, &head);
        command
            .env("GIT_PROJECT_ROOT", self.repositories.root())
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REMOTE_USER", OWNER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(BackendError::Start)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(BackendError::Start(io::Error::other("a pipe is missing")));
        };
        let abandoned = CancellationToken::new();
        let supervised =
            Supervised { child: Group::of(child), stderr, abandoned: abandoned.clone(), _permit: permit };
        tokio::spawn(self.clone().supervise(supervised, route, before));
        tokio::spawn(feed(body, stdin, abandoned.clone()));
        respond(stdout, abandoned.drop_guard()).await
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, BackendError> {
        let permit = tokio::time::timeout(WAIT_FOR_BACKEND_MAX, self.permits.clone().acquire_owned()).await;
        permit.map_err(|_| BackendError::Busy)?.map_err(|_| BackendError::Busy)
    }

    /// Sees a backend to its end. What a push changed is told even where the client did not wait for the answer.
    async fn supervise(self, supervised: Supervised, route: Route, before: Option<Vec<u8>>) {
        supervised.end(&route).await;
        let Some(before) = before else { return };
        match self.repositories.references(&route.repository).await {
            Ok(after) if after == before => {}
            Ok(_) => {
                info!(repository = route.repository, "a push changed the repository");
                if self.pushed.send(route.repository).await.is_err() {
                    warn!("nobody is there to be told of the push");
                }
            }
            Err(error) => warn!(%error, "failed to read the branches after the push"),
        }
    }
}

struct Supervised {
    child: Group,
    stderr: ChildStderr,
    abandoned: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Supervised {
    async fn end(mut self, route: &Route) {
        let words = tokio::spawn(read_words(self.stderr));
        let ended = tokio::select! {
            status = self.child.wait() => Some(status),
            () = self.abandoned.cancelled() => None,
            () = tokio::time::sleep(REQUEST_TIME_MAX) => {
                warn!(?route, limit = ?REQUEST_TIME_MAX, "git http-backend took too long and is ended");
                None
            }
        };
        let status = match ended {
            Some(status) => status,
            None => {
                self.child.kill();
                self.child.wait().await
            }
        };
        let words = words.await.unwrap_or_default();
        match status {
            Ok(status) if status.success() && words.is_empty() => {}
            Ok(status) => warn!(?route, %status, git = words, "git http-backend had something to say"),
            Err(error) => warn!(?route, %error, "failed to wait for git http-backend"),
        }
    }
}

async fn read_words(stderr: ChildStderr) -> String {
    let mut bounded = stderr.take(STDERR_BYTES_MAX);
    let mut bytes = Vec::new();
    if let Err(error) = bounded.read_to_end(&mut bytes).await {
        return format!("(unreadable: {error})");
    }
    // What goes beyond the limit is thrown away, so that git never waits for someone to read it.
    if let Err(error) = tokio::io::copy(&mut bounded.into_inner(), &mut tokio::io::sink()).await {
        return format!("(unreadable: {error})");
    }
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// Hands the request's body to the backend. A client that goes away, or sends too much, ends it.
async fn feed(body: Incoming, mut stdin: ChildStdin, abandoned: CancellationToken) {
    let data = Limited::new(body, REQUEST_BYTES_MAX).into_data_stream();
    let mut reader = StreamReader::new(TryStreamExt::map_err(data, io::Error::other));
    let copied = abandoned.run_until_cancelled(tokio::io::copy(&mut reader, &mut stdin)).await;
    match copied {
        // A backend that has heard enough closes its end; that is no failure of the client.
        Some(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
            warn!(%error, "the request ended early");
            abandoned.cancel();
        }
        _ => {}
    }
}

/// The backend's answer: its head now, its body as it comes.
async fn respond(stdout: ChildStdout, guard: DropGuard) -> Result<Response<AnswerBody>, BackendError> {
    let mut output = BufReader::new(stdout);
    let (status, headers) = cgi::read_head(&mut output).await.map_err(BackendError::NoAnswer)?;
    let body = AbandonedUnlessRead { guard: Some(guard) };
    let chunks = ReaderStream::with_capacity(output, 64 << 10).map_ok(Frame::data);
    // The guard goes with the stream: dropped before the end, it ends the backend; after the end, it must not,
    // because git may still be writing to disk what it has confirmed.
    let stream = futures::stream::unfold((chunks, body), |(mut chunks, mut body)| async move {
        match chunks.next().await {
            Some(chunk) => Some((chunk, (chunks, body))),
            None => {
                body.disarm();
                None
            }
        }
    });
    let mut response = Response::new(StreamBody::new(stream).boxed_unsync());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

struct AbandonedUnlessRead {
    guard: Option<DropGuard>,
}

impl AbandonedUnlessRead {
    fn disarm(&mut self) {
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
    }
}
