//! The end of Bythos or of containerd in the middle of what they do: nothing is started twice, nothing is left over.
//!
//! A node is ended in two ways: as a part, by dropping all of its work at once, wherever it waits; and as a process,
//! by SIGKILL.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::host::{Host, alone};
use crate::pods::{container, is_ready};
use crate::process::{NodeProcesses, be_node};
use crate::restarts::kill_containerd;

const ROUNDS: u64 = 12;
const PODS: usize = 4;
/// How long a program may take to say its first words.
const LIMIT: Duration = Duration::from_secs(20);

/// Each container writes a line into a file of its own when its program starts.
fn witnessed(host: &Host) -> Value {
    let witness = |name: &str| {
        let mut witness = container(name, "echo started >>/starts/$POD.$NAME; exec /bin/sleep 1000");
        witness["env"] = json!([
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NAME", "value": name},
        ]);
        witness["volumeMounts"] = json!([
            {"name": "starts", "mountPath": "/starts"},
            {"name": "scratch", "mountPath": "/scratch"},
            {"name": "site", "mountPath": "/site"},
        ]);
        witness
    };
    json!({
        "containers": [witness("one"), witness("two")],
        "volumes": [
            {"name": "starts", "hostPath": {"path": host.folder().join("starts"), "type": "DirectoryOrCreate"}},
            {"name": "scratch", "emptyDir": {}},
            {"name": "site", "configMap": {"name": "site"}},
        ],
        "terminationGracePeriodSeconds": 1,
    })
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.map(|status| status.restart_count).sum()
}

/// Waits until all pods of the round are ready, and holds that each container was started once.
async fn check_round(host: &Host, round: u64) -> anyhow::Result<()> {
    for index in 0..PODS {
        let name = format!("web-{round}-{index}");
        let pod = host.wait_for(&name, "ready", is_ready).await?;
        ensure!(restarts(&pod) == 0, "{name} was restarted: {:#?}", pod.status);
        for container in ["one", "two"] {
            let file = host.folder().join("starts").join(format!("{name}.{container}"));
            let starts = witness(&file).await?;
            ensure!(starts == "started\n", "{name}: {container} was started more than once: {starts:?}");
        }
        host.pods().delete(&name, &DeleteParams::default()).await?;
    }
    for index in 0..PODS {
        host.wait_until_gone(&format!("web-{round}-{index}")).await?;
    }
    Ok(())
}

/// What a container has written. It is ready once its program runs, which may be before its first words.
async fn witness(file: &Path) -> anyhow::Result<String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match std::fs::read_to_string(file) {
            Ok(words) if words.ends_with('\n') => return Ok(words),
            found => ensure!(Instant::now() < deadline, "{}: {found:?}", file.display()),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn create_round(host: &Host, round: u64) -> anyhow::Result<()> {
    host.put_config("site", json!({"index.html": "hello"})).await?;
    for index in 0..PODS {
        host.create(&format!("web-{round}-{index}"), witnessed(host)).await?;
    }
    Ok(())
}

#[test]
fn no_container_is_started_twice_when_the_node_dies_while_pods_start() {
    alone("faults::no_container_is_started_twice_when_the_node_dies_while_pods_start", |host| async move {
        let mut node = host.run_node_with_image().await?;
        for round in 0..ROUNDS {
            create_round(&host, round).await?;
            // Not for a state but for a moment, another one in each round, anywhere within the start of the pods.
            tokio::time::sleep(Duration::from_millis(60 + 110 * round)).await;
            node.stop().await?;
            node = host.run_node().await?;
            check_round(&host, round).await?;
        }
        node.stop().await
    });
}

#[test]
fn no_container_is_started_twice_when_the_process_of_the_node_is_killed() {
    const NAME: &str = "faults::no_container_is_started_twice_when_the_process_of_the_node_is_killed";
    be_node();
    alone(NAME, |host| async move {
        // To import the image.
        host.run_node_with_image().await?.stop().await?;
        let nodes = NodeProcesses::new(&host, NAME).await?;
        let mut node = nodes.start()?;
        for round in 0..ROUNDS {
            create_round(&host, round).await?;
            tokio::time::sleep(Duration::from_millis(100 + 130 * round)).await;
            drop(node);
            node = nodes.start()?;
            check_round(&host, round).await?;
        }
        drop(node);
        Ok(())
    });
}

#[test]
fn no_container_is_started_twice_when_containerd_dies_while_pods_start() {
    alone("faults::no_container_is_started_twice_when_containerd_dies_while_pods_start", |host| async move {
        let mut node = host.run_node_with_image().await?;
        for round in 0..4 {
            create_round(&host, round).await?;
            tokio::time::sleep(Duration::from_millis(150 + 250 * round)).await;
            kill_containerd(&host)?;
            check_round(&host, round).await?;
            node.wait_until_ready().await?;
        }
        node.stop().await
    });
}
