//! Volumes as containers see them: parts, claims, memory, tokens, figures of the node.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::host::{Host, NODE, alone};
use crate::pods::{container, first_container, is_ready, phase, wait_until, waiting};

fn mounting(name: &str, script: &str, mounts: Value) -> Value {
    let mut container = container(name, script);
    container["volumeMounts"] = mounts;
    container
}

/// Runs `container` to its end and returns its log.
async fn log_of(host: &Host, name: &str, container: Value, volumes: Value) -> anyhow::Result<String> {
    log_of_pod(host, name, json!({"containers": [container], "volumes": volumes})).await
}

/// Runs a pod to its end and returns the log of its `main`.
async fn log_of_pod(host: &Host, name: &str, mut spec: Value) -> anyhow::Result<String> {
    spec["restartPolicy"] = json!("Never");
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
fn a_part_of_a_volume_can_be_written_by_the_user_and_the_group_of_its_pod() {
    alone(
        "volumes::a_part_of_a_volume_can_be_written_by_the_user_and_the_group_of_its_pod",
        |host| async move {
            let node = host.run_node_with_image().await?;
            create_claim(&host, "pv-1", json!({"local": {"path": host.config.root.join("volumes/pv-1")}}))
                .await?;
            let sources = [
                ("empty", json!({"emptyDir": {}})),
                ("memory", json!({"emptyDir": {"medium": "Memory"}})),
                ("claim", json!({"persistentVolumeClaim": {"claimName": "data"}})),
            ];
            // The group of the last one comes when the claim is in use by the others already.
            let users = [json!({"runAsUser": 1000}), json!({"runAsUser": 1000, "fsGroup": 4321})];
            for (number, user) in users.into_iter().enumerate() {
                for (kind, source) in &sources {
                    let mut volume = source.clone();
                    volume["name"] = json!("data");
                    let part = format!("of/{number}");
                    let mounts = json!([{"name": "data", "mountPath": "/part", "subPath": part}]);
                    let script = "set -e; echo x >/part/file; /bin/busybox stat -c '%u %g' /part/file";
                    let spec = json!({
                        "containers": [mounting("main", script, mounts)], "volumes": [volume],
                        "securityContext": user,
                    });
                    let log = log_of_pod(&host, &format!("{kind}-{number}"), spec).await?;
                    let expected = if number == 0 { "1000 0\n" } else { "1000 4321\n" };
                    ensure!(log == expected, "{kind} with {user}: {log}");
                }
            }
            node.stop().await
        },
    );
}

/// What of the pod is mounted where containers are put together.
fn mounts_of(host: &Host, uid: &str) -> anyhow::Result<usize> {
    let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", host.containerd_pid()?))?;
    Ok(mounts.lines().filter(|line| line.contains(uid)).count())
}

#[test]
fn the_volumes_of_a_pod_that_has_ended_go_and_its_log_stays() {
    alone("volumes::the_volumes_of_a_pod_that_has_ended_go_and_its_log_stays", |host| async move {
        let node = host.run_node_with_image().await?;
        let claimed = host.config.root.join("volumes/pv-1");
        create_claim(&host, "pv-1", json!({"local": {"path": claimed}})).await?;
        host.put_config("site", json!({"greeting": "hello"})).await?;
        let mounts = json!([
            {"name": "scratch", "mountPath": "/scratch"}, {"name": "scratch", "mountPath": "/part", "subPath": "part"},
            {"name": "memory", "mountPath": "/memory"}, {"name": "data", "mountPath": "/data"},
            {"name": "site", "mountPath": "/site"},
        ]);
        let script = "for volume in scratch memory data; do echo kept >/$volume/file; done; cat /site/greeting; \
                      echo bye >/dev/termination-log";
        let volumes = json!([
            {"name": "scratch", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory"}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "site", "projected": {"sources": [{"configMap": {"name": "site"}}]}},
        ]);
        let mut main = mounting("main", script, mounts);
        main["command"][2] = json!(script.replace("cat ", "/bin/busybox cat "));
        let log = log_of(&host, "job", main, volumes).await?;
        ensure!(log == "hello", "{log}");
        let uid = host.pods().get("job").await?.metadata.uid.context("a uid")?;
        let folders = [
            host.config.pods_dir.join(&uid).join("volumes"),
            host.config.pods_dir.join(&uid).join("volume-subpaths"),
        ];
        wait_until("its volumes are gone", async || Ok(!folders.iter().any(|folder| folder.exists())))
            .await?;
        wait_until("its mounts are gone", async || Ok(mounts_of(&host, &uid)? == 0)).await?;
        ensure!(std::fs::read_to_string(claimed.join("file"))? == "kept\n");
        // Nor does a node that starts again need them.
        node.stop().await?;
        let node = host.run_node().await?;
        let (_, log) = host.log("job", "main", "").await?;
        ensure!(log == "hello", "{log}");
        let pod = host.pods().get("job").await?;
        let ended = first_container(&pod).state.and_then(|state| state.terminated).context("an end")?;
        ensure!(ended.message.as_deref() == Some("bye\n"), "{ended:?}");
        node.stop().await
    });
}

#[test]
fn a_pod_that_runs_restarts_its_containers_without_what_its_volumes_came_from() {
    alone(
        "volumes::a_pod_that_runs_restarts_its_containers_without_what_its_volumes_came_from",
        |host| async move {
            let node = host.run_node_with_image().await?;
            let claimed = host.config.root.join("volumes/pv-1");
            create_claim(&host, "pv-1", json!({"local": {"path": claimed}})).await?;
            host.put_config("site", json!({"greeting": "hello"})).await?;
            let mounts =
                json!([{"name": "data", "mountPath": "/data"}, {"name": "site", "mountPath": "/site"}]);
            let script = "if [ -e /data/end ]; then /bin/busybox cat /site/greeting; echo; exec /bin/sleep 1000; fi; \
                      while [ ! -e /data/end ]; do /bin/sleep 0.05; done; exit 1";
            let spec = json!({
                "containers": [mounting("main", script, mounts)],
                "volumes": [
                    {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                    {"name": "site", "configMap": {"name": "site"}},
                ],
                "terminationGracePeriodSeconds": 1,
            });
            host.create("web", spec.clone()).await?;
            host.wait_for("web", "ready", is_ready).await?;
            let config_maps = Api::<ConfigMap>::namespaced(host.engine.admin.clone(), "default");
            config_maps.delete("site", &DeleteParams::default()).await?;
            let claims = Api::<PersistentVolumeClaim>::namespaced(host.engine.admin.clone(), "default");
            claims.delete("data", &DeleteParams::default()).await?;
            // A new pod gets nothing of it.
            host.create("late", spec).await?;
            let says_so = |pod: &_| waiting(pod).1.contains("is being deleted");
            host.wait_for("late", "refused", says_so).await?;
            std::fs::write(claimed.join("end"), "")?;
            let is_back = |pod: &_| is_ready(pod) && first_container(pod).restart_count == 1;
            host.wait_for("web", "back", is_back).await?;
            host.wait_for_log("web", "main", "hello").await?;
            node.stop().await
        },
    );
}

/// Prints `mixed` for each look at which the files of one volume are not of one version, and the version when it is
/// new. A version that is replaced while it is looked at may be gone before its second file is read.
const LOOK: &str = "while :; do for volume in secret projected labels; do cd -P /$volume/..data || continue; \
    one=$(/bin/busybox cat one 2>/dev/null); other=$(/bin/busybox cat other 2>/dev/null); \
    [ -n \"$one\" ] && [ -n \"$other\" ] || continue; [ \"$one\" = \"$other\" ] || echo mixed $volume; \
    eval last=\\$last_$volume; [ \"$one\" = \"$last\" ] || echo $volume $one; eval last_$volume=\\$one; done; \
    /bin/sleep 0.02; done";

async fn put_version(host: &Host, version: u32) -> anyhow::Result<()> {
    let secrets = Api::<Secret>::namespaced(host.engine.admin.clone(), "default");
    let data = json!({"one": version.to_string(), "other": version.to_string()});
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "versions"}, "stringData": data});
    secrets.patch("versions", &PatchParams::apply("test").force(), &Patch::Apply(secret)).await?;
    host.put_config("versions", data).await
}

#[test]
fn changes_reach_the_volumes_of_a_pod_that_runs_all_at_once() {
    alone("volumes::changes_reach_the_volumes_of_a_pod_that_runs_all_at_once", |host| async move {
        let node = host.run_node_with_image().await?;
        put_version(&host, 0).await?;
        let volumes = ["secret", "projected", "labels"];
        let mounts = volumes.map(|name| json!({"name": name, "mountPath": format!("/{name}")}));
        let field = json!({"fieldPath": "metadata.labels['version']"});
        let files = ["one", "other"].map(|path| json!({"path": path, "fieldRef": field}));
        let mut pod = crate::pods::pod(
            "web",
            json!({
                "containers": [mounting("main", LOOK, mounts.to_vec().into())],
                "volumes": [
                    {"name": "secret", "secret": {"secretName": "versions"}},
                    {"name": "projected", "projected": {"sources": [{"configMap": {"name": "versions"}}]}},
                    {"name": "labels", "downwardAPI": {"items": files}},
                ],
                "terminationGracePeriodSeconds": 0,
            }),
        )?;
        pod.metadata.labels = Some([("version".to_owned(), "0".to_owned())].into());
        host.pods().create(&PostParams::default(), &pod).await?;
        host.wait_for_log("web", "main", "labels 0").await?;
        for version in 1..=10 {
            put_version(&host, version).await?;
            let labels = json!({"metadata": {"labels": {"version": version.to_string()}}});
            host.pods().patch("web", &PatchParams::default(), &Patch::Merge(labels)).await?;
        }
        for volume in volumes {
            let log = host.wait_for_log("web", "main", &format!("{volume} 10\n")).await?;
            ensure!(!log.contains("mixed"), "{log}");
        }
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

        // A node that starts again has no token in mind and asks for another one.
        let tail = "last=; while :; do now=$(/bin/busybox cat /token/token); [ \"$now\" = \"$last\" ] || echo $now; \
                    last=$now; /bin/sleep 0.05; done";
        let mut main = mounting("main", tail, json!([{"name": "token", "mountPath": "/token"}]));
        main["name"] = json!("main");
        let spec = json!({"containers": [main], "volumes": volumes, "terminationGracePeriodSeconds": 0});
        host.create("long", spec).await?;
        let first = host.wait_for_log("long", "main", ".").await?;
        node.stop().await?;
        let node = host.run_node().await?;
        wait_until("the file has another token", async || {
            let (_, log) = host.log("long", "main", "").await?;
            Ok(log.starts_with(&first) && log.lines().count() == 2)
        })
        .await?;
        node.stop().await
    });
}

pub(crate) async fn create_claim(host: &Host, volume: &str, spec: Value) -> anyhow::Result<()> {
    let claims = Api::<PersistentVolumeClaim>::namespaced(host.engine.admin.clone(), "default");
    let claim = json!({
        "metadata": {"name": "data", "finalizers": ["kubernetes.io/pvc-protection"]},
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
