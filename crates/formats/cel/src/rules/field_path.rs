//! `fieldPath` of a rule: `.spec.name`, `.labels['a.b']`. It must lead to what the schema declares.

use std::sync::Arc;

use bythos_schema::{FieldPath, Schema};

/// The field to which a path leads, and its schema.
///
/// # Errors
/// What is wrong with the path.
pub fn declared_path(path: &str, schema: &Arc<Schema>) -> Result<(FieldPath, Arc<Schema>), String> {
    let (mut found, mut here, mut rest) = (FieldPath::root(), schema.clone(), path);
    if rest.is_empty() {
        return Err("found nothing, expected a path such as .spec.name".to_owned());
    }
    while !rest.is_empty() {
        let (name, after) = step(rest)?;
        let unknown = || format!("{name:?} does not refer to a valid field");
        let next = match (here.properties.get(&*name), &here.values) {
            (Some(property), _) => {
                found = found.field(&name);
                property.clone()
            }
            (None, Some(values)) if here.properties.is_empty() => {
                found = found.key(&name);
                values.clone()
            }
            _ => return Err(unknown()),
        };
        (here, rest) = (next, after);
    }
    Ok((found, here))
}

/// The name at the beginning of a path, and what follows it.
fn step(path: &str) -> Result<(String, &str), String> {
    if let Some(rest) = path.strip_prefix('.') {
        let end = rest.find(['.', '[', ']']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        return if name.is_empty() {
            Err("unexpected end of JSON path".to_owned())
        } else {
            Ok((name.to_owned(), after))
        };
    }
    let Some(quoted) = path.strip_prefix("['") else {
        return Err(format!("expected [ or . but got: {path}"));
    };
    let mut name = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' => {
                let after = quoted.get(at + 1..).and_then(|after| after.strip_prefix(']'));
                return after
                    .map(|after| (name, after))
                    .ok_or_else(|| "expected ] behind the quoted name".to_owned());
            }
            '\\' => match characters.next() {
                Some((_, escaped @ ('\'' | '\\'))) => name.push(escaped),
                other => {
                    return Err(format!("invalid escape \\{}", other.map(|(_, c)| c).unwrap_or_default()));
                }
            },
            other => name.push(other),
        }
    }
    Err("unexpected end of JSON path".to_owned())
}
