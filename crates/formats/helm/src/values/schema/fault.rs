//! What does not fit a schema, in the words of Helm's library.
//!
//! Values may be secrets, and what is said here ends in a status and in logs: of a value no more is told than its type,
//! its length, and how large a number is. The one place where Helm tells more, a text that does not match a pattern, is
//! left out.

use bythos_gotemplate::print::{format_float, quote};
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// How many lines are told of one schema.
const LINES_MAX: usize = 100;

/// One line for each fault, with those of branches below, further to the right.
pub(super) fn describe(errors: &[ValidationError<'_>]) -> String {
    let mut lines = Vec::new();
    all(errors).iter().for_each(|fault| fault.write(0, &mut lines));
    let left = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    if left > 0 {
        lines.push(format!("and {left} more lines"));
    }
    lines.join("\n")
}

/// What is wrong at one place.
struct Fault {
    path: String,
    words: String,
    /// Why none of the branches fits.
    causes: Vec<Fault>,
}

impl Fault {
    fn write(&self, depth: usize, lines: &mut Vec<String>) {
        let indentation = "  ".repeat(depth);
        lines.push(format!("{indentation}- at {}: {}", quoted(&self.path), self.words));
        self.causes.iter().for_each(|cause| cause.write(depth + 1, lines));
    }
}

/// Missing properties of one object are one fault.
fn all(errors: &[ValidationError<'_>]) -> Vec<Fault> {
    let missing = |error: &ValidationError<'_>| missing(error).is_some();
    let belong_together = |one: &ValidationError<'_>, next: &ValidationError<'_>| {
        missing(one) && missing(next) && one.schema_path() == next.schema_path() && at(one) == at(next)
    };
    errors.chunk_by(belong_together).filter_map(one).collect()
}

fn at<'e>(error: &'e ValidationError<'_>) -> &'e str {
    error.instance_path().as_str()
}

fn missing<'e>(error: &'e ValidationError<'_>) -> Option<&'e str> {
    match error.kind() {
        ValidationErrorKind::Required { property } => property.as_str(),
        _ => None,
    }
}

/// One error, or missing properties of one object.
fn one(errors: &[ValidationError<'_>]) -> Option<Fault> {
    let first = errors.first()?;
    let properties: Vec<&str> = errors.iter().filter_map(missing).collect();
    let (words, causes) = match properties.as_slice() {
        [] => (words(first), causes(first)),
        [property] => (format!("missing property {}", quoted(property)), Vec::new()),
        _ => (format!("missing properties {}", list(&properties)), Vec::new()),
    };
    Some(Fault { path: at(first).to_owned(), words, causes })
}

fn causes(error: &ValidationError<'_>) -> Vec<Fault> {
    match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.iter().filter_map(|errors| branch(at(error), errors)).collect()
        }
        ValidationErrorKind::PropertyNames { error } => all(std::slice::from_ref(&**error)),
        _ => Vec::new(),
    }
}

fn branch(path: &str, errors: &[ValidationError<'_>]) -> Option<Fault> {
    let mut faults = all(errors);
    if faults.len() < 2 {
        return faults.pop();
    }
    Some(Fault { path: path.to_owned(), words: "validation failed".to_owned(), causes: faults })
}

fn words(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    let value = error.instance().as_ref();
    match error.kind() {
        Kind::Type { kind } => format!("got {}, want {}", type_of(value), types(kind)),
        Kind::Enum { options } => one_of(options),
        Kind::Constant { expected_value } => match simple(expected_value) {
            Some(wanted) => format!("value must be {wanted}"),
            None => "'const' failed".to_owned(),
        },
        Kind::AnyOf { .. } => "'anyOf' failed".to_owned(),
        Kind::OneOfNotValid { .. } => "'oneOf' failed, none matched".to_owned(),
        Kind::OneOfMultipleValid { context } => {
            let fits = context.iter().enumerate().filter(|(_, errors)| errors.is_empty());
            let fits: Vec<String> = fits.map(|(index, _)| index.to_string()).collect();
            format!("'oneOf' failed, subschemas {} matched", fits.join(", "))
        }
        Kind::Not { .. } => "'not' failed".to_owned(),
        // The library does not say which.
        Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            "additional properties not allowed".to_owned()
        }
        Kind::FalseSchema => "false schema".to_owned(),
        Kind::Format { format } => format!("value is not valid {format}"),
        Kind::Pattern { pattern } => format!("value does not match pattern {}", quoted(pattern)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("additional properties {} not allowed", list(unexpected))
        }
        Kind::PropertyNames { error } => {
            format!("invalid propertyName {}", quoted(error.instance().as_str().unwrap_or_default()))
        }
        Kind::AdditionalItems { limit } => {
            let count = value.as_array().map_or(0, |items| items.len().saturating_sub(*limit));
            format!("last {count} additionalItem(s) not allowed")
        }
        Kind::Contains => "no items match contains schema".to_owned(),
        Kind::MinItems { limit } | Kind::MaxItems { limit } => {
            sized(error, value.as_array().map(Vec::len), *limit)
        }
        Kind::MinProperties { limit } | Kind::MaxProperties { limit } => {
            sized(error, value.as_object().map(serde_json::Map::len), *limit)
        }
        Kind::MinLength { limit } | Kind::MaxLength { limit } => {
            sized(error, value.as_str().map(|text| text.chars().count()), *limit)
        }
        Kind::Minimum { limit }
        | Kind::Maximum { limit }
        | Kind::ExclusiveMinimum { limit }
        | Kind::ExclusiveMaximum { limit } => bounded(error, limit.as_f64()),
        Kind::MultipleOf { multiple_of } => bounded(error, Some(*multiple_of)),
        Kind::UniqueItems => "items are equal".to_owned(),
        _ => error.masked().to_string(),
    }
}

/// `minLength: got 3, want 8`.
fn sized(error: &ValidationError<'_>, got: Option<usize>, want: u64) -> String {
    format!("{}: got {}, want {want}", error.kind().keyword(), got.unwrap_or_default())
}

/// `minimum: got 3, want 8`.
fn bounded(error: &ValidationError<'_>, want: Option<f64>) -> String {
    let number = |number: Option<f64>| format_float(number.unwrap_or(f64::NAN), 'g', None);
    format!("{}: got {}, want {}", error.kind().keyword(), number(error.instance().as_f64()), number(want))
}

/// To the language, a whole number is a number like any other.
fn type_of(value: &Value) -> JsonType {
    match JsonType::from(value) {
        JsonType::Integer => JsonType::Number,
        other => other,
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(wanted) => wanted.to_string(),
        TypeKind::Multiple(wanted) => {
            let wanted: Vec<String> = wanted.iter().map(|wanted| wanted.to_string()).collect();
            wanted.join(" or ")
        }
    }
}

fn one_of(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted: Option<Vec<String>> = options.iter().map(simple).collect();
    match wanted.as_deref() {
        None => "'enum' failed".to_owned(),
        Some([wanted]) => format!("value must be {wanted}"),
        Some(wanted) => format!("value must be one of {}", wanted.join(", ")),
    }
}

/// A value of the schema, unless it is a list or an object.
fn simple(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::String(text) => Some(quoted(text)),
        other => Some(other.to_string()),
    }
}

fn list(names: &[impl AsRef<str>]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name.as_ref())).collect();
    names.join(", ")
}

/// In single quotes.
fn quoted(text: &str) -> String {
    let double = quote(text.as_bytes());
    let inside = double.strip_prefix('"').and_then(|inside| inside.strip_suffix('"')).unwrap_or_default();
    format!("'{}'", inside.replace("\\\"", "\"").replace('\'', "\\'"))
}
