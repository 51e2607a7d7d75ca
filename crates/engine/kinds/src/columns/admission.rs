//! Admission policies, their bindings, and webhooks.

use serde_json::Value;

use super::{age, column, count};
use crate::Column;
use crate::fields::{at, items, text};

pub(crate) fn mutating_policy() -> Vec<Column> {
    vec![
        count("Mutations", |policy| items(policy, "spec.mutations").len().into()),
        column("ParamKind", kind_of_parameters),
        age(),
    ]
}

pub(crate) fn validating_policy() -> Vec<Column> {
    vec![
        count("Validations", |policy| items(policy, "spec.validations").len().into()),
        column("ParamKind", kind_of_parameters),
        age(),
    ]
}

fn kind_of_parameters(policy: &Value) -> Value {
    match text(policy, "spec.paramKind.kind") {
        "" => "<unset>".into(),
        kind => format!("{}/{kind}", text(policy, "spec.paramKind.apiVersion")).into(),
    }
}

pub(crate) fn webhooks() -> Vec<Column> {
    vec![count("Webhooks", |configuration| items(configuration, "webhooks").len().into()), age()]
}

pub(crate) fn binding() -> Vec<Column> {
    vec![
        column("PolicyName", |binding| text(binding, "spec.policyName").into()),
        column("ParamRef", |binding| match at(binding, "spec.paramRef") {
            reference if reference.is_null() => "<unset>".into(),
            reference => match (text(reference, "namespace"), text(reference, "name")) {
                (_, "") => "<unset>".into(),
                ("", name) => name.into(),
                (namespace, name) => format!("{namespace}/{name}").into(),
            },
        }),
        age(),
    ]
}
