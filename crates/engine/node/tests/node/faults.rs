//! The end of Bythos or of containerd in the middle of what they do: nothing is started twice, nothing is left over.
//!
//! A node is ended in two ways: as a part, by dropping all of its work at once, wherever it waits; and as a process,
//! by SIGKILL.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
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
            {"name": "HOST", "value": host.folder()},
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

/// What is known of one container of a ready pod.
#[derive(Debug)]
struct Life {
    /// What its status says.
    restarts: i32,
    /// How often its program has said that it starts.
    starts: usize,
    /// Its programs that run now.
    alive: usize,
}

impl Life {
    async fn of(host: &Host, pod: &Pod, container: &str) -> anyhow::Result<Life> {
        let name = pod.metadata.name.as_deref().context("a pod has a name")?;
        let mut statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let status = statuses.find(|status| status.name == container).context("a container has a status")?;
        let file = host.folder().join("starts").join(format!("{name}.{container}"));
        let starts = witness(&file).await?.lines().count();
        Ok(Life { restarts: status.restart_count, starts, alive: alive(host, name, container)? })
    }

    fn has_one_start(&self) -> bool {
        self.restarts == 0 && self.starts == 1 && self.alive == 1
    }

    /// containerd ends a container with itself if it dies while it starts it, maybe before the program spoke. The
    /// node starts such a container again, counts that, and never has two of it.
    fn has_one_start_for_each_end(&self) -> bool {
        let starts = i32::try_from(self.starts).unwrap_or(i32::MAX);
        self.restarts <= 1 && (self.restarts..=self.restarts + 1).contains(&starts) && self.alive == 1
    }
}

/// The programs of a container that run, by the environment that they were given. What probes run in it is not
/// the first of its process namespace.
fn alive(host: &Host, pod: &str, container: &str) -> anyhow::Result<usize> {
    let given =
        [format!("POD={pod}"), format!("NAME={container}"), format!("HOST={}", host.folder().display())];
    let mut alive = 0;
    for process in std::fs::read_dir("/proc")? {
        let process = process?.path();
        // Most entries are not processes, and a process may end at any time.
        let Ok(environment) = std::fs::read(process.join("environ")) else { continue };
        let Ok(status) = std::fs::read_to_string(process.join("status")) else { continue };
        let has =
            |variable: &String| environment.split(|byte| *byte == 0).any(|one| one == variable.as_bytes());
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
        let is_first = numbers.split_whitespace().last() == Some("1");
        alive += usize::from(is_first && given.iter().all(has));
    }
    Ok(alive)
}

/// Waits until all pods of the round are ready, and holds that each container lived as `expected`.
async fn check_round(host: &Host, round: u64, expected: fn(&Life) -> bool) -> anyhow::Result<()> {
    for index in 0..PODS {
        let name = format!("web-{round}-{index}");
        let pod = host.wait_for(&name, "ready", is_ready).await?;
        for container in ["one", "two"] {
            let life = Life::of(host, &pod, container).await?;
            ensure!(expected(&life), "{container} of {name}: {life:?}; {:#?}", pod.status);
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
            check_round(&host, round, Life::has_one_start).await?;
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
            check_round(&host, round, Life::has_one_start).await?;
        }
        drop(node);
        Ok(())
    });
}

#[test]
fn no_container_runs_twice_when_containerd_dies_while_pods_start() {
    alone("faults::no_container_runs_twice_when_containerd_dies_while_pods_start", |host| async move {
        let mut node = host.run_node_with_image().await?;
        for round in 0..4 {
            create_round(&host, round).await?;
            tokio::time::sleep(Duration::from_millis(150 + 250 * round)).await;
            kill_containerd(&host)?;
            check_round(&host, round, Life::has_one_start_for_each_end).await?;
            node.wait_until_ready().await?;
        }
        node.stop().await
    });
}
