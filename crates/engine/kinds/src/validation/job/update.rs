//! What an update of a Job may change: how many pods run, whether they run, and for how long.

use bythos_schema::FieldError;
use serde_json::Value;

use crate::fields::{at, integer};
use crate::spot::Spot;
use crate::validation::check_immutable;

/// Where pods of a Job that has not begun may still be sent.
const PLACING: [&str; 5] = ["nodeSelector", "affinity", "tolerations", "schedulingGates", "nodeName"];

pub(crate) fn validate_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let (spec, old_spec) = (root.field("spec"), &old["spec"]);
    check_completions(&spec, old_spec, &mut errors);
    check_immutable(&spec.field("selector"), &old_spec["selector"], &mut errors);
    check_template(&spec.field("template"), old, &mut errors);
    for field in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"]
    {
        check_immutable(&spec.field(field), &old_spec[field], &mut errors);
    }
    errors
}

/// An Indexed Job grows and shrinks by `completions` and `parallelism` together.
fn check_completions(spec: &Spot<'_, '_>, old: &Value, errors: &mut Vec<FieldError>) {
    let completions = spec.field("completions");
    if *completions.value() == old["completions"] {
        return;
    }
    let is_elastic = spec.field("completionMode").text() == "Indexed"
        && completions.is_set()
        && integer(old, "completions") == integer(old, "parallelism");
    if !is_elastic {
        errors.push(completions.invalid("field is immutable"));
    } else if completions.integer() != spec.field("parallelism").integer() {
        errors.push(completions.invalid("can only be modified in tandem with parallelism"));
    }
}

fn check_template(template: &Spot<'_, '_>, old: &Value, errors: &mut Vec<FieldError>) {
    let is_suspended = at(old, "spec.suspend").as_bool().unwrap_or_default();
    let may_move = is_suspended && at(old, "status.startTime").is_null();
    let old_template = at(old, "spec.template");
    if !may_move {
        return check_immutable(template, old_template, errors);
    }
    if unplaced(template.value()) != unplaced(old_template) {
        errors.push(template.invalid("field is immutable"));
    }
}

/// The template without what may change before the Job begins.
fn unplaced(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(Value::Object(metadata)) = template.get_mut("metadata") {
        metadata.remove("labels");
        metadata.remove("annotations");
    }
    if let Some(Value::Object(spec)) = template.get_mut("spec") {
        for field in PLACING {
            spec.remove(field);
        }
    }
    template
}
