//! Containers of a pod or of a template.

use serde_json::{Value, json};

use super::quantity;
use crate::fields::{entries, fill, fill_zero, items_in, make_object, text};

pub(crate) fn default(container: &mut Value) {
    let policy = pull_policy(text(container, "image"));
    fill(container, "imagePullPolicy", policy);
    fill(container, "terminationMessagePath", "/dev/termination-log");
    fill(container, "terminationMessagePolicy", "File");
    fill(container, "resources", json!({}));
    quantity::canonicalise_resources(container.get_mut("resources"));
    for port in items_in(container, "ports") {
        fill(port, "protocol", "TCP");
    }
    for variable in items_in(container, "env") {
        if let Some(field) = variable.get_mut("valueFrom").and_then(|source| source.get_mut("fieldRef")) {
            fill(field, "apiVersion", "v1");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        container.get_mut(probe).into_iter().for_each(default_probe);
    }
    for hook in ["postStart", "preStop"] {
        let handler = container.get_mut("lifecycle").and_then(|lifecycle| lifecycle.get_mut(hook));
        handler.into_iter().for_each(default_http_get);
    }
}

/// A tag that may move is pulled each time.
fn pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    let name = image.rsplit('/').next().unwrap_or_default();
    match name.split_once(':') {
        Some((_, tag)) if tag != "latest" => "IfNotPresent",
        _ => "Always",
    }
}

fn default_probe(probe: &mut Value) {
    fill_zero(probe, "timeoutSeconds", 1);
    fill_zero(probe, "periodSeconds", 10);
    fill_zero(probe, "successThreshold", 1);
    fill_zero(probe, "failureThreshold", 3);
    default_http_get(probe);
    if let Some(grpc) = probe.get_mut("grpc") {
        fill(grpc, "service", "");
    }
}

fn default_http_get(handler: &mut Value) {
    if let Some(get) = handler.get_mut("httpGet") {
        fill(get, "path", "/");
        fill(get, "scheme", "HTTP");
    }
}

/// Without a request of its own, a container requests what it is limited to.
pub(super) fn request_what_is_limited(container: &mut Value) {
    let limits: Vec<(String, Value)> =
        entries(container, "resources.limits").map(|(name, amount)| (name.clone(), amount.clone())).collect();
    if limits.is_empty() {
        return;
    }
    let requests = container.get_mut("resources").and_then(|resources| make_object(resources, "requests"));
    let Some(requests) = requests else { return };
    for (name, amount) in limits {
        fill(requests, &name, amount);
    }
}

/// In the host's network, a port of the container is a port of the host.
pub(super) fn open_on_host(container: &mut Value) {
    for port in items_in(container, "ports") {
        if let Some(number) = port["containerPort"].as_i64() {
            fill_zero(port, "hostPort", number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn images_are_pulled_again_only_where_their_tag_may_move() {
        let cases = [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("registry:5000/nginx", "Always"),
            ("registry:5000/nginx:1.27", "IfNotPresent"),
            ("nginx:1", "IfNotPresent"),
            ("nginx@sha256:0123", "IfNotPresent"),
            ("nginx:latest@sha256:0123", "IfNotPresent"),
        ];
        for (image, expected) in cases {
            assert_eq!(pull_policy(image), expected, "{image}");
        }
    }
}
