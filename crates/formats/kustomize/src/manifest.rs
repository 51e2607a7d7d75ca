//! Files of manifests: YAML documents become objects, and each must say what it is.

use bythos_yaml::Limits;
use serde_json::Value;

use crate::error::Place;
use crate::reader::kind_of;
use crate::resource::Resource;
use crate::{Error, Files};

/// The text of a file that is known to be there.
pub(crate) fn text_of<'a>(files: &'a Files, file: &str) -> Result<&'a str, Error> {
    let bytes = files.get(file).ok_or_else(|| Error::NoSuchFolder { path: file.to_owned() })?;
    let not_text =
        |error: std::str::Utf8Error| Error::NotText { file: file.to_owned(), offset: error.valid_up_to() };
    std::str::from_utf8(bytes).map_err(not_text)
}

/// All objects of a file. Items of a `List` are objects of their own.
pub(crate) fn read(file: &str, text: &str, limits: Limits) -> Result<Vec<Resource>, Error> {
    let documents = bythos_yaml::parse_all(text, limits)
        .map_err(|source| Error::Yaml { file: file.to_owned(), source })?;
    let lines = first_lines(text);
    // Where the scan and the parser count differently, no line is better than a wrong one.
    let lines = if lines.len() == documents.len() { lines } else { Vec::new() };
    let mut resources = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        let place = Place { file: file.to_owned(), document: index + 1, line: lines.get(index).copied() };
        read_document(document, &place, &mut resources)?;
    }
    Ok(resources)
}

fn read_document(document: Value, place: &Place, resources: &mut Vec<Resource>) -> Result<(), Error> {
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document {
        Value::Null => Ok(()),
        Value::Object(mut map) if is_list && map.get("items").is_some_and(Value::is_array) => {
            let Some(Value::Array(items)) = map.remove("items") else { return Ok(()) };
            items.into_iter().try_for_each(|item| read_document(item, place, resources))
        }
        object => {
            check(&object, place)?;
            resources.push(Resource::new(object, place.clone()));
            Ok(())
        }
    }
}

fn check(object: &Value, place: &Place) -> Result<(), Error> {
    let refuse = |message| Err(Error::Manifest { place: place.clone(), message });
    if !object.is_object() {
        return refuse(format!("expected an object, found {}", kind_of(object)));
    }
    for (field, value) in [
        ("apiVersion", &object["apiVersion"]),
        ("kind", &object["kind"]),
        ("metadata.name", &object["metadata"]["name"]),
    ] {
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
