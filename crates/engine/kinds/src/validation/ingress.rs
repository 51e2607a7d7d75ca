//! Ingresses.

use std::net::IpAddr;

use bythos_schema::FieldError;
use serde_json::Value;

use crate::names;
use crate::spot::Spot;

pub(crate) fn validate(ingress: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(ingress), Vec::new());
    let spec = root.field("spec");
    let (default_backend, rules) = (spec.field("defaultBackend"), spec.field("rules"));
    if default_backend.is_set() {
        check_backend(&default_backend, &mut errors);
    } else if rules.is_empty() {
        errors.push(spec.invalid("either `defaultBackend` or `rules` must be specified"));
    }
    let class = spec.field("ingressClassName");
    if class.is_set() {
        class.check_text(names::rfc1123_subdomain, &mut errors);
    }
    for rule in rules.items() {
        check_rule(&rule, &mut errors);
    }
    for tls in spec.field("tls").items() {
        for host in tls.field("hosts").items() {
            check_host(&host, &mut errors);
        }
        let secret = tls.field("secretName");
        if !secret.is_empty() {
            secret.check_text(names::rfc1123_subdomain, &mut errors);
        }
    }
    errors
}

fn check_rule(rule: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let host = rule.field("host");
    if !host.is_empty() {
        check_host(&host, errors);
    }
    let http = rule.field("http");
    if !http.is_set() {
        return;
    }
    let paths = http.field("paths");
    if paths.is_empty() {
        errors.push(paths.required(""));
    }
    for path in paths.items() {
        check_path(&path, errors);
        check_backend(&path.field("backend"), errors);
    }
}

fn check_host(host: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if host.text().parse::<IpAddr>().is_ok() {
        errors.push(host.invalid("must be a DNS name, not an IP address"));
    } else if host.text().contains('*') {
        host.check_text(names::wildcard_subdomain, errors);
    } else {
        host.check_text(names::rfc1123_subdomain, errors);
    }
}

fn check_path(rule: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (path, type_) = (rule.field("path"), rule.field("pathType"));
    match type_.text() {
        "" => errors.push(type_.required("pathType must be specified")),
        "Exact" | "Prefix" => {
            if !path.text().starts_with('/') {
                errors.push(path.invalid("must be an absolute path"));
            }
            let parts = ["//", "/./", "/../", "%2f", "%2F"];
            for part in parts.into_iter().filter(|part| path.text().contains(part)) {
                errors.push(path.invalid(format!("must not contain '{part}'")));
            }
            let ends = ["/..", "/."];
            for end in ends.into_iter().filter(|end| path.text().ends_with(end)) {
                errors.push(path.invalid(format!("cannot end with '{end}'")));
            }
        }
        "ImplementationSpecific" => {
            if !path.is_empty() && !path.text().starts_with('/') {
                errors.push(path.invalid("must be an absolute path"));
            }
        }
        _ => errors.push(type_.unsupported(&["Exact", "ImplementationSpecific", "Prefix"])),
    }
}

fn check_backend(backend: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (service, resource) = (backend.field("service"), backend.field("resource"));
    match (service.is_set(), resource.is_set()) {
        (true, true) => {
            errors.push(backend.invalid_value("", "cannot set both resource and service backends"));
        }
        (true, false) => check_service(&service, errors),
        (false, true) => {
            for field in ["kind", "name"] {
                if resource.field(field).is_empty() {
                    errors.push(resource.field(field).required(""));
                }
            }
        }
        (false, false) => errors.push(backend.invalid_value("", "resource or service backend is required")),
    }
}

fn check_service(service: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (name, port) = (service.field("name"), service.field("port"));
    if name.is_empty() {
        errors.push(name.required(""));
    } else {
        name.check_text(names::rfc1035_label, errors);
    }
    let (port_name, number) = (port.field("name"), port.field("number"));
    match (port_name.is_empty(), number.integer().unwrap_or_default()) {
        (true, 0) => errors.push(port.required("port name or number is required")),
        (false, 0) => port_name.check_text(names::port_name, errors),
        (true, _) => super::check_port_number(&number, errors),
        (false, _) => errors.push(port.invalid_value("", "cannot set both port name & port number")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(spec: Value, expected: &[&str]) {
        let found: Vec<String> = validate(&json!({ "spec": spec })).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, start) in found.iter().zip(expected) {
            assert!(found.starts_with(start), "{found}");
        }
    }

    #[track_caller]
    fn check_path(path: Value, expected: &[&str]) {
        check(json!({"rules": [{"host": "a.example.com", "http": {"paths": [path]}}]}), expected);
    }

    #[test]
    fn paths_are_absolute_and_say_how_they_match() {
        let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
        check_path(json!({"path": "/", "pathType": "Prefix", "backend": backend}), &[]);
        check_path(json!({"pathType": "ImplementationSpecific", "backend": backend}), &[]);
        check_path(
            json!({"path": "/", "backend": backend}),
            &["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"],
        );
        check_path(
            json!({"path": "a//b", "pathType": "Exact", "backend": backend}),
            &[
                r#"spec.rules[0].http.paths[0].path: Invalid value: "a//b": must be an absolute path"#,
                r#"spec.rules[0].http.paths[0].path: Invalid value: "a//b": must not contain '//'"#,
            ],
        );
        check_path(
            json!({"path": "/", "pathType": "Regex", "backend": backend}),
            &[
                r#"spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact""#,
            ],
        );
    }

    #[test]
    fn a_backend_is_a_service_with_one_port() {
        let with = |backend: Value| json!({"path": "/", "pathType": "Prefix", "backend": backend});
        check_path(
            with(json!({})),
            &[r#"spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service"#],
        );
        check_path(
            with(json!({"service": {"name": "web"}})),
            &[
                "spec.rules[0].http.paths[0].backend.service.port: Required value: port name or number is required",
            ],
        );
        check_path(
            with(json!({"service": {"port": {"name": "http", "number": 80}}})),
            &[
                "spec.rules[0].http.paths[0].backend.service.name: Required value",
                r#"spec.rules[0].http.paths[0].backend.service.port: Invalid value: "": cannot set both"#,
            ],
        );
    }

    #[test]
    fn hosts_are_names() {
        check(json!({}), &["spec: Invalid value: {}: either `defaultBackend` or `rules` must be specified"]);
        check(json!({"rules": [{"host": "*.example.com"}, {}]}), &[]);
        check(
            json!({"rules": [{"host": "10.0.0.1"}, {"host": "a.*"}, {"host": "A"}], "tls": [{"hosts": ["_"]}]}),
            &[
                r#"spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address"#,
                r#"spec.rules[1].host: Invalid value: "a.*": a wildcard DNS-1123 subdomain"#,
                r#"spec.rules[2].host: Invalid value: "A": a lowercase RFC 1123 subdomain"#,
                r#"spec.tls[0].hosts[0]: Invalid value: "_": a lowercase RFC 1123 subdomain"#,
            ],
        );
    }
}
