//! Prints what `helm template` prints of a folder with a chart, by the library alone: what `benches/helm` measures.
//!
//! `helm-render <folder> <version of Kubernetes>`, for a release `rel` in the namespace `default`.

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use bythos_helm::set::UserValues;
use bythos_helm::{
    ArchiveLimits, Capabilities, Chart, File, KeyAlgorithm, Limits, Manifest, Notes, Release, Request,
    Schemas, Wanted, World, render,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, kube_version] = arguments.as_slice() else {
        bail!("expected a folder with a chart, and a version of Kubernetes");
    };
    print_manifests(Path::new(folder), kube_version)
}

struct Machine;

impl World for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn time_zone(&self, name: &str) -> Option<TimeZone> {
        TimeZone::get(name).ok()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }

    fn private_key(&self, _algorithm: KeyAlgorithm) -> Result<Vec<u8>, String> {
        Err("the charts of this bench need no keys".to_owned())
    }

    fn lookup(&self, _wanted: Wanted<'_>) -> Result<Option<Value>, String> {
        Ok(None)
    }

    fn schema(&self, address: &str) -> Result<Vec<u8>, String> {
        Err(format!("nothing is fetched here, {address} either"))
    }

    fn host_addresses(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
}

fn print_manifests(path: &Path, kube_version: &str) -> Result<()> {
    let mut files = Vec::new();
    collect(path, path, &mut files)?;
    let chart = Chart::from_folder(files, ArchiveLimits::CHARTS)?;
    let values = UserValues::default();
    let release =
        Release { name: "rel".to_owned(), namespace: "default".to_owned(), revision: 1, is_upgrade: false };
    let api_versions = ["v1", "apps/v1", "networking.k8s.io/v1"].map(str::to_owned).to_vec();
    let capabilities = Capabilities { kube_version: kube_version.to_owned(), api_versions };
    let world = Arc::new(Machine);
    let request = Request {
        chart: &chart,
        values: &values,
        release,
        capabilities,
        world,
        is_linting: false,
        schemas: Schemas::default(),
        notes: Notes::default(),
    };
    let manifests = render(&request, Limits::CHARTS)?.manifests;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let last = manifests.resources.len().saturating_sub(1);
    for (index, Manifest { source, content, .. }) in manifests.resources.iter().enumerate() {
        // Helm cuts the space behind the last of them.
        let content = if index == last { content.trim_end() } else { content };
        writeln!(out, "---\n# Source: {source}\n{content}")?;
    }
    for Manifest { source, content, .. } in manifests.hooks.iter().map(|hook| &hook.manifest) {
        writeln!(out, "---\n# Source: {source}\n{content}")?;
    }
    Ok(out.flush()?)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            files.push(File::new(name, &std::fs::read(&path)?));
        }
    }
    Ok(())
}
