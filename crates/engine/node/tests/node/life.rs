//! The ordinary life of pods.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::host::{NODE, alone};
use crate::pods::{container, first_container, is_ready, phase, reasons_of_events, wait_until};

/// Serves a config map over HTTP and says what its environment is.
fn web() -> serde_json::Value {
    let mut web = container(
        "web",
        "echo greeting: $GREETING, address: $ADDRESS; exec /bin/busybox httpd -f -p 8080 -h /srv",
    );
    web["env"] = json!([
        {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "site", "key": "greeting"}}},
        {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]);
    web["volumeMounts"] =
        json!([{"name": "site", "mountPath": "/srv"}, {"name": "scratch", "mountPath": "/tmp"}]);
    web["ports"] = json!([{"name": "http", "containerPort": 8080}]);
    web["readinessProbe"] = json!({"httpGet": {"path": "/index.html", "port": "http"}});
    json!({
        "containers": [web],
        "volumes": [{"name": "site", "configMap": {"name": "site"}}, {"name": "scratch", "emptyDir": {}}],
        "terminationGracePeriodSeconds": 1,
    })
}

async fn fetch(address: &str) -> anyhow::Result<String> {
    let mut stream = tokio::net::TcpStream::connect((address, 8080)).await?;
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn wait_for_answer(address: &str, text: &str) -> anyhow::Result<()> {
    let answered = tokio::time::timeout(Duration::from_secs(30), async {
        while !fetch(address).await?.contains(text) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    });
    answered.await.with_context(|| format!("{address} does not answer {text:?}"))?
}

#[test]
fn a_pod_serves_its_config_outlives_a_restart_of_the_node_and_goes() {
    alone("life::a_pod_serves_its_config_outlives_a_restart_of_the_node_and_goes", |host| async move {
        let node = host.run_node_with_image().await?;
        host.put_config("site", json!({"index.html": "first", "greeting": "hello"})).await?;
        host.create("web", web()).await?;
        let before = host.wait_for("web", "ready", is_ready).await?;
        let address =
            before.status.as_ref().and_then(|status| status.pod_ip.clone()).context("an address")?;
        ensure!(fetch(&address).await?.contains("first"));
        let log = host.wait_for_log("web", "web", "greeting").await?;
        ensure!(log == format!("greeting: hello, address: {address}\n"), "{log}");
        let reasons = reasons_of_events(&host, "web").await?;
        for expected in ["Pulled", "Created", "Started"] {
            ensure!(reasons.iter().any(|reason| reason == expected), "{expected} in {reasons:?}");
        }

        // A restart changes nothing of the pod.
        let containerd = host.containerd_pid()?;
        node.stop().await?;
        ensure!(fetch(&address).await?.contains("first"));
        let node = host.run_node().await?;
        ensure!(host.containerd_pid()? == containerd, "containerd was not adopted");
        host.put_config("site", json!({"index.html": "second", "greeting": "hello"})).await?;
        wait_for_answer(&address, "second").await?;
        let after = host.pods().get("web").await?;
        ensure!(first_container(&before) == first_container(&after), "{:#?}", after.status);
        ensure!(first_container(&after).restart_count == 0);
        let conditions =
            |pod: &k8s_openapi::api::core::v1::Pod| pod.status.clone().and_then(|status| status.conditions);
        ensure!(conditions(&before) == conditions(&after), "{:#?}", conditions(&after));

        // Nothing of a pod that was deleted is left.
        let uid = before.metadata.uid.context("a uid")?;
        host.pods().delete("web", &DeleteParams::default()).await?;
        host.wait_until_gone("web").await?;
        ensure!(fetch(&address).await.is_err());
        ensure!(!host.config.pods_dir.join(&uid).exists());
        let cgroups = std::process::Command::new("find")
            .args(["/sys/fs/cgroup", "-name", &format!("pod{uid}")])
            .output()?;
        ensure!(cgroups.stdout.is_empty(), "{}", String::from_utf8_lossy(&cgroups.stdout));
        let logs = std::fs::read_dir(&host.config.host_pod_logs)?.count();
        ensure!(logs == 0, "{logs} folders of logs are left");
        node.stop().await
    });
}

#[test]
fn init_containers_run_in_order_before_a_pod_that_ends() {
    alone("life::init_containers_run_in_order_before_a_pod_that_ends", |host| async move {
        let node = host.run_node_with_image().await?;
        let with_data = |mut container: serde_json::Value| {
            container["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
            container
        };
        let mut main = with_data(container("main", "cat /data/order; echo main >/dev/termination-log"));
        main["command"] = json!([
            "/bin/busybox",
            "sh",
            "-c",
            "/bin/busybox cat /data/order; echo main >/dev/termination-log"
        ]);
        let spec = json!({
            "restartPolicy": "Never",
            "initContainers": [
                with_data(container("first", "echo first >>/data/order")),
                with_data(container("second", "echo second >>/data/order")),
            ],
            "containers": [main],
            "volumes": [{"name": "data", "emptyDir": {}}],
        });
        host.create("job", spec).await?;
        let pod = host.wait_for("job", "succeeded", |pod| phase(pod) == "Succeeded").await?;
        let (_, log) = host.log("job", "main", "").await?;
        ensure!(log == "first\nsecond\n", "{log}");
        let ended = first_container(&pod).state.and_then(|state| state.terminated).context("an end")?;
        ensure!(ended.message.as_deref() == Some("main\n") && ended.exit_code == 0, "{ended:?}");
        ensure!(ended.reason.as_deref() == Some("Completed"), "{ended:?}");
        node.stop().await
    });
}

#[test]
fn a_pod_sees_its_secrets_limits_and_user() {
    alone("life::a_pod_sees_its_secrets_limits_and_user", |host| async move {
        let node = host.run_node_with_image().await?;
        let secrets =
            Api::<k8s_openapi::api::core::v1::Secret>::namespaced(host.engine.admin.clone(), "default");
        let secret = serde_json::from_value(
            json!({"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}}),
        )?;
        secrets.create(&Default::default(), &secret).await?;
        let script = "set -e; b=/bin/busybox; $b cat /secret/password; echo; $b id -u; $b hostname; $b cat /etc/hosts; \
                      $b cat /etc/resolv.conf; $b grep NoNewPrivs /proc/self/status; \
                      (echo x >/root-is-read-only) 2>/dev/null || echo read-only; exec /bin/sleep 1000";
        let mut main = container("main", script);
        main["volumeMounts"] = json!([{"name": "s", "mountPath": "/secret", "readOnly": true}]);
        main["securityContext"] = json!({
            "runAsUser": 1000, "runAsNonRoot": true, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
        });
        main["resources"] = json!({"limits": {"memory": "64Mi", "cpu": "500m"}});
        main["livenessProbe"] = json!({"exec": {"command": ["/bin/busybox", "true"]}, "periodSeconds": 1});
        let spec = json!({
            "containers": [main],
            "securityContext": {"fsGroup": 2000},
            "volumes": [{"name": "s", "secret": {"secretName": "s", "defaultMode": 256}}],
            "terminationGracePeriodSeconds": 1,
        });
        host.create("safe", spec).await?;
        let log = host.wait_for_log("safe", "main", "read-only").await?;
        for expected in [
            "hunter2\n1000\nsafe\n",
            "\tsafe\n",
            "nameserver 10.43.0.10",
            "search default.svc.cluster.local",
            "NoNewPrivs:\t1",
        ] {
            ensure!(log.contains(expected), "{expected:?} in {log}");
        }
        let pod = host.wait_for("safe", "ready", is_ready).await?;
        let uid = pod.metadata.uid.context("a uid")?;
        let found = std::process::Command::new("find")
            .args([
                "/sys/fs/cgroup",
                "-path",
                &format!("*pod{uid}/*"),
                "-name",
                "memory.*limit_in_bytes",
                "-o",
                "-path",
                &format!("*pod{uid}/*"),
                "-name",
                "memory.max",
            ])
            .output()?;
        let files = String::from_utf8(found.stdout)?;
        let limits: Vec<_> = files.lines().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        ensure!(limits.iter().any(|limit| limit.trim() == (64 << 20).to_string()), "{files}: {limits:?}");
        node.stop().await
    });
}

#[test]
fn a_log_can_be_followed_to_the_end_of_its_container() {
    alone("life::a_log_can_be_followed_to_the_end_of_its_container", |host| async move {
        let node = host.run_node_with_image().await?;
        let spec = json!({"restartPolicy": "Never", "containers": [container("main", "for i in 1 2 3; do echo line $i; sleep 1; done")]});
        host.create("talker", spec).await?;
        host.wait_for_log("talker", "main", "line 1").await?;
        let (status, log) = host.log("talker", "main", "follow=true&tailLines=1").await?;
        ensure!(status == 200 && log.ends_with("line 3\n"), "{status}: {log}");
        let (_, last) = host.log("talker", "main", "tailLines=1&timestamps=true").await?;
        ensure!(last.starts_with("20") && last.ends_with(" line 3\n"), "{last}");
        let (status, refused) = host.log("talker", "other", "").await?;
        ensure!(status == 400 && refused.contains("not valid for pod"), "{status}: {refused}");
        let (status, refused) = host.log("nobody", "main", "").await?;
        ensure!(status == 404 && refused.contains("default/nobody"), "{status}: {refused}");
        node.stop().await
    });
}

#[test]
fn the_node_makes_itself_known() {
    alone("life::the_node_makes_itself_known", |host| async move {
        let node = host.run_node().await?;
        let nodes = Api::<k8s_openapi::api::core::v1::Node>::all(host.engine.admin.clone());
        let wait_until_ready = || async {
            let found = tokio::time::timeout(Duration::from_secs(30), async {
                loop {
                    let found = nodes.get_opt(NODE).await?.and_then(|node| node.status).unwrap_or_default();
                    let conditions = found.conditions.clone().unwrap_or_default();
                    if conditions.iter().any(|known| known.type_ == "Ready" && known.status == "True") {
                        return anyhow::Ok(found);
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            found.await.context("the node is not ready")?
        };
        let status = wait_until_ready().await?;
        let info = status.node_info.context("its information")?;
        ensure!(info.container_runtime_version.starts_with("containerd://1."), "{info:?}");
        ensure!(status.allocatable.is_some_and(|resources| resources.contains_key("memory")));
        let leases = Api::<Lease>::namespaced(host.engine.admin.clone(), "kube-node-lease");
        let lease = leases.get(NODE).await?.spec.unwrap_or_default();
        ensure!(lease.holder_identity.as_deref() == Some(NODE), "{lease:?}");
        nodes.delete(NODE, &DeleteParams::default()).await?;
        node.stop().await?;
        let node = host.run_node().await?;
        wait_until_ready().await?;

        // Its Lease is renewed, also while it is not ready.
        let renewed = async || {
            let lease = leases.get(NODE).await?.spec.unwrap_or_default();
            anyhow::Ok(lease.renew_time.context("a time")?.0)
        };
        let before = renewed().await?;
        // Containerd cannot come back where its configuration cannot be written.
        let configuration = host.config.root.join("containerd.toml");
        std::fs::remove_file(&configuration)?;
        std::fs::create_dir(&configuration)?;
        crate::restarts::kill_containerd(&host)?;
        let ready = async || {
            let status = nodes.get(NODE).await?.status.unwrap_or_default();
            let ready =
                status.conditions.unwrap_or_default().into_iter().find(|known| known.type_ == "Ready");
            ready.context("a condition")
        };
        wait_until("the node is not ready", async || Ok(ready().await?.status == "False")).await?;
        let condition = ready().await?;
        ensure!(condition.reason.as_deref() == Some("KubeletNotReady"), "{condition:?}");
        wait_until("the lease is renewed", async || Ok(renewed().await? > before)).await?;
        std::fs::remove_dir(&configuration)?;
        wait_until("the node is ready again", async || Ok(ready().await?.status == "True")).await?;
        node.stop().await
    });
}
