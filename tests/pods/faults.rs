//! `kill -9` in the middle of a rollout of twenty pods and of the set-up of their volumes, at several moments: the
//! rollout completes, no container is started twice, and nothing is left over.
//!
//! `BYTHOS_FAULT_ROUNDS=20` strikes at the moments of as many rounds; one round is the usual.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bythos_end_to_end::Owner;
use bythos_testing::machine::eventually;
use serde_json::{Value, json};

use crate::cluster::{IMAGE, alone, apply, items, tell};
use crate::remains::{Remains, processes_with};

const ROUNDS: &str = "BYTHOS_FAULT_ROUNDS";
const PODS: usize = 20;
/// The first version of all pods, and the one that the rollout brings.
const VERSIONS: [&str; 2] = ["one", "two"];
/// A strike comes when so many containers of a version have started.
const MOMENTS: [usize; 3] = [0, 5, 13];
/// How much later it comes in each further round.
const LATER: Duration = Duration::from_millis(130);

/// A container says that it starts once it has found everything that it was promised, in its own words.
const PROGRAM: &str = r#"
found=broken
[ "$(/bin/busybox cat /site/greeting)" = hello ] &&
  [ "$(/bin/busybox cat /greeting)" = hello ] &&
  [ -s /identity/token ] && [ -s /identity/ca.crt ] && [ "$(/bin/busybox cat /identity/name)" = "$POD" ] &&
  echo "$POD" >/claim/name && echo "$POD" >/scratch/name &&
  found=whole
echo $found >>/starts/$VERSION.$POD
trap 'exit 0' TERM
/bin/busybox sleep 100000 & wait
"#;

#[test]
fn a_rollout_completes_though_bythos_is_killed() -> Result<()> {
    alone("killed", |owner| {
        roll_out_under(owner, 0, |owner| {
            owner.machine.crash()?;
            owner.machine.up(&[]).map(drop)
        })
    })
}

/// containerd ends a container with itself if it dies while it starts it. Such a one is started again, and counted.
#[test]
fn a_rollout_completes_though_containerd_is_killed() -> Result<()> {
    alone("bereft", |owner| {
        roll_out_under(owner, MOMENTS.len(), |owner| {
            eventually("a containerd to kill", || owner.machine.crash_containerd())
        })
    })
}

/// Both versions are rolled out, one over the other, under strikes; then all goes.
fn roll_out_under(
    owner: &mut Owner,
    restarts_max: usize,
    strike: impl Fn(&mut Owner) -> Result<()>,
) -> Result<()> {
    for round in 0..rounds()? {
        let starts = owner.machine.home().join(format!("starts-{round}"));
        apply(owner, &things_of_pods())?;
        for version in VERSIONS {
            apply(owner, &[deployment(version, &starts)])?;
            for moment in MOMENTS {
                eventually("containers to strike at", || {
                    let begun = begun(&starts, version).len();
                    ensure!(begun >= moment, "{begun} containers of version {version} have started");
                    Ok(())
                })?;
                std::thread::sleep(LATER * round);
                tell(&format!("-- a strike at {} of version {version}", begun(&starts, version).len()));
                strike(owner)?;
            }
            all_is_as_it_should_be(owner, version, &starts, restarts_max)?;
        }
        owner.kubectl(&["delete", "deployment/web", "pvc/data", "configmap/site", "--wait=false"])?;
        eventually("nothing of any pod", || {
            let pods = items(owner, &["pods"])?;
            ensure!(pods.is_empty(), "{} pods are left", pods.len());
            Remains::of(&owner.machine)?.belong_to(&pods)
        })?;
    }
    Ok(())
}

fn rounds() -> Result<u32> {
    match std::env::var(ROUNDS) {
        Ok(rounds) => rounds.parse().with_context(|| format!("{ROUNDS}={rounds:?} is not a number")),
        Err(_) => Ok(1),
    }
}

/// What the containers of this version have written when they started.
fn begun(starts: &Path, version: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(starts).into_iter().flatten().flatten();
    let is_of_version = |file: &PathBuf| {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{version}.")))
    };
    files.map(|file| file.path()).filter(is_of_version).collect()
}

fn things_of_pods() -> [Value; 2] {
    [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "site"}, "data": {"greeting": "hello"}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        }}),
    ]
}

fn deployment(version: &str, starts: &Path) -> Value {
    let container = json!({
        "name": "main",
        "image": IMAGE,
        "command": ["/bin/sh", "-c", PROGRAM],
        "env": [
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "VERSION", "value": version},
        ],
        "volumeMounts": [
            {"name": "starts", "mountPath": "/starts"},
            {"name": "scratch", "mountPath": "/scratch"},
            {"name": "site", "mountPath": "/site"},
            {"name": "site", "mountPath": "/greeting", "subPath": "greeting"},
            {"name": "identity", "mountPath": "/identity"},
            {"name": "data", "mountPath": "/claim", "subPathExpr": "$(POD)"},
        ],
    });
    let identity = json!([
        {"serviceAccountToken": {"path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]);
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": PODS,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web", "version": version}},
                "spec": {
                    "containers": [container],
                    "volumes": [
                        {"name": "starts", "hostPath": {"path": starts, "type": "DirectoryOrCreate"}},
                        {"name": "scratch", "emptyDir": {}},
                        {"name": "site", "configMap": {"name": "site"}},
                        {"name": "identity", "projected": {"sources": identity}},
                        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                    ],
                    "terminationGracePeriodSeconds": 5,
                },
            },
        },
    })
}

/// What is known of the one container of a ready pod.
#[derive(Debug)]
struct Life {
    /// What its status says.
    restarts: usize,
    /// What its program has said each time that it started.
    starts: Vec<String>,
    /// Its programs that run now.
    alive: usize,
}

impl Life {
    fn of(pod: &Value, version: &str, starts: &Path) -> Result<Life> {
        let name = pod["metadata"]["name"].as_str().context("a pod has a name")?;
        let status = &pod["status"]["containerStatuses"][0];
        let restarts = status["restartCount"].as_u64().context("a container has a status")?.try_into()?;
        let starts = std::fs::read_to_string(starts.join(format!("{version}.{name}")))?;
        let starts = starts.lines().map(str::to_owned).collect();
        // The shell, and the program that it waits for.
        let alive = processes_with(&[format!("POD={name}"), format!("VERSION={version}")])?.len() / 2;
        Ok(Life { restarts, starts, alive })
    }

    /// Every start but the first is a restart that is counted. One that was broken off may not have come to speak.
    fn is_as_it_should_be(&self, restarts_max: usize) -> bool {
        self.restarts <= restarts_max
            && (1..=self.restarts + 1).contains(&self.starts.len())
            && self.starts.iter().all(|start| start == "whole")
            && self.alive == 1
    }
}

/// The pods of the new version run and no others; none has lived otherwise than it should, nor those that are gone.
fn all_is_as_it_should_be(owner: &Owner, version: &str, starts: &Path, restarts_max: usize) -> Result<()> {
    owner.kubectl(&["rollout", "status", "deployment/web", "--timeout=120s"])?;
    let pods = eventually("the pods of the new version alone", || {
        let pods = items(owner, &["pods"])?;
        ensure!(pods.len() == PODS, "there are {} pods", pods.len());
        Remains::of(&owner.machine)?.belong_to(&pods)?;
        Ok(pods)
    })?;
    for pod in &pods {
        eventually("the life of a pod", || {
            let life = Life::of(pod, version, starts)?;
            let is_as_it_should_be = life.is_as_it_should_be(restarts_max);
            ensure!(is_as_it_should_be, "{}: {life:?}; {:#}", pod["metadata"]["name"], pod["status"]);
            Ok(())
        })?;
    }
    for file in begun(starts, version) {
        let starts = std::fs::read_to_string(&file)?.lines().count();
        ensure!(starts <= restarts_max + 1, "{}: {starts} starts", file.display());
    }
    Ok(())
}
