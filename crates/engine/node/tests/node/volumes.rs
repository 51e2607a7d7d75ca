//! Volumes as containers see them: parts, claims, memory, tokens, figures of the node.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::host::{Host, NODE, alone};
use crate::pods::{container, is_ready, phase, waiting};

fn mounting(name: &str, script: &str, mounts: Value) -> Value {
    let mut container = container(name, script);
    container["volumeMounts"] = mounts;
    container
}

/// Runs `container` to its end and returns its log.
async fn log_of(host: &Host, name: &str, container: Value, volumes: Value) -> anyhow::Result<String> {
    let spec = json!({"restartPolicy": "Never", "containers": [container], "volumes": volumes});
    host.create(name, spec).await?;
    let pod = host.wait_for(name, "ended", |pod| matches!(phase(pod), "Succeeded" | "Failed")).await?;
    let (_, log) = host.log(name, "main", "").await?;
    ensure!(phase(&pod) == "Succeeded", "{log}{:#?}", pod.status);
    Ok(log)
}

#[test]
fn a_part_of_a_volume_is_mounted_and_nothing_outside_of_it() {
    alone("volumes::a_part_of_a_volume_is_mounted_and_nothing_outside_of_it", |host| async move {
        let node = host.run_node_with_image().await?;
        let shared = host.folder().join("shared");
        std::fs::create_dir_all(&shared)?;
        std::fs::write(host.folder().join("secret"), "of the host")?;
        std::os::unix::fs::symlink(host.folder(), shared.join("way-out"))?;
        host.put_config("site", json!({"index.html": "hello", "other": "x"})).await?;
        let volumes = json!([
            {"name": "shared", "hostPath": {"path": shared}}, {"name": "site", "configMap": {"name": "site"}},
        ]);
        let mounts = json!([
            {"name": "shared", "mountPath": "/part", "subPathExpr": "of/$(POD)"},
            {"name": "site", "mountPath": "/srv/index.html", "subPath": "index.html"},
        ]);
        let script = "echo kept >/part/file; /bin/busybox cat /srv/index.html; /bin/busybox ls /srv";
        let mut main = mounting("main", script, mounts);
        main["env"] = json!([{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]);
        let log = log_of(&host, "inside", main, volumes.clone()).await?;
        ensure!(log == "helloindex.html\n", "{log}");
        ensure!(std::fs::read_to_string(shared.join("of/inside/file"))? == "kept\n");

        let mounts = json!([{"name": "shared", "mountPath": "/part", "subPath": "way-out/secret"}]);
        let outside = mounting("main", "exec /bin/sleep 1000", mounts);
        host.create("outside", json!({"containers": [outside], "volumes": volumes})).await?;
        let says_so = |pod: &_| waiting(pod).1.contains("leads out of the volume");
        let pod = host.wait_for("outside", "refused", says_so).await?;
        ensure!(waiting(&pod).0 == "CreateContainerConfigError", "{:?}", waiting(&pod));
        node.stop().await
    });
}

#[test]
fn a_volume_in_memory_keeps_its_limit_and_outlives_a_restart_of_its_container() {
    alone(
        "volumes::a_volume_in_memory_keeps_its_limit_and_outlives_a_restart_of_its_container",
        |host| async move {
            let node = host.run_node_with_image().await?;
            let script = "if [ -e /memory/file ]; then /bin/busybox df -k /memory; \
                      /bin/busybox dd if=/dev/zero of=/memory/big bs=1M count=8 || echo full; exec /bin/sleep 1000; fi; \
                      echo x >/memory/file; exit 1";
            let mounts = json!([{"name": "memory", "mountPath": "/memory"}]);
            let volumes = json!([{"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}}]);
            let spec = json!({
                "containers": [mounting("main", script, mounts)], "volumes": volumes,
                "terminationGracePeriodSeconds": 1,
            });
            host.create("web", spec).await?;
            let log = host.wait_for_log("web", "main", "full").await?;
            ensure!(log.contains("tmpfs") && log.contains("4096"), "{log}");
            host.pods().delete("web", &DeleteParams::default()).await?;
            host.wait_until_gone("web").await?;
            node.stop().await
        },
    );
}

#[test]
fn a_program_knows_its_limits_and_those_of_the_node() {
    alone("volumes::a_program_knows_its_limits_and_those_of_the_node", |host| async move {
        let node = host.run_node_with_image().await?;
        let mounts = json!([{"name": "info", "mountPath": "/info"}]);
        let mut main = mounting("main", "echo $LIMIT $CPU; /bin/busybox cat /info/memory", mounts);
        let resource = |name: &str| json!({"valueFrom": {"resourceFieldRef": {"resource": name}}});
        main["env"] = json!([resource("limits.memory"), resource("limits.cpu")]);
        main["env"][0]["name"] = json!("LIMIT");
        main["env"][1]["name"] = json!("CPU");
        main["resources"] = json!({"limits": {"memory": "64Mi"}});
        let field = json!({"containerName": "main", "resource": "limits.memory", "divisor": "1Mi"});
        let items = json!([{"path": "memory", "resourceFieldRef": field}]);
        let log =
            log_of(&host, "web", main, json!([{"name": "info", "downwardAPI": {"items": items}}])).await?;
        let processors = std::thread::available_parallelism()?;
        ensure!(log == format!("67108864 {processors}\n64"), "{log}");
        node.stop().await
    });
}

#[test]
fn a_program_has_a_token_that_is_bound_to_its_pod() {
    alone("volumes::a_program_has_a_token_that_is_bound_to_its_pod", |host| async move {
        let node = host.run_node_with_image().await?;
        let mounts = json!([{"name": "token", "mountPath": "/token"}]);
        let script = "/bin/busybox cat /token/token; /bin/busybox stat -L -c ' %u %a' /token/token";
        let mut main = mounting("main", script, mounts);
        main["securityContext"] = json!({"runAsUser": 1000});
        let source =
            json!({"serviceAccountToken": {"path": "token", "expirationSeconds": 600, "audience": "vault"}});
        let volumes = json!([{"name": "token", "projected": {"sources": [source]}}]);
        let spec = json!({"restartPolicy": "Never", "containers": [main], "volumes": volumes});
        let pod = host.create("web", spec).await?;
        host.wait_for("web", "succeeded", |pod| phase(pod) == "Succeeded").await?;
        let (_, log) = host.log("web", "main", "").await?;
        let (token, owner) = log.trim().split_once(' ').context("a token and its owner")?;
        ensure!(owner == "1000 600", "{owner}");
        let payload = token.split('.').nth(1).context("a payload")?;
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload)?;
        let claims: Value = serde_json::from_slice(&payload)?;
        let bound = json!({"name": "web", "uid": pod.metadata.uid});
        ensure!(claims["kubernetes.io"]["pod"] == bound && claims["aud"] == json!(["vault"]), "{claims}");
        node.stop().await
    });
}

async fn create_claim(host: &Host, volume: &str, spec: Value) -> anyhow::Result<()> {
    let claims = Api::<PersistentVolumeClaim>::namespaced(host.engine.admin.clone(), "default");
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "volumeName": volume, "storageClassName": "local",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    });
    let claim = claims.create(&PostParams::default(), &serde_json::from_value(claim)?).await?;
    let mut spec = spec;
    spec["accessModes"] = json!(["ReadWriteOnce"]);
    spec["capacity"] = json!({"storage": "1Gi"});
    spec["storageClassName"] = json!("local");
    let here = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]});
    spec["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}});
    spec["claimRef"] = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "default", "name": "data",
        "uid": claim.metadata.uid,
    });
    let annotations = json!({"pv.kubernetes.io/provisioned-by": "bythos.dev/local"});
    let metadata =
        json!({"name": volume, "annotations": annotations, "finalizers": ["bythos.dev/local-folder"]});
    let volumes = Api::<PersistentVolume>::all(host.engine.admin.clone());
    let volume = serde_json::from_value(json!({"metadata": metadata, "spec": spec}))?;
    volumes.create(&PostParams::default(), &volume).await?;
    let bound = json!({"status": {"phase": "Bound"}});
    claims.patch_status("data", &PatchParams::default(), &Patch::Merge(bound)).await?;
    Ok(())
}

#[test]
fn a_claim_is_a_folder_that_outlives_its_pods_and_goes_with_its_volume() {
    alone(
        "volumes::a_claim_is_a_folder_that_outlives_its_pods_and_goes_with_its_volume",
        |host| async move {
            let node = host.run_node_with_image().await?;
            let mounts = json!([{"name": "data", "mountPath": "/data"}]);
            let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
            let mut early = mounting("main", "exec /bin/sleep 1000", mounts.clone());
            early["name"] = json!("main");
            host.create(
                "early",
                json!({"containers": [early], "volumes": volumes, "terminationGracePeriodSeconds": 0}),
            )
            .await?;
            let says_so = |pod: &_| waiting(pod).1.contains("persistentvolumeclaim \"data\" not found");
            host.wait_for("early", "waiting for the claim", says_so).await?;
            let folder = host.config.root.join("volumes/pv-1");
            create_claim(&host, "pv-1", json!({"local": {"path": folder}})).await?;
            host.wait_for("early", "ready", is_ready).await?;
            host.pods().delete("early", &DeleteParams::default()).await?;
            host.wait_until_gone("early").await?;

            let write = mounting("main", "echo kept >/data/file; exit 0", mounts.clone());
            log_of(&host, "write", write, volumes.clone()).await?;
            host.pods().delete("write", &DeleteParams::default()).await?;
            host.wait_until_gone("write").await?;
            let mut read =
                mounting("main", "/bin/busybox cat /data/file; /bin/busybox stat -c %g /data/file", mounts);
            read["securityContext"] = json!({"runAsUser": 1000});
            let spec = json!({
                "restartPolicy": "Never", "containers": [read], "volumes": volumes, "securityContext": {"fsGroup": 4321},
            });
            host.create("read", spec).await?;
            host.wait_for("read", "succeeded", |pod| phase(pod) == "Succeeded").await?;
            let (_, log) = host.log("read", "main", "").await?;
            ensure!(log == "kept\n4321\n", "{log}");
            host.pods().delete("read", &DeleteParams::default()).await?;
            host.wait_until_gone("read").await?;

            let volumes = Api::<PersistentVolume>::all(host.engine.admin.clone());
            volumes.delete("pv-1", &DeleteParams::default()).await?;
            let gone = tokio::time::timeout(Duration::from_secs(30), async {
                while volumes.get_opt("pv-1").await?.is_some() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                anyhow::Ok(())
            });
            gone.await.context("the volume is not gone")??;
            ensure!(!folder.exists());
            node.stop().await
        },
    );
}
