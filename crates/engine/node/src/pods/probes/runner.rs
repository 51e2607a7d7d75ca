//! The probes of one container, each a task that ends with it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::check::{Target, attempt};
use super::spec::{ProbeKind, ProbeSpec};
use super::streak::Streak;
use crate::cri::Cri;
use crate::pods::report::PodEvents;

const FIRST_QUICK_PAUSE: Duration = Duration::from_millis(50);
const SAID_AT_FIRST: u32 = 25;
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(300);

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
    pub(crate) cause: Cause,
    /// What it is given to end, if that is not what the pod is given.
    pub(crate) grace: Option<Duration>,
}

/// What has found that a container must be restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Probe(ProbeKind),
    PostStartHook,
}

impl Unhealthy {
    /// In upstream's words, for the event.
    pub(crate) fn reason(&self, container: &str, restarts: bool) -> String {
        let probe = match self.cause {
            Cause::PostStartHook => return "FailedPostStartHook".to_owned(),
            Cause::Probe(kind) => kind.title().to_lowercase(),
        };
        let consequence = if restarts { ", will be restarted" } else { "" };
        format!("Container {container} failed {probe} probe{consequence}")
    }
}

/// A container that is probed.
pub(crate) struct Probed {
    pub(crate) cri: Cri,
    pub(crate) container_id: String,
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
    /// Those that may restart the container.
    restarting: JoinSet<()>,
    _readiness: JoinSet<()>,
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
        let (mut restarting, mut readiness) = (JoinSet::new(), JoinSet::new());
        for spec in specs {
            let tasks = match spec.kind {
                ProbeKind::Startup if started => continue,
                ProbeKind::Startup | ProbeKind::Liveness => &mut restarting,
                ProbeKind::Readiness => &mut readiness,
            };
            tasks.spawn(probe(probed.clone(), spec, verdict.clone()));
        }
        ContainerProbes { verdict, restarting, _readiness: readiness }
    }

    /// The container is to end: it is not asked any more whether it lives, only whether it is ready.
    pub(crate) fn keep_readiness_only(&mut self) {
        self.restarting.abort_all();
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
    // Known from the start, the container became ready under an earlier Bythos.
    let mut pace = Pace::of(&spec, verdict.borrow().ready);
    let mut repeated = Repeated::default();
    loop {
        let outcome = attempt(&spec.check, &target, spec.timeout).await;
        let found = streak.record(outcome.is_ok());
        match outcome {
            Err(failure) if !pace.is_quick() => {
                let message = format!("{} probe failed: {failure}", spec.kind.title());
                report(&probed, "Unhealthy", message, &mut repeated).await;
            }
            Err(_) => {}
            Ok(answer) => {
                pace.succeeded();
                if let Some(warning) = answer {
                    let message = format!("{} probe warning: {warning}", spec.kind.title());
                    report(&probed, "ProbeWarning", message, &mut repeated).await;
                }
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
    fn of(spec: &ProbeSpec, is_ready: bool) -> Self {
        let quick = (spec.kind == ProbeKind::Readiness && !is_ready).then_some(FIRST_QUICK_PAUSE);
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

async fn report(probed: &Probed, reason: &str, message: String, repeated: &mut Repeated) {
    if repeated.is_to_be_said(&message, Instant::now()) {
        probed.events.warning(reason, &message).await;
    }
}

/// Which of many equal messages are said, as upstream's recorder of events has it: the first ones all, so that
/// they are counted, and later ones now and then.
#[derive(Debug, Default)]
struct Repeated {
    message: String,
    times: u32,
    said_at: Option<Instant>,
}

impl Repeated {
    fn is_to_be_said(&mut self, message: &str, now: Instant) -> bool {
        if self.message != message {
            *self = Repeated { message: message.to_owned(), ..Repeated::default() };
        }
        self.times = self.times.saturating_add(1);
        let is_due = self.times <= SAID_AT_FIRST
            || self.said_at.is_none_or(|at| now.duration_since(at) >= SAID_AGAIN_AFTER);
        if is_due {
            self.said_at = Some(now);
        }
        is_due
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
                verdict.unhealthy = Some(Unhealthy { cause: Cause::Probe(kind), grace: spec.grace });
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
    fn check(probe: &str, is_ready: bool, expected_milliseconds: &[u128]) {
        let mut container = json!({"name": "web"});
        container[probe] = json!({"tcpSocket": {"port": 80}, "periodSeconds": 1});
        let specs = ProbeSpec::of(&serde_json::from_value(container).unwrap()).unwrap();
        let mut pace = Pace::of(&specs[0], is_ready);
        let pauses: Vec<_> = expected_milliseconds.iter().map(|_| pace.next().as_millis()).collect();
        assert_eq!(pauses, expected_milliseconds);
    }

    #[test]
    fn a_container_is_asked_often_until_it_is_ready() {
        check("readinessProbe", false, &[50, 100, 200, 400, 800, 1000, 1000]);
        check("livenessProbe", false, &[1000, 1000]);
        check("startupProbe", false, &[1000, 1000]);
    }

    #[test]
    fn a_container_that_is_ready_is_asked_once_in_a_period_after_a_restart_of_the_node() {
        check("readinessProbe", true, &[1000, 1000]);
    }

    #[test]
    fn equal_messages_are_counted_and_later_said_now_and_then() {
        let start = Instant::now();
        let mut repeated = Repeated::default();
        let mut said = |seconds: u64| repeated.is_to_be_said("refused", start + Duration::from_secs(seconds));
        assert!((0..25).all(&mut said));
        assert!(!said(25));
        assert!(!said(323));
        assert!(said(324));
        assert!(!said(325));
        assert!(repeated.is_to_be_said("no route", start + Duration::from_secs(326)));
        assert!(repeated.is_to_be_said("refused", start + Duration::from_secs(327)));
    }
}
