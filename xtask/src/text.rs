//! Habits that are read from the files themselves.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A file that a person can hold in mind.
const LINES_MAX: usize = 700;

/// Everything in the files of the workspace that is against the habits.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in rust_files(root)? {
        let text = std::fs::read_to_string(&file).with_context(|| format!("failed to read {file:?}"))?;
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        findings.extend(
            check_rust(&text, is_part_of_tests(&file))
                .into_iter()
                .map(|finding| format!("{shown}: {finding}")),
        );
    }
    for manifest in manifests(root)? {
        let text =
            std::fs::read_to_string(&manifest).with_context(|| format!("failed to read {manifest:?}"))?;
        let shown = manifest.strip_prefix(root).unwrap_or(&manifest).display().to_string();
        findings.extend(check_manifest(&text).into_iter().map(|finding| format!("{shown}: {finding}")));
    }
    Ok(findings)
}

/// Files below a `tests.rs` need no opening of their own: their parent says what they test.
fn is_part_of_tests(file: &Path) -> bool {
    file.file_stem().is_some_and(|stem| stem == "tests")
        || file.parent().is_some_and(|folder| folder.ends_with("src/tests"))
}

fn check_rust(text: &str, part_of_tests: bool) -> Vec<String> {
    let mut findings = Vec::new();
    if !part_of_tests && !text.starts_with("//!") {
        findings.push("does not begin with what it is (//!)".to_owned());
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        findings.push(format!("has {lines} lines; split it along a line that a user could name"));
    }
    if text.lines().any(|line| line.trim_start().starts_with("#[ignore")) {
        findings.push("ignores a test; mend it or delete it".to_owned());
    }
    findings
}

/// One version of each dependency: members take them from the workspace.
fn check_manifest(text: &str) -> Vec<String> {
    let mut in_dependencies = false;
    let mut findings = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies]");
        } else if in_dependencies && line.contains('=') && !line.contains("workspace = true") {
            findings.push(format!("{line:?} does not take its version from the workspace"));
        }
    }
    findings
}

fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["crates", "xtask", "tests", "benches"] {
        collect(
            &root.join(folder),
            &|path| path.extension().is_some_and(|ending| ending == "rs"),
            &mut files,
        )?;
    }
    Ok(files)
}

fn manifests(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["crates", "xtask", "tests", "benches"] {
        collect(&root.join(folder), &|path| path.ends_with("Cargo.toml"), &mut files)?;
    }
    Ok(files)
}

fn collect(folder: &Path, wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("failed to read {folder:?}"))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, wanted, found)?;
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is_and_stays_readable() {
        assert_eq!(check_rust("//! A room.\n", false), Vec::<String>::new());
        assert!(check_rust("fn main() {}\n", false)[0].contains("//!"));
        assert_eq!(check_rust("fn a_case() {}\n", true), Vec::<String>::new());
        let long = format!("//! Long.\n{}", "// line\n".repeat(LINES_MAX));
        assert!(check_rust(&long, true)[0].contains("lines"));
        let skipped = format!("//! Tests.\n{}[ignore]\n", '#');
        assert!(check_rust(&skipped, false)[0].contains("ignores"));
    }

    #[test]
    fn a_member_takes_versions_from_the_workspace() {
        assert_eq!(
            check_manifest("[dependencies]\nserde.workspace = true\n[lints]\nx = 1\n"),
            Vec::<String>::new()
        );
        assert!(check_manifest("[dev-dependencies]\nserde = \"1\"\n")[0].contains("serde"));
    }
}
