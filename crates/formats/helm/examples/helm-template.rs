//! Renders a chart from disk as `helm template` prints it: `helm-template NAME CHART [VALUES.yaml ...]`.
//!
//! `--record STATUS` in front prints the Secret that holds such a release, and `--read` says what the one on the standard
//! input holds. For comparing with Helm; see `tools/compare-with-helm` and `tools/compare-helm-records`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bythos_helm::release::{Driver, RECORD_BYTES_MAX, ReleaseRecord, Status};
use bythos_helm::set::UserValues;
use bythos_helm::{
    ArchiveLimits, Capabilities, Chart, ChartType, File, KeyAlgorithm, Limits, Manifest, Notes, Release,
    Request, Schemas, Wanted, World, generate_key, render,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// This machine, without a cluster.
struct Machine;

impl World for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn time_zone(&self, name: &str) -> Option<TimeZone> {
        if name == "Local" { Some(TimeZone::system()) } else { TimeZone::get(name).ok() }
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        // Without chance there is nothing to compare.
        if aws_lc_rs::rand::fill(bytes).is_err() {
            std::process::abort();
        }
    }

    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<Vec<u8>, String> {
        generate_key(algorithm)
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

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the example's own output")]
fn main() -> ExitCode {
    match run() {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == "--read").is_some() {
        return read_record();
    }
    let status = match arguments.next_if(|first| first == "--record") {
        Some(_) => Some(Status::named(&arguments.next().context("expected a status")?)),
        None => None,
    };
    let usage = "usage: helm-template NAME CHART [VALUES.yaml ...]";
    let name = arguments.next().context(usage)?;
    let chart = read_chart(Path::new(&arguments.next().context(usage)?))?;
    ensure!(chart.metadata.chart_type() == ChartType::Application, "library charts are not installable");
    let mut values = UserValues::default();
    for file in arguments {
        let text = std::fs::read_to_string(&file).with_context(|| format!("failed to read {file:?}"))?;
        values.merge(UserValues::read(&file, &text)?);
    }
    let versions = std::env::var("API_VERSIONS").unwrap_or_default();
    let capabilities = Capabilities {
        kube_version: std::env::var("KUBE_VERSION").unwrap_or_else(|_| "v1.37.0".to_owned()),
        api_versions: versions.split(',').map(str::to_owned).collect(),
    };
    let release = Release { name, namespace: "default".to_owned(), revision: 1, is_upgrade: false };
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
    let rendered = render(&request, Limits::CHARTS)?;
    if let Some(status) = status {
        let mut record = ReleaseRecord::new(&request, &rendered, Timestamp::now());
        record.info.status = status;
        "Install complete".clone_into(&mut record.info.description);
        return Ok(format!("{}\n", record.to_object(Driver::Secret, Timestamp::now())?));
    }
    let print = |manifest: &Manifest| format!("---\n# Source: {}\n{}\n", manifest.source, manifest.content);
    let resources: String = rendered.manifests.resources.iter().map(print).collect();
    let hooks: String = rendered.manifests.hooks.iter().map(|hook| print(&hook.manifest)).collect();
    Ok(format!("{}\n{hooks}", resources.trim()))
}

fn read_record() -> Result<String> {
    let object = serde_json::from_reader(std::io::stdin())?;
    let record = ReleaseRecord::from_object(&object, RECORD_BYTES_MAX)?;
    let chart = record.chart.metadata()?.context("the record has no chart")?;
    Ok(format!(
        "{} {} {} {}-{} {:?}\n{}",
        record.name,
        record.revision,
        record.info.status,
        chart.name,
        chart.version,
        record.apply_method,
        record.manifest
    ))
}

fn read_chart(path: &Path) -> Result<Chart> {
    let limits = ArchiveLimits::CHARTS;
    if path.is_file() {
        return Ok(Chart::from_archive(&std::fs::read(path)?, limits)?);
    }
    let mut files = Vec::new();
    collect(path, path, &mut files)?;
    Ok(Chart::from_folder(files, limits)?)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("failed to read {folder:?}"))? {
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
