//! `replacements`: a value, mostly that of one object's field, for fields of others.

use serde_json::Value;

use crate::Error;
use crate::field::scalar_text;
use crate::kustomization::{Part, Replacement, ReplacementSource, ReplacementTarget};
use crate::path::{self, Found, Walk};
use crate::reader::kind_of;
use crate::resource::Resource;
use crate::selector::{Compiled, Selector};

/// Carries out one replacement.
pub(super) fn replace(resources: &mut [Resource], replacement: &Replacement) -> Result<(), Error> {
    let refuse = |field: &str, message: String| Error::Field {
        file: replacement.file.clone(),
        field: field.to_owned(),
        message,
    };
    let value = match &replacement.source {
        ReplacementSource::Value(text) => Value::String(text.clone()),
        ReplacementSource::Field { object, path, options } => {
            let found = value_of(resources, object, path).and_then(|found| part_of(found, options));
            found.map_err(|message| refuse(&replacement.field, message))?
        }
    };
    for target in &replacement.targets {
        let targets = Targets::of(target).map_err(|message| refuse(&target.field, message))?;
        for resource in resources.iter_mut().filter(|resource| targets.hold(resource)) {
            let changed = put(resource, &value, target);
            changed.map_err(|message| refuse(&target.field, format!("{}: {message}", resource.label())))?;
        }
    }
    Ok(())
}

fn value_of<'r>(resources: &'r [Resource], object: &Selector, path: &str) -> Result<&'r Value, String> {
    let mut named = resources.iter().filter(|resource| object.names(resource));
    let source = named.next().ok_or_else(|| format!("there is no {}", in_words(object)))?;
    if let Some(second) = named.next() {
        let (first, second) = (source.label(), second.label());
        return Err(format!("{} could be {first} or {second}", in_words(object)));
    }
    let found = path::get(&source.value, &path::steps(path)).filter(|found| !is_empty(found));
    found.ok_or_else(|| format!("{} has no field {path:?}", source.label()))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn in_words(selector: &Selector) -> String {
    let parts = [
        ("group", &selector.group),
        ("version", &selector.version),
        ("kind", &selector.kind),
        ("namespace", &selector.namespace),
        ("name", &selector.name),
    ];
    let words = parts.iter().filter_map(|(word, text)| Some(format!("{word} {:?}", text.as_ref()?)));
    format!("object of {}", words.collect::<Vec<_>>().join(", "))
}

fn part_of(found: &Value, options: &Part) -> Result<Value, String> {
    let Some(delimiter) = &options.delimiter else { return Ok(found.clone()) };
    if found.is_array() || found.is_object() {
        return Err(format!("a delimiter divides a text, but {} was found", kind_of(found)));
    }
    let text = scalar_text(found);
    let index = usize::try_from(options.index).ok();
    let part = index.and_then(|index| text.split(delimiter.as_str()).nth(index));
    let part = part.ok_or_else(|| format!("{text:?} has no part {} between {delimiter:?}", options.index))?;
    Ok(Value::String(part.to_owned()))
}

/// Which objects are changed.
struct Targets<'a> {
    target: &'a ReplacementTarget,
    select: Compiled,
    reject: Vec<(&'a Selector, Compiled)>,
}

impl<'a> Targets<'a> {
    fn of(target: &'a ReplacementTarget) -> Result<Self, String> {
        let marks = |selector: &Selector| {
            let marks = Selector {
                annotation_selector: selector.annotation_selector.clone(),
                label_selector: selector.label_selector.clone(),
                ..Selector::default()
            };
            marks.compile().map_err(|(field, message)| format!("{field}: {message}"))
        };
        let reject = target.reject.iter().map(|it| Ok((it, marks(it)?))).collect::<Result<_, String>>()?;
        Ok(Targets { target, select: marks(&target.select)?, reject })
    }

    fn hold(&self, resource: &Resource) -> bool {
        let is_rejected = self.reject.iter().any(|(selector, marks)| {
            selector.asks_for_marks() && marks.marks_hold(resource)
                || !selector.names_nothing() && selector.names(resource)
        });
        self.select.marks_hold(resource) && self.target.select.names(resource) && !is_rejected
    }
}

fn put(resource: &mut Resource, value: &Value, target: &ReplacementTarget) -> Result<(), String> {
    let options = &target.options;
    for path in &target.paths {
        let mut change = |found: Found<'_>| match found {
            Found::Made(made) => {
                *made = match value {
                    // What is made takes its type from the text, as if it were written there without quotes.
                    Value::String(text) => bythos_yaml::plain_value(text),
                    other => other.clone(),
                };
                Ok(())
            }
            Found::There(found) => put_into(found, value, options),
        };
        let found = Walk { create: options.create, change: &mut change }
            .go(&mut resource.value, &path::steps(path))
            .map_err(|message| format!("{path}: {message}"))?;
        if found == 0 {
            let hint = if options.create { "" } else { "; options.create makes it" };
            return Err(format!("there is no field {path:?}{hint}"));
        }
    }
    Ok(())
}

fn put_into(found: &mut Value, value: &Value, options: &Part) -> Result<(), String> {
    let Some(delimiter) = &options.delimiter else { return set(found, value) };
    if found.is_array() || found.is_object() {
        return Err(format!("a delimiter divides a text, but {} was found", kind_of(found)));
    }
    let text = scalar_text(found);
    let new = scalar_text(value);
    let mut parts: Vec<&str> = text.split(delimiter.as_str()).collect();
    match usize::try_from(options.index) {
        Err(_) => parts.insert(0, &new),
        Ok(index) => match parts.get_mut(index) {
            Some(part) => *part = &new,
            None => parts.push(&new),
        },
    }
    set(found, &Value::String(parts.join(delimiter)))
}

/// A scalar keeps its type; anything else is replaced as a whole.
fn set(found: &mut Value, value: &Value) -> Result<(), String> {
    let text = scalar_text(value);
    *found = match &*found {
        Value::Array(_) | Value::Object(_) => value.clone(),
        Value::String(_) => Value::String(text),
        other => {
            let new = bythos_yaml::plain_value(&text);
            if std::mem::discriminant(&new) != std::mem::discriminant(other) {
                return Err(format!("the field holds {}, which {text:?} cannot replace", kind_of(other)));
            }
            new
        }
    };
    Ok(())
}
