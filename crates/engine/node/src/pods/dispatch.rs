//! Gives each pod its worker, and wakes workers when something that concerns them may have changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Resource;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument as _, debug, info_span, warn};

use super::objects::References;
use super::runtime::{PodInRuntime, Snapshot};
use super::spec;
use super::static_pods::mirrored_uid;
use super::terminate::remove_folder;
use super::worker::{Worker, sleep_until};
use crate::cri::labels::PodIdentity;
use crate::node::Node;

/// CRI takes note of an image a moment after containerd has told of it.
const IMAGE_SETTLES: Duration = Duration::from_millis(500);

/// How a worker is woken, and by what.
struct Handle {
    namespace: String,
    references: References,
    seen: Option<Arc<PodInRuntime>>,
    wake: Arc<Notify>,
}

/// The workers of all pods, by uid.
#[derive(Clone, Default)]
pub(crate) struct Workers(Arc<Mutex<BTreeMap<String, Handle>>>);

impl Workers {
    fn handles(&self) -> MutexGuard<'_, BTreeMap<String, Handle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_all(&self) {
        self.handles().values().for_each(|handle| handle.wake.notify_one());
    }

    fn wake_those(&self, concerned: impl Fn(&Handle) -> bool) {
        self.handles()
            .values()
            .filter(|handle| concerned(handle))
            .for_each(|handle| handle.wake.notify_one());
    }

    fn downgrade(&self) -> Weak<Mutex<BTreeMap<String, Handle>>> {
        Arc::downgrade(&self.0)
    }
}

/// Runs the workers of this node until the future is dropped. `images` is told when an image arrived.
pub(crate) async fn run(node: Arc<Node>, images: Arc<Notify>) {
    let workers = Workers::default();
    let changed = Arc::new(Notify::new());
    subscribe_to_pods(&node, &workers, &changed);
    subscribe_to_objects(&node.objects.config_maps, &workers, |references: &References, name| {
        references.config_maps.contains(name)
    });
    subscribe_to_objects(&node.objects.secrets, &workers, |references: &References, name| {
        references.secrets.contains(name)
    });
    subscribe_to_objects(&node.objects.claims, &workers, |references: &References, name| {
        references.claims.contains(name)
    });
    subscribe_to_volumes(&node.objects.volumes, &workers);
    remove_strays(&node);
    let mut snapshot = node.snapshot.clone();
    let mut no_network = node.no_network.clone();
    let mut static_pods = node.static_pods.subscribe();
    let mut evictions = node.evictions.subscribe();
    let mut running = JoinSet::new();
    let mut image_arrives = None;
    loop {
        let seen = snapshot.borrow_and_update().clone();
        wake_for_snapshot(&workers, &seen);
        for (identity, references) in known_pods(&node, &seen) {
            start_worker(&node, &workers, &mut running, identity, references, &seen);
        }
        tokio::select! {
            () = changed.notified() => {}
            Ok(()) = snapshot.changed() => {}
            Ok(()) = no_network.changed() => {
                no_network.mark_unchanged();
                workers.wake_all();
            }
            Ok(()) = static_pods.changed() => {
                static_pods.mark_unchanged();
                workers.wake_all();
            }
            Ok(()) = evictions.changed() => {
                evictions.mark_unchanged();
                workers.wake_all();
            }
            () = images.notified() => image_arrives = Some(Instant::now() + IMAGE_SETTLES),
            () = sleep_until(image_arrives) => {
                image_arrives = None;
                workers.wake_all();
            }
            Some(ended) = running.join_next() => forget(&workers, ended),
        }
    }
}

/// All pods that the API binds to this node, and all that run here.
fn known_pods(node: &Node, seen: &Snapshot) -> BTreeMap<PodIdentity, References> {
    let mut known: BTreeMap<_, _> =
        seen.values().map(|pod| (pod.identity.clone(), References::default())).collect();
    let wanted = node.wanted_pods().into_iter();
    known.extend(wanted.map(|pod| (spec::identity(&pod), References::of(&pod))));
    known
}

fn start_worker(
    node: &Arc<Node>,
    workers: &Workers,
    running: &mut JoinSet<String>,
    identity: PodIdentity,
    references: References,
    seen: &Snapshot,
) {
    let mut handles = workers.handles();
    if handles.contains_key(&identity.uid) {
        return;
    }
    let wake = Arc::new(Notify::new());
    let (uid, namespace) = (identity.uid.clone(), identity.namespace.clone());
    let seen = seen.get(&uid).cloned();
    handles.insert(uid.clone(), Handle { namespace, references, seen, wake: wake.clone() });
    let span = info_span!("pod", namespace = identity.namespace, name = identity.name);
    let worker = Worker::new(node.clone(), identity, wake);
    running.spawn(
        async move {
            worker.run().await;
            uid
        }
        .instrument(span),
    );
}

fn forget(workers: &Workers, ended: Result<String, tokio::task::JoinError>) {
    match ended {
        Ok(uid) => {
            debug!(uid, "nothing of the pod is left");
            workers.handles().remove(&uid);
        }
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => {}
    }
}

fn wake_for_snapshot(workers: &Workers, seen: &Snapshot) {
    for (uid, handle) in workers.handles().iter_mut() {
        let now = seen.get(uid);
        let is_same = match (&handle.seen, now) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            handle.seen = now.cloned();
            handle.wake.notify_one();
        }
    }
}

fn subscribe_to_pods(node: &Arc<Node>, workers: &Workers, changed: &Arc<Notify>) {
    let (workers, changed) = (workers.downgrade(), Arc::downgrade(changed));
    let node_name = node.config.node_name.clone();
    node.pods.subscribe(move |change| {
        let (Some(workers), Some(changed)) = (workers.upgrade(), changed.upgrade()) else { return false };
        let workers = Workers(workers);
        let references = change.new.map(References::of);
        for pod in [change.old, change.new].into_iter().flatten() {
            let bound_to = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
            let uid = mirrored_uid(pod).or(pod.metadata.uid.as_deref());
            let Some(uid) = uid.filter(|_| bound_to == Some(&node_name)) else { continue };
            match workers.handles().get_mut(uid) {
                Some(handle) => {
                    // An ephemeral container may draw from what nothing of the pod has drawn from before.
                    handle.references = references.clone().unwrap_or_default();
                    handle.wake.notify_one();
                }
                None => changed.notify_one(),
            }
        }
        true
    });
}

fn subscribe_to_objects<K>(
    cache: &Cache<K>,
    workers: &Workers,
    concerns: impl Fn(&References, &str) -> bool + Send + Sync + 'static,
) where
    K: Resource,
{
    let workers = workers.downgrade();
    cache.subscribe(move |change| {
        let Some(workers) = workers.upgrade() else { return false };
        if let Some(object) = change.new.or(change.old) {
            let key = ObjectKey::of(object);
            Workers(workers).wake_those(|handle| {
                handle.namespace == key.namespace && concerns(&handle.references, &key.name)
            });
        }
        true
    });
}

/// A volume concerns the pods that use the claim that it is bound to.
fn subscribe_to_volumes(cache: &Cache<PersistentVolume>, workers: &Workers) {
    let workers = workers.downgrade();
    cache.subscribe(move |change| {
        let Some(workers) = workers.upgrade() else { return false };
        let claim = change.new.or(change.old).and_then(|volume| volume.spec.as_ref()?.claim_ref.as_ref());
        if let Some((namespace, name)) =
            claim.and_then(|claim| claim.namespace.as_ref().zip(claim.name.as_ref()))
        {
            Workers(workers).wake_those(|handle| {
                handle.namespace == *namespace && handle.references.claims.contains(name)
            });
        }
        true
    });
}

/// Removes the folders of pods that neither the API nor CRI knows: a crash came between their end and this.
fn remove_strays(node: &Node) {
    let known = known_pods(node, &node.snapshot.borrow());
    let is_known = |uid: &str| known.keys().any(|identity| identity.uid == uid);
    for parent in [node.config.pods_dir.clone(), node.config.secret_volumes_dir()] {
        for entry in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(is_known) {
                continue;
            }
            if let Err(error) = remove_folder(&entry.path()) {
                warn!(path = %entry.path().display(), %error, "failed to remove what a pod has left");
            }
        }
    }
}
