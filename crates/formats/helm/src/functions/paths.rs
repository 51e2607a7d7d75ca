//! Paths as text; no file is looked at.

use bythos_gotemplate::{Function, Text};

pub(super) fn functions() -> Vec<Function> {
    let of = |operate: fn(&str) -> String| move |path: Text| operate(&path.to_str());
    vec![
        Function::new("base", of(base)),
        Function::new("osBase", of(base)),
        Function::new("dir", of(dir)),
        Function::new("osDir", of(dir)),
        Function::new("clean", of(clean)),
        Function::new("osClean", of(clean)),
        Function::new("ext", of(ext)),
        Function::new("osExt", of(ext)),
        Function::new("isAbs", |path: Text| path.as_bytes().starts_with(b"/")),
        Function::new("osIsAbs", |path: Text| path.as_bytes().starts_with(b"/")),
    ]
}

fn base(path: &str) -> String {
    match (path, path.trim_end_matches('/')) {
        ("", _) => ".".to_owned(),
        (_, "") => "/".to_owned(),
        (_, path) => path.rsplit('/').next().unwrap_or(path).to_owned(),
    }
}

fn dir(path: &str) -> String {
    let folder = path.rfind('/').and_then(|slash| path.get(..=slash));
    clean(folder.unwrap_or_default())
}

fn ext(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').and_then(|dot| name.get(dot..)).unwrap_or_default().to_owned()
}

/// Without `.`, `..` and doubled slashes, as far as that can be said without looking.
pub(super) fn clean(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_absolute => {}
            other => parts.push(other),
        }
    }
    match (is_absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}
