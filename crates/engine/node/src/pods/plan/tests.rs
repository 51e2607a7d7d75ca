use serde_json::{Value, json};

use super::super::probes::{Cause, Unhealthy};
use super::super::runtime::examples::{container, pod as in_runtime, sandbox};
use super::*;

struct Case {
    pod: Value,
    runtime: PodInRuntime,
    exit_codes: &'static [(&'static str, i32)],
    unhealthy: &'static [&'static str],
    started: &'static [&'static str],
    hooked: &'static [&'static str],
    crashed_before: &'static [&'static str],
    to_restart: &'static [&'static str],
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
        Case {
            pod,
            runtime,
            exit_codes: &[],
            unhealthy: &[],
            started: &[],
            hooked: &[],
            crashed_before: &[],
            to_restart: &[],
        }
    }

    fn exit_codes(mut self, exit_codes: &'static [(&'static str, i32)]) -> Self {
        self.exit_codes = exit_codes;
        self
    }

    fn decide(&self) -> Plan {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let details = |(id, exit_code): &(&str, i32)| {
            let is_to_restart = self.to_restart.contains(id);
            let finished_at = Some(now);
            let details = Details { exit_code: *exit_code, finished_at, is_to_restart, ..Details::default() };
            ((*id).to_owned(), details)
        };
        let mut crashed = RestartBackoff::default();
        crashed.restarted(now, now);
        let unhealthy = || Unhealthy { cause: Cause::PostStartHook, grace: None };
        let started = self.started.iter().map(|id| (id, None));
        let unhealthy = self.unhealthy.iter().map(|id| (id, Some(unhealthy())));
        let verdict = |(id, unhealthy): (&&str, _)| {
            ((*id).to_owned(), Verdict { started: true, ready: true, unhealthy })
        };
        decide(&Facts {
            pod: &serde_json::from_value(self.pod.clone()).unwrap(),
            runtime: &self.runtime,
            details: &self.exit_codes.iter().map(details).collect(),
            backoffs: &self.crashed_before.iter().map(|name| ((*name).to_owned(), crashed)).collect(),
            verdicts: &started.chain(unhealthy).map(verdict).collect(),
            hooked: &self.hooked.iter().map(|id| (*id).to_owned()).collect(),
            now,
        })
    }
}

/// A plan in short: `start web#1`, `stop web-0`, `hold web`.
#[track_caller]
fn check(case: &Case, expected: &str) {
    let found = match case.decide() {
        Plan::Finished(None) => "finished".to_owned(),
        Plan::Finished(Some(failure)) => format!("failed: {}", failure.reason),
        Plan::MakeSandbox { attempt } => format!("sandbox #{attempt}"),
        Plan::Containers(steps) => {
            let start = steps.start.iter().map(|start| match &start.made {
                Made::Created(id) => format!("start {id}"),
                Made::BrokenOff(id) => format!("start another {id}"),
                Made::Nothing => format!("start {}#{}", start.name, start.restart_count),
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
fn a_container_that_its_node_has_ended_restarts_whatever_its_exit_code_unless_the_policy_is_never() {
    for (policy, restarts) in [("Always", true), ("OnFailure", true), ("Never", false)] {
        let mut case = Case::of(policy, with_init(&[container("web", 0, RunState::Running)]));
        case.unhealthy = &["web-0"];
        let Plan::Containers(steps) = case.decide() else { panic!() };
        assert_eq!(steps.stop[0].restarts, restarts, "{policy}");
    }
    let mut case = Case::of("OnFailure", with_init(&[container("web", 0, RunState::Ended)]));
    case.exit_codes = &[("init-0", 0), ("web-0", 0)];
    case.to_restart = &["web-0"];
    check(&case, "start web#1");
    // Decided by a Bythos that did not live to see its end.
    case.runtime = with_init(&[container("web", 0, RunState::Running)]);
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

fn with_sidecar(policy: &str, runtime: PodInRuntime) -> Case {
    let mut case = Case::of(policy, runtime);
    let image = "localhost/hello:1";
    case.pod["spec"]["initContainers"] = json!([
        {"name": "side", "image": image, "restartPolicy": "Always"},
        {"name": "init", "image": image},
    ]);
    case
}

#[test]
fn what_follows_a_sidecar_waits_until_it_has_started() {
    check(&with_sidecar("Always", in_runtime(&ready(), &[])), "start side#0");
    let runtime = in_runtime(&ready(), &[container("side", 0, RunState::Running)]);
    let mut case = with_sidecar("Always", runtime);
    check(&case, "");
    case.started = &["side-0"];
    check(&case, "start init#0");
}

#[test]
fn a_sidecar_is_restarted_whatever_the_policy_of_the_pod_and_holds_up_nobody() {
    let sandbox = ready();
    let side = container("side", 0, RunState::Ended);
    let with_web =
        [side.clone(), container("init", 0, RunState::Ended), container("web", 0, RunState::Running)];
    let exit_codes = &[("side-0", 0), ("init-0", 0)];
    check(&with_sidecar("Never", in_runtime(&sandbox, &with_web)).exit_codes(exit_codes), "start side#1");
    let early = with_sidecar("Never", in_runtime(&sandbox, &[side])).exit_codes(exit_codes);
    check(&early, "start side#1");
}

#[test]
fn a_pod_whose_main_containers_have_ended_is_finished_although_a_sidecar_runs() {
    let containers = [
        container("side", 0, RunState::Running),
        container("init", 0, RunState::Ended),
        container("web", 0, RunState::Ended),
    ];
    let case = with_sidecar("Never", in_runtime(&ready(), &containers));
    check(&case.exit_codes(&[("init-0", 0), ("web-0", 0)]), "finished");
}

#[test]
fn a_container_with_a_post_start_hook_holds_up_those_after_it() {
    let image = "localhost/hello:1";
    let hook = json!({"postStart": {"exec": {"command": ["true"]}}});
    let mut case = Case::of("Always", with_init(&[])).exit_codes(INIT_DONE);
    case.pod["spec"]["containers"] =
        json!([{"name": "web", "image": image, "lifecycle": hook}, {"name": "next", "image": image}]);
    check(&case, "start web#0");
    case.runtime = with_init(&[container("web", 0, RunState::Running)]);
    case.hooked = &["web-0"];
    check(&case, "");
    case.hooked = &[];
    check(&case, "start next#0");
}

#[test]
fn an_ephemeral_container_is_started_once() {
    let mut case =
        Case::of("Always", with_init(&[container("web", 0, RunState::Running)])).exit_codes(INIT_DONE);
    case.pod["spec"]["ephemeralContainers"] = json!([{"name": "look", "image": "localhost/hello:1"}]);
    check(&case, "start look#0");
    case.runtime =
        with_init(&[container("web", 0, RunState::Running), container("look", 0, RunState::Ended)]);
    check(&case, "");
}

#[test]
fn a_pod_that_took_too_long_fails() {
    let mut case = Case::of("Always", with_init(&[container("web", 0, RunState::Running)]));
    case.pod["spec"]["activeDeadlineSeconds"] = json!(60);
    let start_time =
        |seconds: i64| json!({"startTime": Timestamp::from_second(1_000_000 - seconds).unwrap()});
    case.pod["status"] = start_time(59);
    check(&case.exit_codes(INIT_DONE), "");
    let mut case = Case::of("Always", in_runtime(&[], &[]));
    case.pod["spec"]["activeDeadlineSeconds"] = json!(60);
    case.pod["status"] = start_time(60);
    check(&case, "failed: DeadlineExceeded");
}

#[test]
fn a_container_whose_start_was_broken_off_is_made_again_under_the_same_count() {
    let case =
        Case::of("Never", with_init(&[container("web", 0, RunState::BrokenOff)])).exit_codes(INIT_DONE);
    check(&case, "start another web-0");
    let Plan::Containers(steps) = case.decide() else { panic!() };
    assert_eq!((steps.start[0].restart_count, steps.start[0].is_restart), (0, false));
}

#[test]
fn rules_of_a_container_come_before_its_policy() {
    let ended = || with_init(&[container("web", 0, RunState::Ended)]);
    let rule = |codes| json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": codes}}]);
    let mut case = Case::of("Always", ended()).exit_codes(&[("init-0", 0), ("web-0", 42)]);
    case.pod["spec"]["containers"][0]["restartPolicy"] = json!("Never");
    check(&case, "finished");
    case.pod["spec"]["containers"][0]["restartPolicyRules"] = rule([41]);
    check(&case, "finished");
    case.pod["spec"]["containers"][0]["restartPolicyRules"] = rule([42]);
    check(&case, "start web#1");
}

#[test]
fn sidecars_end_last_and_in_reverse_order() {
    let image = "localhost/hello:1";
    let spec: PodSpec = serde_json::from_value(json!({
        "initContainers": [
            {"name": "a", "image": image, "restartPolicy": "Always"},
            {"name": "b", "image": image, "restartPolicy": "Always"},
        ],
        "containers": [{"name": "web", "image": image}, {"name": "api", "image": image}],
    }))
    .unwrap();
    let turn = |names: &[&str]| {
        let containers: Vec<_> = names.iter().map(|name| container(name, 0, RunState::Running)).collect();
        let runtime = in_runtime(&ready(), &containers);
        let mut names: Vec<_> =
            turn_to_end(&spec, &runtime).into_iter().map(|container| container.notes.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(turn(&["a", "b", "web", "api"]), ["api", "web"]);
    assert_eq!(turn(&["a", "b", "web"]), ["web"]);
    assert_eq!(turn(&["a", "b"]), ["b"]);
    assert_eq!(turn(&["a"]), ["a"]);
    assert!(turn(&[]).is_empty());
}
