//! JSON, as Go writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_gotemplate::print::json_float;
use bythos_gotemplate::{Budget, Failure, Function, InJson, List, Map, Scope, Text, Value, deeper};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("toJson", |scope: &mut Scope<'_>, value: Value| {
            quiet(encode(scope, &value, Style::HTML))
        }),
        Function::new("mustToJson", |scope: &mut Scope<'_>, value: Value| encode(scope, &value, Style::HTML)),
        Function::new("toPrettyJson", |scope: &mut Scope<'_>, value: Value| {
            quiet(encode(scope, &value, Style::PRETTY))
        }),
        Function::new("mustToPrettyJson", |scope: &mut Scope<'_>, value: Value| {
            encode(scope, &value, Style::PRETTY)
        }),
        Function::new("toRawJson", |scope: &mut Scope<'_>, value: Value| encode(scope, &value, Style::RAW)),
        Function::new("mustToRawJson", |scope: &mut Scope<'_>, value: Value| {
            encode(scope, &value, Style::RAW)
        }),
        Function::new("fromJson", |text: Text| from_json(&text)),
        Function::new("fromJsonArray", |text: Text| from_json_array(&text)),
        Function::new("mustFromJson", |text: Text| decode(&text).map(Value::from).map_err(Failure::new)),
    ]
}

/// What cannot be written becomes nothing; a spent budget stays one.
fn quiet(result: Result<String, Failure>) -> Result<String, Failure> {
    match result {
        Err(Failure::Message(_)) => Ok(String::new()),
        other => other,
    }
}

/// How JSON is laid out.
#[derive(Debug, Clone, Copy)]
struct Style {
    is_pretty: bool,
    /// `<`, `>` and `&` as codes.
    is_safe_in_html: bool,
}

impl Style {
    const HTML: Style = Style { is_pretty: false, is_safe_in_html: true };
    const PRETTY: Style = Style { is_pretty: true, is_safe_in_html: true };
    const RAW: Style = Style { is_pretty: false, is_safe_in_html: false };
}

fn encode(scope: &Scope<'_>, value: &Value, style: Style) -> Result<String, Failure> {
    let mut encoder = Encoder { text: String::new(), style, budget: scope.budget(), depth: 0 };
    encoder.value(value)?;
    Ok(encoder.text)
}

struct Encoder<'b> {
    text: String,
    style: Style,
    budget: &'b Budget,
    depth: usize,
}

impl Encoder<'_> {
    fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.budget.spend_bytes(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    fn value(&mut self, value: &Value) -> Result<(), Failure> {
        self.budget.spend_steps(1)?;
        match value {
            Value::Nil => self.push("null"),
            Value::Bool(value) => self.push(&value.to_string()),
            Value::Int(number) | Value::Int64(number) => self.push(&number.to_string()),
            Value::Uint64(number) => self.push(&number.to_string()),
            Value::Byte(number) => self.push(&number.to_string()),
            Value::Float(number) => self.push(&float(*number)?),
            Value::String(text) => self.string(text),
            Value::Bytes(bytes) => self.push(&format!("\"{}\"", STANDARD.encode(bytes.as_bytes()))),
            Value::List(list) if list.is_nil() => self.push("null"),
            Value::List(list) => self.list(list),
            Value::Map(map) if map.is_nil() => self.push("null"),
            Value::Map(map) => self.fields(map.to_fields()),
            Value::Object(object) => match object.json() {
                InJson::Value(value) => self.value(&value),
                InJson::Fields(fields) => self.fields(named(fields)),
            },
            Value::Function(_) => Err(Failure::new("json: unsupported type: func")),
        }
    }

    fn line(&mut self) -> Result<(), Failure> {
        if !self.style.is_pretty {
            return Ok(());
        }
        self.push(&format!("\n{}", "  ".repeat(self.depth)))
    }

    fn list(&mut self, list: &List) -> Result<(), Failure> {
        if list.items().is_empty() {
            return self.push("[]");
        }
        self.push("[")?;
        self.depth = deeper(self.depth)?;
        for (index, item) in list.items().iter().enumerate() {
            if index > 0 {
                self.push(",")?;
            }
            self.line()?;
            self.value(item)?;
        }
        self.depth -= 1;
        self.line()?;
        self.push("]")
    }

    fn fields(&mut self, fields: Vec<(Text, Value)>) -> Result<(), Failure> {
        if fields.is_empty() {
            return self.push("{}");
        }
        self.push("{")?;
        self.depth = deeper(self.depth)?;
        for (index, (name, field)) in fields.into_iter().enumerate() {
            if index > 0 {
                self.push(",")?;
            }
            self.line()?;
            self.string(&name)?;
            self.push(if self.style.is_pretty { ": " } else { ":" })?;
            self.value(&field)?;
        }
        self.depth -= 1;
        self.line()?;
        self.push("}")
    }

    fn string(&mut self, text: &Text) -> Result<(), Failure> {
        let mut quoted = String::with_capacity(text.len() + 2);
        quoted.push('"');
        for rune in text.runes() {
            let character = match rune {
                bythos_gotemplate::Rune::Character(character) => character,
                bythos_gotemplate::Rune::Stray(_) => {
                    quoted.push_str("\\ufffd");
                    continue;
                }
            };
            match character {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                '\u{8}' => quoted.push_str("\\b"),
                '\u{c}' => quoted.push_str("\\f"),
                '<' | '>' | '&' if self.style.is_safe_in_html => push_code(&mut quoted, character),
                '\u{2028}' | '\u{2029}' | '\0'..' ' => push_code(&mut quoted, character),
                other => quoted.push(other),
            }
        }
        quoted.push('"');
        self.push(&quoted)
    }
}

fn push_code(quoted: &mut String, character: char) {
    quoted.push_str(&format!("\\u{:04x}", u32::from(character)));
}

fn float(number: f64) -> Result<String, Failure> {
    if number.is_finite() {
        return Ok(json_float(number));
    }
    let name = bythos_gotemplate::print::format_float(number, 'g', None);
    Err(Failure::new(format!("json: unsupported value: {name}")))
}

fn decode(text: &Text) -> Result<serde_json::Value, String> {
    serde_json::from_slice(text.as_bytes()).map_err(|error| error.to_string())
}

/// What Go says of JSON that is no object or list.
pub(super) fn cannot_unmarshal(value: &serde_json::Value, wanted: &str) -> String {
    let found = match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "bool",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Array(_) => "array",
        serde_json::Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {found} into Go value of type {wanted}")
}

fn error_map(message: String) -> Value {
    Value::map([("Error", Value::from(message))])
}

fn from_json(text: &Text) -> Value {
    match decode(text) {
        Ok(value @ serde_json::Value::Object(_)) => value.into(),
        Ok(serde_json::Value::Null) => Value::Map(Map::nil(bythos_gotemplate::Shape::ANY)),
        Ok(other) => error_map(cannot_unmarshal(&other, "map[string]interface {}")),
        Err(message) => error_map(message),
    }
}

fn from_json_array(text: &Text) -> Value {
    let message = match decode(text) {
        Ok(value @ serde_json::Value::Array(_)) => return value.into(),
        Ok(serde_json::Value::Null) => return Value::List(List::nil(bythos_gotemplate::Shape::ANY)),
        Ok(other) => cannot_unmarshal(&other, "[]interface {}"),
        Err(message) => message,
    };
    Value::list(vec![Value::from(message)])
}

/// For those who write other formats than JSON. Whole floats become integers, as JSON writes them.
pub(crate) fn to_json_value(value: &Value, budget: &Budget) -> Result<serde_json::Value, Failure> {
    json_value(value, float_value, budget, 0)
}

/// As [`to_json_value`], with floats as they are.
pub(super) fn to_json_value_with_floats(
    value: &Value,
    budget: &Budget,
) -> Result<serde_json::Value, Failure> {
    json_value(value, |number| Ok(number.into()), budget, 0)
}

type FloatValue = fn(f64) -> Result<serde_json::Value, Failure>;

fn json_value(
    value: &Value,
    float_value: FloatValue,
    budget: &Budget,
    depth: usize,
) -> Result<serde_json::Value, Failure> {
    use serde_json::Value as Json;
    budget.spend_steps(1)?;
    budget.spend_items(1)?;
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) | Value::Int64(number) => Json::from(*number),
        Value::Uint64(number) => Json::from(*number),
        Value::Byte(number) => Json::from(*number),
        Value::Float(number) => float_value(*number)?,
        Value::String(text) => {
            budget.spend_bytes(text.len())?;
            Json::String(text.to_str().into_owned())
        }
        Value::Bytes(bytes) => Json::String(STANDARD.encode(bytes.as_bytes())),
        Value::List(list) if list.is_nil() => Json::Null,
        Value::Map(map) if map.is_nil() => Json::Null,
        Value::List(list) => {
            let depth = deeper(depth)?;
            let items = list.items().iter().map(|item| json_value(item, float_value, budget, depth));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Map(map) => json_fields(map.to_fields(), float_value, budget, deeper(depth)?)?,
        Value::Object(object) => match object.json() {
            InJson::Value(value) => json_value(&value, float_value, budget, deeper(depth)?)?,
            InJson::Fields(fields) => json_fields(named(fields), float_value, budget, deeper(depth)?)?,
        },
        Value::Function(_) => return Err(Failure::new("json: unsupported type: func")),
    })
}

fn named(fields: Vec<(&'static str, Value)>) -> Vec<(Text, Value)> {
    fields.into_iter().map(|(name, field)| (name.into(), field)).collect()
}

fn json_fields(
    fields: Vec<(Text, Value)>,
    float_value: FloatValue,
    budget: &Budget,
    depth: usize,
) -> Result<serde_json::Value, Failure> {
    let fields = fields.into_iter();
    let fields = fields.map(|(name, field)| {
        Ok((name.to_str().into_owned(), json_value(&field, float_value, budget, depth)?))
    });
    Ok(serde_json::Value::Object(fields.collect::<Result<_, Failure>>()?))
}

/// A whole number as one, as JSON writes it.
fn float_value(number: f64) -> Result<serde_json::Value, Failure> {
    let text = float(number)?;
    Ok(text.parse::<i64>().map_or_else(|_| serde_json::Value::from(number), serde_json::Value::from))
}
