use serde_json::{Value, json};

use super::super::runtime::examples::{container, pod as in_runtime, sandbox};
use super::*;

struct Case {
    pod: Value,
    runtime: PodInRuntime,
    exit_codes: &'static [(&'static str, i32)],
    unhealthy: &'static [&'static str],
    crashed_before: &'static [&'static str],
}

impl Case {
    fn of(policy: &str, runtime: PodInRuntime) -> Self {
        let image = "localhost/hello:1";
        let spec = json!({
            "restartPolicy": policy,
            "initContainers": [{"name": "init", "image": image}],
            "containers": [{"name": "web", "image": image}],
        });
        let pod = json!({"spec": spec});
        Case { pod, runtime, exit_codes: &[], unhealthy: &[], crashed_before: &[] }
    }

    fn exit_codes(mut self, exit_codes: &'static [(&'static str, i32)]) -> Self {
        self.exit_codes = exit_codes;
        self
    }

    fn decide(&self) -> Plan {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let details = |(id, exit_code): &(&str, i32)| {
            let details = Details { exit_code: *exit_code, finished_at: Some(now), ..Details::default() };
            ((*id).to_owned(), details)
        };
        let mut crashed = RestartBackoff::default();
        crashed.restarted(now);
        decide(&Facts {
            pod: &serde_json::from_value(self.pod.clone()).unwrap(),
            runtime: &self.runtime,
            details: &self.exit_codes.iter().map(details).collect(),
            backoffs: &self.crashed_before.iter().map(|name| ((*name).to_owned(), crashed)).collect(),
            unhealthy: &self.unhealthy.iter().map(|id| ((*id).to_owned(), "unhealthy".to_owned())).collect(),
            now,
        })
    }
}

/// A plan in short: `start web#1`, `stop web-0`, `hold web`.
#[track_caller]
fn check(case: &Case, expected: &str) {
    let found = match case.decide() {
        Plan::Finished => "finished".to_owned(),
        Plan::MakeSandbox { attempt } => format!("sandbox #{attempt}"),
        Plan::Containers(steps) => {
            let start = steps.start.iter().map(|start| match &start.created {
                Some(id) => format!("start {id}"),
                None => format!("start {}#{}", start.name, start.restart_count),
            });
            let stop = steps.stop.iter().map(|stop| format!("stop {}", stop.id));
            let hold = steps.hold.iter().map(|hold| format!("hold {}", hold.name));
            start.chain(stop).chain(hold).collect::<Vec<_>>().join(", ")
        }
    };
    assert_eq!(found, expected);
}

const INIT_DONE: &[(&str, i32)] = &[("init-0", 0)];

fn ready() -> Vec<super::super::runtime::Sandbox> {
    vec![sandbox("s", true, 0)]
}

fn with_init(others: &[Container]) -> PodInRuntime {
    let mut containers = vec![container("init", 0, RunState::Ended)];
    containers.extend_from_slice(others);
    in_runtime(&ready(), &containers)
}

#[test]
fn a_new_pod_needs_a_sandbox_first() {
    check(&Case::of("Always", in_runtime(&[], &[])), "sandbox #0");
    check(&Case::of("Always", in_runtime(&[sandbox("s", false, 0)], &[])), "sandbox #1");
}

#[test]
fn init_containers_come_before_the_others() {
    check(&Case::of("Always", in_runtime(&ready(), &[])), "start init#0");
    let running = in_runtime(&ready(), &[container("init", 0, RunState::Running)]);
    check(&Case::of("Always", running), "");
    check(&Case::of("Always", with_init(&[])).exit_codes(INIT_DONE), "start web#0");
}

#[test]
fn a_failed_init_container_is_repeated_unless_the_policy_is_never() {
    check(&Case::of("OnFailure", with_init(&[])).exit_codes(&[("init-0", 1)]), "start init#1");
    check(&Case::of("Never", with_init(&[])).exit_codes(&[("init-0", 1)]), "finished");
}

#[test]
fn init_containers_run_again_in_a_new_sandbox() {
    let sandboxes = [sandbox("s", false, 0), sandbox("new", true, 1)];
    let containers = [container("init", 0, RunState::Ended), container("web", 0, RunState::Ended)];
    let runtime = in_runtime(&sandboxes, &containers);
    check(&Case::of("Always", runtime).exit_codes(&[("init-0", 0), ("web-0", 255)]), "start init#1");
}

#[test]
fn a_container_that_runs_is_left_alone() {
    let case = Case::of("Always", with_init(&[container("web", 0, RunState::Running)])).exit_codes(INIT_DONE);
    check(&case, "");
}

#[test]
fn a_container_that_was_created_but_not_started_is_started() {
    let case = Case::of("Always", with_init(&[container("web", 2, RunState::Created)])).exit_codes(INIT_DONE);
    check(&case, "start web-2");
}

#[test]
fn the_policy_decides_about_a_container_that_ended() {
    let table = [
        ("Always", 0, "start web#1"),
        ("Always", 1, "start web#1"),
        ("OnFailure", 0, "finished"),
        ("OnFailure", 1, "start web#1"),
        ("Never", 0, "finished"),
        ("Never", 1, "finished"),
    ];
    for (policy, exit_code, expected) in table {
        let exit_codes: &[(&str, i32)] = if exit_code == 0 { &[("web-0", 0)] } else { &[("web-0", 1)] };
        let runtime = with_init(&[container("web", 0, RunState::Ended)]);
        check(&Case::of(policy, runtime).exit_codes(exit_codes), expected);
    }
}

#[test]
fn a_container_that_crashed_before_waits() {
    let mut case = Case::of("Always", with_init(&[container("web", 1, RunState::Ended)]));
    case.exit_codes = &[("web-1", 1)];
    case.crashed_before = &["web"];
    check(&case, "hold web");
}

#[test]
fn an_unhealthy_container_is_stopped() {
    let mut case = Case::of("Always", with_init(&[container("web", 0, RunState::Running)]));
    case.unhealthy = &["web-0"];
    check(&case, "stop web-0");
}

#[test]
fn another_image_in_the_specification_stops_the_container() {
    let mut case = Case::of("Always", with_init(&[container("web", 0, RunState::Running)]));
    case.pod["spec"]["containers"][0]["image"] = json!("localhost/hello:2");
    check(&case, "stop web-0");
}

#[test]
fn a_finished_pod_stays_finished() {
    let mut case = Case::of("Always", in_runtime(&[], &[]));
    case.pod["status"] = json!({"phase": "Succeeded"});
    check(&case, "finished");
}

#[test]
fn a_container_that_is_lost_counts_as_failed_and_its_count_goes_on() {
    let status = json!({"containerStatuses": [{
        "name": "web", "image": "", "imageID": "", "ready": false,
        "containerID": "containerd://0", "restartCount": 4,
    }]});
    let mut case = Case::of("Never", in_runtime(&[], &[]));
    case.pod["status"] = status.clone();
    check(&case, "finished");
    let mut case = Case::of("Always", with_init(&[])).exit_codes(INIT_DONE);
    case.pod["status"] = status;
    check(&case, "start web#5");
}
