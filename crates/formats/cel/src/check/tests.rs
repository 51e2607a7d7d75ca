//! Types are found, and what does not fit is refused in upstream's words.

use std::sync::Arc;

use bythos_schema::{Schema, from_openapi_v3};
use serde_json::json;

use crate::{Environment, Program, Type, as_resource, declared};

fn schema() -> Arc<Schema> {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer"},
        "ratio": {"type": "number"},
        "name": {"type": "string", "maxLength": 10},
        "text": {"type": "string"},
        "my_field": {"type": "string"},
        "a-b": {"type": "string"},
        "namespace": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "port": {"x-kubernetes-int-or-string": true},
        "names": {"type": "array", "items": {"type": "string"}},
        "few": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 5}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "values": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "items": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    }}}});
    as_resource(&from_openapi_v3(&schema).unwrap())
}

fn compile(source: &str) -> Result<Program, crate::ExpressionError> {
    let schema = schema();
    let type_ = declared(&schema).unwrap();
    let environment = Environment::new().with_schema("self", type_, &schema).with("object", Type::Dyn);
    Program::compile(source, &environment.with("variables.a", Type::Int))
}

#[track_caller]
fn check(source: &str, type_: &str) {
    let program = compile(source).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(program.type_().to_string(), type_, "{source}");
}

#[track_caller]
fn check_refused(source: &str, words: &str) {
    let error = compile(source).map(|program| program.type_().to_string()).unwrap_err();
    assert!(error.message.contains(words), "expected {words:?} in {error}");
}

#[test]
fn types_come_from_the_schema_and_the_functions() {
    check("self.spec.size + 1", "int");
    check("self.spec.ratio * 2.0", "double");
    check("self.spec.my_field + self.spec.a__dash__b + self.spec.__namespace__", "string");
    check("self.spec.at.getFullYear()", "int");
    check("self.spec.at - duration('1h')", "timestamp");
    check("self.spec.port", "dyn");
    check("type(self.spec.port) == string", "bool");
    check("self.spec.names.map(x, size(x))", "list(int)");
    check("self.spec.names.filter(x, x != '')", "list(string)");
    check("self.spec.labels.all(k, k.startsWith('a'))", "bool");
    check("self.spec.labels.all(k, v, k == v)", "bool");
    check("self.spec.names.transformMap(i, x, x)", "map(int, string)");
    check("self.spec.labels.transformList(k, v, v)", "list(string)");
    check("self.spec.?name", "optional_type(string)");
    check("self.?spec.?name.orValue('x')", "string");
    check("self.spec.labels[?'a'].hasValue()", "bool");
    check("self.?spec.name.optMap(x, x.size())", "optional_type(int)");
    check("object.a.b[0].c", "dyn");
    check("has(object.a) ? object.a : 'none'", "dyn");
    check("variables.a + 1", "int");
    check("self.metadata.name", "string");
    check("self.spec.values == self.spec.values", "bool");
    check("[1, 2].sum() + [].size()", "int");
    check("quantity('1Gi').isGreaterThan(quantity(self.spec.text))", "bool");
    check("format.dns1123Label().validate(self.spec.name).value()", "list(string)");
    check("sets.contains(['a'], self.spec.names)", "bool");
    check("null == self.spec.values", "bool");
    check("self.spec.names.sortBy(x, x.size())[0]", "string");
    check("ip(self.spec.text).family() == 4", "bool");
}

#[test]
fn what_does_not_fit_is_refused() {
    check_refused("self.spec.sise", "undefined field 'sise'");
    check_refused("self.spec.values.a", "undefined field 'a': the schema declares no fields here");
    check_refused("self.metadata.labels", "undefined field 'labels': the schema declares generateName, name");
    check_refused("self.spec.size + 'a'", "found no matching overload for '_+_' applied to '(int, string)'");
    check_refused(
        "self.spec.size == 1.0",
        "found no matching overload for '_==_' applied to '(int, double)'",
    );
    check_refused("self.spec.size == null", "found no matching overload for '_==_' applied to '(int, null)'");
    check_refused("self.spec.name.all(x, true)", "cannot be range of a comprehension");
    check_refused("self.spec.names.all(x, x)", "expected type 'bool' for a predicate, but found 'string'");
    check_refused("self.spec.name && true", "expected type 'bool'");
    check_refused("true ? 1 : 'a'", "'_?_:_' applied to '(bool, int, string)'");
    check_refused("[1, 'a']", "expected type 'int' but found 'string'");
    check_refused("other == 1", "undeclared reference to 'other'");
    check_refused("self.spec.name.shout()", "undeclared reference to 'shout'");
    check_refused(
        "self.spec.name.size(1)",
        "found no matching overload for 'size' applied to 'string.(int)'",
    );
    check_refused("self.spec.name.matches('(')", "invalid matches argument");
    check_refused("duration('soon') > duration('1s')", "invalid duration argument");
    check_refused("timestamp('today') > self.spec.at", "invalid timestamp argument");
    check_refused("variables.b", "undefined field 'b' of variables");
    check_refused("Pod{metadata: 1}", "undeclared reference to");
    check_refused("math.greatest(1, 2)", "undeclared reference to");
}

#[track_caller]
fn check_cost(source: &str, holds: fn(u64) -> bool) {
    let cost = compile(source).unwrap_or_else(|error| panic!("{error}")).cost_max();
    assert!(holds(cost), "{source}: {cost}");
}

#[test]
fn costs_follow_the_bounds_of_the_schema() {
    check_cost("self.spec.size == 1", |cost| cost == 3);
    check_cost("has(self.spec.size)", |cost| cost == 2);
    check_cost("self.spec.few.all(x, x.startsWith('ab'))", |cost| cost < 30);
    check_cost("self.spec.name.matches('^[a-z]+$')", |cost| cost < 30);
    check_cost("self.spec.names.all(x, x.startsWith('ab'))", |cost| (5_000_000..10_000_000).contains(&cost));
    check_cost("self.spec.names.all(x, self.spec.names.all(y, x != y))", |cost| cost > 10_000_000_000);
    check_cost("self.spec.text.contains(self.spec.text)", |cost| cost > 10_000_000_000);
    check_cost("['a', 'b'].exists(x, self.spec.name.contains(x))", |cost| cost < 40);
    check_cost("self.spec.few.map(x, x + 'a').all(x, x.size() > 1)", |cost| cost < 120);
    check_cost("self.spec.text.split('.', 16).all(x, x.matches('^[a-z]+$'))", |cost| cost < 1_000_000);
    check_cost("matches(self.spec.text, '^[a-z]+$') && isURL(self.spec.text)", |cost| cost == 8);
    check_cost("self.spec.labels.all(k, k.matches('^[a-z]+$'))", |cost| cost < 10_000_000);
    check_cost("self.spec.text.split('/')[0].matches('^[a-z]+$')", |cost| cost < 1_000_000);
    check_cost(
        "self.spec.text.replace('', self.spec.text).size() > 0 && self.spec.text.split('').all(x, x == '')",
        |cost| cost > 10_000_000,
    );
}
