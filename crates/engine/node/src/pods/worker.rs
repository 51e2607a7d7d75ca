//! One pod's worker: it looks at what is wanted and at what runs, and takes the next steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bythos_operator::{ObjectKey, error_chain};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::fields::Addresses;
use super::hooks::PostStart;
use super::image::Pulls;
use super::probes::{ContainerProbes, Verdict};
use super::report::{self, PodEvents};
use super::restart::{RestartBackoff, Retry};
use super::runtime::{Details, PodInRuntime};
use super::static_pods::{is_static, with_mirror};
use super::status::{self, Known, Outlook, Waiting};
use super::stop::Stopping;
use super::tokens::Tokens;
use crate::cri::CriError;
use crate::cri::labels::PodIdentity;
use crate::node::Node;

/// A step failed, and nothing more precise could be done about it.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Cri(#[from] CriError),
    #[error("failed to write the status")]
    WriteStatus(#[source] Box<kube::Error>),
    #[error("failed to take the pod out of the API")]
    RemoveFromApi(#[source] Box<kube::Error>),
    #[error("failed to write {what}")]
    Write {
        what: String,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to remove {what}")]
    Clean {
        what: String,
        #[source]
        source: std::io::Error,
    },
}

/// What a look at the pod came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Look again at this time, or earlier when something changes.
    Wait(Option<Instant>),
    /// Nothing of the pod is left, here or in the API.
    Gone,
}

/// What has to happen with the pod.
enum Desired {
    Run(Arc<Pod>),
    /// The API waits for its end.
    End(Arc<Pod>),
    /// The API does not know it any more.
    Gone,
}

/// Work that takes long and is waited for in between.
pub(super) enum Finished {
    Pull { image: String, result: Result<(), CriError> },
    Stop { id: String, result: Result<(), CriError> },
    PostStart { id: String, result: Result<(), String> },
}

/// Something that failed and is tried again later.
pub(super) struct Failure {
    pub(super) retry: Retry,
    pub(super) waiting: Waiting,
}

pub(crate) struct Worker {
    pub(super) node: Arc<Node>,
    pub(super) identity: PodIdentity,
    key: ObjectKey,
    /// Told when something may have changed.
    pub(super) wake: Arc<Notify>,
    pub(super) tasks: JoinSet<Finished>,
    /// By container id.
    pub(super) stopping: BTreeMap<String, Stopping>,
    /// By container id.
    pub(super) post_start: BTreeMap<String, PostStart>,
    pub(super) tokens: Tokens,
    pub(super) pulls: Pulls,
    pub(super) backoffs: BTreeMap<String, RestartBackoff>,
    /// By container name; the sandbox has the empty name.
    pub(super) failures: BTreeMap<String, Failure>,
    pub(super) probes: BTreeMap<String, ContainerProbes>,
    pub(super) details: BTreeMap<String, Details>,
    pub(super) waiting: BTreeMap<String, Waiting>,
    /// What was said last about each thing, so that it is not said with every look.
    pub(super) said: BTreeMap<String, String>,
    /// Addresses of the pod, by the sandbox that has them.
    pub(super) known_addresses: Option<(String, Addresses)>,
    written: Option<Written>,
    /// The manifest as it was last, for its end.
    pub(super) static_pod: Option<Arc<Pod>>,
    own_retry: Retry,
}

/// The pod after the last write of its status, until the cache has it.
struct Written {
    over: Option<String>,
    pod: Arc<Pod>,
}

impl Worker {
    pub(crate) fn new(node: Arc<Node>, identity: PodIdentity, wake: Arc<Notify>) -> Self {
        let key = ObjectKey::namespaced(&identity.namespace, &identity.name);
        Worker {
            node,
            identity,
            key,
            wake,
            tasks: JoinSet::new(),
            stopping: BTreeMap::new(),
            post_start: BTreeMap::new(),
            tokens: Tokens::default(),
            pulls: Pulls::default(),
            backoffs: BTreeMap::new(),
            failures: BTreeMap::new(),
            probes: BTreeMap::new(),
            details: BTreeMap::new(),
            waiting: BTreeMap::new(),
            said: BTreeMap::new(),
            known_addresses: None,
            written: None,
            static_pod: None,
            own_retry: Retry::of_setup(),
        }
    }

    /// Works until nothing of the pod is left.
    pub(crate) async fn run(mut self) {
        loop {
            // Boxed, so that a pod that rests does not hold the room that a step takes.
            let again = match Box::pin(self.look_and_step()).await {
                Ok(Outcome::Gone) => return,
                Ok(Outcome::Wait(until)) => {
                    self.own_retry = Retry::of_setup();
                    until
                }
                Err(error) => Some(self.take_failure(&error)),
            };
            tokio::select! {
                () = self.wake.notified() => {}
                Some(finished) = self.tasks.join_next() => self.take(finished).await,
                () = sleep_until(again) => {}
            }
        }
    }

    async fn look_and_step(&mut self) -> Result<Outcome, StepError> {
        match self.desired() {
            Desired::Run(pod) => self.keep_running(&pod).await,
            Desired::End(pod) => self.end(Some(&pod)).await,
            Desired::Gone => self.end(None).await,
        }
    }

    fn desired(&mut self) -> Desired {
        let Some(cached) = self.node.pod(&self.key, &self.identity.uid) else { return Desired::Gone };
        // The cache may not have seen yet what was written last.
        let is_behind =
            self.written.as_ref().is_some_and(|written| written.over == cached.metadata.resource_version);
        let pod = match &self.written {
            Some(written) if is_behind => written.pod.clone(),
            _ => cached,
        };
        if !is_behind {
            self.written = None;
        }
        if is_static(&pod) {
            self.static_pod = Some(pod.clone());
        }
        if pod.metadata.deletion_timestamp.is_some() { Desired::End(pod) } else { Desired::Run(pod) }
    }

    fn take_failure(&mut self, error: &StepError) -> Instant {
        let again = self.own_retry.failed(Instant::now());
        let pod = &self.key;
        match error {
            // Another change came first; the cache is about to tell of it.
            StepError::WriteStatus(source) if is_conflict(source) => {
                debug!(%pod, "the status was not written over a newer version of the pod");
            }
            StepError::Cri(source) if source.is_unreachable() => {
                debug!(%pod, %error, "containerd cannot be reached");
            }
            _ => warn!(%pod, error = %error_chain(error), "a step for the pod failed"),
        }
        again
    }

    async fn take(&mut self, finished: Result<Finished, tokio::task::JoinError>) {
        match finished {
            Ok(Finished::Pull { image, result }) => {
                if let Some(message) = self.pulls.ended(&image, result, Instant::now()) {
                    self.say_failed_pull(&message).await;
                }
            }
            Ok(Finished::Stop { id, result }) => {
                self.stopping.remove(&id);
                if let Err(error) = result {
                    warn!(pod = %self.key, container = id, %error, "failed to stop a container");
                }
                self.node.look.notify_one();
            }
            Ok(Finished::PostStart { id, result }) => {
                if let Err(error) = self.take_post_start(id.clone(), result).await {
                    warn!(pod = %self.key, container = id, error = %error_chain(&error), "a hook runs again");
                    self.post_start.remove(&id);
                }
            }
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => {}
        }
    }

    /// The pod, unless it is to end.
    pub(super) fn wanted(&mut self) -> Option<Arc<Pod>> {
        match self.desired() {
            Desired::Run(pod) => Some(pod),
            Desired::End(_) | Desired::Gone => None,
        }
    }

    async fn say_failed_pull(&mut self, message: &str) {
        if let Some(pod) = self.wanted() {
            let events = self.events(&pod);
            events.warning("Failed", message).await;
            events.warning("Failed", "Error: ErrImagePull").await;
        }
    }

    pub(super) fn api(&self) -> Api<Pod> {
        Api::namespaced(self.node.client.clone(), &self.identity.namespace)
    }

    pub(super) fn events(&self, pod: &Pod) -> PodEvents {
        PodEvents::of(&self.node.publisher, pod)
    }

    pub(super) fn verdicts(&self) -> BTreeMap<String, Verdict> {
        let mut verdicts = self.probes.iter().map(|(id, probes)| (id.clone(), probes.verdict())).collect();
        self.add_post_start(&mut verdicts);
        verdicts
    }

    /// Writes the status if it has changed.
    pub(super) async fn write_status(
        &mut self,
        pod: &Arc<Pod>,
        runtime: &PodInRuntime,
        outlook: &Outlook,
    ) -> Result<(), StepError> {
        let addresses = self.addresses(pod, runtime).await?;
        let status = status::compute(&Known {
            pod,
            runtime,
            details: &self.details,
            waiting: &self.waiting,
            verdicts: &self.verdicts(),
            addresses: &addresses,
            outlook,
            now: Timestamp::now(),
        });
        let written = report::write_status(&self.api(), pod, &status).await;
        match written {
            Ok(Some(after)) => {
                // The version that the cache shows until it has seen this write.
                let over = match self.written.take() {
                    Some(earlier) => earlier.over,
                    None => pod.metadata.resource_version.clone(),
                };
                let after = if is_static(pod) { with_mirror(pod, Some(&after)) } else { after };
                self.written = Some(Written { over, pod: after });
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(StepError::WriteStatus(Box::new(error))),
        }
    }

    /// Says something once, until something else is said about the same `topic`.
    pub(super) async fn warn_once(&mut self, events: &PodEvents, topic: &str, reason: &str, message: &str) {
        if self.is_new(topic, message.to_owned()) {
            events.warning(reason, message).await;
        }
    }

    /// Whether `words` are not what was said last about the `topic`; from now on they are.
    pub(super) fn is_new(&mut self, topic: &str, words: String) -> bool {
        let last = self.said.insert(topic.to_owned(), words.clone());
        last != Some(words)
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict())
}

/// Sleeps until `due`; for ever if there is no such time.
pub(super) async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The earlier of two times, where no time is later than any.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// When it will be `timestamp`.
pub(super) fn instant_of(timestamp: Timestamp) -> Instant {
    let left = Duration::try_from(timestamp.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
    Instant::now() + left
}
