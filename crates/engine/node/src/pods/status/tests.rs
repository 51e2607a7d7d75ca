use serde_json::{Value, json};

use super::super::runtime::RunState;
use super::super::runtime::examples::{container, pod as in_runtime, sandbox};
use super::*;

struct Case {
    spec: Value,
    before: Value,
    runtime: PodInRuntime,
    exit_codes: &'static [(&'static str, i32)],
    waiting: &'static [(&'static str, &'static str)],
    ready: &'static [&'static str],
    outlook: Outlook,
}

impl Case {
    fn of(runtime: PodInRuntime) -> Self {
        let spec =
            json!({"restartPolicy": "Always", "containers": [{"name": "web", "image": "localhost/hello:1"}]});
        let before = json!({});
        Case { spec, before, runtime, exit_codes: &[], waiting: &[], ready: &[], outlook: Outlook::GoesOn }
    }

    fn running() -> Self {
        Case::of(in_runtime(&[sandbox("s", true, 0)], &[container("web", 0, RunState::Running)]))
    }

    fn with_init(mut self) -> Self {
        self.spec["initContainers"] = json!([{"name": "init", "image": "localhost/hello:1"}]);
        self
    }

    fn compute(&self) -> PodStatus {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let pod: Pod = serde_json::from_value(
            json!({"metadata": {"generation": 1}, "spec": self.spec, "status": self.before}),
        )
        .unwrap();
        let details = |(id, exit_code): &(&str, i32)| {
            ((*id).to_owned(), Details { exit_code: *exit_code, started_at: Some(now), ..Details::default() })
        };
        let waiting = |(name, reason): &(&str, &'static str)| {
            ((*name).to_owned(), Waiting { reason, message: "why".to_owned() })
        };
        let verdict = |id: &&str| ((*id).to_owned(), Verdict { started: true, ready: true, unhealthy: None });
        let addresses =
            if self.runtime.ready_sandbox().is_some() { vec![[10, 42, 0, 5].into()] } else { vec![] };
        compute(&Known {
            pod: &pod,
            runtime: &self.runtime,
            details: &self.exit_codes.iter().map(details).collect(),
            waiting: &self.waiting.iter().map(waiting).collect(),
            verdicts: &self.ready.iter().map(verdict).collect(),
            addresses: &Addresses { pod: addresses, host: [192, 0, 2, 1].into() },
            outlook: &self.outlook,
            now,
        })
    }
}

/// The status in short: phase, conditions that are true, and the state of each container.
#[track_caller]
fn check(case: &Case, expected: &str) {
    let status = case.compute();
    let true_ones: Vec<_> = status
        .conditions
        .iter()
        .flatten()
        .filter(|condition| condition.status == "True")
        .map(|condition| condition.type_.as_str())
        .collect();
    let states =
        status.init_container_statuses.iter().chain(&status.container_statuses).flatten().map(|status| {
            let state = status.state.clone().unwrap();
            let state = state
                .waiting
                .and_then(|waiting| waiting.reason)
                .or(state.terminated.and_then(|ended| ended.reason))
                .unwrap_or_else(|| "Running".to_owned());
            format!("{}={state}#{}", status.name, status.restart_count)
        });
    let found = format!(
        "{} [{}] {}",
        status.phase.unwrap(),
        true_ones.join(" "),
        states.collect::<Vec<_>>().join(" ")
    );
    assert_eq!(found, expected);
}

#[test]
fn a_new_pod_is_pending() {
    check(&Case::of(in_runtime(&[], &[])), "Pending [Initialized] web=ContainerCreating#0");
    check(
        &Case::of(in_runtime(&[sandbox("s", true, 0)], &[])).with_init(),
        "Pending [PodReadyToStartContainers] init=PodInitializing#0 web=PodInitializing#0",
    );
}

#[test]
fn a_pod_runs_before_it_is_ready() {
    let mut case = Case::running();
    check(&case, "Running [PodReadyToStartContainers Initialized] web=Running#0");
    case.ready = &["web-0"];
    check(&case, "Running [PodReadyToStartContainers Initialized ContainersReady Ready] web=Running#0");
    assert_eq!(case.compute().pod_ip.as_deref(), Some("10.42.0.5"));
}

#[test]
fn an_image_that_is_missing_keeps_the_pod_pending() {
    let mut case = Case::of(in_runtime(&[sandbox("s", true, 0)], &[]));
    case.waiting = &[("web", "ErrImagePull")];
    check(&case, "Pending [PodReadyToStartContainers Initialized] web=ErrImagePull#0");
}

#[test]
fn a_crash_is_seen_in_the_last_state() {
    let mut case = Case::of(in_runtime(&[sandbox("s", true, 0)], &[container("web", 2, RunState::Ended)]));
    case.exit_codes = &[("web-2", 3)];
    case.waiting = &[("web", "CrashLoopBackOff")];
    check(&case, "Running [PodReadyToStartContainers Initialized] web=CrashLoopBackOff#2");
    let status = case.compute().container_statuses.unwrap().remove(0);
    let last = status.last_state.unwrap().terminated.unwrap();
    assert_eq!((last.exit_code, last.reason.as_deref()), (3, Some("Error")));
}

#[test]
fn init_containers_come_first() {
    let mut case = Case::of(in_runtime(&[sandbox("s", true, 0)], &[container("init", 0, RunState::Running)]))
        .with_init();
    check(&case, "Pending [PodReadyToStartContainers] init=Running#0 web=PodInitializing#0");
    case.runtime = in_runtime(
        &[sandbox("s", true, 0)],
        &[container("init", 0, RunState::Ended), container("web", 0, RunState::Running)],
    );
    case.exit_codes = &[("init-0", 0)];
    case.ready = &["web-0"];
    check(
        &case,
        "Running [PodReadyToStartContainers Initialized ContainersReady Ready] init=Completed#0 web=Running#0",
    );
}

#[test]
fn a_finished_pod_succeeds_or_fails() {
    for (exit_code, expected) in
        [(0, "Succeeded [Initialized] web=Completed#0"), (1, "Failed [Initialized] web=Error#0")]
    {
        let mut case =
            Case::of(in_runtime(&[sandbox("s", false, 0)], &[container("web", 0, RunState::Ended)]));
        case.spec["restartPolicy"] = json!("Never");
        case.exit_codes = if exit_code == 0 { &[("web-0", 0)] } else { &[("web-0", 1)] };
        case.outlook = Outlook::Finished;
        check(&case, expected);
    }
}

#[test]
fn a_failed_init_container_fails_the_pod_where_it_is_not_repeated() {
    let mut case =
        Case::of(in_runtime(&[sandbox("s", true, 0)], &[container("init", 0, RunState::Ended)])).with_init();
    case.exit_codes = &[("init-0", 1)];
    case.spec["restartPolicy"] = json!("Never");
    case.outlook = Outlook::Finished;
    check(&case, "Failed [PodReadyToStartContainers] init=Error#0 web=PodInitializing#0");
}

#[test]
fn a_restart_of_the_engine_is_told_and_told_once() {
    let mut case = Case::of(in_runtime(&[], &[]));
    case.before = json!({"phase": "Running", "containerStatuses": [{
        "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 1,
        "containerID": "containerd://old", "state": {"running": {}},
    }]});
    check(&case, "Running [Initialized] web=ContainerCreating#1");
    let first = case.compute();
    case.before = serde_json::to_value(&first).unwrap();
    assert_eq!(case.compute(), first);
}

#[test]
fn what_others_say_of_the_pod_is_kept() {
    let mut case = Case::running();
    case.before = json!({
        "conditions": [{"type": "PodScheduled", "status": "True"}], "nominatedNodeName": "host",
    });
    let status = case.compute();
    assert!(status.conditions.unwrap().iter().any(|condition| condition.type_ == "PodScheduled"));
    assert_eq!(status.nominated_node_name.as_deref(), Some("host"));
}

#[test]
fn a_readiness_gate_holds_the_pod_back() {
    let mut case = Case::running();
    case.ready = &["web-0"];
    case.spec["readinessGates"] = json!([{"conditionType": "example.org/ready"}]);
    check(&case, "Running [PodReadyToStartContainers Initialized ContainersReady] web=Running#0");
}

#[test]
fn the_time_of_a_condition_moves_only_with_its_status() {
    let mut case = Case::running();
    let long_ago = "2001-09-09T01:46:40Z";
    case.before = json!({"conditions": [
        {"type": "Ready", "status": "False", "lastTransitionTime": long_ago},
        {"type": "Initialized", "status": "False", "lastTransitionTime": long_ago},
    ]});
    let status = serde_json::to_value(case.compute()).unwrap();
    let time = |type_: &str| {
        let conditions = status["conditions"].as_array().unwrap();
        conditions.iter().find(|condition| condition["type"] == type_).unwrap()["lastTransitionTime"].clone()
    };
    assert_eq!(time("Ready"), long_ago);
    assert_ne!(time("Initialized"), long_ago);
}
