//! `templates/`: whether they can be carried out, and what comes out.

use bythos_gotemplate::Limits;
use serde_json::Value;

use super::{LintRequest, Messages, Severity, deprecated, names};
use crate::chart::Chart;
use crate::error::Error;
use crate::render::{Notes, Release, Request, texts};

const FOLDER: &str = "templates/";
const ENDINGS: [&str; 4] = ["yaml", "yml", "tpl", "txt"];
const WITH_SELECTOR: [&str; 4] = ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"];

pub(super) fn check(
    request: &LintRequest<'_>,
    chart: Result<&Chart, &Error>,
    limits: Limits,
    messages: &mut Messages,
) {
    if !request.has_folder(FOLDER) {
        return messages.wrong(Severity::Warning, FOLDER, "directory does not exist");
    }
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => return messages.wrong(Severity::Error, FOLDER, error.to_string()),
    };
    let release = Release {
        name: "test-release".to_owned(),
        namespace: request.namespace.to_owned(),
        revision: 0,
        is_upgrade: false,
    };
    let rendering = Request {
        chart,
        values: request.values,
        release,
        capabilities: request.capabilities.clone(),
        world: std::sync::Arc::clone(&request.world),
        is_linting: true,
        schemas: request.schemas,
        notes: Notes::default(),
    };
    let rendered = match texts(&rendering, limits) {
        Ok(rendered) => rendered,
        Err(error) => return messages.wrong(Severity::Error, FOLDER, error.to_string()),
    };
    for template in &chart.templates {
        let text = rendered.get(&format!("{}/{}", chart.name(), template.name));
        if !one(request, &template.name, text.map_or("", String::as_str), messages) {
            return;
        }
    }
}

/// Returns whether to go on: after what is no YAML, nothing else is said.
fn one(request: &LintRequest<'_>, name: &str, text: &str, messages: &mut Messages) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    let ending = base.rsplit_once('.').map_or("", |(_, ending)| ending);
    if !ENDINGS.contains(&ending) {
        let ending = if ending.is_empty() { String::new() } else { format!(".{ending}") };
        let text =
            format!("file extension '{ending}' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt");
        messages.wrong(Severity::Error, name, text);
    }
    if !["yaml", "yml"].contains(&ending.to_lowercase().as_str()) || text.trim().is_empty() {
        return true;
    }
    messages.check(Severity::Warning, name, top_indentation(text));
    let documents = match bythos_yaml::parse_all(text, bythos_yaml::Limits::MANIFESTS) {
        Ok(documents) => documents,
        Err(error) => {
            messages.wrong(Severity::Error, name, format!("unable to parse YAML: {error}"));
            return false;
        }
    };
    for document in &documents {
        object(request, name, document, text, messages);
    }
    true
}

fn object(request: &LintRequest<'_>, path: &str, object: &Value, text: &str, messages: &mut Messages) {
    let field = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (field("/kind"), field("/metadata/name"));
    messages.check(Severity::Warning, path, names::check(kind, name));
    let minor = request.capabilities.minor_version();
    messages.check(Severity::Warning, path, deprecated::check(field("/apiVersion"), kind, minor));
    let has_selector = text.contains("matchLabels") || text.contains("matchExpressions");
    if WITH_SELECTOR.contains(&kind) && !has_selector {
        let text = format!("a {kind} must contain matchLabels or matchExpressions, and {name:?} does not");
        messages.wrong(Severity::Error, path, text);
    }
    let items = object.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_kept = |item: &Value| item.pointer("/metadata/annotations/helm.sh~1resource-policy").is_some();
    if kind == "List" && items.iter().any(is_kept) {
        let text = "annotation 'helm.sh/resource-policy' within List objects are ignored";
        messages.wrong(Severity::Error, path, text);
    }
}

fn top_indentation(text: &str) -> Result<(), String> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if !first.starts_with([' ', '\t']) {
        return Ok(());
    }
    Err(format!("document starts with an illegal indent: {first:?}, which may cause parsing problems"))
}
