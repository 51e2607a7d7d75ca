use serde_json::{Value, json};

use super::*;
use crate::class::Classes;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;

fn ingress(name: &str, created: &str, spec: &Value) -> Ingress {
    let metadata = json!({ "namespace": "default", "name": name, "creationTimestamp": created });
    serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap()
}

fn backend(service: &str) -> Value {
    json!({ "service": { "name": service, "port": { "number": 80 } } })
}

fn rule(host: &str, paths: &[(&str, &str, &str)]) -> Value {
    let paths: Vec<_> = paths
        .iter()
        .map(|(path_type, path, service)| json!({ "pathType": path_type, "path": path, "backend": backend(service) }))
        .collect();
    let mut rule = json!({ "http": { "paths": paths } });
    if !host.is_empty() {
        rule["host"] = json!(host);
    }
    rule
}

fn build(ingresses: &[Ingress]) -> (Routes, BTreeMap<ObjectKey, Vec<Problem>>) {
    let mut ordered: Vec<_> = ingresses.iter().collect();
    oldest_first(&mut ordered);
    Routes::build(&ordered, &Services::new::<Service, EndpointSlice>(&[], &[]))
}

/// The name of the Service to which a request goes; these tests have no Services, so the backend says its name.
fn service_for(routes: &Routes, host: &str, path: &str) -> String {
    match routes.find(&normalize_host(host), path).map(|route| &route.backend) {
        Some(Backend::Unavailable(why)) => {
            why.trim_start_matches("There is no Service default/").trim_end_matches('.').to_owned()
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn the_most_specific_host_and_the_longest_path_win() {
    let ingresses = [
        ingress("any", "2026-01-01T00:00:00Z", &json!({ "rules": [rule("", &[("Prefix", "/any", "any")])] })),
        ingress(
            "wild",
            "2026-01-01T00:00:00Z",
            &json!({
                "rules": [rule("*.example.org", &[("Prefix", "/", "wild")])],
                "defaultBackend": backend("fallback"),
            }),
        ),
        ingress(
            "shop",
            "2026-01-01T00:00:00Z",
            &json!({ "rules": [rule("Shop.example.org", &[
            ("Prefix", "/cart", "cart"),
            ("Exact", "/cart", "cart-exact"),
            ("Prefix", "/cart/items/", "items"),
            ("ImplementationSpecific", "/api", "api"),
            ("Exact", "/cart/items/one", "one"),
        ])] }),
        ),
    ];
    let (routes, problems) = build(&ingresses);
    assert!(problems.is_empty());
    for (host, path, expected) in [
        ("shop.example.org", "/cart", "cart-exact"),
        ("shop.example.org", "/cart/", "cart"),
        ("shop.example.org:8443", "/cart/x", "cart"),
        ("SHOP.example.org.", "/cart/items", "items"),
        ("shop.example.org", "/cart/items/two", "items"),
        ("shop.example.org", "/cart/items/one", "one"),
        ("shop.example.org", "/api/v1", "api"),
        ("shop.example.org", "/apis", "wild"),
        ("shop.example.org", "/cartoon", "wild"),
        ("blog.example.org", "/", "wild"),
        ("deep.blog.example.org", "/", "fallback"),
        ("deep.blog.example.org", "/any/thing", "any"),
        ("example.org", "/", "fallback"),
        ("other.test", "/", "fallback"),
    ] {
        assert_eq!(service_for(&routes, host, path), expected, "{host}{path}");
    }
}

#[test]
fn without_a_rule_there_is_no_route() {
    let one = [ingress(
        "one",
        "2026-01-01T00:00:00Z",
        &json!({ "rules": [rule("a.test", &[("Prefix", "/x", "x")])] }),
    )];
    let (routes, _) = build(&one);
    assert!(routes.find("a.test", "/").is_none());
    assert!(routes.find("b.test", "/x").is_none());
}

#[test]
fn a_host_and_path_that_two_ingresses_claim_stays_with_the_older() {
    let spec = |service: &str| json!({ "rules": [rule("shop.test", &[("Prefix", "/", service), ("Exact", "/", service)])] });
    let newer = ingress("a-newer", "2026-02-01T00:00:00Z", &spec("newer"));
    let older = ingress("b-older", "2026-01-01T00:00:00Z", &spec("older"));
    let (routes, problems) = build(&[newer, older]);
    assert_eq!(service_for(&routes, "shop.test", "/x"), "older");
    assert_eq!(problems.keys().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["a-newer"]);
    let said: Vec<_> = problems.values().flatten().map(ToString::to_string).collect();
    let expected = "host \"shop.test\" with path \"/\" is served by the older Ingress default/b-older; \
                    use another host or path";
    assert_eq!(said, [expected, expected]);
    assert_eq!(problems.values().flatten().next().unwrap().reason(), "HostConflict");
}

#[test]
fn of_the_same_age_the_first_by_name_keeps_the_host() {
    let spec = json!({ "rules": [rule("shop.test", &[("Prefix", "/shop/", "x")])] });
    let same = "2026-01-01T00:00:00Z";
    let (_, problems) = build(&[ingress("b", same, &spec), ingress("a", same, &spec)]);
    assert_eq!(problems.into_keys().map(|key| key.name).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn different_paths_of_one_host_may_come_from_different_ingresses() {
    let one = json!({ "rules": [rule("shop.test", &[("Prefix", "/", "one")])] });
    let two = json!({ "rules": [rule("shop.test", &[("Prefix", "/two", "two")])] });
    let (routes, problems) =
        build(&[ingress("one", "2026-01-01T00:00:00Z", &one), ingress("two", "2026-02-01T00:00:00Z", &two)]);
    assert!(problems.is_empty());
    assert_eq!(service_for(&routes, "shop.test", "/two/x"), "two");
    assert_eq!(service_for(&routes, "shop.test", "/twofold"), "one");
}

#[test]
fn a_host_has_https_if_any_ingress_asks_for_it() {
    let rules =
        json!([rule("shop.test", &[("Prefix", "/", "x")]), rule("blog.test", &[("Prefix", "/", "x")])]);
    let named =
        json!({ "rules": rules, "tls": [{ "hosts": ["shop.test", "*.wild.test"], "secretName": "s" }] });
    let (routes, _) = build(&[ingress("one", "2026-01-01T00:00:00Z", &named)]);
    for (host, expected) in
        [("shop.test", true), ("blog.test", false), ("a.wild.test", true), ("wild.test", false)]
    {
        assert_eq!(routes.has_tls(host), expected, "{host}");
    }
    let unnamed = json!({ "rules": rules, "tls": [{ "secretName": "s" }] });
    let (routes, _) = build(&[ingress("one", "2026-01-01T00:00:00Z", &unnamed)]);
    assert!(routes.has_tls("shop.test") && routes.has_tls("blog.test"));
}

#[test]
fn an_ingress_may_keep_plain_http() {
    let spec = json!({ "rules": [rule("shop.test", &[("Prefix", "/", "x")])] });
    let mut plain = ingress("plain", "2026-01-01T00:00:00Z", &spec);
    plain.metadata.annotations = Some([(SSL_REDIRECT_ANNOTATION.to_owned(), "false".to_owned())].into());
    let (routes, _) = build(&[plain]);
    assert!(!routes.find("shop.test", "/").unwrap().redirects_to_https);
    assert!(!Classes::default().own(&ingress("x", "2026-01-01T00:00:00Z", &spec)));
}

#[test]
fn a_backend_is_found_by_the_number_or_the_name_of_the_services_port() {
    let service: Service = serde_json::from_value(json!({
        "metadata": { "namespace": "default", "name": "web" },
        "spec": { "ports": [{ "name": "http", "port": 80 }, { "name": "admin", "port": 81 }] },
    }))
    .unwrap();
    let slice: EndpointSlice = serde_json::from_value(json!({
        "metadata": { "namespace": "default", "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4",
        "endpoints": [
            { "addresses": ["10.42.0.2"] },
            { "addresses": ["10.42.0.3"], "conditions": { "ready": true } },
            { "addresses": ["10.42.0.4"], "conditions": { "ready": false } },
        ],
        "ports": [{ "name": "http", "port": 8080 }],
    }))
    .unwrap();
    let (services, slices) = ([service], [slice]);
    let services = Services::new(&services, &slices);
    let find = |port: Value| {
        let backend = json!({ "service": { "name": "web", "port": port } });
        match services.find("default", &serde_json::from_value(backend).unwrap()) {
            Backend::Ready(endpoints) => {
                let turns: Vec<_> = (0..3).map(|_| endpoints.take_turn().0).collect();
                turns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            Backend::Unavailable(why) => why,
        }
    };
    let in_turn = "10.42.0.2:8080 10.42.0.3:8080 10.42.0.2:8080";
    assert_eq!(find(json!({ "number": 80 })), in_turn);
    assert_eq!(find(json!({ "name": "http" })), in_turn);
    assert_eq!(find(json!({ "name": "admin" })), "Service default/web has no ready endpoints.");
    assert_eq!(find(json!({ "number": 8080 })), "Service default/web has no port 8080.");
    assert_eq!(find(json!({ "name": "web" })), "Service default/web has no port \"web\".");
    let resource = json!({ "resource": { "kind": "Bucket", "name": "b" } });
    let resource = services.find("default", &serde_json::from_value(resource).unwrap());
    assert!(matches!(resource, Backend::Unavailable(why) if why.contains("only Services")));
}
