//! What expressions give: the language, the libraries, and where they stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bythos_schema::{Schema, from_openapi_v3};
use serde_json::{Value as Json, json};

use super::*;
use crate::{Environment, Type, as_resource, declared};

const BUDGET: u64 = 1_000_000;

/// Evaluates over an `object` of which nothing is known.
fn evaluate(source: &str, object: &Json) -> Result<String, Fault> {
    let environment = Environment::new().with("object", Type::Dyn);
    let program = Program::compile(source, &environment).unwrap_or_else(|error| panic!("{error}"));
    let mut budget = BUDGET;
    let value = Value::from_json(object, None)?;
    let value = program.evaluate(&[Binding::Value(value)], &mut budget)?;
    Ok(print(&value))
}

/// A value as an expression would write it, by the clause of `format`.
fn print(value: &Value<'_>) -> String {
    match value {
        Value::Optional(None) => "none".to_owned(),
        Value::Optional(Some(inner)) => format!("some({})", print(inner)),
        Value::Bytes(bytes) => format!("{bytes:?}"),
        other => {
            let shown =
                Program::compile("'%s'.format([object])", &Environment::new().with("object", Type::Dyn))
                    .unwrap();
            let shown = shown.evaluate(&[Binding::Value(other.clone())], &mut BUDGET.clone()).unwrap();
            let Value::String(text) = shown else { panic!("format gives a text") };
            text.to_string()
        }
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    let object =
        json!({"n": 3, "half": 0.5, "s": "text", "l": [1, 2, 3], "m": {"a": 1, "b-c": 2}, "none": null});
    for (source, expected) in cases {
        assert_eq!(
            evaluate(source, &object).unwrap_or_else(|fault| format!("! {fault}")),
            *expected,
            "{source}"
        );
    }
}

#[test]
fn numbers_are_computed_with_overflow_errors() {
    check(&[
        ("1 + 2 * 3 - 4 / 2 % 2", "7"),
        ("7 / -2", "-3"),
        ("-7 % 3", "-1"),
        ("9223372036854775807 + 1", "! integer overflow"),
        ("-9223372036854775808 - 1", "! integer overflow"),
        ("-(-9223372036854775808 + 0)", "! integer overflow"),
        ("0u - 1u", "! unsigned integer overflow"),
        ("1 / 0", "! division by zero"),
        ("1 % 0", "! modulus by zero"),
        ("1.0 / 0.0", "+Inf"),
        ("int(3.9)", "3"),
        ("int('12') + int(uint(3))", "15"),
        ("int(1e30)", "! integer overflow"),
        ("uint(-1)", "! unsigned integer overflow"),
        ("double('1.5') * 2.0", "3"),
        ("1e30", "1e+30"),
        ("int('x')", "! type conversion error from string to int: \"x\""),
        ("dyn(1) == 1.0 && dyn(1u) == 1 && 1 < 2.5 && 3u > 2", "true"),
        ("9007199254740993 > 9007199254740992.0", "true"),
        ("bool('true') && !bool('0')", "true"),
    ]);
}

#[test]
fn logic_takes_no_account_of_errors_that_do_not_matter() {
    check(&[
        ("false && 1 / 0 > 0", "false"),
        ("1 / 0 > 0 && false", "false"),
        ("1 / 0 > 0 || true", "true"),
        ("1 / 0 > 0 || false", "! division by zero"),
        ("true ? 1 : 1 / 0", "1"),
        ("[0, 1].exists(x, 1 / x > 0)", "true"),
        ("[0, 1].all(x, 1 / x < 0)", "false"),
        ("[1, 0].all(x, 1 / x > 0)", "! division by zero"),
    ]);
}

#[test]
fn macros_go_over_lists_and_maps() {
    check(&[
        ("[1, 2, 3].all(x, x > 0) && [1, 2].exists(x, x == 2) && [].all(x, false)", "true"),
        ("[1, 2, 2].exists_one(x, x == 2)", "false"),
        ("[1, 2, 3].map(x, x * 2)", "[2, 4, 6]"),
        ("[1, 2, 3].map(x, x > 1, x * 2)", "[4, 6]"),
        ("[1, 2, 3].filter(x, x != 2)", "[1, 3]"),
        ("{'a': 1, 'b': 2}.map(k, k)", "[a, b]"),
        ("{'a': 1}.all(k, v, k == 'a' && v == 1)", "true"),
        ("[5, 6].all(i, x, x == i + 5)", "true"),
        ("[5, 6].existsOne(i, x, i == 1)", "true"),
        ("[5, 6].transformList(i, x, i + x)", "[5, 7]"),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 10)", "{b: 20}"),
        ("{'a': 'x'}.transformMapEntry(k, v, {v: k})", "{x: a}"),
        ("['aa', 'b'].sortBy(x, x.size())", "[b, aa]"),
        ("[1, 2].map(x, [3, 4].map(y, x * y))", "[[3, 4], [6, 8]]"),
        ("object.l.map(x, x + 1)", "[2, 3, 4]"),
        ("object.m.exists(k, k == 'b-c')", "true"),
    ]);
}

#[test]
fn fields_items_and_optionals_are_looked_up() {
    check(&[
        ("object.m.a + object.m['b-c']", "3"),
        ("has(object.m.a) && !has(object.m.z) && has(object.none)", "true"),
        ("object.z", "! no such key: z"),
        ("object.l[3]", "! index out of bounds: 3"),
        ("object.l[-1]", "! index out of bounds: -1"),
        ("object.?z.orValue(7)", "7"),
        ("object.?m.a", "some(1)"),
        ("object.?z.a.b.hasValue()", "false"),
        ("object.l[?7].orValue(0) + object.m[?'a'].value()", "1"),
        ("optional.none().or(optional.of(2)).value()", "2"),
        ("optional.ofNonZeroValue('').hasValue()", "false"),
        ("object.?m.?a.optMap(x, x + 1)", "some(2)"),
        ("object.?z.optMap(x, x + 1)", "none"),
        ("object.?m.optFlatMap(m, m.?a).value()", "1"),
        ("[?object.?z, ?object.?n]", "[3]"),
        ("{?'a': object.?z, 'b': 1}", "{b: 1}"),
        ("optional.none().value()", "! optional.none() dereference"),
        ("2 in object.l && !(7 in [1]) && 'a' in object.m", "true"),
        ("object.none == null && type(object.n) == int && type(object.half) == double", "true"),
        ("type(object.s) == string && type(object.l) == list && type(object.m) == map", "true"),
        ("{1: 'x'}[dyn(1u)] + {'a': 'y'}.a", "xy"),
        ("{'a': 1, 'a': 2}", "! insert failed: key already exists"),
    ]);
}

#[test]
fn equality_is_deep_and_across_numbers() {
    check(&[
        ("[1, 2] == [1, 2] && {'a': [1]} == {'a': [1]} && [1] != [2]", "true"),
        ("dyn([1]) == dyn([1.0]) && dyn('1') != dyn(1)", "true"),
        ("dyn(null) == dyn(0)", "false"),
        ("b'a' == bytes('a') && b'\\xff' != b''", "true"),
    ]);
}

#[test]
fn strings_are_taken_apart() {
    check(&[
        ("'äöü'.size() + size('ab')", "5"),
        ("'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo')", "true"),
        ("'hello'.indexOf('l') + 'hello'.lastIndexOf('l') * 10", "32"),
        ("'hello'.indexOf('l', 3)", "3"),
        ("'hello'.indexOf('z')", "-1"),
        ("'äbc'.substring(1)", "bc"),
        ("'hello'.substring(1, 3)", "el"),
        ("'hello'.substring(3, 1)", "! invalid substring range. start: 3, end: 1"),
        ("'hello'.charAt(4) + 'a'.charAt(1)", "o"),
        ("'a,b,c'.split(',')", "[a, b, c]"),
        ("'a,b,c'.split(',', 2)", "[a, b,c]"),
        ("'abc'.split('')", "[a, b, c]"),
        ("['a', 'b'].join('-') + ['x'].join()", "a-bx"),
        ("'aaa'.replace('a', 'b', 2)", "bba"),
        ("' a '.trim() + 'Ab'.lowerAscii() + 'Ab'.upperAscii()", "aabAB"),
        (
            "'%s %d %.2f %x %b %e %%'.format([dyn('a'), 5, 1.5, 255, 5, 1234.5])",
            "a 5 1.50 ff 101 1.234500e+03 %",
        ),
        ("'%s'.format([{'b': dyn(1), 'a': [dyn(true), null]}])", "{a: [true, null], b: 1}"),
        ("'%d'.format(['a'])", "! error during formatting: clause %d cannot print a value of type string"),
        ("strings.quote('a\"b')", "\"a\\\"b\""),
        ("'ab1'.matches('^[a-z]+\\\\d$') && matches('x', 'x|y')", "true"),
        ("'a1b22'.find('[0-9]+') + 'x'.find('y')", "1"),
        ("'a1b22'.findAll('[0-9]+') + 'a1b2'.findAll('[0-9]', 1)", "[1, 22, 1]"),
        (
            "string(1) + string(1.5) + string(true) + string(duration('1h1m')) + string(b'x')",
            "11.5true3660sx",
        ),
    ]);
}

#[test]
fn regular_expressions_are_those_of_go() {
    check(&[
        ("'٣'.matches('\\\\d')", "false"),
        ("'ä'.matches('^\\\\w$')", "false"),
        ("'a[b'.matches('^[a-z[]+$')", "true"),
        ("'a.b'.matches('\\\\Qa.b\\\\E') && !'axb'.matches('\\\\Qa.b\\\\E')", "true"),
        ("'a-b_c.d'.matches('^[\\\\w.-]+$') && ' '.matches('[^\\\\S]')", "true"),
    ]);
    let fault = evaluate("object.matches(object + '(')", &json!("x")).unwrap_err();
    assert!(fault.to_string().starts_with("error parsing regexp"), "{fault}");
}

#[test]
fn lists_and_sets_have_their_functions() {
    check(&[
        ("[1, 2, 2].isSorted() && ![2, 1].isSorted()", "true"),
        ("[1, 2, 3].sum() + [4, 9].max() + [4, 9].min()", "19"),
        ("[1.5, 2.0].sum()", "3.5"),
        ("[duration('1m'), duration('1s')].sum() == duration('61s')", "true"),
        ("[1].filter(x, false).max()", "! max called on empty list"),
        ("[1, 2, 1].indexOf(1) + [1, 2, 1].lastIndexOf(1) * 10", "20"),
        ("[3, 1, 2].sort()", "[1, 2, 3]"),
        ("[1, 2, 3, 4].slice(1, 3) + [1, 2].reverse()", "[2, 3, 2, 1]"),
        ("[1, 2].slice(1, 3)", "! cannot slice(1, 3), list is length 2"),
        ("[[1], [2, 3]].flatten()", "[1, 2, 3]"),
        ("[1, 1, 2].distinct()", "[1, 2]"),
        ("lists.range(3)", "[0, 1, 2]"),
        ("[1, 2].includes(2)", "true"),
        ("sets.contains([1, 2], [2]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])", "true"),
    ]);
}

#[test]
fn times_and_durations_are_reckoned() {
    check(&[
        ("timestamp('2024-02-29T12:30:45.5Z').getMonth()", "1"),
        (
            "timestamp('2024-02-29T12:30:45.5Z').getDate() + timestamp('2024-02-29T00:00:00Z').getDayOfMonth()",
            "57",
        ),
        (
            "timestamp('2024-03-01T00:00:00Z').getDayOfYear() + timestamp('2024-03-03T00:00:00Z').getDayOfWeek()",
            "60",
        ),
        (
            "timestamp('2024-01-01T00:00:00Z').getHours('-08:30') * 100 + timestamp('2024-01-01T00:00:00Z').getMinutes('-08:30')",
            "1530",
        ),
        ("timestamp('2024-01-01T00:00:00Z') + duration('24h') == timestamp('2024-01-02T00:00:00Z')", "true"),
        ("timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z')", "86400s"),
        ("duration('1h30m').getMinutes() + duration('1.5s').getMilliseconds()", "1590"),
        ("duration('-1m') < duration('1ms')", "true"),
        ("duration('2562047h') + duration('2562047h')", "! duration overflow"),
        ("timestamp('9999-12-30T00:00:00Z') + duration('48h')", "! timestamp overflow"),
        ("int(timestamp('1970-01-01T00:01:00Z'))", "60"),
        ("string(timestamp('2024-01-01T00:00:00Z'))", "2024-01-01T00:00:00Z"),
        (
            "duration('1x' + object.s)",
            "! invalid duration \"1xtext\": expected for example 1h30m, 1.5s or 100ms",
        ),
    ]);
}

#[test]
fn kubernetes_libraries_are_there() {
    check(&[
        ("quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1000m') == quantity('1')", "true"),
        ("quantity('1.5').add(quantity('500m')).asInteger() + quantity('3').sub(1).asInteger()", "4"),
        ("quantity('100m').asApproximateFloat() == 0.1 && !quantity('100m').isInteger()", "true"),
        ("isQuantity('1Mi') && !isQuantity('1 Mi') && quantity('-1').sign() == -1", "true"),
        (
            "quantity('x')",
            "! quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        ("url('https://user@example.com:80/a%20b?x=1&x=2&y=%41').getHost()", "example.com:80"),
        (
            "url('https://[::1]:80/').getHostname() + url('https://a:80/').getPort() + url('/a?b=c').getEscapedPath()",
            "::180/a",
        ),
        ("url('https://a/?x=1&x=2&y=%41').getQuery()", "{x: [1, 2], y: [A]}"),
        ("isURL('https://a.b') && !isURL('a b') && !isURL('example.com') && isURL('/path')", "true"),
        (
            "ip('10.0.0.1').family() == 4 && ip('::1').isLoopback() && isIP('1.2.3.4') && !isIP('1.2.3')",
            "true",
        ),
        ("ip.isCanonical('::1') && !ip.isCanonical('0:0::1') && string(ip('::1')) == '::1'", "true"),
        (
            "cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))",
            "true",
        ),
        (
            "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.1.2.3/8').prefixLength() == 8",
            "true",
        ),
        (
            "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-a').compareTo(semver('1.0.0')) == -1",
            "true",
        ),
        ("semver('v1.2', true).minor() == 2 && !isSemver('v1.2') && semver('1.2.3').major() == 1", "true"),
        ("format.dns1123Label().validate('a-b').hasValue()", "false"),
        ("format.dns1123Label().validate('A').value().size()", "1"),
        ("format.named('uuid').value().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()", "false"),
        ("format.named('nothing').hasValue()", "false"),
        (
            "format.dns1123LabelPrefix().validate('a-').hasValue() || format.date().validate('2024-01-01').hasValue()",
            "false",
        ),
    ]);
}

fn typed() -> Arc<Schema> {
    let schema = json!({"type": "object", "properties": {
        "when": {"type": "string", "format": "date-time"},
        "data": {"type": "string", "format": "byte"},
        "ratio": {"type": "number"},
        "a-b": {"type": "integer"},
        "port": {"x-kubernetes-int-or-string": true},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "list": {"type": "array", "items": {"type": "string"}},
        "keyed": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "value": {"type": "integer"}}}},
    }});
    as_resource(&from_openapi_v3(&schema).unwrap())
}

#[track_caller]
fn check_typed(source: &str, object: Json, old: Json, expected: &str) {
    let schema = typed();
    let type_ = declared(&schema).unwrap();
    let environment =
        Environment::new().with_schema("self", type_.clone(), &schema).with_schema("oldSelf", type_, &schema);
    let program = Program::compile(source, &environment).unwrap_or_else(|error| panic!("{error}"));
    let bind = |json| Binding::Value(Value::from_json(json, Some(&schema)).unwrap());
    let value = program.evaluate(&[bind(&object), bind(&old)], &mut BUDGET.clone());
    let value = value.map_or_else(|fault| format!("! {fault}"), |value| print(&value));
    assert_eq!(value, expected, "{source}");
}

#[test]
fn values_are_read_along_the_schema() {
    let object = json!({"when": "2024-01-01T00:00:00Z", "data": "aGk=", "ratio": 1, "a-b": 2, "port": "80%"});
    check_typed("self.when.getFullYear() + self.a__dash__b", object.clone(), json!({}), "2026");
    check_typed("self.data == b'hi' && self.ratio == 1.0", object.clone(), json!({}), "true");
    check_typed("type(self.port) == string && self.port.endsWith('%')", object.clone(), json!({}), "true");
    check_typed("has(self.list)", object.clone(), json!({}), "false");
    check_typed("self.list == oldSelf.list", object, json!({}), "! no such key: list");
    check_typed(
        "self.when",
        json!({"when": "now"}),
        json!({}),
        "! invalid timestamp \"now\": expected RFC 3339, as 2006-01-02T15:04:05Z",
    );
}

#[test]
fn sets_and_keyed_lists_are_equal_in_any_order() {
    let (one, two) =
        (json!({"set": ["a", "b"], "list": ["a", "b"]}), json!({"set": ["b", "a"], "list": ["b", "a"]}));
    check_typed("self.set == oldSelf.set && self.list != oldSelf.list", one.clone(), two, "true");
    check_typed("self.set + oldSelf.set", one.clone(), json!({"set": ["c", "a"]}), "[a, b, c]");
    check_typed("(self.set + oldSelf.set) == self.set", one.clone(), one, "true");
    let (one, two) = (
        json!([{"name": "a", "value": 1}, {"name": "b"}]),
        json!([{"name": "b"}, {"name": "a", "value": 1}]),
    );
    check_typed("self.keyed == oldSelf.keyed", json!({"keyed": one}), json!({"keyed": two}), "true");
    let two = json!([{"name": "a", "value": 2}]);
    check_typed(
        "(self.keyed + oldSelf.keyed).map(x, x.value)",
        json!({"keyed": one}),
        json!({"keyed": two}),
        "! no such key: value",
    );
    check_typed("(self.keyed + oldSelf.keyed)[0].value", json!({"keyed": one}), json!({"keyed": two}), "2");
}

#[track_caller]
fn check_stopped(source: &str, object: &Json) {
    let environment = Environment::new().with("object", Type::Dyn);
    let program = Program::compile(source, &environment).unwrap_or_else(|error| panic!("{error}"));
    let object = Value::from_json(object, None).unwrap();
    let (mut budget, started) = (BUDGET / 20, Instant::now());
    let outcome = program.evaluate(&[Binding::Value(object)], &mut budget);
    assert!(matches!(outcome, Err(Fault::OverBudget)), "{source}: {outcome:?}");
    assert_eq!(budget, 0);
    // Generous, since tests run unoptimised on busy machines; without a budget each would run for hours.
    assert!(started.elapsed() < Duration::from_secs(10), "{source}: {:?}", started.elapsed());
}

#[test]
fn what_would_take_long_is_stopped() {
    let list: Vec<i64> = (0..3000).collect();
    let texts: Vec<String> = list.iter().map(|number| format!("{number:0>20}")).collect();
    let object = json!({"l": list, "t": texts, "s": "x".repeat(1_000_000)});
    for source in [
        "object.l.all(a, object.l.all(b, object.l.all(c, a + b + c >= 0)))",
        "object.l.map(a, object.l.map(b, object.l.map(c, c))).size() > 0",
        "object.l.map(x, object.l + object.l).size() > 0",
        "object.s.replace('', object.s).size() > 0",
        "object.l.all(x, object.s.contains(object.s))",
        "object.l.all(x, object.l == object.l)",
        "object.t.all(x, object.t.distinct().size() > 0)",
        "object.t.all(x, object.t.exists(y, y.matches('(' + x + ')+')))",
        "lists.range(1000000000).size() > 0",
        "lists.range(9223372036854775807).size() > 0",
        "object.l.map(x, object.s + object.s).size() > 0",
        "object.l.all(x, '%s'.format([object.l]) != '')",
        "sets.equivalent(object.l + object.l, object.l + object.l)",
        "object.l.all(x, [object.t, object.t, object.t, object.t].map(y, y.join('')).join('').size() > 0)",
    ] {
        check_stopped(source, &object);
    }
}
