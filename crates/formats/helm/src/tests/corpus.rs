//! The charts in `tests/charts`, with what Helm makes of them (`tools/helm-corpus`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::world::request;
use crate::functions::function_names;
use crate::manifest::Manifest;
use crate::set::UserValues;
use crate::{ArchiveLimits, Capabilities, Chart, File, Limits, render};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for path in entries(folder) {
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            files.push(File::new(name, &std::fs::read(&path).unwrap()));
        }
    }
}

fn charts() -> Vec<(PathBuf, Vec<File>)> {
    let charts = entries(&folder()).into_iter().filter(|path| path.join("Chart.yaml").is_file());
    charts
        .map(|path| {
            let mut files = Vec::new();
            collect(&path, &path, &mut files);
            (path, files)
        })
        .collect()
}

/// As `helm template --include-crds` prints it.
fn printed(chart: &Chart, values: &UserValues) -> Result<String, crate::Error> {
    let mut request = request(chart, values);
    request.release.namespace = "default".to_owned();
    request.capabilities = Capabilities {
        kube_version: "v1.37.0".to_owned(),
        api_versions: ["v1", "apps/v1", "networking.k8s.io/v1"].map(str::to_owned).to_vec(),
    };
    let rendered = render(&request, Limits::CHARTS)?;
    let used = rendered.chart.unwrap();
    let crd = |file: &&File| {
        format!("---\n# Source: {}/{}\n{}\n", used.name(), file.name, String::from_utf8_lossy(&file.data))
    };
    let crds: String = used.crds().iter().map(crd).collect();
    let print = |one: &Manifest| format!("---\n# Source: {}\n{}\n", one.source, one.content);
    let resources: String = rendered.manifests.resources.iter().map(print).collect();
    let hooks: String = rendered.manifests.hooks.iter().map(|hook| print(&hook.manifest)).collect();
    Ok(format!("{}\n{hooks}", format!("{crds}{resources}").trim()))
}

fn fault(chart: &Chart, expected: &Path, values: &UserValues) -> Option<String> {
    let found = printed(chart, values);
    let wanted = std::fs::read_to_string(expected.with_extension("yaml"));
    match (found, wanted) {
        (Ok(found), Ok(wanted)) => {
            let mut lines = found.lines().zip(wanted.lines()).enumerate();
            let differing = lines.find(|(_, (found, wanted))| found != wanted);
            let differing = differing.map(|(line, (found, wanted))| {
                format!("line {}: found\n  {found}\nexpected\n  {wanted}", line + 1)
            });
            differing.or_else(|| (found != wanted).then(|| "one is longer".to_owned()))
        }
        (Err(_), Err(_)) if expected.with_extension("refused").is_file() => None,
        (Ok(_), Err(_)) => Some("Helm refuses it, or `tools/helm-corpus` was not run".to_owned()),
        (Err(error), _) => Some(format!("refused: {error}")),
    }
}

#[test]
fn charts_come_out_as_helm_renders_them() {
    let mut faults = Vec::new();
    let mut count = 0;
    for (path, files) in charts() {
        let chart = Chart::from_folder(files, ArchiveLimits::CHARTS).unwrap();
        let mut cases = vec![("default".to_owned(), UserValues::default())];
        for file in entries(&path.with_extension("values")) {
            let text = std::fs::read_to_string(&file).unwrap();
            let Ok(Value::Object(values)) = bythos_yaml::parse(&text, bythos_yaml::Limits::MANIFESTS) else {
                panic!("{file:?} holds no values");
            };
            cases.push((file.file_stem().unwrap().to_string_lossy().into_owned(), values.into()));
        }
        for (name, values) in cases {
            count += 1;
            let expected = path.with_extension("expected").join(&name);
            faults.extend(
                fault(&chart, &expected, &values).map(|fault| format!("{}: {fault}", expected.display())),
            );
        }
    }
    assert!(count >= 6, "only {count} renderings were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_charts_use_every_function() {
    let mut words = BTreeSet::new();
    for (_, files) in charts() {
        for file in files {
            let text = String::from_utf8_lossy(&file.data).into_owned();
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let actions = text.split("{{").skip(1).filter_map(|action| action.split("}}").next());
            words.extend(
                actions.flat_map(|action| action.split(|letter| !is_part(letter))).map(str::to_owned),
            );
        }
    }
    let missing: Vec<&str> = function_names().into_iter().filter(|name| !words.contains(*name)).collect();
    assert!(missing.is_empty(), "no chart uses {missing:?}");
}
