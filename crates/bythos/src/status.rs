//! `bythos status`: how the cloud is, and the first cause of what is wrong.
//!
//! [`collect`] reads objects from the API; [`causes`], which is pure, finds in them what is wrong and why; this file
//! prints. Problems come in the order of the way that a change takes, so that the first one named is the first
//! cause: parts, node, repository, kustomizations, pods, certificates, host names.

mod causes;
mod collect;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::cli::Output;
use crate::settings::Settings;
use crate::{kubeconfig, lock};
use causes::Problem;
use collect::Cloud;

/// What the command says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    root: String,
    /// Process id of the running Bythos.
    process: Option<i32>,
    /// Revision that each Kustomization applied last.
    applied: Vec<Applied>,
    applications: Vec<Application>,
    problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Applied {
    kustomization: String,
    revision: String,
}

/// A host name that the ingress serves.
#[derive(Debug, Serialize)]
struct Application {
    address: String,
    ingress: String,
}

pub(crate) async fn run(settings: &Settings, output: Output) -> Result<ExitCode> {
    let holder = lock::holder(&settings.layout.lock())?;
    let process = holder.filter(|holder| holder.role == lock::Role::Up).map(|holder| holder.process);
    let root = settings.layout.root.display().to_string();
    let mut report =
        Report { root, process, applied: Vec::new(), applications: Vec::new(), problems: Vec::new() };
    if process.is_some() {
        let client = kubeconfig::client(settings).await?;
        let cloud = Cloud::collect(&client).await?;
        report.applied = applied(&cloud);
        report.applications = applications(&cloud, settings);
        report.problems = causes::find(&cloud);
    } else {
        report.problems.push(Problem::not_running());
    }
    match output {
        Output::Text => print_text(&report)?,
        Output::Json => print_json(&report)?,
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn applied(cloud: &Cloud) -> Vec<Applied> {
    let kustomizations = cloud.conditioned.iter().filter(|object| object.kind == "Kustomization");
    kustomizations
        .filter_map(|object| {
            let revision = object.status.get("lastAppliedRevision")?.as_str()?.to_owned();
            Some(Applied { kustomization: object.key.clone(), revision })
        })
        .collect()
}

fn applications(cloud: &Cloud, settings: &Settings) -> Vec<Application> {
    let port = settings.https_suffix();
    let served = cloud.ingresses.iter().filter(|ingress| ingress.served);
    served
        .flat_map(|ingress| {
            ingress.hosts.iter().map(|host| Application {
                address: format!("https://{host}{port}"),
                ingress: ingress.key.clone(),
            })
        })
        .collect()
}

fn print_json(report: &Report) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(report)?))
}

fn print_text(report: &Report) -> Result<()> {
    print(&text(report))
}

/// Prints; a reader who has seen enough (`| head`) is no failure.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn text(report: &Report) -> String {
    let mut lines = vec![match report.process {
        Some(process) => format!("Bythos in {} runs as process {process}.", report.root),
        None => format!("Bythos in {} does not run.", report.root),
    }];
    let applied = report.applied.iter();
    lines.extend(applied.map(|applied| format!("  {} applied {}", applied.kustomization, applied.revision)));
    if !report.applications.is_empty() {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        for application in &report.applications {
            table.add_row([&application.address, &application.ingress]);
        }
        lines.push(format!("\nApplications\n{table}"));
    }
    match report.problems.as_slice() {
        [] => lines.push("\nAll is well.".to_owned()),
        [first, rest @ ..] => {
            lines.push(format!("\nFirst cause\n  {first}"));
            if !rest.is_empty() {
                lines.push("\nAlso".to_owned());
            }
            lines.extend(rest.iter().map(|problem| format!("  {problem}")));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}
