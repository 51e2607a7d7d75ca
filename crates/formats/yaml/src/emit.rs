//! From a value to text, as Go's YAML library prints it.

mod analysis;
mod page;

use serde_json::{Map, Value};

use crate::{key_order, number};
use analysis::{Style, style};
use page::{Layout, Page};

/// Keys that are longer, in bytes, are written as `? key`.
const SIMPLE_KEY_BYTES_MAX: usize = 128;

/// The value as `sigs.k8s.io/yaml` prints it: keys sorted, two spaces, strings quoted only where Go would read
/// something else.
///
/// The text ends with a line break. Whole numbers are written without a fraction.
pub fn to_string(value: &Value) -> String {
    let mut page = Page::new(Layout::Plain);
    node(&mut page, value, Place::Root);
    page.end()
}

/// The value as `go.yaml.in/yaml/v3` prints it with two spaces: as [`to_string`], but the items of a list stand further
/// in than its name, lines are as long as they are, and a number that is a float is written as one: `1e+06`.
pub fn to_string_pretty(value: &Value) -> String {
    let mut page = Page::new(Layout::Pretty);
    node(&mut page, value, Place::Root);
    page.end()
}

impl Layout {
    fn number(self, value: &serde_json::Number) -> String {
        match self {
            Layout::Plain => number::print(value),
            Layout::Pretty => number::print_as_it_is(value),
        }
    }
}

/// What a value stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    Key,
    Field,
}

fn node(page: &mut Page, value: &Value, place: Place) {
    match value {
        Value::Null => page.plain("null", false),
        Value::Bool(value) => page.plain(&value.to_string(), false),
        Value::Number(value) => page.plain(&page.layout().number(value), false),
        Value::String(text) => scalar(page, text, place),
        Value::Array(items) if items.is_empty() => page.indicator("[]"),
        Value::Array(items) => list(page, items, place),
        Value::Object(fields) if fields.is_empty() => page.indicator("{}"),
        Value::Object(fields) => map(page, fields),
    }
}

fn list(page: &mut Page, items: &[Value], place: Place) {
    page.open(page.layout() == Layout::Plain && place == Place::Field && !page.is_at_indent());
    for item in items {
        page.indent();
        page.marker("-");
        node(page, item, Place::Item);
    }
    page.close();
}

fn map(page: &mut Page, fields: &Map<String, Value>) {
    page.open(false);
    let fields = fields.iter().map(|(name, field)| (name.as_str(), field)).collect();
    for (name, field) in key_order::sort(fields) {
        page.indent();
        if is_simple_key(name) {
            scalar(page, name, Place::Key);
            page.colon();
        } else {
            page.marker("?");
            scalar(page, name, Place::Field);
            page.indent();
            page.marker(":");
        }
        node(page, field, Place::Field);
    }
    page.close();
}

fn is_simple_key(name: &str) -> bool {
    name.len() <= SIMPLE_KEY_BYTES_MAX && !name.contains(['\n', '\r'])
}

fn scalar(page: &mut Page, text: &str, place: Place) {
    let is_key = place == Place::Key;
    page.open_scalar();
    match style(text, is_key) {
        Style::Plain => page.plain(text, !is_key),
        Style::SingleQuoted => page.single_quoted(text, !is_key),
        Style::DoubleQuoted => page.double_quoted(text, !is_key),
        Style::Literal => page.literal(text),
    }
    page.close();
}
