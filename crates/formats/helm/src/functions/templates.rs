//! `include`, `tpl`, `required`, `fail` and `lookup`.

use std::rc::Rc;

use bythos_gotemplate::{Error, Failure, Function, MissingKey, Parsed, Scope, Templates, Text, Value};

use super::rendering;
use crate::world::Wanted;

/// How often a template may be included inside of itself.
const NESTED_MAX: usize = 1000;
/// The name of the templates that `tpl` makes.
const TPL_NAME: &str = "gotpl";
/// What a missing value prints as; charts see nothing in its place.
pub(crate) const NO_VALUE: &[u8] = b"<no value>";

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("include", include),
        Function::new("tpl", tpl),
        Function::new("required", required),
        Function::new("fail", |scope: &mut Scope<'_>, message: Text| {
            if rendering(scope)?.is_linting {
                return Ok(String::new());
            }
            Err(Failure::raised(message.to_str()))
        }),
        Function::new("lookup", lookup),
    ]
}

fn include(scope: &mut Scope<'_>, name: Text, data: Value) -> Result<Text, Failure> {
    let rendering = rendering(scope)?;
    let nested = rendering.includes.borrow().get(&name).copied().unwrap_or(0);
    if nested > NESTED_MAX {
        let message =
            format!("rendering template has a nested reference name: {name}: unable to execute template");
        return Err(Failure::new(message));
    }
    rendering.includes.borrow_mut().insert(name.clone(), nested + 1);
    let result = scope.execute(&name.to_str(), data);
    rendering.includes.borrow_mut().insert(name.clone(), nested);
    result.map_err(|error| match error {
        Error::NoTemplate { name, .. } => Error::NoTemplate { name, asked: TPL_NAME.to_owned() }.into(),
        other => other.into(),
    })
}

/// The text as a template that sees all others; what it defines, only it sees.
fn tpl(scope: &mut Scope<'_>, text: Text, data: Value) -> Result<Text, Failure> {
    let shown = || bythos_gotemplate::print::quote(text.as_bytes());
    let known = rendering(scope)?.parsed.borrow().get(&text).cloned();
    let parsed = match known {
        Some(parsed) => parsed,
        None => {
            scope.budget().spend_bytes(text.len().saturating_mul(8))?;
            let parsed =
                Parsed::new(TPL_NAME, &text.to_str(), scope.library()).map_err(|error| Failure::Within {
                    message: format!("cannot parse template {}", shown()),
                    error: Box::new(error),
                })?;
            let parsed = Rc::new(parsed);
            rendering(scope)?.parsed.borrow_mut().insert(text.clone(), Rc::clone(&parsed));
            parsed
        }
    };
    let mut templates = Templates::inside(scope.templates());
    templates.add_parsed(&parsed);
    let missing_key = scope.missing_key();
    let lenient = if missing_key == MissingKey::Error { missing_key } else { MissingKey::Zero };
    let mut inner = scope.with_templates(Rc::new(templates)).with_missing_key(lenient);
    let output = inner.execute_parsed(&parsed, data).map_err(|error| Failure::Within {
        message: format!("error during tpl function execution for {}", shown()),
        error: Box::new(error),
    })?;
    Ok(without_no_value(output))
}

/// Go prints a missing value in words; charts expect nothing.
pub(crate) fn without_no_value(text: Text) -> Text {
    if !text.as_bytes().windows(NO_VALUE.len()).any(|window| window == NO_VALUE) {
        return text;
    }
    let mut rest = text.as_bytes();
    let mut kept = Vec::with_capacity(rest.len());
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(NO_VALUE) {
            Some(after) => rest = after,
            None => {
                kept.push(*first);
                rest = after;
            }
        }
    }
    kept.into()
}

fn required(scope: &mut Scope<'_>, message: Text, value: Value) -> Result<Value, Failure> {
    let is_missing = match &value {
        Value::Nil => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    match (is_missing, rendering(scope)?.is_linting) {
        (false, _) => Ok(value),
        (true, true) => Ok(Value::from("")),
        (true, false) => Err(Failure::raised(message.to_str())),
    }
}

fn lookup(
    scope: &mut Scope<'_>,
    api_version: Text,
    kind: Text,
    namespace: Text,
    name: Text,
) -> Result<Value, Failure> {
    let (api_version, kind) = (api_version.to_str(), kind.to_str());
    let (namespace, name) = (namespace.to_str(), name.to_str());
    let wanted = Wanted { api_version: &api_version, kind: &kind, namespace: &namespace, name: &name };
    let found = rendering(scope)?.world.lookup(wanted).map_err(Failure::new)?;
    Ok(found.map_or_else(|| Value::map::<Text>([]), Value::from))
}
