//! MutatingWebhookConfigurations and ValidatingWebhookConfigurations:
//! `pkg/apis/admissionregistration/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use super::admission_policy::{FAILURES, REINVOCATIONS, check_rule};
use super::check_port_number;
use crate::names;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

/// Versions of the question that upstream's API server puts.
const REVIEWS: [&str; 2] = ["v1", "v1beta1"];
const TIMEOUT_SECONDS_MAX: i64 = 30;

pub(crate) fn validating(configuration: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(configuration), Vec::new());
    let hooks = root.field("webhooks");
    hooks.check_unique("name", &mut errors);
    hooks.items().for_each(|hook| check_webhook(&hook, &mut errors));
    errors
}

pub(crate) fn mutating(configuration: &Value) -> Vec<FieldError> {
    let mut errors = validating(configuration);
    for hook in Spot::root(configuration).field("webhooks").items() {
        hook.field("reinvocationPolicy").check_supported(&REINVOCATIONS, &mut errors);
    }
    errors
}

fn check_webhook(hook: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if hook.field("name").check_given("", errors) {
        hook.field("name").check_text(names::fully_qualified_name, errors);
    }
    check_reviews(&hook.field("admissionReviewVersions"), errors);
    hook.field("rules").items().for_each(|rule| check_rule(&rule, errors));
    hook.field("failurePolicy").check_supported(&FAILURES, errors);
    hook.field("matchPolicy").check_supported(&["Equivalent", "Exact"], errors);
    hook.field("sideEffects").check_supported(&["None", "NoneOnDryRun"], errors);
    let timeout = hook.field("timeoutSeconds");
    if timeout.integer().is_some_and(|seconds| !(1..=TIMEOUT_SECONDS_MAX).contains(&seconds)) {
        errors.push(timeout.invalid("the timeout value must be between 1 and 30 seconds"));
    }
    for selector in ["namespaceSelector", "objectSelector"] {
        if hook.field(selector).is_set() {
            validate_label_selector(&hook.field(selector), errors);
        }
    }
    check_conditions(&hook.field("matchConditions"), errors);
    check_client(&hook.field("clientConfig"), errors);
}

fn check_reviews(versions: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if !versions.check_given("must specify one of v1, v1beta1", errors) {
        return;
    }
    if !versions.items().any(|version| REVIEWS.contains(&version.text())) {
        errors.push(versions.invalid("must include at least one of v1, v1beta1"));
    }
    for version in versions.items() {
        version.check_text(names::rfc1035_label, errors);
    }
}

fn check_conditions(conditions: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    conditions.check_unique("name", errors);
    for condition in conditions.items() {
        if condition.field("name").check_given("", errors) {
            condition.field("name").check_text(names::qualified_name, errors);
        }
        condition.field("expression").check_given("", errors);
    }
}

fn check_client(client: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (url, service) = (client.field("url"), client.field("service"));
    match (url.is_set(), service.is_set()) {
        (true, false) => check_url(&url, errors),
        (false, true) => check_service(&service, errors),
        _ => errors.push(client.required("exactly one of url or service is required")),
    }
}

fn check_url(url: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let Some(rest) = url.text().strip_prefix("https://") else {
        errors
            .push(url.invalid("'https' is the only allowed URL scheme; desired format: https://host[/path]"));
        return;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() {
        errors.push(url.invalid("host must be specified; desired format: https://host[/path]"));
    }
    for (part, name) in [('@', "user information is"), ('?', "query parameters are"), ('#', "fragments are")]
    {
        if rest.contains(part) {
            errors.push(url.invalid(format!("{name} not permitted in the URL")));
        }
    }
}

/// Checks the service of a webhook, or of an API that a server behind this one answers.
pub(super) fn check_service(service: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    service.field("name").check_given("service name is required", errors);
    service.field("namespace").check_given("service namespace is required", errors);
    if service.field("port").is_set() {
        check_port_number(&service.field("port"), errors);
    }
    let path = service.field("path");
    if path.is_set() && !path.text().starts_with('/') {
        errors.push(path.invalid("must start with a '/'"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    fn good() -> Value {
        json!({
            "name": "pods.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {"service": {"name": "web", "namespace": "shop", "port": 443, "path": "/pods"}},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut hook = good();
        hook[field] = value;
        json!({ "webhooks": [hook] })
    }

    #[test]
    fn a_webhook_says_where_it_is_and_what_it_is_asked() {
        check(&validating(&json!({ "webhooks": [good()] })), &[]);
        let cases = [
            (
                "name",
                json!("pods"),
                "name: Invalid value: \"pods\": should be a domain with at least three segments separated by dots",
            ),
            (
                "admissionReviewVersions",
                json!([]),
                "admissionReviewVersions: Required value: must specify one of v1, v1beta1",
            ),
            (
                "admissionReviewVersions",
                json!(["v2"]),
                "admissionReviewVersions: Invalid value: [\"v2\"]: must include at least one of v1, v1beta1",
            ),
            (
                "sideEffects",
                json!("Some"),
                "sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"",
            ),
            (
                "timeoutSeconds",
                json!(31),
                "timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
            ),
            (
                "clientConfig",
                json!({}),
                "clientConfig: Required value: exactly one of url or service is required",
            ),
            (
                "clientConfig",
                json!({"service": {"name": "web"}}),
                "clientConfig.service.namespace: Required value: service namespace is required",
            ),
            ("matchConditions", json!([{"name": "a"}]), "matchConditions[0].expression: Required value"),
        ];
        for (field, value, expected) in cases {
            check(&validating(&with(field, value)), &[&format!("webhooks[0].{expected}")]);
        }
        let twice = json!({ "webhooks": [good(), good()] });
        check(&validating(&twice), &[r#"webhooks[1].name: Duplicate value: "pods.example.com""#]);
    }

    #[test]
    fn a_url_is_one_of_https_alone() {
        for (url, words) in [
            ("http://a.b", "only allowed URL scheme"),
            ("https:///x", "host must be specified"),
            ("https://a:b@c", "user information is not permitted"),
            ("https://a/?b=c", "query parameters are not permitted"),
        ] {
            let errors = validating(&with("clientConfig", json!({ "url": url })));
            assert!(errors.iter().any(|error| error.detail.contains(words)), "{url}: {errors:?}");
        }
        check(&validating(&with("clientConfig", json!({"url": "https://127.0.0.1:8443/x"}))), &[]);
    }

    #[test]
    fn only_what_mutates_is_called_again() {
        let errors = mutating(&with("reinvocationPolicy", json!("Always")));
        check(
            &errors,
            &[
                r#"webhooks[0].reinvocationPolicy: Unsupported value: "Always": supported values: "IfNeeded", "Never""#,
            ],
        );
    }
}
