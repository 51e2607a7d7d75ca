//! CEL expressions of a spec: what makes a kind healthy, and what makes a dependency ready. Pure.
//!
//! As in Flux, expressions about health see the fields of the object as variables (`status`, `metadata`, ...), and those
//! about dependencies see `self` and `dep`.

use std::collections::BTreeSet;

use bythos_api::kustomization::{CustomHealthCheck, DependencyReference};
use bythos_cel::{Binding, Environment, Program, Type, Value as CelValue};
use serde_json::Value;

use crate::kstatus::Health;

/// What one expression may cost: as much as upstream allows one of an admission policy.
const COST_MAX: u64 = 1_000_000;

/// Words that are no variables.
const RESERVED: [&str; 17] = [
    "true",
    "false",
    "null",
    "in",
    "int",
    "uint",
    "double",
    "bool",
    "string",
    "bytes",
    "list",
    "map",
    "type",
    "null_type",
    "timestamp",
    "duration",
    "dyn",
];

/// An expression that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {message}")]
pub(crate) struct WrongExpression {
    field: String,
    message: String,
}

/// Why an expression does not tell whether a dependency is ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadyError {
    #[error(transparent)]
    Wrong(#[from] WrongExpression),
    /// It makes none of what it was asked about.
    #[error("{0}")]
    Unknown(String),
}

/// The expressions of `spec.healthCheckExprs`, by group and kind.
#[derive(Debug, Default)]
pub(crate) struct HealthExpressions(Vec<KindExpressions>);

#[derive(Debug)]
struct KindExpressions {
    group: String,
    /// Empty for all kinds of the group.
    kind: String,
    in_progress: Option<OfObject>,
    failed: Option<OfObject>,
    current: OfObject,
}

/// An expression over the fields of an object.
#[derive(Debug)]
struct OfObject {
    text: String,
    program: Program,
    fields: Vec<String>,
}

impl HealthExpressions {
    pub(crate) fn compile(checks: &[CustomHealthCheck]) -> Result<Self, WrongExpression> {
        let mut all: Vec<KindExpressions> = Vec::new();
        for (index, check) in checks.iter().enumerate() {
            let place = |field: &str| format!("spec.healthCheckExprs[{index}].{field}");
            let group = check.api_version.split_once('/').map_or("", |(group, _)| group);
            if all.iter().any(|known| known.group == group && known.kind == check.kind) {
                let message = format!("there is another entry for {} of group {group:?}", check.kind);
                return Err(WrongExpression { field: place("kind"), message });
            }
            let optional = |field: &str, text: &Option<String>| match text.as_deref() {
                None | Some("") => Ok(None),
                Some(text) => OfObject::compile(&place(field), text).map(Some),
            };
            all.push(KindExpressions {
                group: group.to_owned(),
                kind: check.kind.clone(),
                in_progress: optional("inProgress", &check.in_progress)?,
                failed: optional("failed", &check.failed)?,
                current: OfObject::compile(&place("current"), &check.current)?,
            });
        }
        Ok(HealthExpressions(all))
    }

    /// What the expressions for its kind say of an object; `None` where there are none.
    pub(crate) fn health_of(&self, group: &str, kind: &str, object: &Value) -> Option<Health> {
        let of_kind = |kind: &str| self.0.iter().find(|it| it.group == group && it.kind == kind);
        let expressions = of_kind(kind).or_else(|| of_kind(""))?;
        let observed = object["status"]["observedGeneration"].as_i64();
        if observed.is_some_and(|observed| Some(observed) != object["metadata"]["generation"].as_i64()) {
            return Some(Health::InProgress("its newest generation is not observed yet".to_owned()));
        }
        Some(expressions.evaluate(object).unwrap_or_else(Health::Unknown))
    }
}

impl KindExpressions {
    fn evaluate(&self, object: &Value) -> Result<Health, String> {
        if let Some(expression) = &self.in_progress
            && expression.holds(object)?
        {
            return Ok(Health::InProgress(format!("\"{}\" holds", expression.text)));
        }
        if let Some(expression) = &self.failed
            && expression.holds(object)?
        {
            return Ok(Health::Failed(format!("\"{}\" holds", expression.text)));
        }
        if self.current.holds(object)? {
            return Ok(Health::Current);
        }
        Ok(Health::InProgress(format!("\"{}\" does not hold yet", self.current.text)))
    }
}

impl OfObject {
    fn compile(field: &str, text: &str) -> Result<Self, WrongExpression> {
        let fields: Vec<String> = words_of(text).into_iter().map(str::to_owned).collect();
        let environment =
            fields.iter().fold(Environment::new(), |environment, name| environment.with(name, Type::Dyn));
        let program = Program::compile(text, &environment)
            .map_err(|error| WrongExpression { field: field.to_owned(), message: error.to_string() })?;
        Ok(OfObject { text: text.to_owned(), program, fields })
    }

    fn holds(&self, object: &Value) -> Result<bool, String> {
        let binding = |field: &String| match object.get(field) {
            Some(value) => CelValue::from_json(value, None).map(Binding::Value),
            None => Ok(Binding::Absent),
        };
        let bindings: Result<Vec<_>, _> = self.fields.iter().map(binding).collect();
        truth(&self.text, &self.program, &bindings.map_err(|fault| fault.to_string())?)
    }
}

/// Whether a dependency is ready, as `readyExpr` says.
pub(crate) fn is_ready(
    index: usize,
    reference: &DependencyReference,
    expression: &str,
    own: &Value,
    dependency: &Value,
) -> Result<bool, ReadyError> {
    let field = || format!("spec.dependsOn[{index}].readyExpr");
    let environment = Environment::new().with("self", Type::Dyn).with("dep", Type::Dyn);
    let program = Program::compile(expression, &environment)
        .map_err(|error| WrongExpression { field: field(), message: error.to_string() })?;
    if !matches!(program.type_(), Type::Bool) {
        let message = format!("expected an expression of type bool, found {}", program.type_());
        return Err(WrongExpression { field: field(), message }.into());
    }
    let bind = |value| CelValue::from_json(value, None).map(Binding::Value);
    let bindings: Result<Vec<_>, _> = [own, dependency].into_iter().map(bind).collect();
    let bindings = bindings.map_err(|fault| fault.to_string());
    bindings
        .and_then(|bindings| truth(expression, &program, &bindings))
        .map_err(|message| ReadyError::Unknown(format!("dependency '{}': {message}", reference.name)))
}

fn truth<'a>(text: &str, program: &'a Program, bindings: &[Binding<'a>]) -> Result<bool, String> {
    match program.evaluate(bindings, &mut COST_MAX.clone()) {
        Ok(CelValue::Bool(truth)) => Ok(truth),
        Ok(_) => Err(format!("failed to evaluate CEL expression as boolean: '{text}'")),
        Err(fault) => Err(format!("failed to evaluate the CEL expression '{text}': {fault}")),
    }
}

/// Every word of an expression that may name a field of the object: which fields there are is only known from the
/// object, and a variable that is not used does no harm.
fn words_of(text: &str) -> BTreeSet<&str> {
    let is_part = |it: char| it == '_' || it.is_ascii_alphanumeric();
    let words = text.split(|it: char| !is_part(it));
    words
        .filter(|word| word.starts_with(|it: char| it == '_' || it.is_ascii_alphabetic()))
        .filter(|word| !RESERVED.contains(word))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(checks: Value, object: &Value, expected: Option<&str>) {
        let checks: Vec<CustomHealthCheck> = serde_json::from_value(checks).unwrap();
        let found = HealthExpressions::compile(&checks).unwrap().health_of("db.example", "Database", object);
        match (found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => {
                assert!(found.to_string().contains(expected), "{found} instead of {expected}");
            }
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    fn ready() -> Value {
        json!([{
            "apiVersion": "db.example/v1", "kind": "Database",
            "inProgress": "status.phase == 'Starting'",
            "failed": "status.conditions.exists(e, e.type == 'Broken' && e.status == 'True')",
            "current": "status.phase == 'Running' && size(status.conditions) >= 0",
        }])
    }

    #[test]
    fn the_first_expression_that_holds_tells_the_health() {
        let object = |phase: &str, broken: &str| json!({ "status": { "phase": phase, "conditions": [{ "type": "Broken", "status": broken }] } });
        check(ready(), &object("Running", "False"), Some("'Current'"));
        check(ready(), &object("Running", "True"), Some("'Failed'"));
        check(ready(), &object("Starting", "True"), Some("'InProgress'"));
        check(ready(), &object("Other", "False"), Some("does not hold yet"));
        let group = json!([{ "apiVersion": "db.example/v1", "kind": "", "current": "true" }]);
        check(group, &json!({}), Some("'Current'"));
        check(json!([]), &json!({}), None);
        let other = json!([{ "apiVersion": "other.example/v1", "kind": "Database", "current": "true" }]);
        check(other, &json!({}), None);
    }

    #[test]
    fn an_older_generation_says_nothing() {
        let object = json!({ "metadata": { "generation": 2 }, "status": { "observedGeneration": 1 } });
        check(ready(), &object, Some("not observed yet"));
    }

    #[test]
    fn a_field_that_is_missing_is_told() {
        check(ready(), &json!({}), Some("'Unknown': failed to evaluate the CEL expression 'status.phase"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_field() {
        let checks: Vec<CustomHealthCheck> =
            serde_json::from_value(json!([{ "apiVersion": "a/v1", "kind": "B", "current": "status.(" }]))
                .unwrap();
        let error = HealthExpressions::compile(&checks).unwrap_err().to_string();
        assert!(error.contains("spec.healthCheckExprs[0].current"), "{error}");
    }
}
