//! Sidecars, hooks, ephemeral containers, deadlines: who starts and ends when.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use bythos_node::stop_all;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::host::{Host, alone};
use crate::pods::{
    container, first_container, has_condition, is_ready, phase, reasons_of_events, wait_until_said,
};

/// A container that writes down when it begins and, asked to end, when it ends; all in one file on the host.
fn diarist(name: &str) -> Value {
    let script = format!(
        "echo {name} begins >>/diary/diary; trap 'echo {name} ends >>/diary/diary; exit 0' TERM; \
         while true; do /bin/sleep 0.05; done"
    );
    with_diary(container(name, &script))
}

fn with_diary(mut container: Value) -> Value {
    container["volumeMounts"] = json!([{"name": "diary", "mountPath": "/diary"}]);
    container
}

fn diary_volume(host: &Host) -> Value {
    json!([{"name": "diary", "hostPath": {"path": host.folder().join("diary"), "type": "DirectoryOrCreate"}}])
}

fn diary(host: &Host) -> anyhow::Result<Vec<String>> {
    let file: PathBuf = host.folder().join("diary/diary");
    Ok(std::fs::read_to_string(file)?.lines().map(str::to_owned).collect())
}

fn of_list(list: Option<&Vec<ContainerStatus>>, name: &str) -> anyhow::Result<ContainerStatus> {
    let statuses = list.into_iter().flatten();
    statuses
        .into_iter()
        .find(|status| status.name == name)
        .cloned()
        .with_context(|| format!("a status of {name}"))
}

fn init_status(pod: &Pod, name: &str) -> anyhow::Result<ContainerStatus> {
    of_list(pod.status.as_ref().and_then(|status| status.init_container_statuses.as_ref()), name)
}

#[test]
fn sidecars_start_before_the_others_and_end_after_them_in_reverse_order() {
    alone(
        "lifecycle::sidecars_start_before_the_others_and_end_after_them_in_reverse_order",
        |host| async move {
            let node = host.run_node_with_image().await?;
            let sidecar = |name: &str| {
                let mut sidecar = diarist(name);
                sidecar["restartPolicy"] = json!("Always");
                let command = ["/bin/busybox", "grep", &format!("{name} begins"), "/diary/diary"];
                sidecar["startupProbe"] = json!({"exec": {"command": command}, "periodSeconds": 1});
                sidecar
            };
            let init = with_diary(container("init", "echo init begins >>/diary/diary"));
            let spec = json!({
                "initContainers": [sidecar("first"), init, sidecar("second")],
                "containers": [diarist("main")],
                "volumes": diary_volume(&host),
                "terminationGracePeriodSeconds": 20,
            });
            host.create("web", spec).await?;
            let pod = host.wait_for("web", "ready", is_ready).await?;
            ensure!(init_status(&pod, "first")?.ready && init_status(&pod, "second")?.started == Some(true));
            host.pods().delete("web", &DeleteParams::default()).await?;
            host.wait_until_gone("web").await?;
            let expected = [
                "first begins",
                "init begins",
                "second begins",
                "main begins",
                "main ends",
                "second ends",
                "first ends",
            ];
            ensure!(diary(&host)? == expected, "{:?}", diary(&host)?);
            node.stop().await
        },
    );
}

#[test]
fn a_sidecar_that_ends_is_restarted_and_does_not_hold_up_the_end_of_the_pod() {
    alone(
        "lifecycle::a_sidecar_that_ends_is_restarted_and_does_not_hold_up_the_end_of_the_pod",
        |host| async move {
            let node = host.run_node_with_image().await?;
            let mut side = with_diary(container("side", "echo side begins >>/diary/diary; /bin/sleep 0.5"));
            side["restartPolicy"] = json!("Always");
            let main =
                "while [ $(/bin/busybox grep -c side /diary/diary) -lt 2 ]; do /bin/sleep 0.1; done; exit 0";
            let spec = json!({
                "restartPolicy": "Never",
                "initContainers": [side],
                "containers": [with_diary(container("main", main))],
                "volumes": diary_volume(&host),
                "terminationGracePeriodSeconds": 1,
            });
            host.create("job", spec).await?;
            let pod = host.wait_for("job", "succeeded", |pod| phase(pod) == "Succeeded").await?;
            ensure!(init_status(&pod, "side")?.restart_count >= 1, "{:#?}", pod.status);
            node.stop().await
        },
    );
}

#[test]
fn hooks_run_after_the_start_and_before_the_end() {
    alone("lifecycle::hooks_run_after_the_start_and_before_the_end", |host| async move {
        let node = host.run_node_with_image().await?;
        let write = |text: &str| json!({"exec": {"command": ["/bin/sh", "-c", format!("/bin/sleep 0.3; echo {text} >>/diary/diary")]}});
        let mut first = diarist("first");
        first["lifecycle"] =
            json!({"postStart": write("first has started"), "preStop": write("first is to end")});
        let mut second = diarist("second");
        second["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 1}}});
        let spec = json!({
            "containers": [first, second],
            "volumes": diary_volume(&host),
            "terminationGracePeriodSeconds": 20,
        });
        host.create("web", spec).await?;
        host.wait_for("web", "ready", is_ready).await?;
        // A node that starts again does not repeat a hook that has run.
        node.stop().await?;
        let node = host.run_node().await?;
        host.pods().delete("web", &DeleteParams::default()).await?;
        host.wait_until_gone("web").await?;
        let expected = [
            "first begins",
            "first has started",
            "second begins",
            "first is to end",
            "first ends",
            "second ends",
        ];
        ensure!(diary(&host)? == expected, "{:?}", diary(&host)?);
        node.stop().await
    });
}

#[test]
fn a_container_whose_post_start_hook_fails_is_restarted() {
    alone("lifecycle::a_container_whose_post_start_hook_fails_is_restarted", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut web = container("web", "exec /bin/sleep 1000");
        let command = ["/bin/sh", "-c", "echo out of luck; exit 3"];
        web["lifecycle"] = json!({"postStart": {"exec": {"command": command}}});
        host.create("web", json!({"containers": [web], "terminationGracePeriodSeconds": 1})).await?;
        host.wait_for("web", "restarted", |pod| first_container(pod).restart_count >= 1).await?;
        let events = reasons_of_events(&host, "web").await?;
        ensure!(events.iter().any(|reason| reason == "FailedPostStartHook"), "{events:?}");
        ensure!(!is_ready(&host.pods().get("web").await?));
        node.stop().await
    });
}

#[test]
fn a_pre_stop_hook_takes_its_time_from_the_grace() {
    alone("lifecycle::a_pre_stop_hook_takes_its_time_from_the_grace", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut web = container("web", "exec /bin/sleep 1000");
        web["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 600}}});
        host.create("web", json!({"containers": [web], "terminationGracePeriodSeconds": 2})).await?;
        host.wait_for("web", "ready", is_ready).await?;
        host.pods().delete("web", &DeleteParams::default()).await?;
        host.wait_until_gone("web").await?;
        let events = reasons_of_events(&host, "web").await?;
        ensure!(events.iter().any(|reason| reason == "FailedPreStopHook"), "{events:?}");
        node.stop().await
    });
}

#[test]
fn an_ephemeral_container_looks_into_a_pod_that_runs() {
    alone("lifecycle::an_ephemeral_container_looks_into_a_pod_that_runs", |host| async move {
        let node = host.run_node_with_image().await?;
        let web = container("web", "exec /bin/busybox sleep 4321");
        let look = json!({
            "name": "look", "image": crate::host::IMAGE, "targetContainerName": "web",
            "command": ["/bin/sh", "-c", "/bin/busybox ps; exit 0"],
        });
        let spec =
            json!({"containers": [web], "terminationGracePeriodSeconds": 1, "ephemeralContainers": [look]});
        host.create("web", spec).await?;
        let ended = |pod: &Pod| {
            let statuses =
                pod.status.as_ref().and_then(|status| status.ephemeral_container_statuses.as_ref());
            let state = of_list(statuses, "look").ok().and_then(|status| status.state);
            state.and_then(|state| state.terminated)
        };
        let pod = host.wait_for("web", "looked into", |pod| ended(pod).is_some()).await?;
        ensure!(ended(&pod).is_some_and(|ended| ended.exit_code == 0), "{:#?}", pod.status);
        let log = host.wait_for_log("web", "look", "sleep 4321").await?;
        ensure!(!log.is_empty());
        let pod = host.wait_for("web", "ready", is_ready).await?;
        ensure!(first_container(&pod).restart_count == 0);
        node.stop().await
    });
}

#[test]
fn a_pod_that_is_over_its_deadline_fails() {
    alone("lifecycle::a_pod_that_is_over_its_deadline_fails", |host| async move {
        let node = host.run_node_with_image().await?;
        let spec = json!({
            "activeDeadlineSeconds": 2,
            "containers": [container("web", "exec /bin/sleep 1000")],
            "terminationGracePeriodSeconds": 1,
        });
        host.create("web", spec).await?;
        host.wait_for("web", "ready", is_ready).await?;
        let pod = host.wait_for("web", "failed", |pod| phase(pod) == "Failed").await?;
        let status = pod.status.clone().unwrap_or_default();
        ensure!(status.reason.as_deref() == Some("DeadlineExceeded"), "{status:?}");
        ensure!(first_container(&pod).state.and_then(|state| state.terminated).is_some());
        ensure!(!has_condition(&pod, "Ready"));
        let words = "Pod was active on the node longer than the specified deadline";
        wait_until_said(&host, "web", "DeadlineExceeded", words, 1).await?;
        node.stop().await
    });
}

#[test]
fn hooks_run_also_before_the_end_of_everything() {
    alone("lifecycle::hooks_run_also_before_the_end_of_everything", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut web = diarist("web");
        let hook = ["/bin/sh", "-c", "/bin/sleep 1; echo web is to end >>/diary/diary"];
        web["lifecycle"] = json!({"preStop": {"exec": {"command": hook}}});
        host.create("web", json!({"containers": [web], "volumes": diary_volume(&host)})).await?;
        host.wait_for("web", "ready", is_ready).await?;
        node.stop().await?;
        stop_all(&host.config, |_| {}).await?;
        let diary = diary(&host)?;
        ensure!(diary == ["web begins", "web is to end", "web ends"], "{diary:?}");
        Ok(())
    });
}
