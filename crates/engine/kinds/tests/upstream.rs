//! The table has every kind that upstream calls stable, under upstream's names.
//!
//! What upstream has is read in the sources of k8s-openapi, which say of each kind its group, version, plural and scope
//! where it implements `Resource`.

#![allow(clippy::unwrap_used, reason = "a test that finds no sources fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use bythos_kinds::built_in;
use serde_json::Value;

/// Kinds of upstream that have no row, and why.
const EXCEPTIONS: [(&str, &str); 4] = [
    ("v1 ComponentStatus", "deprecated; it spoke of a scheduler and an etcd that were asked from outside"),
    ("authentication.k8s.io/v1 TokenRequest", "the body of a subresource: serviceaccounts/token"),
    ("autoscaling/v1 Scale", "the body of subresources: deployments/scale and others"),
    ("policy/v1 Eviction", "the body of a subresource: pods/eviction"),
];

/// Folders of the sources in which kinds of the API are; elsewhere are those of discovery and the like.
const FOLDERS: [&str; 3] = ["api", "apiextensions_apiserver", "kube_aggregator"];

/// What a kind is called.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    plural: String,
    namespaced: bool,
}

#[test]
fn every_stable_kind_of_upstream_has_a_row() {
    let upstream = stable_kinds();
    assert!(upstream.len() > 60, "the sources were not understood: {upstream:?}");
    let rows: BTreeMap<String, Names> = built_in()
        .into_iter()
        .map(|kind| {
            let names = Names { plural: kind.plural.to_string(), namespaced: kind.namespaced };
            (format!("{} {}", kind.api_version(), kind.kind), names)
        })
        .collect();
    let exceptions: BTreeSet<&str> = EXCEPTIONS.iter().map(|(kind, _)| *kind).collect();
    for (kind, names) in &upstream {
        match rows.get(kind) {
            Some(row) => assert_eq!(row, names, "{kind}"),
            None => assert!(exceptions.contains(kind.as_str()), "{kind} has no row"),
        }
    }
    for kind in exceptions {
        assert!(upstream.contains_key(kind) && !rows.contains_key(kind), "{kind} is no exception");
    }
    for kind in rows.keys() {
        assert!(upstream.contains_key(kind), "upstream has no {kind}");
    }
}

/// Upstream's kinds of versions without `alpha` and `beta`, by `apiVersion` and kind.
fn stable_kinds() -> BTreeMap<String, Names> {
    let sources = sources_of_upstream();
    let mut files = Vec::new();
    FOLDERS.iter().for_each(|folder| rust_files(&sources.join(folder), &mut files));
    let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    texts.filter_map(|text| kind_in(&text)).collect()
}

fn kind_in(text: &str) -> Option<(String, Names)> {
    let (_, implementation) = text.split_once("impl crate::Resource for ")?;
    let constant = |name: &str| {
        let (_, rest) = implementation.split_once(&format!("const {name}: &'static str = \""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let version = constant("VERSION")?;
    if version.contains("alpha") || version.contains("beta") {
        return None;
    }
    let namespaced = !implementation.contains("type Scope = crate::ClusterResourceScope;");
    let kind = format!("{} {}", constant("API_VERSION")?, constant("KIND")?);
    Some((kind, Names { plural: constant("URL_PATH_SEGMENT")?, namespaced }))
}

/// The folder of k8s-openapi's sources for the version of Kubernetes that is built.
fn sources_of_upstream() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    // Of other platforms' crates nothing need be on this machine.
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--filter-platform",
            &host(),
            "--manifest-path",
        ])
        .arg(manifest)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let named = |entry: &&Value| entry["name"] == "k8s-openapi";
    let package = metadata["packages"].as_array().unwrap().iter().find(named).unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["id"] == package["id"]).unwrap();
    let mut features = node["features"].as_array().unwrap().iter().filter_map(Value::as_str);
    let version = features.find(|feature| feature.starts_with("v1_")).unwrap();
    let package_folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
    package_folder.join("src").join(version)
}

/// This machine, as the compiler calls it.
fn host() -> String {
    let output = Command::new(env!("CARGO")).arg("-vV").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else {
            files.push(path);
        }
    }
}
