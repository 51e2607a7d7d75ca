//! `replacements`.

use serde_json::Value;

use super::entries;
use crate::Error;
use crate::kustomization::{
    Entry, Part, Replacement, ReplacementField, ReplacementSource, ReplacementTarget,
};
use crate::reader::Reader;
use crate::selector::Selector;

/// What a replacement says, be it in the kustomization or in a file.
const OWN_FIELDS: [&str; 3] = ["source", "sourceValue", "targets"];

/// Reads the list: replacements, and files of them.
pub(crate) fn read_replacements(reader: &Reader<'_>) -> Result<Vec<ReplacementField>, Error> {
    let one = |one: Reader<'_>| {
        let field = match one.text("path")? {
            Some(_) if OWN_FIELDS.iter().any(|field| one.has(field)) => {
                let message =
                    format!("the replacement is in this file; it may not say {OWN_FIELDS:?} as well");
                return Err(one.refuse("path", message));
            }
            Some(path) => ReplacementField::File(Entry { field: one.path_of("path"), text: path }),
            None => ReplacementField::Here(Box::new(read_replacement(&one)?)),
        };
        one.finish()?;
        Ok(field)
    };
    reader.children("replacements")?.into_iter().map(one).collect()
}

/// Reads a file of one replacement, or of a list of them.
pub(crate) fn read_replacement_file(file: &str, document: &Value) -> Result<Vec<Replacement>, Error> {
    let one = |path: String, value: &Value| {
        let reader = Reader::new(file, path, value)?;
        let replacement = read_replacement(&reader)?;
        reader.finish()?;
        Ok(replacement)
    };
    match document {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| one(format!("[{index}]"), item)).collect()
        }
        single => Ok(vec![one(String::new(), single)?]),
    }
}

/// Reads one replacement.
fn read_replacement(reader: &Reader<'_>) -> Result<Replacement, Error> {
    let missing = |field| reader.refuse(field, "is missing; a replacement has a source and targets");
    let source = match (reader.child("source")?, reader.text("sourceValue")?) {
        (Some(source), None) => read_source(source)?,
        (None, Some(value)) => ReplacementSource::Value(value),
        (Some(_), Some(_)) => {
            return Err(reader.refuse("sourceValue", "\"source\" is there too; only one may be given"));
        }
        (None, None) => return Err(missing("source")),
    };
    if !reader.has("targets") {
        return Err(missing("targets"));
    }
    Ok(Replacement {
        file: reader.file().to_owned(),
        field: reader.path_of("source"),
        source,
        targets: reader.children("targets")?.into_iter().map(read_target).collect::<Result<_, _>>()?,
    })
}

fn read_source(source: Reader<'_>) -> Result<ReplacementSource, Error> {
    let path = source.text("fieldPath")?.unwrap_or_else(|| "metadata.name".to_owned());
    let options = read_part(&source)?;
    let object = Box::new(Selector::read_from(&source)?);
    source.finish()?;
    Ok(ReplacementSource::Field { object, path, options })
}

fn read_target(reader: Reader<'_>) -> Result<ReplacementTarget, Error> {
    let select = reader.child("select")?;
    let select =
        select.ok_or_else(|| reader.refuse("select", "is missing; it says which objects are changed"))?;
    let paths: Vec<String> = entries(&reader, "fieldPaths")?.into_iter().map(|entry| entry.text).collect();
    let target = ReplacementTarget {
        field: reader.path_of("fieldPaths"),
        select: Selector::read(select)?,
        reject: reader.children("reject")?.into_iter().map(Selector::read).collect::<Result<_, _>>()?,
        paths: if paths.is_empty() { vec!["metadata.name".to_owned()] } else { paths },
        options: read_part(&reader)?,
    };
    reader.finish()?;
    Ok(target)
}

fn read_part(reader: &Reader<'_>) -> Result<Part, Error> {
    let Some(options) = reader.child("options")? else { return Ok(Part::default()) };
    options.accept("encoding");
    let part = Part {
        delimiter: options.text("delimiter")?,
        index: options.number("index")?,
        create: options.flag("create")?,
    };
    options.finish()?;
    Ok(part)
}
