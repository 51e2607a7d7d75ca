//! What outlives what: containers outlive containerd, and nothing outlives the end of everything.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bythos_node::{import_image, stop_all};
use kube::api::DeleteParams;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::host::{Host, alone};
use crate::pods::{container, first_container, is_ready, wait_until_said};
use crate::volumes::create_claim;

pub(crate) fn kill_containerd(host: &Host) -> anyhow::Result<i32> {
    let pid = host.containerd_pid()?;
    kill_process(Pid::from_raw(pid).context("a process id")?, Signal::KILL)?;
    Ok(pid)
}

fn sleeper() -> serde_json::Value {
    json!({"containers": [container("web", "exec /bin/sleep 1000")], "terminationGracePeriodSeconds": 1})
}

#[test]
fn containers_outlive_the_death_of_containerd() {
    alone("restarts::containers_outlive_the_death_of_containerd", |host| async move {
        let mut node = host.run_node_with_image().await?;
        host.create("web", sleeper()).await?;
        let before = host.wait_for("web", "ready", is_ready).await?;
        let dead = kill_containerd(&host)?;
        tokio::time::timeout(Duration::from_secs(30), async {
            while host.containerd_pid()? == dead
                || import_image(&host.config, &host.folder().join("busybox.tar")).await.is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        })
        .await
        .context("containerd is not back")??;
        node.wait_until_ready().await?;
        // Its files, mounts and network are still whole: it can be ended, and others can be started.
        host.create("next", sleeper()).await?;
        host.wait_for("next", "ready", is_ready).await?;
        let after = host.pods().get("web").await?;
        ensure!(first_container(&before) == first_container(&after), "{:#?}", after.status);
        host.pods().delete("web", &DeleteParams::default()).await?;
        host.wait_until_gone("web").await?;
        node.stop().await
    });
}

#[test]
fn another_configuration_restarts_containerd_and_no_container() {
    alone("restarts::another_configuration_restarts_containerd_and_no_container", |host| async move {
        let node = host.run_node_with_image().await?;
        host.create("web", sleeper()).await?;
        let before = host.wait_for("web", "ready", is_ready).await?;
        let containerd = host.containerd_pid()?;
        node.stop().await?;
        std::fs::write(host.config.root.join("containerd.toml"), "# of an older Bythos\n")?;
        let node = host.run_node().await?;
        ensure!(host.containerd_pid()? != containerd, "containerd was not restarted");
        let after = host.pods().get("web").await?;
        ensure!(first_container(&before) == first_container(&after), "{:#?}", after.status);
        host.pods().delete("web", &DeleteParams::default()).await?;
        host.wait_until_gone("web").await?;
        node.stop().await
    });
}

#[test]
fn everything_ends_even_if_containerd_was_killed_before() {
    alone("restarts::everything_ends_even_if_containerd_was_killed_before", |host| async move {
        let node = host.run_node_with_image().await?;
        host.create("web", sleeper()).await?;
        host.wait_for("web", "ready", is_ready).await?;
        node.stop().await?;
        kill_containerd(&host)?;
        Ok(())
    });
}

#[test]
fn pods_come_back_after_everything_was_stopped() {
    alone("restarts::pods_come_back_after_everything_was_stopped", |host| async move {
        let node = host.run_node_with_image().await?;
        host.create("web", sleeper()).await?;
        let before = host.wait_for("web", "ready", is_ready).await?;
        node.stop().await?;
        let mut steps = Vec::new();
        stop_all(&host.config, |step| steps.push(step.to_owned())).await?;
        ensure!(steps.iter().any(|step| step == "stopped default/web (1 of 1)"), "{steps:?}");
        let missing = import_image(&host.config, &host.folder().join("busybox.tar")).await;
        ensure!(missing.unwrap_err().to_string().contains("run `bythos up` first"));
        let node = host.run_node().await?;
        let id = first_container(&before).container_id;
        let is_back = |pod: &_| is_ready(pod) && first_container(pod).container_id != id;
        let after = host.wait_for("web", "back", is_back).await?;
        ensure!(first_container(&after).restart_count == 1, "{:#?}", after.status);
        node.stop().await
    });
}

#[test]
fn the_same_pods_run_with_their_volumes_after_a_reboot() {
    alone("restarts::the_same_pods_run_with_their_volumes_after_a_reboot", |host| async move {
        let node = host.run_node_with_image().await?;
        host.put_config("site", json!({"greeting": "hello"})).await?;
        create_claim(&host, "pv-1", json!({"local": {"path": host.config.root.join("volumes/pv-1")}}))
            .await?;
        let script = "for volume in claim scratch memory; do echo x >>/$volume/starts; \
                      echo $volume $(/bin/busybox wc -l </$volume/starts); done; \
                      /bin/busybox cat /site/greeting; echo; exec /bin/sleep 1000";
        let mut web = container("web", script);
        let volumes = ["claim", "scratch", "memory", "site"];
        web["volumeMounts"] =
            volumes.map(|name| json!({"name": name, "mountPath": format!("/{name}")})).into();
        web["readinessProbe"] =
            json!({"exec": {"command": ["/bin/busybox", "test", "-e", "/memory/starts"]}});
        let spec = json!({
            "containers": [web],
            "volumes": [
                {"name": "claim", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "scratch", "emptyDir": {}},
                {"name": "memory", "emptyDir": {"medium": "Memory"}},
                {"name": "site", "projected": {"sources": [{"configMap": {"name": "site"}}]}},
            ],
            "terminationGracePeriodSeconds": 1,
        });
        host.create("web", spec).await?;
        host.wait_for_log("web", "web", "claim 1\nscratch 1\nmemory 1\nhello\n").await?;
        let before = host.wait_for("web", "ready", is_ready).await?;
        node.stop().await?;
        host.reboot().await?;
        let node = host.run_node().await?;
        let is_back = |pod: &_| is_ready(pod) && first_container(pod).restart_count == 1;
        let after = host.wait_for("web", "back", is_back).await?;
        ensure!(after.metadata.uid == before.metadata.uid);
        // What lay in memory is gone, and nothing else.
        host.wait_for_log("web", "web", "claim 2\nscratch 2\nmemory 1\nhello\n").await?;
        wait_until_said(&host, "web", "SandboxChanged", "Pod sandbox changed, it will be killed", 1).await?;
        host.pods().delete("web", &DeleteParams::default()).await?;
        host.wait_until_gone("web").await?;
        node.stop().await
    });
}

#[test]
fn a_grace_that_is_shortened_is_heeded() {
    alone("restarts::a_grace_that_is_shortened_is_heeded", |host| async move {
        let node = host.run_node_with_image().await?;
        let stubborn = container("web", "trap '' TERM; while true; do /bin/sleep 1; done");
        host.create("web", json!({"containers": [stubborn], "terminationGracePeriodSeconds": 600})).await?;
        host.wait_for("web", "ready", is_ready).await?;
        host.pods().delete("web", &DeleteParams::default()).await?;
        host.wait_for("web", "ending", |pod| pod.metadata.deletion_timestamp.is_some()).await?;
        host.pods().delete("web", &DeleteParams::default().grace_period(1)).await?;
        host.wait_until_gone("web").await?;
        node.stop().await
    });
}
