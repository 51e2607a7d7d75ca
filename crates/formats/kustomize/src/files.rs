//! The files of a source, and paths within them. Nothing outside is ever read.

use std::collections::BTreeMap;

/// Paths from the root of the source, with `/` and without a leading one, and contents.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Names under which a folder's kustomization may stand.
pub const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// `path` as seen from `folder`, without `.` and `..`; `None` if it leads out of the source.
///
/// The root is the empty path.
pub(crate) fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop()?;
            }
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// `name` in `folder`.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Everything below `folder`, in the order of paths.
pub(crate) fn below<'a>(files: &'a Files, folder: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let from = prefix.clone();
    files.range(from..).map(|(path, _)| path.as_str()).take_while(move |path| path.starts_with(&prefix))
}

/// Whether there is such a folder.
pub(crate) fn is_folder(files: &Files, folder: &str) -> bool {
    folder.is_empty() || below(files, folder).next().is_some()
}

/// The kustomization files that stand in `folder`.
pub(crate) fn kustomizations_in(files: &Files, folder: &str) -> Vec<String> {
    KUSTOMIZATION_FILES
        .iter()
        .map(|name| join(folder, name))
        .filter(|path| files.contains_key(path))
        .collect()
}

/// Whether `path` is `folder` or stands below it.
pub(crate) fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `path` as seen from where `folder` is seen, which may lead up.
pub(crate) fn join_as_written(folder: &str, path: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    for step in folder.split('/').chain(path.split('/')) {
        match step {
            "" | "." => {}
            ".." if steps.last().is_some_and(|last| *last != "..") => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// Whether a resource is an address rather than a path.
pub(crate) fn is_remote(path: &str) -> bool {
    path.contains("://")
        || path.contains("?ref=")
        || path.starts_with("git@")
        || path.starts_with("github.com/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_within_the_source() {
        let cases = [
            ("", "./apps/", Some("apps")),
            ("", "/apps", Some("apps")),
            ("apps/web", "../base", Some("apps/base")),
            ("apps", "..", Some("")),
            ("apps", "../..", None),
            ("", "../etc/passwd", None),
            ("a", "b/./c//d", Some("a/b/c/d")),
        ];
        for (folder, path, expected) in cases {
            assert_eq!(resolve(folder, path).as_deref(), expected, "{path} from {folder:?}");
        }
    }

    #[test]
    fn only_what_is_below_a_folder_is_listed() {
        let files: Files = ["a.yaml", "app/x.yaml", "app/y/z.yaml", "apple.yaml"]
            .map(|path| (path.to_owned(), vec![]))
            .into();
        assert_eq!(below(&files, "app").collect::<Vec<_>>(), ["app/x.yaml", "app/y/z.yaml"]);
        assert_eq!(below(&files, "").count(), 4);
        assert!(!is_folder(&files, "ap"));
    }
}
