//! APIServices: `kube-aggregator/pkg/apis/apiregistration/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use super::webhook::check_service;
use crate::names;
use crate::spot::Spot;

const GROUP_PRIORITY_MAX: i64 = 20_000;
const VERSION_PRIORITY_MAX: i64 = 1_000;

pub(crate) fn validate(service: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(service), Vec::new());
    let (metadata, spec) = (root.field("metadata"), root.field("spec"));
    let (group, version) = (spec.field("group"), spec.field("version"));
    let name = format!("{}.{}", version.text(), group.text());
    if metadata.field("name").text() != name {
        let words = format!("must be `spec.version+\".\"+spec.group`: {name:?}");
        errors.push(metadata.field("name").invalid(words));
    }
    if !group.is_empty() {
        group.check_text(names::rfc1123_subdomain, &mut errors);
    } else if version.text() != "v1" {
        errors.push(group.required("only v1 may have an empty group and it better be legacy kube"));
    }
    version.check_text(names::rfc1035_label, &mut errors);
    check_priority(&spec.field("groupPriorityMinimum"), GROUP_PRIORITY_MAX, &mut errors);
    check_priority(&spec.field("versionPriority"), VERSION_PRIORITY_MAX, &mut errors);
    check_server(&spec, &mut errors);
    errors
}

fn check_priority(priority: &Spot<'_, '_>, most: i64, errors: &mut Vec<FieldError>) {
    if !(1..=most).contains(&priority.integer().unwrap_or_default()) {
        errors.push(priority.invalid(format!("must be positive and less than {most}")));
    }
}

/// Who answers: a server behind a service, or without one this server itself.
fn check_server(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (service, authority) = (spec.field("service"), spec.field("caBundle"));
    let insecure = spec.field("insecureSkipTLSVerify");
    if service.is_set() {
        check_service(&service, errors);
    } else {
        if !authority.is_empty() {
            errors.push(authority.invalid("local APIServices may not have a caBundle"));
        }
        if insecure.is_true() {
            errors.push(insecure.invalid("local APIServices may not have insecureSkipTLSVerify"));
        }
    }
    if insecure.is_true() && !authority.is_empty() {
        errors.push(insecure.invalid("may not be true if caBundle is present"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    fn good() -> Value {
        json!({"metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": {"group": "metrics.k8s.io",
            "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true, "service": {"name": "metrics-server", "namespace": "kube-system"}}})
    }

    #[test]
    fn an_api_is_named_by_its_version_and_group_and_has_a_server() {
        check(&validate(&good()), &[]);
        let mut other = good();
        other["metadata"]["name"] = json!("metrics");
        other["spec"]["versionPriority"] = json!(0);
        other["spec"]["caBundle"] = json!("YQ==");
        other["spec"]["service"]["name"] = json!("");
        check(
            &validate(&other),
            &[
                "metadata.name: Invalid value: \"metrics\": must be `spec.version+\".\"+spec.group`: \"v1beta1.metrics.k8s.io\"",
                "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
                "spec.service.name: Required value: service name is required",
                "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
            ],
        );
        let mut local = good();
        local["spec"]["service"] = Value::Null;
        check(
            &validate(&local),
            &[
                "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
            ],
        );
    }
}
