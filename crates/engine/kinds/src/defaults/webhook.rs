//! MutatingWebhookConfigurations and ValidatingWebhookConfigurations.

use serde_json::{Value, json};

use crate::fields::{fill, items_in};

const TIMEOUT_SECONDS: i64 = 10;
const HTTPS_PORT: i64 = 443;

pub(crate) fn validating(configuration: &mut Value) {
    items_in(configuration, "webhooks").for_each(webhook);
}

pub(crate) fn mutating(configuration: &mut Value) {
    for hook in items_in(configuration, "webhooks") {
        webhook(hook);
        fill(hook, "reinvocationPolicy", "Never");
    }
}

fn webhook(hook: &mut Value) {
    fill(hook, "failurePolicy", "Fail");
    fill(hook, "matchPolicy", "Equivalent");
    fill(hook, "namespaceSelector", json!({}));
    fill(hook, "objectSelector", json!({}));
    fill(hook, "timeoutSeconds", TIMEOUT_SECONDS);
    if let Some(client) = hook.get_mut("clientConfig") {
        service(client);
    }
    items_in(hook, "rules").for_each(|rule| fill(rule, "scope", "*"));
}

/// The service of a webhook, or of an API that a server behind this one answers.
pub(crate) fn service(of: &mut Value) {
    if let Some(service) = of.get_mut("service") {
        fill(service, "port", HTTPS_PORT);
    }
}
