//! Admission policies and their bindings.

use super::{age, column};
use crate::Column;
use crate::fields::{at, items, text};

pub(crate) fn policy() -> Vec<Column> {
    vec![
        column("Validations", |policy| items(policy, "spec.validations").len().into()),
        column("ParamKind", |policy| match text(policy, "spec.paramKind.kind") {
            "" => "<unset>".into(),
            kind => format!("{}/{kind}", text(policy, "spec.paramKind.apiVersion")).into(),
        }),
        age(),
    ]
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
