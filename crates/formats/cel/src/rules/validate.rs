//! Rules held against an object, and on an update against what it was.

use bythos_schema::{FieldError, FieldPath, Refusal, Schema, Type};
use serde_json::Value as Json;

use super::{Place, RULE_BUDGET, Rule, Rules};
use crate::{Binding, Fault, Program, Value};

/// The longest message that an expression may give, in bytes.
const MESSAGE_BYTES_MAX: usize = 5 * 1024;

impl Rules {
    /// Everything that the rules refuse in an object. `old` is what it was before an update; a rule that does not look
    /// at it does not refuse what has not changed. `budget` is what all rules together may cost.
    pub fn validate(&self, new: &Json, old: Option<&Json>, budget: u64) -> Vec<FieldError> {
        let Some(root) = &self.root else { return Vec::new() };
        let mut run = Run { errors: Vec::new(), budget };
        let here = Here { path: FieldPath::root(), old, is_unchanged: old.is_some_and(|old| old == new) };
        // Stopping early is told by an error of its own.
        let _stopped = run.place(root, new, &here).is_err();
        run.errors
    }
}

struct Run {
    errors: Vec<FieldError>,
    budget: u64,
}

/// Where the walk is.
struct Here<'o> {
    path: FieldPath,
    /// What stood here before, if that can be told.
    old: Option<&'o Json>,
    /// Whether this, or something above it, is as it was.
    is_unchanged: bool,
}

impl<'o> Here<'o> {
    fn below(&self, path: FieldPath, new: &Json, old: Option<&'o Json>) -> Here<'o> {
        Here { path, old, is_unchanged: self.is_unchanged || old.is_some_and(|old| old == new) }
    }
}

/// No rule is held any more.
struct Stopped;

impl Run {
    fn place(&mut self, place: &Place, new: &Json, here: &Here<'_>) -> Result<(), Stopped> {
        if new.is_null() {
            return Ok(());
        }
        self.rules(place, new, here)?;
        match new {
            Json::Array(items) => {
                let Some(below) = &place.items else { return Ok(()) };
                let old_items = here.old.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
                let old_items = place.schema.counterparts(old_items);
                for (index, item) in items.iter().enumerate() {
                    let old = old_items.of(item);
                    self.place(below, item, &here.below(here.path.index(index), item, old))?;
                }
            }
            Json::Object(fields) => {
                for (name, value) in fields {
                    let old = here.old.and_then(|old| old.get(name));
                    if let Some(below) = place.properties.get(name.as_str()) {
                        self.place(below, value, &here.below(here.path.field(name), value, old))?;
                    } else if let Some(below) = &place.values {
                        self.place(below, value, &here.below(here.path.key(name), value, old))?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn rules(&mut self, place: &Place, new: &Json, here: &Here<'_>) -> Result<(), Stopped> {
        for rule in &place.rules {
            if rule.uses_old() && here.old.is_none() && !rule.takes_optional_old {
                continue;
            }
            let fail = |detail: String| {
                FieldError::of(here.path.clone(), Refusal::Invalid, &type_name(&place.schema), detail)
            };
            match self.outcome(&rule.program, rule, &place.schema, new, here.old) {
                Ok(Value::Bool(true)) => {}
                Ok(_) => self.refuse(rule, &place.schema, new, here)?,
                Err(Fault::OverBudget) => {
                    let why = if self.budget == 0 {
                        "validation failed due to running out of cost budget, no further validation rules will be run".to_owned()
                    } else {
                        format!("'{}': no further validation rules will be run due to call cost exceeds limit for rule: {}", Fault::OverBudget, rule.words)
                    };
                    self.errors.push(fail(why));
                    return Err(Stopped);
                }
                Err(fault @ Fault::NoSuchOverload(_)) => self.errors.push(fail(format!(
                    "'{fault}': call arguments did not match a supported operator, function or macro signature for rule: {}",
                    rule.words
                ))),
                Err(fault) => self.errors.push(fail(format!("{fault} evaluating rule: {}", rule.words))),
            }
        }
        Ok(())
    }

    /// The value of an expression of a rule, paid from what is left.
    fn outcome<'a>(
        &mut self,
        program: &'a Program,
        rule: &Rule,
        schema: &'a Schema,
        new: &'a Json,
        old: Option<&'a Json>,
    ) -> Result<Value<'a>, Fault> {
        let bind = |json| Value::from_json(json, Some(schema));
        let new = Binding::Value(bind(new)?);
        let old = match old.map(bind).transpose()? {
            old if rule.takes_optional_old => Binding::Value(Value::Optional(old.map(std::rc::Rc::new))),
            Some(old) => Binding::Value(old),
            None => Binding::Absent,
        };
        let allowed = self.budget.min(RULE_BUDGET);
        let mut left = allowed;
        let outcome = program.evaluate(&[new, old], &mut left);
        self.budget -= allowed - left;
        outcome
    }

    fn refuse(&mut self, rule: &Rule, schema: &Schema, new: &Json, here: &Here<'_>) -> Result<(), Stopped> {
        if !rule.uses_old() && here.is_unchanged {
            return Ok(());
        }
        let path = rule.field_path.as_ref().map_or_else(|| here.path.clone(), |below| here.path.join(below));
        let written = match &rule.message_expression {
            Some(program) => self.message(program, rule, schema, new, here.old),
            None => None,
        };
        let detail = match written {
            Some(message) => message,
            None if rule.has_message => rule.words.clone(),
            None => format!("failed rule: {}", rule.words),
        };
        let shows_value = !new.is_object() && !new.is_array();
        self.errors.push(match rule.refusal {
            Refusal::Forbidden => FieldError::forbidden(path, detail),
            Refusal::Required => FieldError::required(path, detail),
            Refusal::Duplicate => FieldError {
                path,
                refusal: Refusal::Duplicate,
                value: shows_value.then(|| new.clone()),
                detail: String::new(),
            },
            refusal => FieldError { path, refusal, value: shows_value.then(|| new.clone()), detail },
        });
        if self.budget == 0 { Err(Stopped) } else { Ok(()) }
    }

    /// What a rule's own expression says of its failure; `None` if it says nothing that can be shown.
    fn message(
        &mut self,
        program: &Program,
        rule: &Rule,
        schema: &Schema,
        new: &Json,
        old: Option<&Json>,
    ) -> Option<String> {
        let Ok(Value::String(text)) = self.outcome(program, rule, schema, new, old) else { return None };
        let text = text.trim();
        let can_be_shown = !text.is_empty() && text.len() <= MESSAGE_BYTES_MAX && !text.contains('\n');
        can_be_shown.then(|| text.to_owned())
    }
}

/// Upstream names the type where the value itself would not help.
fn type_name(schema: &Schema) -> Json {
    let name = match schema.type_ {
        Type::Object => "object",
        Type::Array => "array",
        Type::String => "string",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "boolean",
        Type::IntOrString | Type::Any => "",
    };
    Json::from(name)
}
