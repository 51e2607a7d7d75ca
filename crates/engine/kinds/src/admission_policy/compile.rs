//! From the object to programs, with everything that is wrong with its expressions.

use bythos_cel::{Environment, Program, Type};
use bythos_schema::{FieldError, Refusal};
use serde_json::Value;

use super::{AdmissionPolicy, Annotation, Condition, DenialReason, MatchResources, Validation};
use crate::fields::{at, text};
use crate::spot::Spot;

/// How deep variables may be made of one another. Each level is one more on the stack of the one who evaluates.
const VARIABLES_MAX: usize = 50;

impl AdmissionPolicy {
    /// Compiles a policy. One with which something is wrong refuses or passes everything it matches, as its
    /// `failurePolicy` says; what is wrong has paths from the root of the object.
    pub fn compile(policy: &Value) -> (AdmissionPolicy, Vec<FieldError>) {
        let root = Spot::root(policy);
        let spec = root.field("spec");
        let mut compiler = Compiler { errors: Vec::new() };
        let kind = at(policy, "spec.paramKind");
        let base = base_environment(kind.is_object());
        let conditions = compiler.conditions(&spec.field("matchConditions"), &base);
        let base = base.with("namespaceObject", Type::Dyn);
        let (variables, environment) = compiler.variables(&spec.field("variables"), base);
        let validations = compiler.validations(&spec.field("validations"), &environment);
        let annotations = compiler.annotations(&spec.field("auditAnnotations"), &environment);
        let constraints = MatchResources::parse(at(policy, "spec.matchConstraints"));
        let constraints = constraints.unwrap_or_else(|problem| {
            compiler.errors.push(spec.field("matchConstraints").invalid_value("", problem));
            MatchResources::default()
        });
        let errors = compiler.errors;
        let policy = AdmissionPolicy {
            constraints,
            parameter_kind: kind
                .is_object()
                .then(|| (text(kind, "apiVersion").to_owned(), text(kind, "kind").to_owned())),
            fails_closed: text(policy, "spec.failurePolicy") != "Ignore",
            conditions,
            variables,
            validations,
            annotations,
            broken: errors.first().map(ToString::to_string),
        };
        (policy, errors)
    }
}

/// The variables that every expression of a policy may use, in the order in which they are handed over.
fn base_environment(has_parameters: bool) -> Environment {
    let environment =
        Environment::new().with("object", Type::Dyn).with("oldObject", Type::Dyn).with("request", Type::Dyn);
    // Without a kind of parameters upstream does not know the name.
    environment.with(if has_parameters { "params" } else { "no.params" }, Type::Dyn)
}

struct Compiler {
    errors: Vec<FieldError>,
}

impl Compiler {
    fn conditions(&mut self, all: &Spot<'_, '_>, environment: &Environment) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for condition in all.items() {
            let name = condition.field("name");
            if name.is_empty() {
                self.errors.push(name.required(""));
            }
            let program = self.program(&condition.field("expression"), environment, Some(&Type::Bool));
            conditions.extend(program.map(|program| Condition { name: name.text().to_owned(), program }));
        }
        conditions
    }

    fn variables(&mut self, all: &Spot<'_, '_>, base: Environment) -> (Vec<Program>, Environment) {
        let (mut programs, mut environment) = (Vec::new(), base);
        let mut known = std::collections::BTreeSet::new();
        for variable in all.items() {
            let name = variable.field("name");
            if !is_identifier(name.text()) {
                self.errors.push(name.invalid("name is not a valid CEL identifier"));
            } else if !known.insert(name.text()) {
                self.errors.push(name.duplicate());
            }
            if let Some(program) = self.program(&variable.field("expression"), &environment, None) {
                environment =
                    environment.with(&format!("variables.{}", name.text()), program.type_().clone());
                programs.push(program);
            }
        }
        if programs.len() > VARIABLES_MAX {
            let detail = format!("must have at most {VARIABLES_MAX} items");
            let count = Value::from(programs.len());
            self.errors.push(FieldError::of(all.path(), Refusal::TooMany, &count, detail));
        }
        (programs, environment)
    }

    fn validations(&mut self, all: &Spot<'_, '_>, environment: &Environment) -> Vec<Validation> {
        let mut validations = Vec::new();
        for validation in all.items() {
            let expression = validation.field("expression");
            let reason = DenialReason::parse(validation.field("reason").text());
            if reason.is_none() {
                let known = ["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];
                validation.field("reason").check_supported(&known, &mut self.errors);
            }
            let message = validation.field("message");
            if message.text().trim().contains('\n') {
                self.errors.push(message.invalid("message must not contain line breaks"));
            } else if message.is_set() && message.text().trim().is_empty() {
                self.errors.push(message.invalid("message must be non-empty if specified"));
            } else if expression.text().trim().contains('\n') && message.text().is_empty() {
                self.errors
                    .push(message.required("message must be specified if expression contains line breaks"));
            }
            let written = validation.field("messageExpression");
            let message_expression = if written.is_empty() {
                None
            } else {
                self.program(&written, environment, Some(&Type::String))
            };
            let Some(program) = self.program(&expression, environment, Some(&Type::Bool)) else { continue };
            validations.push(Validation {
                program,
                expression: expression.text().trim().to_owned(),
                message: message.text().trim().to_owned(),
                message_expression,
                reason: reason.unwrap_or(DenialReason::Invalid),
            });
        }
        validations
    }

    fn annotations(&mut self, all: &Spot<'_, '_>, environment: &Environment) -> Vec<Annotation> {
        let mut annotations = Vec::new();
        for annotation in all.items() {
            let key = annotation.field("key");
            if key.is_empty() {
                self.errors.push(key.required(""));
            }
            let program = self.program(&annotation.field("valueExpression"), environment, None);
            annotations.extend(program.map(|program| Annotation { key: key.text().to_owned(), program }));
        }
        annotations
    }

    fn program(
        &mut self,
        expression: &Spot<'_, '_>,
        environment: &Environment,
        wanted: Option<&Type>,
    ) -> Option<Program> {
        if expression.text().trim().is_empty() {
            self.errors.push(expression.required("expression is not specified"));
            return None;
        }
        match Program::compile(expression.text(), environment) {
            Ok(program) => {
                let found = program.type_();
                let fits = wanted.is_none_or(|wanted| {
                    matches!(found, Type::Dyn)
                        || std::mem::discriminant(found) == std::mem::discriminant(wanted)
                });
                if !fits {
                    let wanted = wanted.map(ToString::to_string).unwrap_or_default();
                    self.errors.push(expression.invalid(format!("must evaluate to {wanted}, found {found}")));
                }
                fits.then_some(program)
            }
            Err(error) => {
                self.errors.push(expression.invalid(format!("compilation failed: {error}")));
                None
            }
        }
    }
}

fn is_identifier(name: &str) -> bool {
    bythos_cel::escape(name).as_deref() == Some(name)
}
