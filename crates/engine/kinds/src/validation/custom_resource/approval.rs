//! Groups of the Kubernetes community: their definitions say where they were approved.

use bythos_schema::{FieldError, FieldPath, Refusal};

use crate::fields::text;
use crate::spot::Spot;

const ANNOTATION: &str = "api-approved.kubernetes.io";

pub(super) fn check(definition: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let group = text(definition.value(), "spec.group");
    let is_protected = ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|owned| group.strip_suffix(owned).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    if !is_protected {
        return;
    }
    let path = FieldPath::root().field("metadata").field("annotations").key(ANNOTATION);
    let annotation = &definition.value()["metadata"]["annotations"][ANNOTATION];
    match annotation.as_str().unwrap_or_default() {
        "" => errors.push(FieldError::required(
            path,
            format!(
                "protected groups must have approval annotation {ANNOTATION:?}, see \
                 https://github.com/kubernetes/enhancements/pull/1111"
            ),
        )),
        written if written.starts_with("unapproved") || is_address(written) => {}
        _ => errors.push(FieldError::of(
            path,
            Refusal::Invalid,
            annotation,
            "must be the address of the change that approved it, or begin with \"unapproved\"",
        )),
    }
}

fn is_address(text: &str) -> bool {
    let host = text.split_once("://").map(|(_, rest)| rest);
    host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
}
