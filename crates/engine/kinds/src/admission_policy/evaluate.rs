//! A policy held against a request.

use bythos_cel::{Binding, Fault, OBJECT_BUDGET, Program, Value as CelValue};
use serde_json::Value;

use super::{AdmissionPolicy, Denial, DenialReason, Findings, PolicyInput, Validation};

/// What one expression may cost, and all conditions together.
const EXPRESSION_BUDGET: u64 = 1_000_000;
const CONDITIONS_BUDGET: u64 = 2_500_000;
/// The longest message that an expression may give, and the longest annotation, in bytes.
const MESSAGE_BYTES_MAX: usize = 5 * 1024;
const ANNOTATION_BYTES_MAX: usize = 10 * 1024;

impl AdmissionPolicy {
    /// Everything that the policy finds wrong with a request that it matches.
    pub fn evaluate(&self, input: PolicyInput<'_>) -> Findings {
        self.decide(input).unwrap_or_else(|problem| self.failed(problem))
    }

    /// What a failure of the policy itself means for the request.
    pub fn failed(&self, message: String) -> Findings {
        let denial = Denial { message, reason: DenialReason::Invalid };
        Findings {
            denials: self.fails_closed.then_some(denial).into_iter().collect(),
            annotations: Vec::new(),
        }
    }

    fn decide(&self, input: PolicyInput<'_>) -> Result<Findings, String> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let mut run =
            Run { bindings: bindings(input).map_err(|fault| fault.to_string())?, budget: CONDITIONS_BUDGET };
        if !self.is_meant(&mut run)? {
            return Ok(Findings::default());
        }
        run.bindings.push(Binding::Value(json(input.namespace).map_err(|fault| fault.to_string())?));
        run.bindings.extend(self.variables.iter().map(Binding::lazy));
        run.budget = OBJECT_BUDGET;
        let mut findings = Findings::default();
        for validation in &self.validations {
            match run.value(&validation.program) {
                Ok(CelValue::Bool(true)) => {}
                Ok(_) => findings.denials.push(denial(validation, &mut run)),
                Err(fault) => {
                    let expression = &validation.expression;
                    let failed = self.failed(format!("expression '{expression}' resulted in error: {fault}"));
                    findings.denials.extend(failed.denials);
                }
            }
        }
        self.annotate(&mut run, &mut findings);
        Ok(findings)
    }

    /// Whether all conditions hold. One that does not makes errors of the others of no account.
    fn is_meant<'a>(&'a self, run: &mut Run<'a>) -> Result<bool, String> {
        let mut problem = None;
        for condition in &self.conditions {
            match run.value(&condition.program) {
                Ok(CelValue::Bool(true)) => {}
                Ok(_) => return Ok(false),
                Err(fault) => {
                    let name = &condition.name;
                    problem =
                        problem.or(Some(format!("match condition {name:?} resulted in error: {fault}")));
                }
            }
        }
        problem.map_or(Ok(true), Err)
    }

    fn annotate<'a>(&'a self, run: &mut Run<'a>, findings: &mut Findings) {
        for annotation in &self.annotations {
            match run.value(&annotation.program) {
                Ok(CelValue::String(text)) if !text.trim().is_empty() => {
                    let value = cut(text.trim(), ANNOTATION_BYTES_MAX).to_owned();
                    findings.annotations.push((annotation.key.clone(), value));
                }
                Ok(CelValue::String(_) | CelValue::Null) => {}
                Ok(_) => {
                    let message =
                        format!("audit annotation {:?} is neither a string nor null", annotation.key);
                    findings.denials.extend(self.failed(message).denials);
                }
                Err(fault) => {
                    let message = format!("audit annotation {:?} resulted in error: {fault}", annotation.key);
                    findings.denials.extend(self.failed(message).denials);
                }
            }
        }
    }
}

struct Run<'a> {
    bindings: Vec<Binding<'a>>,
    budget: u64,
}

impl<'a> Run<'a> {
    fn value(&mut self, program: &'a Program) -> Result<CelValue<'a>, Fault> {
        let allowed = self.budget.min(EXPRESSION_BUDGET);
        let mut left = allowed;
        let outcome = program.evaluate(&self.bindings, &mut left);
        self.budget -= allowed - left;
        outcome
    }
}

fn bindings(input: PolicyInput<'_>) -> Result<Vec<Binding<'_>>, Fault> {
    let PolicyInput { object, old_object, request, parameters, namespace: _ } = input;
    let values = [object, old_object, Some(request), parameters];
    values.into_iter().map(|value| json(value).map(Binding::Value)).collect()
}

fn json(value: Option<&Value>) -> Result<CelValue<'_>, Fault> {
    value.map_or(Ok(CelValue::Null), |value| CelValue::from_json(value, None))
}

fn denial<'a>(validation: &'a Validation, run: &mut Run<'a>) -> Denial {
    let written = validation.message_expression.as_ref().and_then(|program| match run.value(program) {
        Ok(CelValue::String(text)) => Some(text.trim().to_owned()),
        _ => None,
    });
    let can_be_shown =
        |text: &String| !text.is_empty() && text.len() <= MESSAGE_BYTES_MAX && !text.contains('\n');
    let message = written.filter(can_be_shown).unwrap_or_else(|| match validation.message.as_str() {
        "" => format!("failed expression: {}", validation.expression),
        message => message.to_owned(),
    });
    Denial { message, reason: validation.reason }
}

/// The text up to a number of bytes.
fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}
