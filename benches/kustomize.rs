//! Builds of kustomizations: the library beside `kubectl kustomize`, on the same folders.
//!
//! Run by `make bench`, or with numbers of objects as arguments on folders of other sizes; then the README is left as
//! it is. Both print the same bytes, which is checked. kubectl is measured as a program, its start included: that is
//! what takes the library's place.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bythos_benches::{median, write_into_readme};
use bythos_kustomize::{Budget, Files, Manner, Options, Overlay, kustomize, to_yaml};
use tempfile::TempDir;

/// Numbers of objects, each with so many rounds: kubectl takes much longer for the larger folder, and many minutes for 10,000.
const SIZES: [(usize, usize); 2] = [(1_000, 3), (3_000, 1)];
/// An application is a Deployment, a Service and a ConfigMap.
const OBJECTS_PER_APPLICATION: usize = 3;

#[allow(clippy::print_stdout, reason = "this is the bench's own output")]
fn main() -> Result<()> {
    let asked: Vec<usize> = std::env::args().skip(1).map(|it| it.parse()).collect::<Result<_, _>>()?;
    let sizes =
        if asked.is_empty() { SIZES.to_vec() } else { asked.iter().map(|objects| (*objects, 1)).collect() };
    let mut text =
        "`kustomize build` of an overlay (prefix, namespace, labels, images, a patch), medians.\n\n\
         | objects | rounds | Bythos | `kubectl kustomize` | times as fast |\n|---|---|---|---|---|\n"
            .to_owned();
    for (objects, rounds) in sizes {
        println!("{objects} objects");
        let (ours, theirs) = measure(objects, rounds)?;
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64().max(f64::EPSILON);
        text.push_str(&format!(
            "| {objects} | {rounds} | {:.0} ms | {:.0} ms | {ratio:.1} |\n",
            ours.as_secs_f64() * 1e3,
            theirs.as_secs_f64() * 1e3
        ));
    }
    println!("{text}");
    if asked.is_empty() { write_into_readme("kustomize", &text) } else { Ok(()) }
}

fn measure(objects: usize, rounds: usize) -> Result<(Duration, Duration)> {
    let folder = TempDir::new()?;
    write_source(folder.path(), objects)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begin = Instant::now();
        let built = build(folder.path())?;
        ours.push(begin.elapsed());
        let begin = Instant::now();
        let printed = Command::new("kubectl").arg("kustomize").arg(folder.path().join("overlay")).output()?;
        theirs.push(begin.elapsed());
        ensure!(printed.status.success(), "kubectl failed: {}", String::from_utf8_lossy(&printed.stderr));
        ensure!(printed.stdout == built.as_bytes(), "the library and kubectl printed different objects");
    }
    Ok((median(ours)?, median(theirs)?))
}

/// Reads the folder, builds it and prints it, as the command does.
fn build(folder: &Path) -> Result<String> {
    let mut files = Files::new();
    for part in ["base", "overlay"] {
        for entry in std::fs::read_dir(folder.join(part))? {
            let entry = entry?;
            let name = format!("{part}/{}", entry.file_name().to_string_lossy());
            files.insert(name, std::fs::read(entry.path())?);
        }
    }
    let options = Options {
        manner: Manner::Kustomize,
        overlay: Overlay::default(),
        fetch: None,
        budget: Budget::STANDARD,
    };
    Ok(to_yaml(&kustomize(&files, "overlay", &options)?))
}

fn write_source(folder: &Path, objects: usize) -> Result<()> {
    let (base, overlay) = (folder.join("base"), folder.join("overlay"));
    std::fs::create_dir_all(&base)?;
    std::fs::create_dir_all(&overlay)?;
    let applications = objects.div_ceil(OBJECTS_PER_APPLICATION);
    let mut resources = String::from("resources:\n");
    for index in 0..applications {
        resources.push_str(&format!("- app-{index}.yaml\n"));
        std::fs::write(base.join(format!("app-{index}.yaml")), application(index))?;
    }
    std::fs::write(base.join("kustomization.yaml"), resources)?;
    std::fs::write(overlay.join("kustomization.yaml"), OVERLAY).context("failed to write the overlay")
}

const OVERLAY: &str = "\
resources: [../base]
namePrefix: prod-
namespace: prod
labels: [{pairs: {stage: prod}, includeSelectors: true}]
images: [{name: nginx, newTag: '1.27'}]
patches:
- target: {kind: Deployment}
  patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: any}
    spec: {template: {spec: {containers: [{name: web, env: [{name: STAGE, value: prod}]}]}}}
";

fn application(index: usize) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{index}}}\nspec:\n  replicas: 2\n  selector: \
         {{matchLabels: {{app: app-{index}}}}}\n  template:\n    metadata: {{labels: {{app: app-{index}}}}}\n    spec:\n      \
         containers:\n      - name: web\n        image: nginx:1.25\n        envFrom: [{{configMapRef: {{name: app-{index}}}}}]\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: app-{index}}}\nspec: {{selector: {{app: app-{index}}}, \
         ports: [{{port: 80}}]}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app-{index}}}\ndata: {{color: blue}}\n"
    )
}
