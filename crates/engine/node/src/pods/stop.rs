//! How a container is stopped: its `preStop` hook, its turn among the others, the signal, and force when its time
//! is over.

use std::time::Duration;

use bythos_operator::error_chain;
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::hooks::{Hook, HookTarget};
use super::plan::turn_to_end;
use super::probes::ContainerProbes;
use super::report::PodEvents;
use super::runtime::{Container, PodInRuntime};
use super::spec;
use super::start::PodView;
use super::worker::{Finished, StepError, Worker};
use crate::cri::{Cri, CriError};

/// Whatever the hook has taken and whatever the grace is, a program is left this long to end by itself, as upstream.
pub(crate) const LAST_GRACE: Duration = Duration::from_secs(2);
/// The API counts graces in whole seconds.
const TOLERANCE: Duration = Duration::from_secs(1);

/// A container that is being stopped.
pub(super) struct Stopping {
    /// When it is ended by force. May come nearer, never farther.
    deadline: watch::Sender<Instant>,
    turn: std::sync::Arc<Notify>,
}

/// What is done before the signal.
struct BeforeStop {
    hook: Hook,
    target: HookTarget,
    events: PodEvents,
}

impl Worker {
    /// Goes on with stopping everything of the pod, each container in its turn, all within `grace`.
    pub(super) async fn stop_in_order(
        &mut self,
        pod: Option<&std::sync::Arc<Pod>>,
        runtime: &PodInRuntime,
        grace: Duration,
    ) -> Result<(), StepError> {
        self.probes.values_mut().for_each(ContainerProbes::keep_readiness_only);
        let pod_and_spec = pod.and_then(|pod| Some((pod, pod.spec.as_ref()?)));
        for container in runtime.running() {
            let view = pod_and_spec.map(|(pod, spec)| PodView { pod, spec, runtime });
            let reason = format!("Stopping container {}", container.notes.name);
            self.stop(view, container, grace, &reason).await?;
        }
        let next = match pod_and_spec {
            Some((_, spec)) => turn_to_end(spec, runtime),
            None => runtime.running().collect(),
        };
        for container in next {
            self.give_turn(&container.id);
        }
        Ok(())
    }

    /// Begins to stop a container, which then waits for its turn; one that is being stopped already gets no more
    /// time than it had.
    pub(super) async fn stop(
        &mut self,
        view: Option<PodView<'_>>,
        container: &Container,
        grace: Duration,
        reason: &str,
    ) -> Result<(), StepError> {
        let deadline = Instant::now() + grace;
        if let Some(stopping) = self.stopping.get(&container.id) {
            stopping.deadline.send_if_modified(|known| {
                let is_nearer = deadline + TOLERANCE < *known;
                if is_nearer {
                    *known = deadline;
                }
                is_nearer
            });
            return Ok(());
        }
        let before_stop = match view {
            Some(view) => self.before_stop(view, container, reason).await?,
            None => None,
        };
        let stopping =
            Stopping { deadline: watch::Sender::new(deadline), turn: std::sync::Arc::new(Notify::new()) };
        let (mut deadline, turn) = (stopping.deadline.subscribe(), stopping.turn.clone());
        self.stopping.insert(container.id.clone(), stopping);
        let (cri, id) = (self.node.cri.clone(), container.id.clone());
        self.tasks.spawn(async move {
            if let Some(before_stop) = before_stop {
                before_stop.run(&mut deadline).await;
            }
            tokio::select! {
                () = turn.notified() => {}
                () = passed(&mut deadline) => {}
            }
            let result = signal_until_ended(&cri, &id, &mut deadline).await;
            Finished::Stop { id, result }
        });
        Ok(())
    }

    /// Lets a container that is being stopped end before all others of its pod have.
    pub(super) fn give_turn(&self, id: &str) {
        if let Some(stopping) = self.stopping.get(id) {
            stopping.turn.notify_one();
        }
    }

    /// Says that the container is being stopped, and finds what is to be done before.
    async fn before_stop(
        &mut self,
        view: PodView<'_>,
        container: &Container,
        reason: &str,
    ) -> Result<Option<BeforeStop>, StepError> {
        let Some((kind, named)) = spec::container(view.spec, &container.notes.name) else { return Ok(None) };
        let events = self.events(view.pod).of_container(kind, &named.name);
        events.normal("Killing", reason).await;
        let hook = match Hook::before_stop(&named).filter(|_| kind.is_lasting()) {
            None => return Ok(None),
            Some(Ok(hook)) => hook,
            Some(Err(error)) => {
                events.warning("FailedPreStopHook", &error_chain(&error)).await;
                return Ok(None);
            }
        };
        let target = self.hook_target(view, &container.id).await?;
        Ok(Some(BeforeStop { hook, target, events }))
    }
}

impl BeforeStop {
    async fn run(self, deadline: &mut watch::Receiver<Instant>) {
        let outcome = tokio::select! {
            outcome = self.hook.run(&self.target) => outcome,
            () = passed(deadline) => Err("it did not end within the grace period".to_owned()),
        };
        if let Err(failure) = outcome {
            self.events.warning("FailedPreStopHook", &format!("PreStopHook failed: {failure}")).await;
        }
    }
}

/// Asks the program to end, and ends it by force at the deadline. A deadline that comes nearer asks again.
async fn signal_until_ended(
    cri: &Cri,
    id: &str,
    deadline: &mut watch::Receiver<Instant>,
) -> Result<(), CriError> {
    loop {
        let left = deadline.borrow_and_update().saturating_duration_since(Instant::now()).max(LAST_GRACE);
        tokio::select! {
            result = cri.stop_container(id, left) => return result,
            Ok(()) = deadline.changed() => {}
        }
    }
}

/// Returns when the deadline, wherever it has moved, has passed.
async fn passed(deadline: &mut watch::Receiver<Instant>) {
    loop {
        let due = *deadline.borrow_and_update();
        tokio::select! {
            () = tokio::time::sleep_until(due) => return,
            Ok(()) = deadline.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_comes_nearer_is_heeded() {
        let start = Instant::now();
        let sender = watch::Sender::new(start + Duration::from_secs(600));
        let mut receiver = sender.subscribe();
        let waiting = tokio::spawn(async move {
            passed(&mut receiver).await;
            Instant::now()
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send_replace(start + Duration::from_secs(5));
        assert_eq!(waiting.await.unwrap(), start + Duration::from_secs(5));
    }
}
