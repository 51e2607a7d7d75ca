//! Finds what is wrong and why. Pure: a [`Cloud`] in, problems out, first cause first.

use std::fmt;

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Node, Pod};
use kube::ResourceExt as _;
use serde::Serialize;
use serde_json::Value;

use super::collect::{Cloud, Conditioned, IngressState, key};

/// One thing that is wrong: the object, and why in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    object: String,
    cause: String,
}

impl Problem {
    fn new(object: impl Into<String>, cause: impl Into<String>) -> Problem {
        Problem { object: object.into(), cause: cause.into() }
    }

    pub(super) fn not_running() -> Problem {
        Problem::new("Bythos", "it does not run; start it with `bythos up`")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.cause)
    }
}

/// All problems, in the order of the way that a change takes.
pub(super) fn find(cloud: &Cloud) -> Vec<Problem> {
    let checks = cloud.failing_checks.iter().map(|check| Problem::new(&check.name, &check.reason));
    let (before_pods, after_pods): (Vec<_>, Vec<_>) =
        cloud.conditioned.iter().partition(|object| matches!(object.kind, "GitRepository" | "Kustomization"));
    checks
        .chain(cloud.nodes.iter().filter_map(of_node))
        .chain(before_pods.into_iter().filter_map(of_conditioned))
        .chain(cloud.pods.iter().filter_map(of_pod))
        .chain(after_pods.into_iter().filter_map(of_conditioned))
        .chain(cloud.ingresses.iter().filter_map(|ingress| of_ingress(ingress, cloud)))
        .collect()
}

fn of_node(node: &Node) -> Option<Problem> {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref())?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    let cause = ready.message.clone().unwrap_or_default();
    (ready.status != "True").then(|| Problem::new(format!("Node {}", node.name_any()), cause))
}

fn of_conditioned(object: &Conditioned) -> Option<Problem> {
    if object.suspended {
        return None;
    }
    let name = format!("{} {}", object.kind, object.key);
    let conditions = object.status.get("conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
    let Some(ready) = ready else { return Some(Problem::new(name, "it was not looked at yet")) };
    if ready["status"] == "True" {
        let observed = ready["observedGeneration"].as_i64().or(object.status["observedGeneration"].as_i64());
        let outdated = observed.is_some() && observed < object.generation;
        return outdated.then(|| Problem::new(name, "its last change was not looked at yet"));
    }
    let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
    Some(Problem::new(name, format!("{}: {}", text("reason"), text("message"))))
}

fn of_pod(pod: &Pod) -> Option<Problem> {
    let status = pod.status.as_ref()?;
    if pod.metadata.deletion_timestamp.is_some() || status.phase.as_deref() == Some("Succeeded") {
        return None;
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let failing = |type_: &str| conditions.iter().find(|one| one.type_ == type_ && one.status != "True");
    let problem = |cause: String| Problem::new(format!("Pod {}", pod_key(pod)), cause);
    if let Some(unscheduled) = failing("PodScheduled") {
        return Some(problem(unscheduled.message.clone().unwrap_or_default()));
    }
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    if let Some(cause) = containers.filter(|container| !container.ready).find_map(of_container) {
        return Some(problem(cause));
    }
    let not_ready = failing("Ready")?;
    let words = [&status.message, &not_ready.message].into_iter().flatten().next();
    Some(problem(words.cloned().unwrap_or_else(|| "it is not ready yet".to_owned())))
}

fn of_container(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    let last = container.last_state.as_ref().and_then(|last| last.terminated.as_ref());
    // How it ended before says something only while it waits to be started again.
    let ended = state.terminated.as_ref().or_else(|| state.waiting.as_ref().and(last));
    let ended = ended.filter(|ended| ended.exit_code != 0);
    let end = ended.map(|ended| format!("its process ended with code {}", ended.exit_code));
    let cause = match &state.waiting {
        Some(waiting) => {
            let reason = waiting.reason.clone().unwrap_or_default();
            let said = waiting.message.clone().unwrap_or_default();
            [Some(reason), Some(said), end]
                .into_iter()
                .flatten()
                .filter(|words| !words.is_empty())
                .collect::<Vec<_>>()
                .join(": ")
        }
        None => end?,
    };
    Some(format!("container {} ({}): {cause}", container.name, container.image))
}

fn pod_key(pod: &Pod) -> String {
    key(pod.namespace().as_deref(), &pod.name_any())
}

fn of_ingress(ingress: &IngressState, cloud: &Cloud) -> Option<Problem> {
    if ingress.served {
        return None;
    }
    let mut about_it = cloud.warnings.iter().rev().filter(|event| {
        let about = &event.involved_object;
        about.kind.as_deref() == Some("Ingress")
            && about.namespace.as_deref() == Some(&ingress.namespace)
            && about.name.as_deref() == Some(&ingress.name)
    });
    // A name that another one holds is why it has no address, whatever else was said meanwhile.
    let is_conflict = |event: &&Event| event.reason.as_deref() == Some("HostConflict");
    let warning = about_it.clone().find(is_conflict).or_else(|| about_it.next());
    let cause = warning.and_then(|event| event.message.clone());
    let cause = cause.unwrap_or_else(|| "the ingress has not given it an address yet".to_owned());
    Some(Problem::new(format!("Ingress {}", ingress.key), cause))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::collect::FailingCheck;
    use super::*;

    #[track_caller]
    fn check(cloud: &Cloud, expected: &[&str]) {
        let found: Vec<_> = find(cloud).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    fn conditioned(kind: &'static str, status: &str, reason: &str, message: &str) -> Conditioned {
        let ready = json!({ "type": "Ready", "status": status, "reason": reason, "message": message });
        Conditioned {
            kind,
            key: "flux-system/platform".to_owned(),
            generation: Some(1),
            suspended: false,
            status: json!({ "conditions": [ready] }),
        }
    }

    fn pod(status: &Value) -> Pod {
        let pod = json!({ "metadata": { "namespace": "hello", "name": "web-1" }, "status": status });
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn what_comes_first_on_the_way_is_the_first_cause() {
        let cloud = Cloud {
            failing_checks: vec![FailingCheck {
                name: "part/node".to_owned(),
                reason: "no containerd".to_owned(),
            }],
            conditioned: vec![
                conditioned("Certificate", "False", "Pending", "no issuer"),
                conditioned("GitRepository", "False", "GitOperationFailed", "no route to host"),
            ],
            ..Cloud::default()
        };
        check(
            &cloud,
            &[
                "part/node: no containerd",
                "GitRepository flux-system/platform: GitOperationFailed: no route to host",
                "Certificate flux-system/platform: Pending: no issuer",
            ],
        );
    }

    #[test]
    fn a_missing_image_is_named_with_the_container() {
        let waiting = json!({ "reason": "ErrImagePull", "message": "localhost/hello:2: not found" });
        let status = json!({
            "phase": "Pending",
            "conditions": [{ "type": "Ready", "status": "False" }, { "type": "PodScheduled", "status": "True" }],
            "containerStatuses": [{
                "name": "web", "image": "localhost/hello:2", "imageID": "", "ready": false, "restartCount": 0,
                "state": { "waiting": waiting },
            }],
        });
        check(
            &Cloud { pods: vec![pod(&status)], ..Cloud::default() },
            &[
                "Pod hello/web-1: container web (localhost/hello:2): ErrImagePull: localhost/hello:2: not found",
            ],
        );
    }

    #[test]
    fn a_crash_is_told_with_its_exit_code() {
        let status = json!({
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "False" }],
            "containerStatuses": [{
                "name": "web", "image": "i", "imageID": "", "ready": false, "restartCount": 3,
                "state": { "waiting": { "reason": "CrashLoopBackOff" } },
                "lastState": { "terminated": { "exitCode": 2 } },
            }],
        });
        check(
            &Cloud { pods: vec![pod(&status)], ..Cloud::default() },
            &["Pod hello/web-1: container web (i): CrashLoopBackOff: its process ended with code 2"],
        );
    }

    #[test]
    fn pods_that_are_ready_done_or_going_are_no_problem() {
        let ready = json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] });
        let done = json!({ "phase": "Succeeded", "conditions": [{ "type": "Ready", "status": "False" }] });
        let mut going = pod(&json!({ "conditions": [{ "type": "Ready", "status": "False" }] }));
        going.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        check(&Cloud { pods: vec![pod(&ready), pod(&done), going], ..Cloud::default() }, &[]);
    }

    #[test]
    fn a_host_name_used_twice_is_told_by_the_ingress_warning() {
        let ingress = IngressState {
            key: "b/web".to_owned(),
            namespace: "b".to_owned(),
            name: "web".to_owned(),
            hosts: vec!["web.bythos.localhost".to_owned()],
            served: false,
        };
        let warning = |reason: &str, message: &str| -> Event {
            let about = json!({ "kind": "Ingress", "namespace": "b", "name": "web" });
            let event = json!({
                "metadata": {}, "involvedObject": about, "type": "Warning", "reason": reason, "message": message,
            });
            serde_json::from_value(event).unwrap()
        };
        let warnings = vec![
            warning("HostConflict", "host web.bythos.localhost is taken by Ingress a/web"),
            warning("TLSSecretMissing", "there is no Secret b/web-tls"),
        ];
        check(
            &Cloud { ingresses: vec![ingress], warnings, ..Cloud::default() },
            &["Ingress b/web: host web.bythos.localhost is taken by Ingress a/web"],
        );
    }

    #[test]
    fn what_is_suspended_is_no_problem_and_what_is_outdated_is() {
        let mut suspended = conditioned("Kustomization", "False", "BuildFailed", "x");
        suspended.suspended = true;
        let mut outdated = conditioned("Kustomization", "True", "ReconciliationSucceeded", "");
        outdated.generation = Some(3);
        outdated.status["observedGeneration"] = json!(2);
        check(
            &Cloud { conditioned: vec![suspended, outdated], ..Cloud::default() },
            &["Kustomization flux-system/platform: its last change was not looked at yet"],
        );
    }
}
