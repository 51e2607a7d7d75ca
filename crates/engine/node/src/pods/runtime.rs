//! What CRI knows of pods, grouped by pod, and the snapshot of it that wakes workers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::debug;

use crate::cri::labels::{ContainerNotes, PodIdentity, of_pod};
use crate::cri::{Cri, CriError, v1};

const DEBOUNCE: Duration = Duration::from_millis(40);
/// Containerd tells of an end a moment before its CRI side has taken note of it.
const SECOND_LOOK: Duration = Duration::from_millis(400);
const SAFETY: Duration = Duration::from_secs(10);

/// Whether a container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunState {
    Created,
    Running,
    /// Ended, or lost by containerd.
    Ended,
    /// Made, but its start was broken off by the end of the Bythos that asked for it: its program counts as never run.
    BrokenOff,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) sandbox_id: String,
    pub(crate) notes: ContainerNotes,
    pub(crate) state: RunState,
    created_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sandbox {
    pub(crate) id: String,
    pub(crate) attempt: u32,
    pub(crate) ready: bool,
    /// Nanoseconds since 1970.
    pub(crate) created_at: i64,
}

/// What CRI knows of one pod; the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodInRuntime {
    pub(crate) identity: PodIdentity,
    pub(crate) sandboxes: Vec<Sandbox>,
    pub(crate) containers: Vec<Container>,
}

impl PodInRuntime {
    pub(crate) fn nothing(identity: PodIdentity) -> Self {
        PodInRuntime { identity, sandboxes: Vec::new(), containers: Vec::new() }
    }

    pub(crate) fn ready_sandbox(&self) -> Option<&Sandbox> {
        self.sandboxes.iter().find(|sandbox| sandbox.ready)
    }

    /// All containers of this name, the newest first.
    pub(crate) fn instances<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a Container> + use<'a, 'n> {
        self.containers.iter().filter(move |container| container.notes.name == name)
    }

    pub(crate) fn latest(&self, name: &str) -> Option<&Container> {
        self.instances(name).next()
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|container| container.state == RunState::Running)
    }

    fn sort(&mut self) {
        self.sandboxes.sort_by_key(|sandbox| std::cmp::Reverse((sandbox.attempt, sandbox.created_at)));
        self.containers.sort_by_key(|container| {
            std::cmp::Reverse((container.notes.restart_count, container.created_at))
        });
    }
}

/// What is known of a container that has started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) image: String,
    pub(crate) image_id: String,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) exit_code: i32,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// It is stopped, or was, so that another one takes its place, however it ends.
    pub(crate) is_to_restart: bool,
}

impl Details {
    pub(crate) fn read(status: v1::ContainerStatus) -> Self {
        Details {
            image: status.image.unwrap_or_default().image,
            image_id: status.image_ref,
            started_at: timestamp(status.started_at),
            finished_at: timestamp(status.finished_at),
            exit_code: status.exit_code,
            reason: status.reason,
            message: status.message,
            is_to_restart: false,
        }
    }
}

impl Details {
    /// Containerd takes a start back when the one who asked for it goes away, and does not know any more of one that
    /// was under way when it died itself.
    pub(crate) fn is_broken_off(&self) -> bool {
        let says_so = self.message.contains("context canceled") || self.message.ends_with(": already exists");
        self.started_at.is_none() && self.reason == "StartError" && says_so
    }
}

/// Nanoseconds since 1970; zero means never.
fn timestamp(nanoseconds: i64) -> Option<Timestamp> {
    if nanoseconds <= 0 { None } else { Timestamp::from_nanosecond(i128::from(nanoseconds)).ok() }
}

/// All pods that CRI knows, by uid.
pub(crate) type Snapshot = BTreeMap<String, Arc<PodInRuntime>>;

/// What CRI knows of the pod with this uid, now.
pub(crate) async fn look(cri: &Cri, identity: &PodIdentity) -> Result<PodInRuntime, CriError> {
    let labels = of_pod(&identity.uid);
    let (sandboxes, containers) = (cri.sandboxes(labels.clone()).await?, cri.containers(labels).await?);
    let pod = group(sandboxes, containers).remove(&identity.uid);
    Ok(pod.unwrap_or_else(|| PodInRuntime::nothing(identity.clone())))
}

/// What CRI knows of all pods.
pub(crate) async fn look_at_all(cri: &Cri) -> Result<BTreeMap<String, PodInRuntime>, CriError> {
    Ok(group(cri.sandboxes(HashMap::new()).await?, cri.containers(HashMap::new()).await?))
}

fn group(sandboxes: Vec<v1::PodSandbox>, containers: Vec<v1::Container>) -> BTreeMap<String, PodInRuntime> {
    let mut pods = BTreeMap::<String, PodInRuntime>::new();
    let mut of = |labels: &HashMap<String, String>, put: &mut dyn FnMut(&mut PodInRuntime)| {
        if let Some(identity) = PodIdentity::from_labels(labels) {
            let uid = identity.uid.clone();
            put(pods.entry(uid).or_insert_with(|| PodInRuntime::nothing(identity)));
        }
    };
    for sandbox in sandboxes {
        let ready = sandbox.state() == v1::PodSandboxState::SandboxReady;
        let attempt = sandbox.metadata.map_or(0, |metadata| metadata.attempt);
        let seen = Sandbox { id: sandbox.id, attempt, ready, created_at: sandbox.created_at };
        of(&sandbox.labels, &mut |pod| pod.sandboxes.push(seen.clone()));
    }
    for container in containers {
        let Some(notes) = ContainerNotes::read(&container.labels, &container.annotations) else { continue };
        let state = match container.state() {
            v1::ContainerState::ContainerCreated => RunState::Created,
            v1::ContainerState::ContainerRunning => RunState::Running,
            v1::ContainerState::ContainerExited | v1::ContainerState::ContainerUnknown => RunState::Ended,
        };
        let (id, sandbox_id) = (container.id, container.pod_sandbox_id);
        let seen = Container { id, sandbox_id, notes, state, created_at: container.created_at };
        of(&container.labels, &mut |pod| pod.containers.push(seen.clone()));
    }
    pods.values_mut().for_each(PodInRuntime::sort);
    pods
}

/// Keeps the snapshot fresh for ever: soon after `wake`, and every ten seconds in case an event was lost.
///
/// A failure is not reported from here: the supervisor of containerd sees its cause.
pub(crate) async fn keep_fresh(cri: &Cri, wake: &Notify, snapshot: &watch::Sender<Arc<Snapshot>>) {
    let mut next = Instant::now() + SAFETY;
    loop {
        tokio::select! {
            () = wake.notified() => {
                tokio::time::sleep(DEBOUNCE).await;
                next = Instant::now() + SECOND_LOOK;
            }
            () = tokio::time::sleep_until(next) => next = Instant::now() + SAFETY,
        }
        match look_at_all(cri).await {
            Ok(pods) => publish(pods, snapshot),
            Err(error) => debug!(%error, "containerd could not be asked what runs"),
        }
    }
}

/// Pods that did not change keep their allocation, so that a reader can tell quickly.
fn publish(pods: BTreeMap<String, PodInRuntime>, snapshot: &watch::Sender<Arc<Snapshot>>) {
    snapshot.send_if_modified(|current| {
        let keep = |(uid, pod): (String, PodInRuntime)| match current.get(&uid) {
            Some(known) if **known == pod => (uid, known.clone()),
            _ => (uid, Arc::new(pod)),
        };
        let fresh: Snapshot = pods.into_iter().map(keep).collect();
        let changed = fresh.len() != current.len()
            || fresh.iter().any(|(uid, pod)| !current.get(uid).is_some_and(|known| Arc::ptr_eq(known, pod)));
        if changed {
            *current = Arc::new(fresh);
        }
        changed
    });
}

#[cfg(test)]
pub(crate) mod examples {
    //! Pods as CRI would show them, for tables of other modules.

    use super::*;

    pub(crate) fn identity() -> PodIdentity {
        PodIdentity { namespace: "shop".to_owned(), name: "web-0".to_owned(), uid: "u".to_owned() }
    }

    pub(crate) fn sandbox(id: &str, ready: bool, attempt: u32) -> Sandbox {
        Sandbox { id: id.to_owned(), attempt, ready, created_at: 0 }
    }

    /// A container of sandbox `s`; its id is `<name>-<restart_count>`.
    pub(crate) fn container(name: &str, restart_count: u32, state: RunState) -> Container {
        Container {
            id: format!("{name}-{restart_count}"),
            sandbox_id: "s".to_owned(),
            notes: ContainerNotes {
                name: name.to_owned(),
                restart_count,
                hash: crate::pods::container::hash(name, "localhost/hello:1"),
                grace_seconds: 30,
                message_from_log: false,
                pre_stop: None,
            },
            state,
            created_at: 0,
        }
    }

    pub(crate) fn pod(sandboxes: &[Sandbox], containers: &[Container]) -> PodInRuntime {
        let mut pod = PodInRuntime {
            identity: identity(),
            sandboxes: sandboxes.to_vec(),
            containers: containers.to_vec(),
        };
        pod.sort();
        pod
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_nobody_known_is_left_alone() {
        let stray = v1::PodSandbox { id: "x".to_owned(), ..v1::PodSandbox::default() };
        assert!(group(vec![stray], vec![v1::Container::default()]).is_empty());
    }

    #[test]
    fn the_newest_container_comes_first() {
        use examples::{container, pod};
        let pod = pod(&[], &[container("a", 0, RunState::Ended), container("a", 1, RunState::Running)]);
        assert_eq!(pod.latest("a").unwrap().id, "a-1");
        assert_eq!(pod.instances("a").count(), 2);
        assert_eq!(pod.running().count(), 1);
    }

    #[test]
    fn a_snapshot_without_a_change_wakes_nobody() {
        let (sender, mut receiver) = watch::channel(Arc::new(Snapshot::new()));
        let pods = || BTreeMap::from([("u".to_owned(), examples::pod(&[], &[]))]);
        publish(pods(), &sender);
        assert!(receiver.has_changed().unwrap());
        receiver.mark_unchanged();
        publish(pods(), &sender);
        assert!(!receiver.has_changed().unwrap());
        publish(BTreeMap::new(), &sender);
        assert!(receiver.has_changed().unwrap());
    }
}
