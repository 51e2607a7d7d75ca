//! What pods live from and among: ports of the host, storage, the controllers' pods, budgets and taints. All chapters
//! happen on one cloud, one after the other, each in a namespace of its own; the last ones touch the node.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use bythos_end_to_end::Owner;
use bythos_testing::machine::{eventually, stdout};
use serde_json::{Value, json};

use crate::cluster::{IMAGE, alone, apply, tell};

/// Serves a page on port 8080 that says which pod it is.
const WEB: &str = "/bin/busybox mkdir /srv; /bin/busybox hostname >/srv/index.html; \
                   exec /bin/busybox httpd -f -p 8080 -h /srv";
const SLEEP: &str = "exec /bin/busybox sleep 100000";
/// The host as pods see it.
const GATEWAY: &str = "10.42.0.1";

#[test]
fn pods_have_what_kubernetes_promises_them() -> Result<()> {
    alone("together", |owner| {
        // First of all: its time comes while the others happen.
        let cron_job = Chapter::begin(owner, "cron")?;
        cron_job.apply(&[a_cron_job()])?;
        let chapters: &[(&str, Story)] = &[
            ("host-port", a_port_of_the_host_leads_to_its_pod),
            ("balancer", a_balancer_is_at_the_hosts_address_and_its_port_is_its_own),
            ("ephemeral", an_ephemeral_volume_goes_with_its_pod),
            ("ready-volume", a_volume_that_lies_ready_is_found_by_the_pod_that_waits_for_it),
            ("delete", with_delete_the_data_goes_with_the_claim),
            ("retain", with_retain_the_data_stays),
            ("stateful-set", a_stateful_set_keeps_names_and_data_and_a_budget_its_pods),
            ("daemon-set", a_daemon_set_has_a_pod_on_the_node),
            ("job", an_indexed_job_does_each_index_once),
        ];
        let mut failed = Vec::new();
        for (name, story) in chapters {
            failed.extend(Chapter::begin(owner, name)?.happen(*story)?);
        }
        failed.extend(cron_job.happen(a_cron_jobs_time_comes)?);
        let last = Chapter::begin(owner, "taint")?;
        failed.extend(last.happen(a_taint_makes_pods_leave_that_do_not_tolerate_it)?);
        ensure!(failed.is_empty(), "{} chapters failed, see above: {failed:?}", failed.len());
        Ok(())
    })
}

/// What happens in a chapter.
type Story = fn(&Chapter<'_>) -> Result<()>;

/// A namespace, and who works in it.
struct Chapter<'a> {
    owner: &'a Owner,
    namespace: &'a str,
}

impl<'a> Chapter<'a> {
    fn begin(owner: &'a Owner, namespace: &'a str) -> Result<Chapter<'a>> {
        tell(&format!("-- {namespace}"));
        owner.kubectl(&["create", "namespace", namespace])?;
        Ok(Chapter { owner, namespace })
    }

    /// Lets it happen, and tells how it failed, if it did; then the next may happen all the same.
    fn happen(self, story: Story) -> Result<Option<&'a str>> {
        let failure = story(&self).err();
        if let Some(failure) = &failure {
            tell(&format!("-- {} failed: {failure:#}", self.namespace));
            let seen = self.kubectl(&["get", "pods,pvc,pv,events", "-o", "wide"]);
            tell(&seen.unwrap_or_else(|error| format!("{error:#}")));
        }
        self.owner.kubectl(&["delete", "namespace", self.namespace, "--wait=false"])?;
        Ok(failure.map(|_| self.namespace))
    }

    /// Applies objects, those of namespaced kinds in this one.
    fn apply(&self, objects: &[Value]) -> Result<()> {
        let mut objects = objects.to_vec();
        for object in &mut objects {
            if !["PersistentVolume", "StorageClass"].contains(&object["kind"].as_str().unwrap_or_default()) {
                object["metadata"]["namespace"] = json!(self.namespace);
            }
        }
        apply(self.owner, &objects)
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.owner.kubectl(&[&["--namespace", self.namespace], arguments].concat())
    }

    fn get(&self, arguments: &[&str]) -> Result<Value> {
        self.owner.get(&[&["--namespace", self.namespace], arguments].concat())
    }

    fn until_ready(&self, pod: &str) -> Result<()> {
        self.kubectl(&["wait", "--for=condition=Ready", "--timeout=120s", &format!("pod/{pod}")]).map(drop)
    }

    /// What a program of busybox says in a pod.
    fn in_pod(&self, pod: &str, program: &[&str]) -> Result<String> {
        self.kubectl(&[&["exec", pod, "--", "/bin/busybox"], program].concat())
    }

    /// What a page says to somebody at the host.
    fn seen_at_host(&self, address: &str) -> Result<String> {
        let mut curl = self.owner.machine.command("curl");
        let said = stdout(curl.args(["--silent", "--show-error", "--fail", "--max-time", "5", address]))?;
        Ok(said.trim().to_owned())
    }

    /// The messages of the events about an object.
    fn told(&self, object: &str) -> Result<String> {
        let about = format!("involvedObject.name={object}");
        let path = "jsonpath={range .items[*]}{.reason}: {.message}{\"\\n\"}{end}";
        self.kubectl(&["get", "events", "--field-selector", &about, "-o", path])
    }

    /// The folder or disk of the volume that is bound to a claim, with the volume's name.
    fn volume_of(&self, claim: &str) -> Result<(String, PathBuf)> {
        let claim = self.get(&["pvc", claim])?;
        let name = claim["spec"]["volumeName"].as_str().context("the claim is bound")?.to_owned();
        let volume = self.owner.get(&["pv", &name])?;
        let path = volume["spec"]["local"]["path"].as_str().context("it is a local one")?;
        Ok((name, PathBuf::from(path)))
    }
}

fn pod(name: &str, program: &str, change: &Value) -> Value {
    let mut container = json!({ "name": "main", "image": IMAGE, "command": ["/bin/sh", "-c", program] });
    for key in ["ports", "volumeMounts"] {
        container[key] = change[key].clone();
    }
    let mut spec = json!({ "containers": [container], "terminationGracePeriodSeconds": 0 });
    for key in ["volumes", "tolerations"] {
        spec[key] = change[key].clone();
    }
    let labels = json!({ "app": name });
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": labels }, "spec": spec })
}

/// A pod that writes `kept` into the volume of a claim at `/data`.
fn writer(claim: &str) -> Value {
    pod(
        "writer",
        "echo kept >/data/file; exec /bin/busybox sleep 100000",
        &json!({
            "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
            "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": claim } }],
        }),
    )
}

fn claim(name: &str, class: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": name }, "spec": claim_spec(class) })
}

fn claim_spec(class: &str) -> Value {
    json!({
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": class,
        "resources": { "requests": { "storage": "1Gi" } },
    })
}

fn class(name: &str, provisioner: &str, policy: &str) -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": name },
        "provisioner": provisioner, "reclaimPolicy": policy, "volumeBindingMode": "WaitForFirstConsumer",
    })
}

fn workload(api_version: &str, kind: &str, name: &str, spec: &Value, program: &str) -> Value {
    let mut workload =
        json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name }, "spec": spec });
    let template = pod(name, program, &spec["pod"]);
    workload["spec"]["template"] =
        json!({ "metadata": { "labels": { "app": name } }, "spec": template["spec"] });
    if let Some(spec) = workload["spec"].as_object_mut() {
        spec.remove("pod");
    }
    workload
}

fn a_port_of_the_host_leads_to_its_pod(stage: &Chapter<'_>) -> Result<()> {
    let ports = json!([
        { "containerPort": 8080, "hostPort": 8000 },
        { "containerPort": 8080, "hostPort": 8001, "hostIP": "127.0.0.1" },
    ]);
    stage.apply(&[pod("edge", WEB, &json!({ "ports": ports })), pod("asker", SLEEP, &json!({}))])?;
    stage.until_ready("edge")?;
    stage.until_ready("asker")?;
    for address in ["127.0.0.1:8000", "127.0.0.1:8001", &format!("{GATEWAY}:8000")] {
        let page = eventually(address, || stage.seen_at_host(&format!("http://{address}/")))?;
        ensure!(page == "edge", "{address} says {page:?}");
    }
    for asker in ["asker", "edge"] {
        let page = stage.in_pod(asker, &["wget", "-q", "-O", "-", &format!("http://{GATEWAY}:8000/")])?;
        ensure!(page.trim() == "edge", "{asker} sees {page:?}");
    }
    let narrow = stage.seen_at_host(&format!("http://{GATEWAY}:8001/"));
    ensure!(narrow.is_err(), "hostIP narrows nothing: {narrow:?}");
    stage.kubectl(&["delete", "pod", "edge"])?;
    eventually("the port to be free", || {
        let page = stage.seen_at_host("http://127.0.0.1:8000/");
        ensure!(page.is_err(), "{page:?}");
        Ok(())
    })
}

fn a_balancer_is_at_the_hosts_address_and_its_port_is_its_own(stage: &Chapter<'_>) -> Result<()> {
    let balancer = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
            "spec": { "type": "LoadBalancer", "selector": { "app": "web" }, "ports": [{ "port": 8000, "targetPort": 8080 }] },
        })
    };
    stage.apply(&[pod("web", WEB, &json!({})), balancer("first")])?;
    stage.until_ready("web")?;
    let address = eventually("the host's address", || {
        let service = stage.get(&["service", "first"])?;
        let address = service["status"]["loadBalancer"]["ingress"][0]["ip"].as_str().context("no address")?;
        Ok(address.to_owned())
    })?;
    let page =
        eventually("the balancer to answer", || stage.seen_at_host(&format!("http://{address}:8000/")))?;
    ensure!(page == "web", "the balancer says {page:?}");
    stage.apply(&[balancer("second")])?;
    eventually("the second to say who has its port", || {
        let told = stage.told("second")?;
        ensure!(told.contains("is taken by service balancer/first"), "{told}");
        Ok(())
    })
}

fn an_ephemeral_volume_goes_with_its_pod(stage: &Chapter<'_>) -> Result<()> {
    let template = json!({ "metadata": { "labels": { "for": "scratch" } }, "spec": claim_spec("local") });
    let volumes = json!({
        "volumeMounts": [{ "name": "scratch", "mountPath": "/data" }],
        "volumes": [{ "name": "scratch", "ephemeral": { "volumeClaimTemplate": template } }],
    });
    stage.apply(&[pod("writer", "echo kept >/data/file; exec /bin/busybox sleep 100000", &volumes)])?;
    stage.until_ready("writer")?;
    let (_, folder) = stage.volume_of("writer-scratch")?;
    eventually("the file", || Ok(std::fs::read(folder.join("file"))?))?;
    stage.kubectl(&["delete", "pod", "writer"])?;
    until_gone(&folder)
}

fn a_volume_that_lies_ready_is_found_by_the_pod_that_waits_for_it(stage: &Chapter<'_>) -> Result<()> {
    let disk = stage.owner.machine.home().join("disk");
    std::fs::create_dir_all(&disk)?;
    let nodes = stage.owner.get(&["nodes"])?;
    let host = nodes["items"][0]["metadata"]["labels"]["kubernetes.io/hostname"].clone();
    let term = json!({ "matchExpressions": [{ "key": "kubernetes.io/hostname", "operator": "In", "values": [host] }] });
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": "disk" },
        "spec": {
            "capacity": { "storage": "5Gi" }, "accessModes": ["ReadWriteOnce"], "storageClassName": "disks",
            "persistentVolumeReclaimPolicy": "Retain", "local": { "path": disk },
            "nodeAffinity": { "required": { "nodeSelectorTerms": [term] } },
        },
    });
    let disks = class("disks", "kubernetes.io/no-provisioner", "Delete");
    stage.apply(&[disks, volume, claim("data", "disks"), writer("data")])?;
    stage.until_ready("writer")?;
    let written = eventually("the file on the disk", || Ok(std::fs::read_to_string(disk.join("file"))?))?;
    ensure!(written == "kept\n", "{written:?}");
    let (name, _) = stage.volume_of("data")?;
    ensure!(name == "disk", "the claim has volume {name}");
    Ok(())
}

fn with_delete_the_data_goes_with_the_claim(stage: &Chapter<'_>) -> Result<()> {
    stage.apply(&[claim("data", "local"), writer("data")])?;
    stage.until_ready("writer")?;
    let (_, folder) = stage.volume_of("data")?;
    eventually("the file", || Ok(std::fs::read(folder.join("file"))?))?;
    stage.kubectl(&["delete", "pod/writer", "pvc/data"])?;
    until_gone(&folder)
}

fn with_retain_the_data_stays(stage: &Chapter<'_>) -> Result<()> {
    stage.apply(&[class("kept", "bythos.dev/local", "Retain"), claim("data", "kept"), writer("data")])?;
    stage.until_ready("writer")?;
    let (name, folder) = stage.volume_of("data")?;
    eventually("the file", || Ok(std::fs::read(folder.join("file"))?))?;
    stage.kubectl(&["delete", "pod/writer", "pvc/data"])?;
    eventually("the volume to be released", || {
        let volume = stage.owner.get(&["pv", &name])?;
        ensure!(volume["status"]["phase"] == "Released", "{:#}", volume["status"]);
        Ok(())
    })?;
    ensure!(std::fs::read_to_string(folder.join("file"))? == "kept\n", "the data is not what it was");
    Ok(())
}

fn until_gone(folder: &Path) -> Result<()> {
    eventually("the folder to go", || {
        ensure!(!folder.exists(), "{} is still there", folder.display());
        Ok(())
    })
}

fn a_stateful_set_keeps_names_and_data_and_a_budget_its_pods(stage: &Chapter<'_>) -> Result<()> {
    let selector = json!({ "matchLabels": { "app": "db" } });
    let spec = json!({
        "replicas": 2, "serviceName": "db", "selector": selector,
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": claim_spec("local") }],
        "pod": { "volumeMounts": [{ "name": "data", "mountPath": "/data" }] },
    });
    let program = "/bin/busybox hostname >>/data/starts; exec /bin/busybox sleep 100000";
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "db" },
        "spec": { "clusterIP": "None", "selector": { "app": "db" }, "ports": [{ "port": 5432 }] },
    });
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "name": "db" },
        "spec": { "minAvailable": 2, "selector": selector },
    });
    stage.apply(&[service, budget, workload("apps/v1", "StatefulSet", "db", &spec, program)])?;
    stage.kubectl(&["rollout", "status", "statefulset/db", "--timeout=120s"])?;
    eventually("the name of the other pod", || {
        let address =
            stage.get(&["pod", "db-1"])?["status"]["podIP"].as_str().context("an address")?.to_owned();
        let found = stage.in_pod("db-0", &["nslookup", "db-1.db.stateful-set.svc.cluster.local"])?;
        ensure!(found.contains(&address), "{found}");
        Ok(())
    })?;

    let before = stage.get(&["pod", "db-0"])?["metadata"]["uid"].clone();
    eventually("the budget to be counted", || {
        let status = &stage.get(&["pdb", "db"])?["status"];
        ensure!(status["currentHealthy"] == 2, "{status:#}");
        Ok(())
    })?;
    let refused = evict(stage, "db-0");
    ensure!(
        refused.is_err_and(|error| error.to_string().contains("disruption budget")),
        "the budget allows it"
    );
    stage.kubectl(&["patch", "pdb", "db", "-p", r#"{"spec":{"minAvailable":1}}"#])?;
    eventually("the eviction to be allowed", || evict(stage, "db-0"))?;
    eventually("the pod to be back with its data", || {
        ensure!(stage.get(&["pod", "db-0"])?["metadata"]["uid"] != before, "it is still the one before");
        let starts = stage.in_pod("db-0", &["cat", "/data/starts"])?;
        ensure!(starts == "db-0\ndb-0\n", "{starts:?}");
        Ok(())
    })
}

fn evict(stage: &Chapter<'_>, pod: &str) -> Result<()> {
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": pod, "namespace": stage.namespace },
    });
    let file = crate::cluster::write(stage.owner, "eviction.json", &eviction.to_string())?;
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", stage.namespace);
    stage.kubectl(&["create", "--raw", &path, "-f", &file.to_string_lossy()]).map(drop)
}

fn a_daemon_set_has_a_pod_on_the_node(stage: &Chapter<'_>) -> Result<()> {
    let spec = json!({ "selector": { "matchLabels": { "app": "agent" } } });
    stage.apply(&[workload("apps/v1", "DaemonSet", "agent", &spec, SLEEP)])?;
    stage.kubectl(&["rollout", "status", "daemonset/agent", "--timeout=120s"])?;
    let status = &stage.get(&["daemonset", "agent"])?["status"];
    ensure!(status["numberReady"] == 1, "{status:#}");
    Ok(())
}

fn an_indexed_job_does_each_index_once(stage: &Chapter<'_>) -> Result<()> {
    let spec = json!({ "completions": 3, "parallelism": 2, "completionMode": "Indexed" });
    let mut job = workload("batch/v1", "Job", "count", &spec, "echo index $JOB_COMPLETION_INDEX");
    job["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    stage.apply(&[job])?;
    stage.kubectl(&["wait", "--for=condition=complete", "--timeout=120s", "job/count"])?;
    let status = &stage.get(&["job", "count"])?["status"];
    ensure!(status["completedIndexes"] == "0-2" && status["succeeded"] == 3, "{status:#}");
    let said = stage.kubectl(&["logs", "--selector=job-name=count"])?;
    let mut said: Vec<_> = said.lines().collect();
    said.sort_unstable();
    ensure!(said == ["index 0", "index 1", "index 2"], "{said:?}");
    Ok(())
}

fn a_cron_job() -> Value {
    let mut job = workload("batch/v1", "Job", "tick", &json!({}), "echo the time has come");
    job["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "tick" },
        "spec": { "schedule": "* * * * *", "timeZone": "Europe/Berlin", "jobTemplate": { "spec": job["spec"] } },
    })
}

fn a_cron_jobs_time_comes(stage: &Chapter<'_>) -> Result<()> {
    eventually("a success", || {
        let status = &stage.get(&["cronjob", "tick"])?["status"];
        ensure!(status["lastSuccessfulTime"].is_string(), "{status:#}");
        Ok(())
    })?;
    let said = stage.kubectl(&["logs", "--selector=app=tick"])?;
    ensure!(said.contains("the time has come"), "{said:?}");
    Ok(())
}

fn a_taint_makes_pods_leave_that_do_not_tolerate_it(stage: &Chapter<'_>) -> Result<()> {
    let tolerating = |seconds: Value| {
        let toleration = json!({ "key": "work", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds });
        json!({ "tolerations": [toleration] })
    };
    stage.apply(&[
        pod("intolerant", SLEEP, &json!({})),
        pod("patient", SLEEP, &tolerating(json!(1))),
        pod("tolerant", SLEEP, &tolerating(json!(null))),
    ])?;
    for name in ["intolerant", "patient", "tolerant"] {
        stage.until_ready(name)?;
    }
    stage.owner.kubectl(&["taint", "nodes", "--all", "work=on:NoExecute"])?;
    stage.kubectl(&["wait", "--for=delete", "--timeout=60s", "pod/intolerant", "pod/patient"])?;
    let told = stage.told("intolerant")?;
    ensure!(told.contains("TaintManagerEviction: Marking for deletion Pod taint/intolerant"), "{told}");
    stage.until_ready("tolerant")?;
    stage.owner.kubectl(&["taint", "nodes", "--all", "work-"]).map(drop)
}
