//! When a request last moved, so that only silence counts against an endpoint and a slow upload does not.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, sleep_until};

/// The time of the last frame of a request. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    begin: Instant,
    last_milliseconds: Arc<AtomicU64>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Progress { begin: Instant::now(), last_milliseconds: Arc::default() }
    }

    fn mark(&self) {
        let passed = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_milliseconds.store(passed, Ordering::Relaxed);
    }

    /// Ends when nothing has moved for so long.
    pub(crate) async fn silent_for(&self, limit: Duration) {
        loop {
            let last = Duration::from_millis(self.last_milliseconds.load(Ordering::Relaxed));
            let due = self.begin + last + limit;
            if due <= Instant::now() {
                return;
            }
            sleep_until(due).await;
        }
    }
}

/// A request's body that marks its progress.
pub(crate) struct TrackedBody {
    inner: Incoming,
    progress: Progress,
}

impl TrackedBody {
    pub(crate) fn new(inner: Incoming, progress: Progress) -> Self {
        TrackedBody { inner, progress }
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        self.progress.mark();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_silence_counts() {
        let progress = Progress::new();
        let limit = Duration::from_secs(60);
        let begin = Instant::now();
        let moving = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(40)).await;
                progress.mark();
            }
        };
        tokio::join!(progress.silent_for(limit), moving);
        assert_eq!(begin.elapsed().as_secs(), 5 * 40 + 60);
    }
}
