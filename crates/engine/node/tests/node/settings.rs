//! What a pod's specification makes of its containers: names, namespaces, rights, limits.

use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::host::{Host, alone};
use crate::pods::{container, first_container, is_ready, phase, wait_until_said};

/// Runs `script` to its end in a pod with this specification, and returns what it said.
async fn said(host: &Host, name: &str, script: &str, mut spec: Value) -> anyhow::Result<String> {
    let mut main = container("main", script);
    if let Some(of_container) = spec.get_mut("container").map(Value::take) {
        for (field, value) in of_container.as_object().into_iter().flatten() {
            main[field] = value.clone();
        }
    }
    spec.as_object_mut().context("an object")?.remove("container");
    spec["restartPolicy"] = json!("Never");
    spec["containers"] = json!([main]);
    host.create(name, spec).await?;
    let pod = host.wait_for(name, "ended", |pod| matches!(phase(pod), "Succeeded" | "Failed")).await?;
    let (_, log) = host.log(name, "main", "").await?;
    ensure!(phase(&pod) == "Succeeded", "{log}{:#?}", pod.status);
    Ok(log)
}

#[test]
fn names_are_those_that_the_pod_asks_for() {
    alone("settings::names_are_those_that_the_pod_asks_for", |host| async move {
        let node = host.run_node_with_image().await?;
        let spec = json!({
            "hostname": "own", "subdomain": "db", "setHostnameAsFQDN": true,
            "hostAliases": [{"ip": "192.0.2.9", "hostnames": ["alias"]}],
            "dnsPolicy": "None",
            "dnsConfig": {"nameservers": ["192.0.2.53"], "options": [{"name": "ndots", "value": "2"}]},
        });
        let script = "b=/bin/busybox; $b hostname; $b cat /etc/hosts; $b cat /etc/resolv.conf";
        let log = said(&host, "names", script, spec).await?;
        for expected in [
            "own.db.default.svc.cluster.local\n",
            "\town.db.default.svc.cluster.local\town\n",
            "192.0.2.9\talias\n",
            "nameserver 192.0.2.53\n",
            "options ndots:2\n",
        ] {
            ensure!(log.contains(expected), "{expected:?} in {log}");
        }
        // With that of the cluster it is one more than a resolver takes.
        let many = json!({"dnsConfig": {"nameservers": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]}});
        let log = said(&host, "many", "/bin/cat /etc/resolv.conf", many).await?;
        ensure!(log.matches("nameserver ").count() == 3 && !log.contains("192.0.2.3"), "{log}");
        let applied = "the applied nameserver line is: 10.43.0.10 192.0.2.1 192.0.2.2";
        wait_until_said(&host, "many", "DNSConfigForming", applied, 1).await?;
        node.stop().await
    });
}

#[test]
fn a_container_has_the_rights_that_it_is_given_and_no_others() {
    alone("settings::a_container_has_the_rights_that_it_is_given_and_no_others", |host| async move {
        let node = host.run_node_with_image().await?;
        let profiles = host.config.pods_dir.with_file_name("seccomp");
        std::fs::create_dir_all(&profiles)?;
        let profile = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"},
        ]});
        std::fs::write(profiles.join("no-folders.json"), profile.to_string())?;
        let spec = json!({
            "securityContext": {
                "runAsUser": 1000, "runAsGroup": 3000, "fsGroup": 2000, "supplementalGroups": [4000],
                "seccompProfile": {"type": "Localhost", "localhostProfile": "no-folders.json"},
                "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}],
            },
            "container": {
                "securityContext": {
                    "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
                    "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
                },
                "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
            },
            "volumes": [{"name": "scratch", "emptyDir": {}}],
        });
        let script = "b=/bin/busybox; echo $($b id -u) $($b id -g) $($b id -G); $b grep CapBnd /proc/self/status; \
                      echo x >/scratch/file; $b stat -c %g /scratch/file; $b mkdir /scratch/folder 2>/dev/null || \
                      echo no folder; (echo x >/file) 2>/dev/null || echo read-only; \
                      $b cat /proc/sys/net/ipv4/ip_unprivileged_port_start";
        let log = said(&host, "rights", script, spec).await?;
        for expected in
            ["1000 3000 ", "2000", "4000", "CapBnd:\t0000000000000400\n", "no folder\nread-only\n80\n"]
        {
            ensure!(log.contains(expected), "{expected:?} in {log}");
        }

        let group_alone = json!({"securityContext": {"runAsGroup": 3000}});
        let log = said(&host, "group", "b=/bin/busybox; echo $($b id -u) $($b id -g)", group_alone).await?;
        ensure!(log == "0 3000\n", "{log}");

        let mount = "b=/bin/busybox; $b mkdir /m; $b mount -t tmpfs none /m 2>/dev/null && echo mounted || echo refused";
        ensure!(said(&host, "confined", mount, json!({})).await? == "refused\n");
        let privileged = json!({"container": {"securityContext": {"privileged": true}}});
        ensure!(said(&host, "privileged", mount, privileged).await? == "mounted\n");

        let forbidden = json!({
            "containers": [container("main", "true")],
            "securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]},
        });
        host.create("forbidden", forbidden).await?;
        let pod = host.wait_for("forbidden", "rejected", |pod| phase(pod) == "Failed").await?;
        let status = pod.status.unwrap_or_default();
        ensure!(status.reason.as_deref() == Some("SysctlForbidden"), "{status:?}");
        node.stop().await
    });
}

#[test]
fn a_pod_shares_the_namespaces_that_it_asks_for() {
    alone("settings::a_pod_shares_the_namespaces_that_it_asks_for", |host| async move {
        let node = host.run_node_with_image().await?;
        let script = "for kind in net ipc pid; do /bin/busybox readlink /proc/self/ns/$kind; done";
        let spec = json!({"hostNetwork": true, "hostIPC": true, "hostPID": true});
        let log = said(&host, "host", script, spec).await?;
        for namespace in ["net", "ipc", "pid"] {
            let own = std::fs::read_link(format!("/proc/self/ns/{namespace}"))?;
            ensure!(log.contains(&own.display().to_string()), "{namespace}: {own:?} in {log}");
        }
        let own = said(&host, "own", script, json!({})).await?;
        ensure!(own.lines().zip(log.lines()).all(|(own, of_host)| own != of_host), "{own}{log}");

        let sleeper = container("sleeper", "exec /bin/busybox sleep 4321");
        let looker = container(
            "looker",
            "while ! /bin/busybox ps | /bin/busybox grep 4321; do /bin/sleep 0.1; done; \
                                          exec /bin/sleep 1000",
        );
        let shared = json!({
            "shareProcessNamespace": true, "containers": [sleeper, looker], "terminationGracePeriodSeconds": 1,
        });
        host.create("shared", shared).await?;
        host.wait_for_log("shared", "looker", "sleep 4321").await?;
        node.stop().await
    });
}

/// Text of the file of this name in the pod's cgroup, of whichever version.
fn cgroup_file(uid: &str, names: [&str; 2]) -> anyhow::Result<String> {
    let mut find = Command::new("find");
    find.args(["/sys/fs/cgroup", "-path", &format!("*/pod{uid}/{}", names[0])]);
    find.args(["-o", "-path", &format!("*/pod{uid}/{}", names[1])]);
    let found = String::from_utf8(find.output()?.stdout)?;
    let file = found.lines().next().with_context(|| format!("{names:?} of pod {uid}"))?;
    Ok(std::fs::read_to_string(file)?.trim().to_owned())
}

#[test]
fn a_pod_as_a_whole_is_limited_by_its_containers() {
    alone("settings::a_pod_as_a_whole_is_limited_by_its_containers", |host| async move {
        let node = host.run_node_with_image().await?;
        let limited = |name: &str| {
            let mut limited = container(name, "exec /bin/sleep 1000");
            limited["resources"] = json!({"limits": {"memory": "64Mi", "cpu": "250m"}});
            limited
        };
        let spec =
            json!({"containers": [limited("one"), limited("two")], "terminationGracePeriodSeconds": 1});
        host.create("web", spec).await?;
        let pod = host.wait_for("web", "ready", is_ready).await?;
        let uid = pod.metadata.uid.context("a uid")?;
        let memory = cgroup_file(&uid, ["memory.limit_in_bytes", "memory.max"])?;
        ensure!(memory == (128 << 20).to_string(), "{memory}");
        let cpu = cgroup_file(&uid, ["cpu.cfs_quota_us", "cpu.max"])?;
        ensure!(cpu.starts_with("50000"), "{cpu}");

        let mut some = container("main", "exec /bin/sleep 1000");
        some["resources"] = json!({"requests": {"cpu": "10m"}});
        for (container, folder) in
            [(some, "burstable"), (container("main", "exec /bin/sleep 1000"), "besteffort")]
        {
            host.create(folder, json!({"containers": [container], "terminationGracePeriodSeconds": 1}))
                .await?;
            let pod = host.wait_for(folder, "ready", is_ready).await?;
            let own =
                format!("*/bythos-{}/{folder}/pod{}", host.config.id, pod.metadata.uid.context("a uid")?);
            let found = Command::new("find").args(["/sys/fs/cgroup", "-path", &own]).output()?;
            ensure!(!found.stdout.is_empty(), "there is no cgroup {own}");
        }
        node.stop().await
    });
}

#[test]
fn a_container_that_fills_its_memory_is_ended_by_its_own_limit_alone() {
    alone("settings::a_container_that_fills_its_memory_is_ended_by_its_own_limit_alone", |host| async move {
        let node = host.run_node_with_image().await?;
        let mut greedy =
            container("greedy", "/bin/busybox dd if=/dev/zero of=/dev/null bs=256M count=1; exit $?");
        greedy["resources"] = json!({"limits": {"memory": "16Mi"}});
        let modest = container("modest", "exec /bin/sleep 1000");
        let spec = json!({"containers": [greedy, modest], "terminationGracePeriodSeconds": 1});
        host.create("web", spec).await?;
        let pod = host.wait_for("web", "restarted", |pod| first_container(pod).restart_count >= 1).await?;
        let last = first_container(&pod).last_state.and_then(|state| state.terminated).context("an end")?;
        ensure!(last.exit_code == 137, "{last:?}");
        let statuses = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
        let modest = statuses.iter().find(|status| status.name == "modest").context("the other")?;
        ensure!(modest.restart_count == 0 && modest.ready, "{modest:?}");
        node.stop().await
    });
}
