//! `.Files`: the files of a chart that are neither templates nor values.

mod glob;

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_gotemplate::{
    Element, Failure, Function, List, Map, Named, Parameter, Scope, Shape, Text, Type, Value,
};

use crate::chart::File;
use crate::functions::to_yaml;

static NAMED: Named = Named { name: "engine.files", method };
const SHAPE: Shape = Shape::named(Element::Bytes, &NAMED);

/// The files as templates see them.
pub(crate) fn to_value(files: &[File]) -> Value {
    let fields =
        files.iter().map(|file| (file.name.as_str().into(), Value::Bytes(file.data.as_ref().into())));
    Value::Map(Map::of(SHAPE, fields.collect()))
}

/// The receiver of the methods.
struct Files(Map);

impl Parameter for Files {
    const TYPE: Type = Type::Any;

    fn from_value(value: Value) -> Option<Files> {
        match value {
            Value::Map(map) => Some(Files(map)),
            _ => None,
        }
    }
}

impl Files {
    /// Nothing, if there is no such file.
    fn get(&self, name: &Text) -> Text {
        match self.0.get(name.as_bytes()) {
            Some(Value::Bytes(bytes)) => bytes,
            _ => Text::default(),
        }
    }

    /// As YAML, by the last part of their names.
    fn as_yaml(&self, scope: &Scope<'_>, content: fn(&Text) -> String) -> Result<String, Failure> {
        let fields = self.0.to_fields().into_iter().map(|(name, data)| {
            let name = name.to_str();
            let base = name.rsplit('/').next().unwrap_or(&name).to_owned();
            let data = match &data {
                Value::Bytes(bytes) => content(bytes),
                _ => String::new(),
            };
            (base, Value::from(data))
        });
        to_yaml(scope, &Value::map(fields))
    }
}

fn method(name: &str) -> Option<&'static Function> {
    static METHODS: OnceLock<Vec<Function>> = OnceLock::new();
    METHODS.get_or_init(methods).iter().find(|method| method.name() == name)
}

fn methods() -> Vec<Function> {
    vec![
        Function::new("Get", |files: Files, name: Text| files.get(&name)),
        Function::new("GetBytes", |files: Files, name: Text| Value::Bytes(files.get(&name))),
        Function::new("Glob", |files: Files, pattern: Text| {
            glob::matching(&files.0, &pattern.to_str(), SHAPE)
        }),
        Function::new("AsConfig", |scope: &mut Scope<'_>, files: Files| {
            files.as_yaml(scope, |bytes| bytes.to_str().into_owned())
        }),
        Function::new("AsSecrets", |scope: &mut Scope<'_>, files: Files| {
            files.as_yaml(scope, |bytes| STANDARD.encode(bytes.as_bytes()))
        }),
        Function::new("Lines", |scope: &mut Scope<'_>, files: Files, name: Text| lines(scope, &files, &name)),
    ]
}

fn lines(scope: &mut Scope<'_>, files: &Files, name: &Text) -> Result<List, Failure> {
    let text = files.get(name);
    let text = text.to_str();
    if text.is_empty() {
        return Ok(List::strings([""; 0]));
    }
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(&text).split('\n').collect();
    scope.budget().spend_items(lines.len())?;
    Ok(List::strings(lines))
}
