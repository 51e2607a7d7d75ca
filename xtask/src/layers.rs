//! Who may know whom, as ARCHITECTURE.md says. Read from `cargo metadata`.

use std::path::Path;

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata};

/// The groups of the house, and what stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Base,
    Engine,
    Formats,
    Capabilities,
    Testing,
    /// The binary `bythos`: it sees everything.
    Binary,
    /// `xtask`, `tests`, `benches`: not part of the product.
    Workshop,
}

/// A crate of the workspace, and which others of it it knows.
#[derive(Debug, Clone)]
pub(crate) struct Crate {
    pub(crate) name: String,
    folder: String,
    group: Group,
    knows: Vec<String>,
    knows_in_tests: Vec<String>,
    libraries: Vec<String>,
}

/// The four crates that make the API. Every other crate of the engine runs on it and never sees them.
const MAKE_THE_API: &[&str] = &["bythos-store", "bythos-kinds", "bythos-access", "bythos-apiserver"];
/// The benches hold single crates against their peers, besides the whole.
const MEASURES: &str = "bythos-benches";
/// `formats` are pure: bytes in, values out.
const NOT_FOR_FORMATS: &[&str] = &["kube", "tokio", "hyper", "http", "rustls", "tonic"];
const NAMES_THAT_SAY_NOTHING: &[&str] = &["util", "utils", "common", "helpers", "shared", "misc"];

/// The crates of the workspace.
pub(crate) fn crates(metadata: &Metadata) -> Result<Vec<Crate>> {
    let root = &metadata.workspace_root;
    let members = metadata.workspace_packages();
    let own: Vec<&str> = members.iter().map(|package| package.name.as_str()).collect();
    members
        .iter()
        .map(|package| {
            let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
            let folder = folder.strip_prefix(root)?.to_string();
            let names = |kind: DependencyKind, ours: bool| -> Vec<String> {
                let dependencies = package.dependencies.iter().filter(|found| found.kind == kind);
                let named = dependencies.filter(|found| own.contains(&found.name.as_str()) == ours);
                named.map(|found| found.name.clone()).collect()
            };
            Ok(Crate {
                name: package.name.to_string(),
                group: group_of(&folder)?,
                knows: [names(DependencyKind::Normal, true), names(DependencyKind::Build, true)].concat(),
                knows_in_tests: names(DependencyKind::Development, true),
                libraries: names(DependencyKind::Normal, false),
                folder,
            })
        })
        .collect()
}

fn group_of(folder: &str) -> Result<Group> {
    let parts: Vec<_> = Path::new(folder).iter().map(|part| part.to_string_lossy()).collect();
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match parts.as_slice() {
        ["crates", "bythos"] => Ok(Group::Binary),
        ["crates", "base", _] => Ok(Group::Base),
        ["crates", "engine", _] => Ok(Group::Engine),
        ["crates", "formats", _] => Ok(Group::Formats),
        ["crates", "capabilities", _] => Ok(Group::Capabilities),
        ["crates", "testing", _] => Ok(Group::Testing),
        ["xtask" | "tests" | "benches"] => Ok(Group::Workshop),
        _ => {
            anyhow::bail!("{folder:?} is none of crates/<group>/<name>, crates/bythos, xtask, tests, benches")
        }
    }
}

/// Everything that is against the rules of the house.
pub(crate) fn check(crates: &[Crate]) -> Vec<String> {
    crates.iter().flat_map(|one| check_one(one, crates)).collect()
}

fn check_one(one: &Crate, crates: &[Crate]) -> Vec<String> {
    let mut findings = Vec::new();
    let group_named = |name: &str| crates.iter().find(|other| other.name == name).map(|other| other.group);
    for known in &one.knows {
        let Some(group) = group_named(known) else { continue };
        if !may_know(one, known, group) {
            findings.push(format!("{} ({:?}) may not know {known} ({group:?})", one.name, one.group));
        }
    }
    for known in &one.knows_in_tests {
        let Some(group) = group_named(known) else { continue };
        if group != Group::Testing && !may_know(one, known, group) {
            findings.push(format!("{} may not know {known}, in tests neither: use bythos-testing", one.name));
        }
    }
    if one.group == Group::Formats {
        let impure = one.libraries.iter().filter(|library| NOT_FOR_FORMATS.contains(&library.as_str()));
        findings.extend(impure.map(|library| format!("{} is pure and may not use {library}", one.name)));
    }
    findings.extend(check_name(one));
    findings
}

fn may_know(one: &Crate, known: &str, group: Group) -> bool {
    match (one.group, group) {
        (Group::Binary, other) => !matches!(other, Group::Binary | Group::Testing | Group::Workshop),
        (Group::Testing, other) => !matches!(other, Group::Binary | Group::Workshop),
        (Group::Workshop, Group::Testing | Group::Workshop) => true,
        (Group::Workshop, other) => one.name == MEASURES && other != Group::Binary,
        (Group::Formats | Group::Base, Group::Formats) | (Group::Base, Group::Base) => true,
        (Group::Engine, Group::Engine) => {
            MAKE_THE_API.contains(&one.name.as_str()) && MAKE_THE_API.contains(&known)
        }
        (Group::Engine | Group::Capabilities, Group::Base | Group::Formats) => true,
        _ => false,
    }
}

fn check_name(one: &Crate) -> Option<String> {
    let last = one.folder.rsplit('/').next().unwrap_or_default();
    let expected = match one.group {
        Group::Binary => "bythos".to_owned(),
        Group::Base | Group::Engine | Group::Formats | Group::Capabilities => format!("bythos-{last}"),
        Group::Testing | Group::Workshop => one.name.clone(),
    };
    if NAMES_THAT_SAY_NOTHING.contains(&last) {
        return Some(format!("{} says nothing; name it after what it holds", one.folder));
    }
    (one.name != expected).then(|| format!("{} is named {}; expected {expected}", one.folder, one.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(folder: &str, knows: &[&str]) -> Crate {
        let last = folder.rsplit('/').next().unwrap();
        Crate {
            name: if folder == "crates/bythos" { "bythos".to_owned() } else { format!("bythos-{last}") },
            folder: folder.to_owned(),
            group: group_of(folder).unwrap(),
            knows: knows.iter().map(|&name| name.to_owned()).collect(),
            knows_in_tests: Vec::new(),
            libraries: Vec::new(),
        }
    }

    #[track_caller]
    fn refused(crates: &[Crate], expected: &str) {
        let findings = check(crates);
        assert!(findings.iter().any(|finding| finding.contains(expected)), "{findings:?}");
    }

    #[test]
    fn the_layers_hold() {
        let store = a("crates/engine/store", &[]);
        let forge = a("crates/capabilities/forge", &[]);
        let operator = a("crates/base/operator", &[]);
        let with = |one: Crate| [one, store.clone(), forge.clone(), operator.clone()];
        refused(&with(a("crates/capabilities/delivery", &["bythos-forge"])), "may not know bythos-forge");
        refused(&with(a("crates/capabilities/ingress", &["bythos-store"])), "may not know bythos-store");
        refused(&with(a("crates/engine/scheduler", &["bythos-store"])), "may not know bythos-store");
        refused(&with(a("crates/base/api", &["bythos-store"])), "may not know bythos-store");
        refused(&with(a("crates/formats/yaml", &["bythos-operator"])), "may not know bythos-operator");
        let allowed = [
            a("crates/bythos", &["bythos-store", "bythos-forge"]),
            a("crates/engine/apiserver", &["bythos-store", "bythos-operator"]),
            a("crates/capabilities/mail", &["bythos-operator"]),
        ];
        for one in allowed {
            assert_eq!(check(&with(one)), Vec::<String>::new());
        }
    }

    #[test]
    fn a_crate_is_named_after_its_folder_and_the_folder_says_something() {
        refused(&[a("crates/base/common", &[])], "says nothing");
        let mut other = a("crates/base/api", &[]);
        other.name = "bythos-kinds".to_owned();
        refused(&[other], "expected bythos-api");
    }
}
