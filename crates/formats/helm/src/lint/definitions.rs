//! `crds/`.

use bythos_yaml::Limits;
use serde_json::Value;

use super::{LintRequest, Messages, Severity, text};
use crate::chart::Chart;
use crate::error::Error;

const FOLDER: &str = "crds/";

pub(super) fn check(request: &LintRequest<'_>, chart: Result<&Chart, &Error>, messages: &mut Messages) {
    if !request.has_folder(FOLDER) {
        return;
    }
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => return messages.wrong(Severity::Error, FOLDER, error.to_string()),
    };
    for file in chart.crds() {
        let documents = match bythos_yaml::parse_all(&text(file), Limits::MANIFESTS) {
            Ok(documents) => documents,
            Err(error) => {
                return messages.wrong(Severity::Error, &file.name, format!("unable to parse YAML: {error}"));
            }
        };
        for document in documents {
            let field = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
            if !field("apiVersion").starts_with("apiextensions.k8s.io") {
                messages.wrong(Severity::Error, &file.name, "apiVersion is not in 'apiextensions.k8s.io'");
            }
            if field("kind") != "CustomResourceDefinition" {
                messages.wrong(Severity::Error, &file.name, "object kind is not 'CustomResourceDefinition'");
            }
        }
    }
}
