//! TOML, as Helm writes and reads it.

use std::rc::Rc;

use bythos_gotemplate::print::json_float;
use bythos_gotemplate::time::Time;
use bythos_gotemplate::{Budget, Failure, Function, List, Scope, Text, Value, deeper};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("toToml", |scope: &mut Scope<'_>, value: Value| match encode(scope, &value) {
            Err(Failure::Message(message)) => Ok(message),
            other => other,
        }),
        Function::new("mustToToml", |scope: &mut Scope<'_>, value: Value| encode(scope, &value)),
        Function::new("fromToml", |scope: &mut Scope<'_>, text: Text| from_toml(scope, &text)),
    ]
}

struct Encoder<'b> {
    text: String,
    budget: &'b Budget,
    depth: usize,
}

/// The names of the tables around.
type Key = Vec<String>;

fn encode(scope: &Scope<'_>, value: &Value) -> Result<String, Failure> {
    let mut encoder = Encoder { text: String::new(), budget: scope.budget(), depth: 0 };
    match value {
        Value::Map(_) => encoder.table(&Vec::new(), &fields(value))?,
        Value::Nil => return Err(Failure::new("toml: cannot encode a nil value")),
        other => {
            let text = encoder.inline(other)?;
            encoder.push(&text)?;
        }
    }
    Ok(encoder.text)
}

fn fields(value: &Value) -> Vec<(Text, Value)> {
    match value {
        Value::Map(map) => map.to_fields(),
        _ => Vec::new(),
    }
}

fn is_table(value: &Value) -> bool {
    match value {
        Value::Map(_) => true,
        Value::List(list) => {
            !list.items().is_empty() && list.items().iter().all(|item| matches!(item, Value::Map(_)))
        }
        _ => false,
    }
}

fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_-".contains(&letter))
}

fn key(name: &str) -> String {
    if is_bare(name) { name.to_owned() } else { quoted(name) }
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth.saturating_sub(1))
}

impl Encoder<'_> {
    fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.budget.spend_bytes(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    /// Plain values first, then the tables inside.
    fn table(&mut self, path: &Key, fields: &[(Text, Value)]) -> Result<(), Failure> {
        self.budget.spend_steps(fields.len() + 1)?;
        self.depth = deeper(self.depth)?;
        let some = || fields.iter().filter(|(_, field)| !matches!(field, Value::Nil));
        for (name, field) in some().filter(|(_, field)| !is_table(field)) {
            let value = self.inline(field)?;
            let line = format!("{}{} = {value}\n", indent(path.len() + 1), key(&name.to_str()));
            self.push(&line)?;
        }
        for (name, field) in some().filter(|(_, field)| is_table(field)) {
            let inner: Key = path.iter().cloned().chain([key(&name.to_str())]).collect();
            self.sub_table(&inner, field)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn sub_table(&mut self, path: &Key, field: &Value) -> Result<(), Failure> {
        if let Value::List(list) = field {
            return self.tables(path, list);
        }
        self.separate(path.len() == 1)?;
        self.push(&format!("{}[{}]\n", indent(path.len()), path.join(".")))?;
        self.table(path, &fields(field))
    }

    fn tables(&mut self, path: &Key, list: &List) -> Result<(), Failure> {
        for item in list.items() {
            self.separate(true)?;
            self.push(&format!("{}[[{}]]\n", indent(path.len()), path.join(".")))?;
            self.table(path, &fields(item))?;
        }
        Ok(())
    }

    fn separate(&mut self, is_wanted: bool) -> Result<(), Failure> {
        if is_wanted && !self.text.is_empty() { self.push("\n") } else { Ok(()) }
    }

    fn inline(&mut self, value: &Value) -> Result<String, Failure> {
        self.budget.spend_steps(1)?;
        self.depth = deeper(self.depth)?;
        let text = match value {
            Value::Bool(value) => value.to_string(),
            Value::Int(number) | Value::Int64(number) => number.to_string(),
            Value::Uint64(number) => number.to_string(),
            Value::Byte(number) => number.to_string(),
            Value::Float(number) => float(*number),
            Value::String(text) => {
                self.budget.spend_bytes(text.len())?;
                quoted(&text.to_str())
            }
            Value::List(list) => {
                let items = list.items().iter().map(|item| self.inline(item));
                format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(", "))
            }
            Value::Map(map) => {
                let fields = map.to_fields().into_iter().filter(|(_, field)| !matches!(field, Value::Nil));
                let fields = fields
                    .map(|(name, field)| Ok(format!("{} = {}", key(&name.to_str()), self.inline(&field)?)));
                format!("{{{}}}", fields.collect::<Result<Vec<_>, Failure>>()?.join(", "))
            }
            Value::Object(object) => match object.downcast::<Time>() {
                Some(time) => time.format("2006-01-02T15:04:05.999999999Z07:00"),
                None => quoted(&object.text().unwrap_or_default()),
            },
            Value::Nil => return Err(Failure::new("toml: cannot encode array with nil element")),
            Value::Bytes(_) | Value::Function(_) => {
                return Err(Failure::new(format!("unsupported type for key: {}", value.type_name())));
            }
        };
        self.depth -= 1;
        Ok(text)
    }
}

fn float(number: f64) -> String {
    match number {
        _ if number.is_nan() => "nan".to_owned(),
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        _ => {
            let exponent = format!("{number:e}");
            let exponent = exponent.split('e').next_back().and_then(|text| text.parse::<i32>().ok());
            let text = match exponent {
                Some(-4..6) | None => json_float(number),
                Some(_) => bythos_gotemplate::print::format_float(number, 'g', None),
            };
            if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
        }
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\0'..' ' | '\u{7f}' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn from_toml(scope: &Scope<'_>, text: &Text) -> Result<Value, Failure> {
    scope.budget().spend_bytes(text.len().saturating_mul(4))?;
    Ok(match text.to_str().parse::<::toml::Table>() {
        Ok(table) => of_toml(::toml::Value::Table(table)),
        Err(error) => Value::map([("Error", Value::from(format!("toml: {}", error.message())))]),
    })
}

fn of_toml(value: ::toml::Value) -> Value {
    match value {
        ::toml::Value::String(text) => Value::from(text),
        ::toml::Value::Integer(number) => Value::Int64(number),
        ::toml::Value::Float(number) => Value::Float(number),
        ::toml::Value::Boolean(value) => Value::Bool(value),
        ::toml::Value::Datetime(time) => of_time(&time.to_string()),
        ::toml::Value::Array(items) => Value::list(items.into_iter().map(of_toml).collect()),
        ::toml::Value::Table(fields) => {
            Value::map(fields.into_iter().map(|(name, field)| (name, of_toml(field))))
        }
    }
}

/// With an offset, a date and time, a date, or a time.
fn of_time(text: &str) -> Value {
    const LAYOUTS: [&str; 4] = ["2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02", "15:04:05"];
    let times = LAYOUTS.iter().filter_map(|layout| Time::parse(layout, text, &jiff::tz::TimeZone::UTC).ok());
    times.map(|time| Value::Object(Rc::new(time))).next().unwrap_or_else(|| Value::from(text))
}
