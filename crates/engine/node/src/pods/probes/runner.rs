//! The probes of one container, each a task that ends with it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::check::{Target, attempt};
use super::spec::{ProbeKind, ProbeSpec};
use super::streak::Streak;
use crate::cri::Cri;
use crate::pods::report::PodEvents;

const FIRST_QUICK_PAUSE: Duration = Duration::from_millis(50);

/// What the probes of a container have found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) started: bool,
    pub(crate) ready: bool,
    /// Why the container must be restarted.
    pub(crate) unhealthy: Option<Unhealthy>,
}

/// Why a container must be restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unhealthy {
    /// In words, for the event.
    pub(crate) reason: String,
    /// What it is given to end, if that is not what the pod is given.
    pub(crate) grace: Option<Duration>,
}

/// A container that is probed.
pub(crate) struct Probed {
    pub(crate) cri: Cri,
    pub(crate) container_id: String,
    pub(crate) container_name: String,
    /// The pod's own address.
    pub(crate) address: String,
    pub(crate) started_at: Option<Timestamp>,
    /// As of the container, for events.
    pub(crate) events: PodEvents,
    /// Told when the verdict changes.
    pub(crate) wake: Arc<Notify>,
}

/// The probes of one container. They end when this is dropped.
pub(crate) struct ContainerProbes {
    verdict: watch::Sender<Verdict>,
    _tasks: JoinSet<()>,
}

impl ContainerProbes {
    /// Begins to probe. `known` is what a Bythos before this one has found, so that a restart of it makes no pod
    /// unready.
    pub(crate) fn start(probed: Probed, specs: Vec<ProbeSpec>, known: &Verdict) -> Self {
        let has = |kind| specs.iter().any(|spec| spec.kind == kind);
        let started = known.started || !has(ProbeKind::Startup);
        let ready = known.ready || !has(ProbeKind::Readiness);
        let verdict = watch::Sender::new(Verdict { started, ready, unhealthy: None });
        let probed = Arc::new(probed);
        let mut tasks = JoinSet::new();
        for spec in specs {
            if spec.kind == ProbeKind::Startup && started {
                continue;
            }
            tasks.spawn(probe(probed.clone(), spec, verdict.clone()));
        }
        ContainerProbes { verdict, _tasks: tasks }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict.borrow().clone()
    }
}

async fn probe(probed: Arc<Probed>, spec: ProbeSpec, verdict: watch::Sender<Verdict>) {
    tokio::time::sleep(left_of_delay(&probed, &spec)).await;
    if spec.kind != ProbeKind::Startup {
        let mut changes = verdict.subscribe();
        if changes.wait_for(|verdict| verdict.started).await.is_err() {
            return;
        }
    }
    let target = Target {
        cri: probed.cri.clone(),
        container_id: probed.container_id.clone(),
        address: probed.address.clone(),
    };
    let mut streak = Streak::new(spec.successes_needed, spec.failures_needed);
    let mut pace = Pace::of(&spec);
    let mut reported = String::new();
    loop {
        let outcome = attempt(&spec.check, &target, spec.timeout).await;
        let found = streak.record(outcome.is_ok());
        match outcome {
            Err(failure) if !pace.is_quick() => report(&probed, spec.kind, failure, &mut reported).await,
            Err(_) => {}
            Ok(()) => {
                reported.clear();
                pace.succeeded();
            }
        }
        if let Some(success) = found
            && !conclude(&probed, &spec, success, &verdict)
        {
            return;
        }
        tokio::time::sleep(pace.next()).await;
    }
}

/// The pauses between attempts. Until a container is ready for the first time it is asked more often, as the
/// documentation of readiness probes allows: most servers answer long before their first period is over.
struct Pace {
    quick: Option<Duration>,
    period: Duration,
}

impl Pace {
    fn of(spec: &ProbeSpec) -> Self {
        let quick = (spec.kind == ProbeKind::Readiness).then_some(FIRST_QUICK_PAUSE);
        Pace { quick: quick.filter(|quick| *quick < spec.period), period: spec.period }
    }

    /// Whether the attempt is one of those in between, of which a failure means nothing yet.
    fn is_quick(&self) -> bool {
        self.quick.is_some()
    }

    fn succeeded(&mut self) {
        self.quick = None;
    }

    fn next(&mut self) -> Duration {
        let pause = self.quick.unwrap_or(self.period);
        self.quick = self.quick.map(|quick| quick * 2).filter(|quick| *quick < self.period);
        pause
    }
}

fn left_of_delay(probed: &Probed, spec: &ProbeSpec) -> Duration {
    let runs_for = probed.started_at.map_or(Duration::ZERO, |started_at| {
        Duration::try_from(Timestamp::now().duration_since(started_at)).unwrap_or(Duration::ZERO)
    });
    spec.initial_delay.saturating_sub(runs_for)
}

/// An event for the first failure in a row and for each with other words, not for every attempt.
async fn report(probed: &Probed, kind: ProbeKind, failure: String, reported: &mut String) {
    if *reported != failure {
        probed.events.warning("Unhealthy", &format!("{} probe failed: {failure}", kind.title())).await;
        *reported = failure;
    }
}

/// Takes the verdict into account; false if there is nothing more to probe.
fn conclude(probed: &Probed, spec: &ProbeSpec, success: bool, verdict: &watch::Sender<Verdict>) -> bool {
    let kind = spec.kind;
    let changed = verdict.send_if_modified(|verdict| {
        let before = verdict.clone();
        match (kind, success) {
            (ProbeKind::Startup, true) => verdict.started = true,
            (ProbeKind::Readiness, ready) => verdict.ready = ready,
            (ProbeKind::Liveness, true) => {}
            (ProbeKind::Startup | ProbeKind::Liveness, false) => {
                let (name, probe) = (&probed.container_name, kind.title().to_lowercase());
                let reason = format!("Container {name} failed {probe} probe, will be restarted");
                verdict.unhealthy = Some(Unhealthy { reason, grace: spec.grace });
            }
        }
        *verdict != before
    });
    if changed {
        probed.wake.notify_one();
    }
    matches!((kind, success), (ProbeKind::Readiness, _) | (ProbeKind::Liveness, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(probe: &str, expected_milliseconds: &[u128]) {
        let mut container = json!({"name": "web"});
        container[probe] = json!({"tcpSocket": {"port": 80}, "periodSeconds": 1});
        let specs = ProbeSpec::of(&serde_json::from_value(container).unwrap()).unwrap();
        let mut pace = Pace::of(&specs[0]);
        let pauses: Vec<_> = expected_milliseconds.iter().map(|_| pace.next().as_millis()).collect();
        assert_eq!(pauses, expected_milliseconds);
    }

    #[test]
    fn a_container_is_asked_often_until_it_is_ready() {
        check("readinessProbe", &[50, 100, 200, 400, 800, 1000, 1000]);
        check("livenessProbe", &[1000, 1000]);
        check("startupProbe", &[1000, 1000]);
    }
}
