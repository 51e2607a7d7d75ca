//! Rules of the kinds that are found in the field: Gateway API, CloudNativePG, Flux, Karpenter and others write these.
//! Each one is compiled within the costs that definitions may have, and tells what it allows from what it does not.

use bythos_cel::{CostLimits, OBJECT_BUDGET, Rules};
use serde_json::{Value, json};

/// Holds a rule against a value that it allows and one that it refuses; it stands at the field `a` of this schema.
#[track_caller]
fn check(schema: Value, rule: &str, allowed: Value, refused: Value) {
    check_change(schema, rule, None, allowed, refused);
}

#[track_caller]
fn check_change(schema: Value, rule: &str, old: Option<Value>, allowed: Value, refused: Value) {
    let mut schema = schema;
    schema["x-kubernetes-validations"] = json!([{"rule": rule, "message": "refused"}]);
    let root = json!({"type": "object", "properties": {"a": schema}});
    let schema = bythos_schema::from_openapi_v3(&root).unwrap_or_else(|errors| panic!("{errors:?}"));
    let (rules, errors) = Rules::compile(&schema, CostLimits::Enforced);
    assert!(errors.is_empty(), "{rule}: {}", errors[0]);
    let old = old.map(|old| json!({"a": old}));
    let found = |value: Value| {
        let errors = rules.validate(&json!({"a": value}), old.as_ref(), OBJECT_BUDGET);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(found(allowed), [""; 0], "{rule}");
    let errors = found(refused);
    assert!(errors.len() == 1 && errors[0].ends_with("refused"), "{rule}: {errors:?}");
}

fn text(length_max: u32) -> Value {
    json!({"type": "string", "maxLength": length_max})
}

fn list(items: Value, items_max: u32) -> Value {
    json!({"type": "array", "maxItems": items_max, "items": items})
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

#[test]
fn a_field_that_must_not_change() {
    check_change(text(20), "self == oldSelf", Some(json!("a")), json!("a"), json!("b"));
    let keyed = object(json!({"size": {"type": "integer"}, "name": text(20)}));
    let rule = "!has(oldSelf.size) || (has(self.size) && self.size >= oldSelf.size)";
    check_change(keyed, rule, Some(json!({"size": 2})), json!({"size": 3}), json!({"name": "a"}));
}

#[test]
fn fields_that_exclude_or_demand_one_another() {
    let provider = object(json!({"provider": text(20), "reference": text(50), "name": text(50)}));
    check(
        provider.clone(),
        "!(has(self.reference) && has(self.name))",
        json!({"name": "x"}),
        json!({"name": "x", "reference": "y"}),
    );
    check(
        provider.clone(),
        "[has(self.reference), has(self.name)].exists_one(x, x)",
        json!({"name": "x"}),
        json!({}),
    );
    check(
        provider.clone(),
        "self.provider == 'aws' || self.provider == 'generic' || !has(self.reference)",
        json!({"provider": "aws", "reference": "x"}),
        json!({"provider": "gcp", "reference": "x"}),
    );
    check(
        provider,
        "has(self.reference) ? self.provider == 'aws' : true",
        json!({"provider": "x"}),
        json!({"provider": "x", "reference": "y"}),
    );
    let empty = object(
        json!({"group": {"type": "string", "maxLength": 50, "default": ""}, "kind": text(50), "port": {"type": "integer"}}),
    );
    let rule = "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true";
    check(
        empty,
        rule,
        json!({"group": "", "kind": "Service", "port": 1}),
        json!({"group": "", "kind": "Service"}),
    );
}

#[test]
fn lists_whose_items_differ() {
    let listeners = list(
        object(
            json!({"name": text(50), "port": {"type": "integer"}, "protocol": text(20), "hostname": text(50)}),
        ),
        16,
    );
    let one = json!({"name": "a", "port": 80, "protocol": "HTTP"});
    let two = json!({"name": "b", "port": 80, "protocol": "HTTP", "hostname": "x"});
    check(
        listeners.clone(),
        "self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && (has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))",
        json!([one, two]),
        json!([one, one]),
    );
    check(
        listeners.clone(),
        "self.all(e, self.filter(f, f.name == e.name).size() == 1)",
        json!([one, two]),
        json!([one, one]),
    );
    check(
        listeners.clone(),
        "self.all(l, l.protocol in ['TCP', 'UDP'] ? !has(l.hostname) || l.hostname == '' : true)",
        json!([two]),
        json!([{"protocol": "TCP", "hostname": "x"}]),
    );
    check(listeners, "self.map(l, l.port).sum() <= 100 && self.size() <= 2", json!([one]), json!([one, two]));
    check(
        list(text(30), 20),
        "self.all(h, !isIP(h)) && !('*' in self && self.size() > 1)",
        json!(["a"]),
        json!(["a", "*"]),
    );
}

#[test]
fn paths_hosts_and_names_of_a_shape() {
    let matched = object(
        json!({"type": {"type": "string", "enum": ["Exact", "PathPrefix", "Regular"]}, "value": text(1024)}),
    );
    let rule = r#"(self.type in ['Exact','PathPrefix']) ? self.value.matches(r"""^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$""") : true"#;
    check(
        matched.clone(),
        rule,
        json!({"type": "Exact", "value": "/a%20b"}),
        json!({"type": "Exact", "value": "/a b"}),
    );
    check(
        matched,
        "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') && !self.value.contains('//') : true",
        json!({"type": "Regular", "value": "x//"}),
        json!({"type": "Exact", "value": "//"}),
    );
    check(
        text(316),
        r#"self in ["karpenter.sh/capacity-type", "karpenter.sh/nodepool"] || !self.find("^([^/]+)").endsWith("karpenter.sh")"#,
        json!("karpenter.sh/nodepool"),
        json!("x.karpenter.sh/other"),
    );
    let labels = json!({"type": "object", "maxProperties": 8, "additionalProperties": text(63)});
    check(
        labels.clone(),
        "self.all(key, key.split('/')[0].size() < 10)",
        json!({"a/b": "c"}),
        json!({"aaaaaaaaaa/b": "c"}),
    );
    check(labels, "self.all(k, k != '' && self[k] != '')", json!({"a": "b"}), json!({"a": ""}));
    check(
        text(253),
        "isURL(self) && url(self).getScheme() in ['http', 'https']",
        json!("https://a.b/c"),
        json!("ftp://a.b/c"),
    );
    check(text(253), "!format.dns1123Subdomain().validate(self).hasValue()", json!("a.b"), json!("A.b"));
    let image = "(self.split('@').size() == 2 && self.split('@')[1].matches('^sha256:[a-f0-9]{8}$'))";
    check(text(447), image, json!("a@sha256:0123abcd"), json!("a:latest"));
    check(text(43), "isCIDR(self) && cidr(self).ip().family() == 4", json!("10.0.0.0/8"), json!("fd00::/8"));
}

#[test]
fn numbers_quantities_times_and_choices() {
    let share =
        object(json!({"numerator": {"type": "integer"}, "denominator": {"type": "integer", "default": 100}}));
    check(
        share,
        "self.numerator <= self.denominator",
        json!({"numerator": 1, "denominator": 2}),
        json!({"numerator": 3, "denominator": 2}),
    );
    let size = json!({"x-kubernetes-int-or-string": true, "maxLength": 20});
    check(size.clone(), "type(self) == int ? self >= 0 : self.matches('^[0-9]+%$')", json!("50%"), json!(-1));
    check(size, "quantity(string(self)).isGreaterThan(quantity('1Gi'))", json!("2Gi"), json!("1G"));
    check(
        text(20),
        "duration(self) >= duration('1s') && duration(self).getSeconds() % 5 == 0",
        json!("10s"),
        json!("1500ms"),
    );
    let when = json!({"type": "string", "format": "date-time"});
    check(
        when,
        "self > timestamp('2020-01-01T00:00:00Z')",
        json!("2024-01-01T00:00:00Z"),
        json!("2019-01-01T00:00:00Z"),
    );
    let budgets = list(
        object(json!({"operator": text(10), "values": list(text(63), 50), "minValues": {"type": "integer"}})),
        10,
    );
    let rule = "self.all(x, (x.operator == 'Gt' || x.operator == 'Lt') ? (x.values.size() == 1 && int(x.values[0]) >= 0) : true)";
    check(
        budgets.clone(),
        rule,
        json!([{"operator": "Gt", "values": ["1"]}]),
        json!([{"operator": "Gt", "values": ["1", "2"]}]),
    );
    check(
        budgets,
        "self.all(x, (x.operator == 'In' && has(x.minValues)) ? x.values.size() >= x.minValues : true)",
        json!([{"operator": "In", "values": []}]),
        json!([{"operator": "In", "values": [], "minValues": 1}]),
    );
}

#[test]
fn optional_values_and_items_with_two_names() {
    let spec = object(
        json!({"replicas": {"type": "integer"}, "limits": {"type": "object", "maxProperties": 5, "additionalProperties": text(20)}}),
    );
    check(spec.clone(), "self.?replicas.orValue(1) > 0", json!({}), json!({"replicas": 0}));
    check(
        spec.clone(),
        "self.?limits['cpu'].optMap(x, quantity(x).isInteger()).orValue(true)",
        json!({"limits": {"cpu": "2"}}),
        json!({"limits": {"cpu": "100m"}}),
    );
    check(
        spec,
        "!has(self.limits) || self.limits.all(k, v, k.size() + v.size() < 10)",
        json!({"limits": {"cpu": "1"}}),
        json!({"limits": {"memory": "100Mi"}}),
    );
    check(
        list(json!({"type": "integer"}), 5),
        "self.all(i, x, i == 0 || x > self[i - 1])",
        json!([1, 2]),
        json!([2, 1]),
    );
}
