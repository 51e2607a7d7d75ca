//! Delivery of many objects: build and apply when everything is new, when nothing changed, and when everything did.
//!
//! Run by `make bench`, or with numbers of objects as arguments; then the README is left as it is. The part runs against
//! the API in the same process, with the store in memory: what is measured is its own work and the API's. Requests are
//! counted where they leave the part; a write is one that changes an object (dry runs change none).

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bythos_benches::write_into_readme;
use bythos_operator::{Health, HealthState, PartContext, PlatformInfo, apply};
use bythos_testing::Engine;
use http::{Method, Request};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::client::Body;
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const OBJECTS: [usize; 2] = [1_000, 10_000];
const NAMESPACE: &str = "flux-system";
const LIMIT: Duration = Duration::from_secs(300);
const READY_LIMIT: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Bounds the allocator as `bythos` does (`bythos/src/idle.rs`), which decides about the memory; read when a process
/// starts.
const ARENAS: (&str, &str) = ("MALLOC_ARENA_MAX", "2");

fn main() -> Result<()> {
    let (name, value) = ARENAS;
    if std::env::var_os(name).is_none() {
        let own = std::env::current_exe()?;
        let status = Command::new(own).args(std::env::args_os().skip(1)).env(name, value).status()?;
        ensure!(status.success(), "the bench failed");
        return Ok(());
    }
    run()
}

#[allow(clippy::print_stdout, reason = "this is the bench's own output")]
#[tokio::main]
async fn run() -> Result<()> {
    let asked: Vec<usize> = std::env::args().skip(1).map(|it| it.parse()).collect::<Result<_, _>>()?;
    let sizes = if asked.is_empty() { OBJECTS.to_vec() } else { asked.clone() };
    let mut text = "One Kustomization of ConfigMaps; API and store in the same process.\n\n\
         | objects | | time | requests | writes of objects |\n|---|---|---|---|---|\n"
        .to_owned();
    for objects in sizes {
        println!("{objects} objects");
        for (what, figures) in measure(objects).await? {
            let Figures { time, requests, writes } = figures;
            text.push_str(&format!(
                "| {objects} | {what} | {:.0} ms | {requests} | {writes} |\n",
                time.as_secs_f64() * 1e3
            ));
        }
    }
    text.push_str(&format!(
        "\nResident memory of the process at its highest: {} MB.\n",
        memory_megabytes_max()?
    ));
    println!("{text}");
    if asked.is_empty() { write_into_readme("delivery", &text) } else { Ok(()) }
}

struct Figures {
    time: Duration,
    requests: usize,
    writes: usize,
}

async fn measure(objects: usize) -> Result<Vec<(&'static str, Figures)>> {
    let bench = Bench::start().await?;
    let first = bench.publish(objects, "1").await?;
    bench.create_kustomization().await?;
    let made = bench.until("new", |status| status["lastAppliedRevision"] == first).await?;
    let request = "unchanged";
    let patch = json!({ "metadata": { "annotations": { "reconcile.fluxcd.io/requestedAt": request } } });
    bench.patch("Kustomization", &patch).await?;
    let unchanged = bench.until("unchanged", |status| status["lastHandledReconcileAt"] == request).await?;
    ensure!(unchanged.writes == 0, "nothing changed, and {} objects were written", unchanged.writes);
    let second = bench.publish(objects, "2").await?;
    let changed = bench.until("changed", |status| status["lastAppliedRevision"] == second).await?;
    Ok(vec![("all new", made), ("nothing changed", unchanged), ("all changed", changed)])
}

/// The part at work on an engine, with a source that the bench plays.
struct Bench {
    engine: Engine,
    data: tempfile::TempDir,
    requests: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    shutdown: CancellationToken,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Bench {
    async fn start() -> Result<Bench> {
        let bench = Bench {
            engine: Engine::start().await?,
            data: tempfile::tempdir()?,
            requests: Arc::default(),
            writes: Arc::default(),
            shutdown: CancellationToken::new(),
        };
        // The part leads by Leases in there, and is ready once it leads.
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } }))?;
        apply::cluster(&bench.engine.admin, "bench", &namespace).await?;
        let part = bythos_delivery::part();
        for definition in &part.resources {
            apply::cluster(&bench.engine.admin, "bythos", definition).await?;
        }
        let (health, mut report) = Health::new();
        let context = PartContext {
            client: bench.counted(),
            caches: bench.engine.caches.for_part(bench.engine.admin.clone()),
            health,
            shutdown: bench.shutdown.clone(),
            data: bench.data.path().to_owned(),
            platform: Arc::new(PlatformInfo {
                domain: "bythos.localhost".to_owned(),
                authority_pem: String::new(),
            }),
            listeners: Arc::default(),
        };
        tokio::spawn((part.run)(context));
        let ready = async {
            while report.state() != HealthState::Ready {
                report.changed().await.context("the part ended")?;
            }
            anyhow::Ok(())
        };
        let in_time = tokio::time::timeout(READY_LIMIT, ready).await;
        in_time.context("the part is not ready in time")??;
        let source =
            json!({ "spec": { "url": "https://git.example/app.git", "interval": "1h", "suspend": true } });
        bench.apply("source.toolkit.fluxcd.io", "GitRepository", source).await?;
        Ok(bench)
    }

    /// The admin's client, through which requests are counted. Writes to Flux' own objects, Leases and events are the
    /// part's book-keeping, and none of an object.
    fn counted(&self) -> Client {
        let (requests, writes, inner) =
            (self.requests.clone(), self.writes.clone(), self.engine.admin.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let uri = request.uri().to_string();
            let is_own = uri.contains("fluxcd.io") || uri.contains("/leases") || uri.contains("/events");
            if !is_own {
                requests.fetch_add(1, Ordering::Relaxed);
                if request.method() != Method::GET && !uri.contains("dryRun") {
                    writes.fetch_add(1, Ordering::Relaxed);
                }
            }
            let inner = inner.clone();
            async move { inner.send(request).await }
        });
        Client::new(service, "default")
    }

    fn api(&self, group: &str, kind: &str) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk(group, "v1", kind);
        let plural = if kind == "GitRepository" { "gitrepositories" } else { "kustomizations" };
        let resource = kube::core::ApiResource::from_gvk_with_plural(&gvk, plural);
        Api::namespaced_with(self.engine.admin.clone(), NAMESPACE, &resource)
    }

    async fn apply(&self, group: &str, kind: &str, mut object: Value) -> Result<()> {
        object["apiVersion"] = json!(format!("{group}/v1"));
        object["kind"] = json!(kind);
        object["metadata"] = json!({ "name": "app", "namespace": NAMESPACE });
        let params = PatchParams::apply("bench").force();
        self.api(group, kind).patch("app", &params, &Patch::Apply(&object)).await?;
        Ok(())
    }

    async fn patch(&self, kind: &str, patch: &Value) -> Result<()> {
        let api = self.api("kustomize.toolkit.fluxcd.io", kind);
        api.patch("app", &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    async fn create_kustomization(&self) -> Result<()> {
        let spec = json!({ "spec": {
            "interval": "1h", "prune": true, "targetNamespace": "default",
            "sourceRef": { "kind": "GitRepository", "name": "app" },
        } });
        self.apply("kustomize.toolkit.fluxcd.io", "Kustomization", spec).await
    }

    /// Makes an artifact of so many objects, as the source's controller would, and returns its revision.
    async fn publish(&self, objects: usize, value: &str) -> Result<String> {
        let revision = format!("main@sha1:{value:0>40}");
        let path = format!("gitrepository/{NAMESPACE}/app/{value}.tar.gz");
        let file = self.data.path().join("artifacts").join(&path);
        std::fs::create_dir_all(file.parent().context("a folder")?)?;
        let digest = pack(&file, objects, value)?;
        let artifact = json!({
            "path": path, "revision": revision, "digest": digest, "lastUpdateTime": "2026-01-01T00:00:00Z",
        });
        let patch = json!({ "status": { "artifact": artifact } });
        self.requests.store(0, Ordering::Relaxed);
        self.writes.store(0, Ordering::Relaxed);
        let api = self.api("source.toolkit.fluxcd.io", "GitRepository");
        api.patch_status("app", &PatchParams::default(), &Patch::Merge(&patch)).await?;
        Ok(revision)
    }

    /// Waits for a status, and returns what it took since the last figures.
    async fn until(&self, what: &str, is_there: impl Fn(&Value) -> bool) -> Result<Figures> {
        let begin = Instant::now();
        let api = self.api("kustomize.toolkit.fluxcd.io", "Kustomization");
        loop {
            let object = api.get("app").await?;
            if is_there(&object.data["status"]) {
                break;
            }
            ensure!(begin.elapsed() < LIMIT, "{what}: not applied: {}", object.data["status"]["conditions"]);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(Figures {
            time: begin.elapsed(),
            requests: self.requests.swap(0, Ordering::Relaxed),
            writes: self.writes.swap(0, Ordering::Relaxed),
        })
    }
}

/// Packs ConfigMaps, a hundred in a file, and returns the digest.
fn pack(file: &Path, objects: usize, value: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    for start in (0..objects).step_by(100) {
        let one = |number: usize| {
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map-{number}\ndata:\n  key: '{value}'\n  text: some \
                 words of an application's settings\n"
            )
        };
        let documents: Vec<String> = (start..objects.min(start + 100)).map(one).collect();
        std::fs::write(folder.path().join(format!("{start:06}.yaml")), documents.join("---\n"))?;
    }
    // By their names: an artifact has no `./` before its paths.
    let names: Vec<_> = std::fs::read_dir(folder.path())?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()?;
    let packed =
        Command::new("tar").arg("-czf").arg(file).arg("-C").arg(folder.path()).args(names).status()?;
    ensure!(packed.success(), "tar failed");
    let printed = Command::new("sha256sum").arg(file).output()?;
    let printed = String::from_utf8(printed.stdout)?;
    Ok(format!("sha256:{}", printed.split_whitespace().next().context("a digest")?))
}

fn memory_megabytes_max() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the system tells no memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
