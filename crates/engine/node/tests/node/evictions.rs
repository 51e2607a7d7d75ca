//! Pods that outgrow the limits of their own storage are ended by the node, and no others.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::host::alone;
use crate::pods::{container, first_container, is_ready, phase, reasons_of_events, wait_until};

/// Writes four megabytes to `file` and stays.
fn writing(file: &str) -> Value {
    container("main", &format!("/bin/busybox dd if=/dev/zero of={file} bs=1M count=4; exec /bin/sleep 1000"))
}

fn limited(mut container: Value, limit: &str) -> Value {
    container["resources"] = json!({"limits": {"ephemeral-storage": limit}});
    container
}

fn on_scratch(mut container: Value, size_limit: &str) -> Value {
    container["volumeMounts"] = json!([{"name": "scratch", "mountPath": "/scratch"}]);
    json!({
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": size_limit}}],
        "terminationGracePeriodSeconds": 1,
    })
}

fn reason_and_message(pod: &Pod) -> (&str, &str) {
    let status = pod.status.as_ref();
    let reason = status.and_then(|status| status.reason.as_deref());
    let message = status.and_then(|status| status.message.as_deref());
    (reason.unwrap_or_default(), message.unwrap_or_default())
}

#[test]
fn a_pod_that_outgrows_its_storage_is_evicted_and_no_other() {
    alone("evictions::a_pod_that_outgrows_its_storage_is_evicted_and_no_other", |host| async move {
        let node = host.run_node_with_image().await?;
        host.create("modest", on_scratch(writing("/scratch/file"), "1Gi")).await?;
        host.create("volume", on_scratch(writing("/scratch/file"), "1Mi")).await?;
        let layer = limited(writing("/file"), "1Mi");
        host.create("layer", json!({"containers": [layer], "terminationGracePeriodSeconds": 1})).await?;
        host.create("whole", on_scratch(limited(writing("/scratch/file"), "2Mi"), "1Gi")).await?;
        let modest = host.wait_for("modest", "ready", is_ready).await?;
        let of_pod = |limit: &str| {
            format!("Pod ephemeral local storage usage exceeds the total limit of containers {limit}. ")
        };
        for (name, expected) in [
            ("volume", "Usage of EmptyDir volume \"scratch\" exceeds the limit \"1Mi\". ".to_owned()),
            ("layer", of_pod("1Mi")),
            ("whole", of_pod("2Mi")),
        ] {
            let pod = host.wait_for(name, "evicted", |pod| phase(pod) == "Failed").await?;
            ensure!(reason_and_message(&pod) == ("Evicted", &expected), "{name}: {:#?}", pod.status);
            let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
            let disrupted = conditions.into_iter().find(|condition| condition.type_ == "DisruptionTarget");
            let reason = disrupted.and_then(|condition| condition.reason.as_deref());
            ensure!(reason == Some("TerminationByKubelet"), "{name}: {:#?}", pod.status);
            ensure!(first_container(&pod).restart_count == 0, "{name}: {:#?}", pod.status);
            let reasons = reasons_of_events(&host, name).await?;
            ensure!(reasons.iter().any(|reason| reason == "Evicted"), "{name}: {reasons:?}");
            let uid = pod.metadata.uid.context("a uid")?;
            let volumes = host.config.pods_dir.join(uid).join("volumes");
            wait_until("its volumes are gone", async || Ok(!volumes.exists())).await?;
            let (status, log) = host.log(name, "main", "").await?;
            ensure!(status == 200 && log.contains("4+0 records"), "{status}: {log}");
        }
        let now = host.pods().get("modest").await?;
        ensure!(first_container(&now) == first_container(&modest), "{:#?}", now.status);
        node.stop().await
    });
}
