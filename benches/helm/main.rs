//! Rendering charts: the library beside Helm, on the same charts.
//!
//! Run by `make bench`, or with a number of templates as argument on a chart of that size; then the README is left as it
//! is. Helm is the program `helm`, version 4; where there is none, its columns say so. Both print the same bytes, which is
//! checked. Each rendering is a program of its own, its start included: `helm-render`, which is the library and little
//! else. The command `bythos helm template`, which is all of Bythos, is told beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use bythos_benches::{given, median, workspace, write_into_readme};
use tempfile::TempDir;

const ROUNDS: usize = 5;
const TEMPLATES: [usize; 2] = [100, 1_000];
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
    let asked: Vec<usize> = arguments.iter().map(|it| it.parse()).collect::<Result<_, _>>()?;
    let mut text = format!(
        "`helm template`, median of {ROUNDS} rounds, start of the program included. The library is measured in a program of \
         its own, the command in the whole of Bythos; both are laid out by what the first of the charts uses.\n\n\
         | chart | program | time | most memory | times as fast as Helm | times less memory |\n|---|---|---|---|---|---|\n"
    );
    if asked.is_empty() {
        text.push_str(&rows("features, of the tests", &workspace()?.join(CORPUS))?);
    }
    for templates in if asked.is_empty() { TEMPLATES.to_vec() } else { asked.clone() } {
        let folder = TempDir::new()?;
        write_chart(folder.path(), templates)?;
        text.push_str(&rows(&format!("{templates} templates"), folder.path())?);
    }
    println!("{text}");
    if asked.is_empty() { write_into_readme("helm", &text) } else { Ok(()) }
}

/// One for each program that renders the chart.
fn rows(name: &str, chart: &Path) -> Result<String> {
    let (mut library, mut command, mut helm) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (printed, cost) = measure(Command::new(given("helm-render")?).arg(chart).arg(KUBE_VERSION))?;
        library.push(cost);
        let (expected, cost) = measure(template(Command::new(given("bythos")?).arg("helm"), chart))?;
        ensure!(printed == expected, "the library and the command printed different manifests of {chart:?}");
        command.push(cost);
        let Some(program) = find_helm() else { continue };
        let (expected, cost) = measure(template(&mut Command::new(program), chart))?;
        ensure!(printed == expected, "the library and Helm printed different manifests of {chart:?}");
        helm.push(cost);
    }
    let helm = if helm.is_empty() { None } else { Some(medians(&helm)?) };
    let mut text = row(name, "the library", medians(&library)?, helm);
    text.push_str(&row("", "`bythos helm template`", medians(&command)?, helm));
    match helm {
        Some(cost) => text.push_str(&row("", "Helm 4", cost, None)),
        None => text.push_str("| | Helm 4 | not on this machine | | | |\n"),
    }
    Ok(text)
}

fn row(chart: &str, program: &str, (time, memory): (f64, f64), helm: Option<(f64, f64)>) -> String {
    let (faster, less) = helm.map_or_else(Default::default, |(helm_time, helm_memory)| {
        (format!("{:.1}", helm_time / time), format!("{:.1}", helm_memory / memory))
    });
    format!("| {chart} | {program} | {:.0} ms | {:.1} MB | {faster} | {less} |\n", time * 1e3, memory / 1e6)
}

/// Helm's options, which are ours.
fn template<'a>(command: &'a mut Command, chart: &Path) -> &'a mut Command {
    command.args(["template", "rel"]).arg(chart);
    command.args(["--kube-version", KUBE_VERSION, "--api-versions", "apps/v1,networking.k8s.io/v1"])
}

/// Seconds and bytes.
fn medians(costs: &[Cost]) -> Result<(f64, f64)> {
    let time = median(costs.iter().map(|cost| cost.time))?;
    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    let memory = median(costs.iter().map(|cost| cost.memory_bytes))? as f64;
    Ok((time.as_secs_f64(), memory))
}

fn find_helm() -> Option<PathBuf> {
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
