//! Every folder of `tests/golden` is built and held against what `kubectl kustomize` made of it.
//!
//! A case is a folder; what is built is its `overlay`, if there is one, or else the folder itself. `expected.yaml` was
//! written by `tools/kustomize-corpus`, byte for byte. Where the build must fail, `expected.error` has in each line
//! what the message names.

#![allow(clippy::unwrap_used, reason = "a test may state what must hold in the shortest way")]

use std::path::Path;

use bythos_kustomize::{Budget, Error, Files, Manner, Options, Overlay, kustomize, to_yaml};

fn read_folder(folder: &Path, prefix: &str, into: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), into);
        } else if !path.starts_with("expected.") {
            into.insert(path, std::fs::read(entry.path()).unwrap());
        }
    }
}

/// What is printed, or why nothing is, in words.
fn build(folder: &Path) -> Result<String, String> {
    let mut files = Files::new();
    read_folder(folder, "", &mut files);
    let path = if folder.join("overlay").is_dir() { "overlay" } else { "" };
    let options = Options {
        manner: Manner::Kustomize,
        overlay: Overlay::default(),
        fetch: None,
        budget: Budget::STANDARD,
    };
    kustomize(&files, path, &options).map(|objects| to_yaml(&objects)).map_err(|error| in_words(&error))
}

fn in_words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// What is wrong with a case, if anything is.
fn fault(folder: &Path) -> Option<String> {
    let expected = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    match (build(folder), expected("expected.yaml"), expected("expected.error")) {
        (Ok(built), Some(expected), None) => {
            (built != expected).then(|| format!("expected:\n{expected}\nbuilt:\n{built}"))
        }
        (Err(words), None, Some(expected)) => {
            let missing = expected.lines().find(|line| !words.contains(line))?;
            Some(format!("{missing:?} is not in the message:\n{words}"))
        }
        (Ok(built), None, Some(_)) => Some(format!("expected an error, built:\n{built}")),
        (Err(words), Some(_), None) => Some(format!("refused: {words}")),
        (_, yaml, error) => Some(format!(
            "one of expected.yaml and expected.error is needed; there are {}",
            usize::from(yaml.is_some()) + usize::from(error.is_some())
        )),
    }
}

#[test]
fn every_folder_is_built_as_kubectl_builds_it() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<_> = std::fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let name = |case: &Path| case.file_name().unwrap().to_string_lossy().into_owned();
    let faults: Vec<String> =
        cases.iter().filter_map(|case| Some(format!("== {}\n{}", name(case), fault(case)?))).collect();
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}
