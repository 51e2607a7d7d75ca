//! From the rules of a schema to programs, with everything that is wrong with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_schema::{FieldError, FieldPath, ListType, Refusal, Schema};
use serde_json::Value as Json;

use super::cost::{Bill, Cardinality, below};
use super::field_path::declared_path;
use super::{OLD_SELF, Place, Rule, Rules, SELF};
use crate::{Environment, Program, Type, as_resource, declared};

/// Whether rules that could cost too much are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostLimits {
    /// They are: the definition is new, or its schema has changed.
    Enforced,
    /// They were accepted before, and are only bounded when they run.
    Accepted,
}

const REASONS: [(&str, Refusal); 4] = [
    ("FieldValueDuplicate", Refusal::Duplicate),
    ("FieldValueForbidden", Refusal::Forbidden),
    ("FieldValueInvalid", Refusal::Invalid),
    ("FieldValueRequired", Refusal::Required),
];

impl Rules {
    /// Compiles the rules of a resource's schema. What is wrong with them has paths below the schema; a rule with which
    /// something is wrong is left out.
    pub fn compile(schema: &Schema, limits: CostLimits) -> (Rules, Vec<FieldError>) {
        let mut compiler = Compiler { errors: Vec::new(), bill: Bill::default(), limits };
        let schema = Arc::new(schema.clone());
        let root = compiler.place(
            &schema,
            &Here { path: FieldPath::root(), is_resource: true, times: Some(1), uncorrelatable: None },
        );
        let mut errors = compiler.errors;
        if limits == CostLimits::Enforced {
            errors.extend(compiler.bill.sum());
        }
        (Rules { root }, errors)
    }
}

struct Compiler {
    errors: Vec<FieldError>,
    bill: Bill,
    limits: CostLimits,
}

/// Where the walk is.
#[derive(Clone)]
struct Here {
    path: FieldPath,
    is_resource: bool,
    /// How often the place can occur in one object.
    times: Cardinality,
    /// The list above whose items cannot be told apart, so that there is no old one of each.
    uncorrelatable: Option<FieldPath>,
}

impl Compiler {
    fn place(&mut self, schema: &Arc<Schema>, here: &Here) -> Option<Place> {
        let rules = self.rules(schema, here);
        let times = below(schema, here.times);
        let child = |path: FieldPath, schema: &Schema| Here {
            path,
            is_resource: schema.embedded_resource,
            times,
            uncorrelatable: here.uncorrelatable.clone(),
        };
        let mut properties = BTreeMap::new();
        let all = here.path.field("properties");
        for (name, property) in &schema.properties {
            // What every resource has is described elsewhere, and without rules.
            let is_metadata = here.is_resource && &**name == "metadata";
            if !is_metadata && has_rules(property) {
                let place = self.place(property, &child(all.key(name), property));
                properties.extend(place.map(|place| (name.clone(), place)));
            }
        }
        let values =
            schema.values.as_ref().filter(|values| has_rules(values)).and_then(|values| {
                self.place(values, &child(here.path.field("additionalProperties"), values))
            });
        let items = schema.items.as_ref().filter(|items| has_rules(items)).and_then(|items| {
            let mut below = child(here.path.field("items"), items);
            if !matches!(schema.list_type, ListType::Map(_)) {
                below.uncorrelatable = below.uncorrelatable.or_else(|| Some(here.path.clone()));
            }
            self.place(items, &below)
        });
        let is_empty = rules.is_empty() && properties.is_empty() && values.is_none() && items.is_none();
        let (values, items) = (values.map(Box::new), items.map(Box::new));
        (!is_empty).then(|| Place { schema: schema.clone(), rules, properties, values, items })
    }

    fn rules(&mut self, schema: &Arc<Schema>, here: &Here) -> Vec<Rule> {
        if schema.rules.is_empty() {
            return Vec::new();
        }
        let seen = if here.is_resource { as_resource(schema) } else { schema.clone() };
        let all = here.path.field("x-kubernetes-validations");
        let mut rules = Vec::new();
        for (index, body) in schema.rules.iter().enumerate() {
            let path = all.index(index);
            let complaints = malformed(body, &path, &seen);
            if complaints.is_empty() {
                rules.extend(self.rule(body, &path, &seen, here));
            }
            self.errors.extend(complaints);
        }
        rules
    }

    fn rule(&mut self, body: &Json, path: &FieldPath, seen: &Arc<Schema>, here: &Here) -> Option<Rule> {
        let source = text(body, "rule");
        let takes_optional_old = body.get("optionalOldSelf") == Some(&Json::Bool(true));
        let environment = environment(seen, takes_optional_old)?;
        let program = self.program(
            source,
            &environment,
            &path.field("rule"),
            &Type::Bool,
            "cel expression must evaluate to a bool",
        )?;
        let refused = self.bill.add_rule(&path.field("rule"), seen, program.cost_max(), here.times);
        self.errors.extend(refused.filter(|_| self.limits == CostLimits::Enforced));
        let message_expression = match text(body, "messageExpression") {
            "" => None,
            source => {
                let path = path.field("messageExpression");
                let words = "messageExpression must evaluate to a string";
                let program = self.program(source, &environment, &path, &Type::String, words);
                if let Some(program) = &program {
                    let refused =
                        self.bill.add("estimated messageExpression cost", &path, program.cost_max());
                    self.errors.extend(refused.filter(|_| self.limits == CostLimits::Enforced));
                }
                program
            }
        };
        let message = text(body, "message").trim();
        let rule = Rule {
            program,
            words: if message.is_empty() { source.trim() } else { message }.to_owned(),
            has_message: !message.is_empty(),
            message_expression,
            refusal: reason(body).unwrap_or(Refusal::Invalid),
            field_path: declared_path(text(body, "fieldPath"), seen).ok().map(|(path, _)| path),
            takes_optional_old,
        };
        self.check_old(&rule, body, path, here);
        Some(rule)
    }

    fn program(
        &mut self,
        source: &str,
        environment: &Environment,
        path: &FieldPath,
        wanted: &Type,
        words: &str,
    ) -> Option<Program> {
        let invalid =
            |detail: String| FieldError::of(path.clone(), Refusal::Invalid, &Json::from(source), detail);
        match Program::compile(source, environment) {
            Ok(program) if std::mem::discriminant(program.type_()) == std::mem::discriminant(wanted) => {
                Some(program)
            }
            Ok(_) => {
                self.errors.push(invalid(words.to_owned()));
                None
            }
            Err(error) => {
                self.errors.push(invalid(format!("compilation failed: {error}")));
                None
            }
        }
    }

    fn check_old(&mut self, rule: &Rule, body: &Json, path: &FieldPath, here: &Here) {
        if !rule.uses_old() {
            if let Some(given) = body.get("optionalOldSelf").filter(|given| !given.is_null()) {
                let words = "may not be set if oldSelf is not used in rule";
                self.errors.push(FieldError::of(
                    path.field("optionalOldSelf"),
                    Refusal::Invalid,
                    given,
                    words,
                ));
            }
        } else if let Some(list) = &here.uncorrelatable {
            let detail =
                format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {list}");
            let rule = body.get("rule").unwrap_or(&Json::Null);
            self.errors.push(FieldError::of(path.field("rule"), Refusal::Invalid, rule, detail));
        }
    }
}

/// The variables of rules at a place; `None` if nothing is known of its values.
fn environment(seen: &Arc<Schema>, takes_optional_old: bool) -> Option<Environment> {
    let type_ = declared(seen)?;
    let old = if takes_optional_old { Type::optional(type_.clone()) } else { type_.clone() };
    Some(Environment::new().with_schema(SELF, type_, seen).with_schema(OLD_SELF, old, seen))
}

/// What is wrong with a rule besides its expressions.
fn malformed(body: &Json, path: &FieldPath, seen: &Arc<Schema>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (rule, message) = (text(body, "rule"), text(body, "message"));
    let has_lines = |text: &str| text.trim().contains(['\n', '\r']);
    let mut refuse = |field: &str, words: &str| {
        let found = body.get(field).unwrap_or(&Json::Null);
        errors.push(FieldError::of(path.field(field), Refusal::Invalid, found, words));
    };
    if !message.is_empty() && message.trim().is_empty() {
        refuse("message", "must be non-empty if specified");
    } else if has_lines(message) {
        refuse("message", "must not contain line breaks");
    }
    let field_path = text(body, "fieldPath");
    if !field_path.is_empty() && field_path.trim().is_empty() {
        refuse("fieldPath", "must be non-empty if specified");
    } else if !field_path.is_empty() && declared_path(field_path, seen).is_err() {
        refuse("fieldPath", "must be a valid path");
    }
    if rule.trim().is_empty() {
        errors.push(FieldError::required(path.field("rule"), "rule is not specified"));
    } else if has_lines(rule) && message.trim().is_empty() {
        errors.push(FieldError::required(
            path.field("message"),
            "message must be specified if rule contains line breaks",
        ));
    }
    let expression = text(body, "messageExpression");
    if !expression.is_empty() && expression.trim().is_empty() {
        let words = "messageExpression must be non-empty if specified";
        errors.push(FieldError::required(path.field("messageExpression"), words));
    }
    if !text(body, "reason").is_empty() && reason(body).is_none() {
        let known: Vec<String> = REASONS.iter().map(|(name, _)| format!("{name:?}")).collect();
        let found = body.get("reason").unwrap_or(&Json::Null);
        let detail = format!("supported values: {}", known.join(", "));
        errors.push(FieldError::of(path.field("reason"), Refusal::NotSupported, found, detail));
    }
    errors
}

fn reason(body: &Json) -> Option<Refusal> {
    let name = text(body, "reason");
    REASONS.into_iter().find(|(known, _)| *known == name).map(|(_, refusal)| refusal)
}

fn text<'a>(body: &'a Json, field: &str) -> &'a str {
    body.get(field).and_then(Json::as_str).unwrap_or_default()
}

fn has_rules(schema: &Schema) -> bool {
    !schema.rules.is_empty()
        || schema.properties.values().chain(&schema.values).chain(&schema.items).any(|below| has_rules(below))
}
