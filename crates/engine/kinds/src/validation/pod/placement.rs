//! Where a pod may run: tolerations, affinity, spreading.

use bythos_schema::FieldError;

use super::check_supported;
use crate::names;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub(super) fn check(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for toleration in spec.field("tolerations").items() {
        check_toleration(&toleration, errors);
    }
    let affinity = spec.field("affinity");
    check_node_affinity(&affinity.field("nodeAffinity"), errors);
    for kind in ["podAffinity", "podAntiAffinity"] {
        check_pod_affinity(&affinity.field(kind), errors);
    }
    for constraint in spec.field("topologySpreadConstraints").items() {
        check_spread(&constraint, errors);
    }
}

fn check_toleration(toleration: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (key, operator) = (toleration.field("key"), toleration.field("operator"));
    let (effect, value) = (toleration.field("effect"), toleration.field("value"));
    if !key.is_empty() {
        key.check_text(names::qualified_name, errors);
    } else if operator.text() != "Exists" {
        errors.push(operator.invalid(
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
        ));
    }
    if toleration.field("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
        errors.push(effect.invalid("effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    // The place is that of the operator, as upstream has it.
    match operator.text() {
        "Exists" if !value.is_empty() => {
            errors.push(operator.invalid_value(
                toleration.value().clone(),
                "value must be empty when `operator` is 'Exists'",
            ));
        }
        "" | "Equal" => {
            let complaints = names::label_value(value.text());
            errors.extend(complaints.into_iter().map(|words| operator.invalid_value(value.text(), words)));
        }
        _ => {}
    }
    check_supported(&operator, &["Equal", "Exists"], errors);
    check_supported(&effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"], errors);
}

fn check_node_affinity(affinity: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let required = affinity.field(REQUIRED);
    let terms = required.field("nodeSelectorTerms");
    if required.is_set() && terms.is_empty() {
        errors.push(terms.required("must have at least one node selector term"));
    }
    for term in terms.items() {
        check_node_term(&term, errors);
    }
    for preference in affinity.field(PREFERRED).items() {
        check_weight(&preference, errors);
        check_node_term(&preference.field("preference"), errors);
    }
}

fn check_node_term(term: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for requirement in term.field("matchExpressions").items() {
        check_node_labels(&requirement, errors);
    }
    for requirement in term.field("matchFields").items() {
        check_node_fields(&requirement, errors);
    }
}

fn check_node_labels(requirement: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (operator, values) = (requirement.field("operator"), requirement.field("values"));
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            errors.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors
                .push(values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        }
        "Gt" | "Lt" if values.items().count() != 1 => {
            errors.push(values.required("must be specified single value when `operator` is 'Lt' or 'Gt'"));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        _ => errors.push(operator.invalid("not a valid selector operator")),
    }
    requirement.field("key").check_text(names::qualified_name, errors);
}

/// The one field by which a node is chosen is its name.
fn check_node_fields(requirement: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (operator, values) = (requirement.field("operator"), requirement.field("values"));
    match operator.text() {
        "In" | "NotIn" if values.items().count() != 1 => {
            let words = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(values.required(words));
        }
        "In" | "NotIn" => {}
        _ => errors.push(operator.invalid("not a valid selector operator")),
    }
    let key = requirement.field("key");
    if key.text() == "metadata.name" {
        values.items().for_each(|name| name.check_text(names::rfc1123_subdomain, errors));
    } else {
        errors.push(key.invalid("not a valid field selector key"));
    }
}

fn check_pod_affinity(affinity: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for term in affinity.field(REQUIRED).items() {
        check_pod_term(&term, errors);
    }
    for weighted in affinity.field(PREFERRED).items() {
        check_weight(&weighted, errors);
        check_pod_term(&weighted.field("podAffinityTerm"), errors);
    }
}

fn check_pod_term(term: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for selector in ["labelSelector", "namespaceSelector"] {
        validate_label_selector(&term.field(selector), errors);
    }
    for namespace in term.field("namespaces").items() {
        namespace.check_text(names::rfc1123_label, errors);
    }
    check_topology_key(&term.field("topologyKey"), errors);
}

fn check_weight(term: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let weight = term.field("weight");
    if !weight.integer().is_some_and(|weight| (1..=100).contains(&weight)) {
        errors.push(weight.invalid("must be in the range 1-100"));
    }
}

fn check_topology_key(key: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if key.is_empty() {
        errors.push(key.required("can not be empty"));
    } else {
        key.check_text(names::qualified_name, errors);
    }
}

/// That no constraint is there twice, the schema says.
fn check_spread(constraint: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    const STRICT: &str = "DoNotSchedule";
    let otherwise = constraint.field("whenUnsatisfiable");
    check_positive(&constraint.field("maxSkew"), errors);
    check_topology_key(&constraint.field("topologyKey"), errors);
    if !otherwise.is_set() {
        errors.push(otherwise.required(""));
    }
    otherwise.check_supported(&[STRICT, "ScheduleAnyway"], errors);
    let domains = constraint.field("minDomains");
    if domains.is_set() {
        check_positive(&domains, errors);
        if otherwise.text() != STRICT {
            let words =
                format!("can only use minDomains if whenUnsatisfiable={STRICT}, not {}", otherwise.text());
            errors.push(domains.invalid(words));
        }
    }
    for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        constraint.field(policy).check_supported(&["Honor", "Ignore"], errors);
    }
    validate_label_selector(&constraint.field("labelSelector"), errors);
}

fn check_positive(number: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if number.integer().unwrap_or_default() <= 0 {
        errors.push(number.invalid("must be greater than zero"));
    }
}
