//! What is wrong is said: images, objects and programs that are missing or broken.

use anyhow::{Context as _, ensure};
use bythos_node::import_image;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::host::{IMAGE, alone};
use crate::pods::{container, first_container, is_ready, phase, wait_until_said, waiting};

#[test]
fn a_missing_image_is_named_with_its_cause() {
    alone("failures::a_missing_image_is_named_with_its_cause", |host| async move {
        let node = host.run_node().await?;
        let image = "localhost/nobody/has:1";
        host.create("web", json!({"containers": [{"name": "web", "image": image}]})).await?;
        let pod = host.wait_for("web", "failing to pull", |pod| waiting(pod).0 == "ErrImagePull").await?;
        let (_, message) = waiting(&pod);
        ensure!(message.contains(image) && message.contains("refused"), "{message}");
        let pod = host.wait_for("web", "held back", |pod| waiting(pod).0 == "ImagePullBackOff").await?;
        let (_, message) = waiting(&pod);
        ensure!(message.contains(image) && message.contains("refused"), "{message}");
        let (status, refused) = host.log("web", "web", "").await?;
        ensure!(status == 400 && refused.contains("is waiting to start: ImagePullBackOff"), "{refused}");

        let never = json!({"containers": [{"name": "web", "image": image, "imagePullPolicy": "Never"}]});
        host.create("never", never).await?;
        let pod = host.wait_for("never", "refused", |pod| waiting(pod).0 == "ErrImageNeverPull").await?;
        ensure!(waiting(&pod).1.contains(image), "{:?}", waiting(&pod));
        node.stop().await
    });
}

#[test]
fn an_image_that_is_imported_starts_the_pod_that_waits_for_it() {
    alone("failures::an_image_that_is_imported_starts_the_pod_that_waits_for_it", |host| async move {
        let node = host.run_node_with_image().await?;
        let recipe = host.folder().join("late.yaml");
        std::fs::write(
            &recipe,
            "image: localhost/late:1\nfiles: {busybox: /bin/busybox}\nlinks: {/bin/sh: busybox}\n",
        )?;
        let archive = host.folder().join("late.tar");
        bythos_node::build_image(&recipe, &archive, |_| {})?;
        let mut late = container("web", "exec /bin/busybox sleep 1000");
        late["image"] = json!("localhost/late:1");
        host.create("late", json!({"containers": [late], "terminationGracePeriodSeconds": 0})).await?;
        host.wait_for("late", "held back", |pod| waiting(pod).0 == "ImagePullBackOff").await?;

        // One that is to be pulled always is not taken as it is.
        let mut always = container("web", "exec /bin/sleep 1000");
        always["imagePullPolicy"] = json!("Always");
        host.create("always", json!({"containers": [always], "terminationGracePeriodSeconds": 0})).await?;
        let pod = host.wait_for("always", "held back", |pod| waiting(pod).0 == "ImagePullBackOff").await?;
        let expected = format!("Back-off pulling image \"{IMAGE}\": ErrImagePull: failed to pull image");
        ensure!(waiting(&pod).1.starts_with(&expected), "{:?}", waiting(&pod));
        import_image(&host.config, &archive).await?;
        host.wait_for("late", "ready", is_ready).await?;
        node.stop().await
    });
}

#[test]
fn a_missing_object_is_named_and_its_arrival_starts_the_pod() {
    alone("failures::a_missing_object_is_named_and_its_arrival_starts_the_pod", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut env = container("web", "exec /bin/sleep 1000");
        env["envFrom"] = json!([{"configMapRef": {"name": "late"}}]);
        let mut volume = container("web", "exec /bin/sleep 1000");
        volume["volumeMounts"] = json!([{"name": "late", "mountPath": "/late"}]);
        let volumes = json!([{"name": "late", "configMap": {"name": "late"}}]);
        host.create("env", json!({"containers": [env], "terminationGracePeriodSeconds": 0})).await?;
        host.create(
            "volume",
            json!({"containers": [volume], "volumes": volumes, "terminationGracePeriodSeconds": 0}),
        )
        .await?;
        let pod =
            host.wait_for("env", "refused", |pod| waiting(pod).0 == "CreateContainerConfigError").await?;
        ensure!(waiting(&pod).1 == "configmap \"late\" not found", "{:?}", waiting(&pod));
        let pod = host.wait_for("volume", "waiting", |pod| waiting(pod).1.contains("late")).await?;
        let expected = "MountVolume.SetUp failed for volume \"late\": configmap \"late\" not found";
        ensure!(waiting(&pod).1 == expected, "{:?}", waiting(&pod));
        host.put_config("late", json!({"key": "value"})).await?;
        host.wait_for("env", "ready", is_ready).await?;
        host.wait_for("volume", "ready", is_ready).await?;
        node.stop().await
    });
}

#[test]
fn a_program_that_crashes_is_restarted_with_growing_pauses() {
    alone("failures::a_program_that_crashes_is_restarted_with_growing_pauses", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut web = container("web", "echo about to fail; exit 3");
        web["terminationMessagePolicy"] = json!("FallbackToLogsOnError");
        host.create("web", json!({"containers": [web]})).await?;
        let pod = host.wait_for("web", "held back", |pod| waiting(pod).0 == "CrashLoopBackOff").await?;
        let status = first_container(&pod);
        let last = status.last_state.and_then(|state| state.terminated).context("a last state")?;
        ensure!(status.restart_count == 1 && last.exit_code == 3, "{last:?}");
        ensure!(last.message.as_deref() == Some("about to fail\n"), "{last:?}");
        ensure!(
            waiting(&pod).1.starts_with("back-off 10s restarting failed container=web"),
            "{:?}",
            waiting(&pod)
        );
        let words = "Back-off restarting failed container web in pod web_default(";
        wait_until_said(&host, "web", "BackOff", words, 1).await?;
        let (_, previous) = host.log("web", "web", "previous=true").await?;
        ensure!(previous == "about to fail\n", "{previous}");

        let missing = json!({"containers": [{"name": "web", "command": ["/no/such/program"]}]});
        host.create("missing", missing).await?;
        let says_so = |pod: &_| waiting(pod).1.contains("/no/such/program");
        let pod = host.wait_for("missing", "refused", says_so).await?;
        ensure!(waiting(&pod).0 == "RunContainerError", "{:?}", waiting(&pod));
        node.stop().await
    });
}

#[test]
fn a_container_that_does_not_live_is_restarted() {
    alone("failures::a_container_that_does_not_live_is_restarted", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut web = container("web", "exec /bin/sleep 1000");
        web["livenessProbe"] = json!({"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 2});
        host.create("web", json!({"containers": [web], "terminationGracePeriodSeconds": 1})).await?;
        let pod = host.wait_for("web", "restarted", |pod| first_container(pod).restart_count >= 1).await?;
        let last =
            first_container(&pod).last_state.and_then(|state| state.terminated).context("a last state")?;
        ensure!(last.exit_code != 0, "{last:?}");
        // Each failure counts, in one event.
        wait_until_said(&host, "web", "Unhealthy", "Liveness probe failed: dial tcp", 2).await?;
        let killing = "Container web failed liveness probe, will be restarted";
        wait_until_said(&host, "web", "Killing", killing, 1).await?;
        node.stop().await
    });
}

#[test]
fn a_container_that_is_ended_for_a_probe_restarts_although_its_program_succeeds() {
    const NAME: &str =
        "failures::a_container_that_is_ended_for_a_probe_restarts_although_its_program_succeeds";
    alone(NAME, |host| async move {
        let node = host.run_node_with_image().await?;
        let polite = |policy: &str, last_words: &str| {
            let script = format!("trap '{last_words}; exit 0' TERM; while :; do /bin/sleep 0.05; done");
            let mut web = container("web", &script);
            web["livenessProbe"] = json!({"exec": {"command": ["/bin/busybox", "false"]}, "periodSeconds": 1, "failureThreshold": 1});
            json!({"restartPolicy": policy, "containers": [web], "terminationGracePeriodSeconds": 30})
        };
        host.create("web", polite("OnFailure", "echo bye")).await?;
        host.create("once", polite("Never", "echo bye")).await?;
        host.create("slow", polite("OnFailure", "echo ending; /bin/sleep 3")).await?;
        let exit_code = |pod: &Pod| {
            let last = first_container(pod).last_state.and_then(|state| state.terminated);
            last.map(|ended| ended.exit_code)
        };
        let pod = host.wait_for("web", "restarted", |pod| first_container(pod).restart_count >= 1).await?;
        ensure!(exit_code(&pod) == Some(0), "{:#?}", pod.status);
        host.wait_for("once", "succeeded", |pod| phase(pod) == "Succeeded").await?;
        wait_until_said(&host, "once", "Killing", "Container web failed liveness probe", 1).await?;

        // Its end comes while no node is there to see it.
        let (_, log) = host.log("slow", "web", "").await?;
        if !log.contains("ending") {
            host.wait_for_log("slow", "web", "ending").await?;
        }
        node.stop().await?;
        let node = host.run_node().await?;
        let pod = host.wait_for("slow", "restarted", |pod| first_container(pod).restart_count >= 1).await?;
        ensure!(exit_code(&pod) == Some(0), "{:#?}", pod.status);
        node.stop().await
    });
}

#[test]
fn what_the_node_cannot_do_yet_is_said_and_not_done_halfway() {
    alone("failures::what_the_node_cannot_do_yet_is_said_and_not_done_halfway", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut web = container("web", "exec /bin/sleep 1000");
        web["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        let volumes = json!([{"name": "v", "image": {"reference": "localhost/data:1"}}]);
        host.create("web", json!({"containers": [web], "volumes": volumes})).await?;
        let pod =
            host.wait_for("web", "refused", |pod| waiting(pod).0 == "CreateContainerConfigError").await?;
        ensure!(
            waiting(&pod).1.starts_with("spec.volumes[v] of a kind other than")
                && waiting(&pod).1.ends_with("yet"),
            "{:?}",
            waiting(&pod)
        );
        host.pods().delete("web", &Default::default()).await?;
        host.wait_until_gone("web").await?;
        node.stop().await
    });
}
