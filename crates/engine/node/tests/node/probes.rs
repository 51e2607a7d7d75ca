//! When containers are asked, and what comes of the answers.

use std::sync::{Arc, Mutex};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::grpc_server::{self, DOWN, PORT, pod_of_server};
use crate::host::alone;
use crate::pods::{container, first_container, has_condition, is_ready, said, wait_until, wait_until_said};

fn exec(command: &[&str]) -> Value {
    json!({"exec": {"command": command}, "periodSeconds": 1, "failureThreshold": 1})
}

fn pod_of(container: &Value) -> Value {
    json!({"containers": [container], "terminationGracePeriodSeconds": 1})
}

fn last_end(pod: &Pod) -> Option<ContainerStateTerminated> {
    first_container(pod).last_state?.terminated
}

/// Seconds from one time to the other.
fn seconds(from: Option<Timestamp>, to: Option<Timestamp>) -> anyhow::Result<i64> {
    Ok(to.context("an end")?.duration_since(from.context("a beginning")?).as_secs())
}

#[test]
fn probes_begin_when_the_manifest_says() {
    alone("probes::probes_begin_when_the_manifest_says", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut late = container("main", "exec /bin/sleep 1000");
        late["readinessProbe"] = exec(&["/bin/busybox", "true"]);
        late["readinessProbe"]["initialDelaySeconds"] = json!(3);
        host.create("late", pod_of(&late)).await?;

        // It is not asked whether it lives before it has started, which takes three seconds.
        let mut slow = container("main", "/bin/sleep 3; echo >/started; exec /bin/sleep 1000");
        slow["startupProbe"] = exec(&["/bin/busybox", "test", "-e", "/started"]);
        slow["startupProbe"]["failureThreshold"] = json!(60);
        slow["livenessProbe"] = exec(&["/bin/busybox", "false"]);
        host.create("slow", pod_of(&slow)).await?;

        let mut never = container("main", "exec /bin/sleep 1000");
        never["startupProbe"] = exec(&["/bin/busybox", "false"]);
        never["livenessProbe"] = exec(&["/bin/busybox", "true"]);
        host.create("never", pod_of(&never)).await?;

        let is_restarted = |pod: &Pod| first_container(pod).restart_count >= 1;
        let killing = "Container main failed startup probe, will be restarted";
        wait_until_said(&host, "never", "Killing", killing, 1).await?;
        host.wait_for("never", "restarted", is_restarted).await?;

        let pod = host.wait_for("late", "ready", is_ready).await?;
        let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        let ready = ready.and_then(|condition| condition.last_transition_time.as_ref()).map(|time| time.0);
        let started = first_container(&pod).state.and_then(|state| state.running?.started_at);
        // Both are cut to whole seconds.
        ensure!(seconds(started.map(|time| time.0), ready)? >= 2, "{:#?}", pod.status);

        let pod = host.wait_for("slow", "restarted", is_restarted).await?;
        let end = last_end(&pod).context("an end")?;
        let [started, finished] =
            [&end.started_at, &end.finished_at].map(|time| time.as_ref().map(|time| time.0));
        ensure!(seconds(started, finished)? >= 2, "{end:?}");
        let killing = said(&host, "slow", "Killing").await?;
        ensure!(killing[0].0 == "Container main failed liveness probe, will be restarted", "{killing:?}");
        node.stop().await
    });
}

#[test]
fn a_pod_is_ready_when_its_gates_are_open() {
    alone("probes::a_pod_is_ready_when_its_gates_are_open", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut spec = pod_of(&container("main", "exec /bin/sleep 1000"));
        spec["readinessGates"] = json!([{"conditionType": "example.org/ready"}]);
        host.create("web", spec).await?;
        let pod = host.wait_for("web", "nearly ready", |pod| has_condition(pod, "ContainersReady")).await?;
        ensure!(!is_ready(&pod), "{:#?}", pod.status);
        let open = json!({"status": {"conditions": [{"type": "example.org/ready", "status": "True"}]}});
        host.pods().patch_status("web", &PatchParams::default(), &Patch::Strategic(open)).await?;
        host.wait_for("web", "ready", is_ready).await?;
        node.stop().await
    });
}

#[test]
fn a_container_that_is_to_end_is_asked_only_whether_it_is_ready() {
    alone("probes::a_container_that_is_to_end_is_asked_only_whether_it_is_ready", |host| async move {
        let node = host.run_node_with_image().await?;
        let script = "trap 'echo >/ending; /bin/sleep 3; exit 0' TERM; while :; do /bin/sleep 0.05; done";
        let mut web = container("main", script);
        let is_not_ending = exec(&["/bin/busybox", "test", "!", "-e", "/ending"]);
        (web["livenessProbe"], web["readinessProbe"]) = (is_not_ending.clone(), is_not_ending);
        host.create("web", json!({"containers": [web], "terminationGracePeriodSeconds": 30})).await?;
        host.wait_for("web", "ready", is_ready).await?;
        host.pods().delete("web", &DeleteParams::default()).await?;
        host.wait_for("web", "unready", |pod| !is_ready(pod)).await?;
        host.wait_until_gone("web").await?;
        let unhealthy = said(&host, "web", "Unhealthy").await?;
        let of = |kind: &str| unhealthy.iter().any(|(message, _)| message.starts_with(kind));
        ensure!(of("Readiness probe failed") && !of("Liveness probe failed"), "{unhealthy:?}");
        node.stop().await
    });
}

#[test]
fn a_grpc_probe_asks_the_server_in_the_container_whether_it_serves() {
    const NAME: &str = "probes::a_grpc_probe_asks_the_server_in_the_container_whether_it_serves";
    grpc_server::be_server();
    alone(NAME, |host| async move {
        let node = host.run_node_with_image().await?;
        let mut spec = pod_of_server(NAME, &format!("(/bin/sleep 4; echo >{DOWN}) &"))?;
        let probe = json!({"grpc": {"port": PORT, "service": "web"}, "periodSeconds": 1});
        let server = &mut spec["containers"][0];
        (server["readinessProbe"], server["livenessProbe"]) = (probe.clone(), probe.clone());
        host.create("web", spec.clone()).await?;
        spec["containers"][0]["livenessProbe"] = json!(null);
        spec["containers"][0]["readinessProbe"]["grpc"]["port"] = json!(PORT + 1);
        host.create("elsewhere", spec).await?;

        host.wait_for("web", "ready", is_ready).await?;
        for kind in ["Readiness", "Liveness"] {
            let refused = format!(r#"{kind} probe failed: service unhealthy (responded with "NOT_SERVING")"#);
            wait_until_said(&host, "web", "Unhealthy", &refused, 1).await?;
        }
        host.wait_for("web", "restarted", |pod| first_container(pod).restart_count >= 1).await?;
        host.wait_for("web", "ready again", is_ready).await?;
        wait_until_said(&host, "elsewhere", "Unhealthy", "Readiness probe failed: failed to connect to", 1)
            .await?;
        ensure!(!is_ready(&host.pods().get("elsewhere").await?));
        node.stop().await
    });
}

/// The paths that were asked for.
type Asked = Arc<Mutex<Vec<String>>>;

/// A server on the network of the host, for HTTP.
async fn serve() -> anyhow::Result<(u16, Asked)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let asked = Asked::default();
    let note = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let note = note.clone();
            let answer = hyper::service::service_fn(move |request: http::Request<Incoming>| {
                note.lock().expect("nobody panics").push(request.uri().path().to_owned());
                async { anyhow::Ok(http::Response::new(Empty::<Bytes>::new())) }
            });
            tokio::spawn(async move {
                let server = hyper::server::conn::http1::Builder::new();
                // A hook that has its answer goes away.
                drop(server.serve_connection(TokioIo::new(stream), answer).await);
            });
        }
    });
    Ok((port, asked))
}

async fn wait_until_asked(asked: &Asked, path: &str) -> anyhow::Result<()> {
    wait_until(path, async || Ok(asked.lock().expect("nobody panics").iter().any(|found| found == path)))
        .await
}

#[test]
fn http_hooks_ask_the_server_on_the_address_of_the_pod() {
    alone("probes::http_hooks_ask_the_server_on_the_address_of_the_pod", |host| async move {
        let node = host.run_node_with_image().await?;
        let (port, asked) = serve().await?;
        let mut web = container("main", "exec /bin/sleep 1000");
        let get = |path: &str| json!({"httpGet": {"path": path, "port": port}});
        web["lifecycle"] = json!({"postStart": get("/started"), "preStop": get("/ending")});
        let mut spec = pod_of(&web);
        spec["hostNetwork"] = json!(true);
        host.create("web", spec).await?;
        wait_until_asked(&asked, "/started").await?;
        host.pods().delete("web", &DeleteParams::default()).await?;
        host.wait_until_gone("web").await?;
        wait_until_asked(&asked, "/ending").await?;
        node.stop().await
    });
}
