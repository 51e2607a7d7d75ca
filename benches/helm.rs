//! Rendering charts: the library beside Helm, on the same charts.
//!
//! Run by `make bench`, or with a number of templates as argument on a chart of that size; then the README is left as it
//! is. Helm is the program `helm`, version 4; where there is none, its columns say so. Both print the same bytes, which is
//! checked. Each rendering is a program of its own, its start included: this bench calls itself for ours.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use bythos_benches::{median, workspace, write_into_readme};
use bythos_helm::set::UserValues;
use bythos_helm::{
    ArchiveLimits, Capabilities, Chart, File, KeyAlgorithm, Limits, Manifest, Notes, Release, Request,
    Schemas, Wanted, World, render,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tempfile::TempDir;

const ROUNDS: usize = 5;
const TEMPLATES: [usize; 2] = [100, 1_000];
const RENDER: &str = "--render";
const KUBE_VERSION: &str = "v1.37.0";
/// Of the charts that come with the library: the one without functions of chance.
const CORPUS: &str = "crates/formats/helm/tests/charts/features";

/// What one rendering took.
struct Cost {
    time: Duration,
    memory_bytes: u64,
}

#[allow(clippy::print_stdout, reason = "this is the bench's own output")]
fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, chart] = arguments.as_slice()
        && flag == RENDER
    {
        return render_chart(Path::new(chart));
    }
    let asked: Vec<usize> = arguments.iter().map(|it| it.parse()).collect::<Result<_, _>>()?;
    let mut text = format!(
        "`helm template`, median of {ROUNDS} rounds, start of the program included.\n\n\
         | chart | Bythos | Helm 4 | times as fast | memory of Bythos | of Helm | times less |\n|---|---|---|---|---|---|---|\n"
    );
    if asked.is_empty() {
        text.push_str(&row("features, of the tests", &workspace()?.join(CORPUS))?);
    }
    for templates in if asked.is_empty() { TEMPLATES.to_vec() } else { asked.clone() } {
        let folder = TempDir::new()?;
        write_chart(folder.path(), templates)?;
        text.push_str(&row(&format!("{templates} templates"), folder.path())?);
    }
    println!("{text}");
    if asked.is_empty() { write_into_readme("helm", &text) } else { Ok(()) }
}

fn row(name: &str, chart: &Path) -> Result<String> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (printed, cost) = measure(Command::new(std::env::current_exe()?).arg(RENDER).arg(chart))?;
        ours.push(cost);
        let Some(helm) = helm() else { continue };
        let (expected, cost) = measure(Command::new(helm).args(["template", "rel"]).arg(chart).args([
            "--kube-version",
            KUBE_VERSION,
            "--api-versions",
            "apps/v1,networking.k8s.io/v1",
        ]))?;
        ensure!(printed == expected, "the library and Helm printed different manifests of {chart:?}");
        theirs.push(cost);
    }
    let (time, memory) = medians(&ours)?;
    let own = format!("| {name} | {:.0} ms |", time * 1e3);
    if theirs.is_empty() {
        return Ok(format!("{own} not on this machine | | {:.0} MB | | |\n", memory / 1e6));
    }
    let (their_time, their_memory) = medians(&theirs)?;
    Ok(format!(
        "{own} {:.0} ms | {:.1} | {:.0} MB | {:.0} MB | {:.1} |\n",
        their_time * 1e3,
        their_time / time,
        memory / 1e6,
        their_memory / 1e6,
        their_memory / memory
    ))
}

/// Seconds and bytes.
fn medians(costs: &[Cost]) -> Result<(f64, f64)> {
    let time = median(costs.iter().map(|cost| cost.time))?;
    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    let memory = median(costs.iter().map(|cost| cost.memory_bytes))? as f64;
    Ok((time.as_secs_f64(), memory))
}

fn helm() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("helm")).find(|program| program.is_file())
}

/// Runs a program to its end. Meanwhile somebody looks at its memory a thousand times a second.
fn measure(command: &mut Command) -> Result<(Vec<u8>, Cost)> {
    let begin = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let pid = child.id();
    let watching = std::thread::spawn(move || {
        let mut memory_bytes = 0;
        while let Some(peak) = peak(pid) {
            memory_bytes = peak;
            std::thread::sleep(Duration::from_millis(1));
        }
        memory_bytes
    });
    let output = child.wait_with_output()?;
    let time = begin.elapsed();
    ensure!(output.status.success(), "{command:?} failed");
    let memory_bytes =
        watching.join().map_err(|_| anyhow!("the watching of {pid} was stopped by a fault"))?;
    Ok((output.stdout, Cost { time, memory_bytes }))
}

/// The most memory that a process had until now, as the kernel counts it; nothing once it has ended.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
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

/// Prints what `helm template` prints.
fn render_chart(path: &Path) -> Result<()> {
    let mut files = Vec::new();
    collect(path, path, &mut files)?;
    let chart = Chart::from_folder(files, ArchiveLimits::CHARTS)?;
    let values = UserValues::default();
    let release =
        Release { name: "rel".to_owned(), namespace: "default".to_owned(), revision: 1, is_upgrade: false };
    let api_versions = ["v1", "apps/v1", "networking.k8s.io/v1"].map(str::to_owned).to_vec();
    let capabilities = Capabilities { kube_version: KUBE_VERSION.to_owned(), api_versions };
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

/// A chart as large ones are: helpers that call each other, loops, defaults, texts that are templates themselves.
fn write_chart(folder: &Path, templates: usize) -> Result<()> {
    if templates == 0 {
        bail!("expected a number of templates from 1");
    }
    std::fs::create_dir_all(folder.join("templates"))?;
    std::fs::write(
        folder.join("Chart.yaml"),
        "apiVersion: v2\nname: large\nversion: 1.0.0\nappVersion: '1'\n",
    )?;
    std::fs::write(folder.join("values.yaml"), VALUES)?;
    std::fs::write(folder.join("templates/_helpers.tpl"), HELPERS)?;
    for index in 0..templates {
        let text = APPLICATION.replace("INDEX", &index.to_string());
        std::fs::write(folder.join(format!("templates/app-{index}.yaml")), text)?;
    }
    Ok(())
}

const VALUES: &str = "\
image: {repository: registry.example/app, tag: ''}
replicas: 2
labels: {team: blue, tier: web}
env: {LEVEL: info, URL: 'https://{{ .Release.Name }}.example.org', COLOR: '', SIZE: 10}
resources: {limits: {cpu: 500m, memory: 1Gi}, requests: {cpu: 10m, memory: 64Mi}}
ports: [{name: http, port: 80}, {name: metrics, port: 9090}]
";

const HELPERS: &str = r#"
{{- define "large.name" -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- define "large.labels" -}}
app.kubernetes.io/name: {{ include "large.name" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{ toYaml .Values.labels }}
{{- end -}}
"#;

const APPLICATION: &str = r#"{{- $name := printf "%s-INDEX" (include "large.name" .) }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{- include "large.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas | default 1 }}
  selector: {matchLabels: {app: {{ $name }}}}
  template:
    metadata:
      labels: {{- include "large.labels" . | nindent 8 }}
      annotations: {checksum: {{ toJson .Values.env | sha256sum }}}
    spec:
      containers:
      - name: app
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
        env:
        {{- range $key, $value := .Values.env }}
        {{- if $value }}
        - {name: {{ $key }}, value: {{ tpl (toString $value) $ | quote }}}
        {{- end }}
        {{- end }}
        ports:
        {{- range .Values.ports }}
        - {name: {{ .name }}, containerPort: {{ .port | int }}}
        {{- end }}
        resources: {{- toYaml .Values.resources | nindent 10 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels: {{- include "large.labels" . | nindent 4 }}
spec:
  ports:
  {{- range .Values.ports }}
  - {name: {{ .name }}, port: {{ .port }}, targetPort: {{ .name }}}
  {{- end }}
"#;
