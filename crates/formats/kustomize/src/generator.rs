//! `configMapGenerator` and `secretGenerator`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Error;
use crate::error::Place;
use crate::kustomization::{Behavior, Generated, Generator};
use crate::resource::{Resource, map_in};

/// Keys and raw values of a generated object.
pub(crate) type Data = BTreeMap<String, Vec<u8>>;

/// Gathers the data of a generator. `load` reads a file by its path as seen from the kustomization.
pub(crate) fn gather(
    generator: &Generator,
    file: &str,
    mut load: impl FnMut(&str) -> Result<Vec<u8>, Error>,
) -> Result<Data, Error> {
    let refuse = |message| Error::Field { file: file.to_owned(), field: generator.field.clone(), message };
    let mut data = Data::new();
    let mut add = |key: &str, value: Vec<u8>| match data.insert(key.to_owned(), value) {
        Some(_) => Err(refuse(format!("key {key:?} is there twice"))),
        None => Ok(()),
    };
    for path in &generator.envs {
        let content = load(path)?;
        let text = String::from_utf8(content).map_err(|_| refuse(format!("{path:?} is not text")))?;
        for line in text.strip_prefix('\u{feff}').unwrap_or(&text).lines().map(str::trim_start) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            if !key.is_empty() && !key.starts_with('#') {
                add(key, value.as_bytes().to_vec())?;
            }
        }
    }
    for literal in &generator.literals {
        let (key, value) = literal
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| refuse(format!("literal {literal:?} is not of the form key=value")))?;
        add(key, without_quotes(value).as_bytes().to_vec())?;
    }
    for source in &generator.files {
        let (key, path) = split_source(source).map_err(&refuse)?;
        add(key, load(path)?)?;
    }
    Ok(data)
}

/// Key and path of an entry of `files`: `key=path`, or a path whose last part is the key.
fn split_source(source: &str) -> Result<(&str, &str), String> {
    let refused = || format!("file {source:?} is not of the form key=path, or a path without '='");
    match source.split_once('=') {
        None => Ok((source.rsplit('/').find(|part| !part.is_empty()).unwrap_or(source), source)),
        Some((key, path)) if !key.is_empty() && !path.is_empty() && !path.contains('=') => Ok((key, path)),
        Some(_) => Err(refused()),
    }
}

fn without_quotes(value: &str) -> &str {
    let within = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

/// Puts a made object among the others, by itself or into the one that is there.
pub(crate) fn place(
    resources: &mut Vec<Resource>,
    made: Resource,
    generator: &Generator,
    file: &str,
) -> Result<(), Error> {
    let refuse =
        |message| Err(Error::Field { file: file.to_owned(), field: generator.field.clone(), message });
    let key = made.key();
    let mut known = resources.iter_mut().filter(|known| key.is_of(known));
    match (known.next(), known.next(), generator.behavior) {
        (None, _, Behavior::Create) => resources.push(made),
        (None, _, Behavior::Merge | Behavior::Replace) => {
            return refuse(format!("there is no {} to change", made.label()));
        }
        (Some(_), Some(_), _) => {
            return refuse(format!("several objects were called {}; which is meant?", made.label()));
        }
        (Some(known), None, Behavior::Create) => {
            let label = known.label();
            return refuse(format!("{label} is there already; behavior \"merge\" or \"replace\" changes it"));
        }
        (Some(known), None, Behavior::Merge) => merge(known, made),
        (Some(known), None, Behavior::Replace) => replace(known, made),
    }
    Ok(())
}

/// Makes the object of a generator.
pub(crate) fn make(generator: &Generator, data: &Data, file: &str) -> Resource {
    let kind = match generator.kind {
        Generated::ConfigMap => "ConfigMap",
        Generated::Secret => "Secret",
    };
    let mut value = json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": generator.name } });
    if generator.kind == Generated::Secret {
        value["type"] = json!(generator.type_.as_deref().unwrap_or("Opaque"));
        value["data"] = json!({});
    }
    if let Some(namespace) = &generator.namespace {
        value["metadata"]["namespace"] = json!(namespace);
    }
    for (field, pairs) in
        [("labels", &generator.options.labels), ("annotations", &generator.options.annotations)]
    {
        if !pairs.is_empty() {
            value["metadata"][field] = json!(pairs);
        }
    }
    if generator.options.immutable {
        value["immutable"] = json!(true);
    }
    for (key, bytes) in data {
        let (field, text) = match (generator.kind, std::str::from_utf8(bytes)) {
            (Generated::ConfigMap, Ok(text)) => ("data", text.to_owned()),
            (Generated::ConfigMap, Err(_)) => ("binaryData", base64_lines(bytes)),
            (Generated::Secret, _) => ("data", base64_lines(bytes)),
        };
        map_in(&mut value, field).insert(key.clone(), Value::String(text));
    }
    let mut resource = Resource::new(value, Place { file: file.to_owned(), document: 1, line: None });
    resource.hashed = !generator.options.disable_name_suffix_hash;
    resource.generated = true;
    resource.noted = true;
    resource
}

/// Base64 in lines of 70 characters, as kustomize writes it: the hash of the name is taken over these.
fn base64_lines(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    let text = STANDARD.encode(bytes);
    if text.len() < LINE {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index % LINE == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push('\n');
    lines
}

/// Takes the line breaks out again that [`base64_lines`] put in for the hash.
pub(crate) fn join_base64_lines(resource: &mut Resource) {
    let field = if resource.kind() == "Secret" { "data" } else { "binaryData" };
    let values = resource.value.get_mut(field).and_then(Value::as_object_mut).into_iter().flatten();
    for (_, value) in values {
        if let Value::String(text) = value {
            text.retain(|character| character != '\n');
        }
    }
}

/// The new object with what only the old one has: data, labels and annotations.
fn merge(known: &mut Resource, mut made: Resource) {
    for field in ["data", "binaryData"] {
        put_below(&mut made.value, field, &known.value);
    }
    let origin = known.origin.clone();
    replace(known, made);
    known.origin = origin.or(known.origin.take());
}

/// The new contents under the old name: what refers to it goes on to find it.
fn replace(known: &mut Resource, mut made: Resource) {
    for field in ["labels", "annotations"] {
        put_below(&mut made.value["metadata"], field, &known.value["metadata"]);
    }
    made.set_name(known.name());
    made.set_namespace(known.namespace());
    known.value = made.value;
    known.hashed = known.hashed && made.hashed;
    known.generated = true;
    known.origin = made.origin;
}

/// Puts the fields of `old` into the map at `field`, where it has none of the name.
fn put_below(value: &mut Value, field: &str, old: &Value) {
    if let Some(old) = old[field].as_object().filter(|old| !old.is_empty()) {
        let map = map_in(value, field);
        for (key, text) in old {
            map.entry(key.as_str()).or_insert_with(|| text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_base64_is_broken_as_kustomize_breaks_it() {
        assert_eq!(base64_lines(b"short"), "c2hvcnQ=");
        let long = base64_lines(&[0; 60]);
        assert_eq!(long.lines().map(str::len).collect::<Vec<_>>(), [70, 10]);
        assert!(long.ends_with('\n'));
    }

    #[test]
    fn literals_lose_one_pair_of_quotes() {
        for (value, expected) in [("a", "a"), ("\"a\"", "a"), ("'a'", "a"), ("'a\"", "'a\""), ("\"", "\"")] {
            assert_eq!(without_quotes(value), expected);
        }
    }
}
