//! Manifests: YAML documents become objects, and each must say what it is.

use std::collections::VecDeque;

use bythos_yaml::{Limits, Rules};
use serde_json::Value;

use crate::Error;
use crate::error::Place;
use crate::reader::kind_of;
use crate::resource::Resource;

/// All objects of a text. Items of a `List` are objects of their own, after the other documents.
pub(crate) fn read(file: &str, text: &str, limits: Limits) -> Result<Vec<Resource>, Error> {
    let text = if text.contains('\r') { &text.replace("\r\n", "\n") } else { text };
    let documents = bythos_yaml::parse_all_by(text, limits, Rules::Go3)
        .map_err(|source| Error::Yaml { file: file.to_owned(), source })?;
    let lines = first_lines(text);
    // Where the scan and the parser count differently, no line is better than a wrong one.
    let lines = if lines.len() == documents.len() { lines } else { Vec::new() };
    let place =
        |index: usize| Place { file: file.to_owned(), document: index + 1, line: lines.get(index).copied() };
    let mut queue: VecDeque<(Value, Place)> =
        documents.into_iter().enumerate().map(|(index, document)| (document, place(index))).collect();
    let mut resources = Vec::new();
    while let Some((document, place)) = queue.pop_front() {
        if is_empty(&document) {
            continue;
        }
        check(&document, &place)?;
        match items_of_list(document) {
            Ok(items) => queue.extend(items.into_iter().map(|item| (item, place.clone()))),
            Err(object) => resources.push(Resource::new(object, place)),
        }
    }
    Ok(resources)
}

/// The items of a list; or the object itself, if it is none.
fn items_of_list(mut document: Value) -> Result<Vec<Value>, Value> {
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document.get_mut("items") {
        Some(Value::Array(items)) if is_list => Ok(std::mem::take(items)),
        Some(Value::Null) if is_list => Ok(Vec::new()),
        _ => Err(document),
    }
}

fn is_empty(document: &Value) -> bool {
    match document {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn check(object: &Value, place: &Place) -> Result<(), Error> {
    let refuse = |message| Err(Error::Manifest { place: place.clone(), message });
    if !object.is_object() {
        return refuse(format!("expected an object, found {}", kind_of(object)));
    }
    let is_list = object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    if is_list && object.get("items").is_some_and(|items| !items.is_array() && !items.is_null()) {
        return refuse(format!("items: expected a list, found {}", kind_of(&object["items"])));
    }
    let named = [("kind", &object["kind"]), ("metadata.name", &object["metadata"]["name"])];
    for (field, value) in named.into_iter().filter(|(field, _)| !is_list || *field == "kind") {
        match value {
            Value::String(text) if !text.is_empty() => {}
            Value::Null => return refuse(format!("{field} is missing; every manifest needs it")),
            other => return refuse(format!("{field}: expected a text, found {}", kind_of(other))),
        }
    }
    Ok(())
}

/// The lines at which documents with contents begin, from 1.
///
/// A line that starts with `---` ends a document wherever it stands, so no parser is needed to find it.
fn first_lines(text: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut open = true;
    for (index, line) in text.lines().enumerate() {
        let content = match line.strip_prefix("---") {
            Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => {
                open = true;
                rest
            }
            _ => line,
        };
        let content = content.trim_start();
        if open && !content.is_empty() && !content.starts_with('#') && !line.starts_with(['%', '.']) {
            lines.push(index + 1);
            open = false;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_of_documents_are_found() {
        let cases: [(&str, &[usize]); 5] = [
            ("a: 1\n", &[1]),
            ("# hello\n\na: 1\n---\nb: 2\n", &[3, 5]),
            ("---\na: 1\n---\n---\n# empty\n---\nb: 2", &[2, 7]),
            ("--- {a: 1}\n---\nb: |\n  text\n ---\n  more\n", &[1, 3]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(first_lines(text), expected, "{text:?}");
        }
    }
}
