//! Containerd's own events, as a wake-up: something happened to a container or to an image.
//!
//! What happened is never read from an event; CRI is asked for that.

use std::time::Duration;

use tracing::debug;

use super::Cri;
use super::containerd_events::SubscribeRequest;

const PAUSE_AFTER_BREAK: Duration = Duration::from_secs(1);
const TASKS: &str = "namespace==k8s.io,topic~=\"^/tasks/(start|exit|delete|oom|paused)\"";
const IMAGES: &str = "namespace==k8s.io,topic~=\"^/images/(create|update)\"";

/// What something happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    ToContainer,
    ToImage,
}

/// Calls `wake` for each event, for ever. A stream that breaks is opened again; containerd may be starting.
pub(crate) async fn follow(cri: &Cri, wake: impl Fn(Happened)) {
    loop {
        if let Err(status) = follow_once(cri, &wake).await {
            debug!(reason = status.message(), "the stream of containerd's events broke and is opened again");
        }
        tokio::time::sleep(PAUSE_AFTER_BREAK).await;
        wake(Happened::ToContainer);
    }
}

async fn follow_once(cri: &Cri, wake: &impl Fn(Happened)) -> Result<(), tonic::Status> {
    let request = SubscribeRequest { filters: vec![TASKS.to_owned(), IMAGES.to_owned()] };
    let mut stream = cri.events.clone().subscribe(request).await?.into_inner();
    while let Some(envelope) = stream.message().await? {
        let is_image = envelope.topic.starts_with("/images/");
        wake(if is_image { Happened::ToImage } else { Happened::ToContainer });
    }
    Ok(())
}
