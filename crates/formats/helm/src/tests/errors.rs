//! What people read when something is wrong: it names chart, file, line, column, the templates that led there, and says
//! what was expected.

use serde_json::{Value, json};

use super::world::{chart, files, render_with, texts_of};
use crate::{ArchiveLimits, Chart, Error, Limits, render};

const CHART: (&str, &str) = ("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");

fn message(texts: &[(&str, &str)], values: Value) -> String {
    let all: Vec<(&str, &str)> = [CHART].into_iter().chain(texts.iter().copied()).collect();
    render_with(&chart(&all), values).unwrap_err().to_string()
}

#[track_caller]
fn check(texts: &[(&str, &str)], values: Value, expected: &str) {
    assert_eq!(message(texts, values), expected);
}

#[test]
fn a_missing_value_is_named_with_its_place() {
    check(
        &[("templates/a.yaml", "a: 1\nb: {{ .Values.image.tag }}\n")],
        json!({}),
        "template: shop/templates/a.yaml:2:13: executing \"shop/templates/a.yaml\" at <.Values.image.tag>: nil pointer \
         evaluating interface {}.tag",
    );
    check(
        &[("templates/a.yaml", "b: {{ required \"image.tag is needed\" .Values.tag }}\n")],
        json!({}),
        "execution error at (shop/templates/a.yaml:1:6): image.tag is needed",
    );
}

#[test]
fn what_the_author_says_comes_first_and_the_templates_that_led_there_below() {
    let helpers = "{{ define \"one\" }}\n  {{ include \"two\" . }}\n{{ end }}\n{{ define \"two\" }}{{ fail \"set x: or y\" }}{{ end }}";
    check(
        &[("templates/_h.tpl", helpers), ("templates/a.yaml", "a:\n  {{ include \"one\" . }}\n")],
        json!({}),
        "execution error at (shop/templates/a.yaml:2:5): set x: or y\n  in \"one\" at shop/templates/_h.tpl:2:5\n  \
         in \"two\" at shop/templates/_h.tpl:4:21",
    );
    check(
        &[("templates/a.yaml", "a: {{ tpl \"{{ fail \\\"no\\\" }}\" . }}\n")],
        json!({}),
        "execution error at (shop/templates/a.yaml:1:6): no\n  in \"gotpl\" at gotpl:1:3",
    );
}

#[test]
fn a_wrong_type_is_named_with_what_was_expected() {
    check(
        &[("templates/a.yaml", "b: {{ .Values.port | upper }}\n")],
        json!({"port": 80}),
        "template: shop/templates/a.yaml:1:21: executing \"shop/templates/a.yaml\" at <upper>: wrong type for value; \
         expected string; got float64",
    );
    check(
        &[("templates/a.yaml", "b: {{ range .Values.port }}{{ end }}\n")],
        json!({"port": true}),
        "template: shop/templates/a.yaml:1:19: executing \"shop/templates/a.yaml\" at <.Values.port>: range can't iterate \
         over true",
    );
}

#[test]
fn the_templates_that_led_there_are_named_the_outermost_first() {
    let texts = [
        (
            "templates/_h.tpl",
            "{{ define \"one\" }}\n  {{ include \"two\" . }}\n{{ end }}\n{{ define \"two\" }}{{ .Values.x.y }}{{ end }}",
        ),
        ("templates/a.yaml", "a:\n  {{ include \"one\" . }}\n"),
    ];
    let all: Vec<(&str, &str)> = [CHART].into_iter().chain(texts).collect();
    let error = render_with(&chart(&all), json!({})).unwrap_err();
    let Error::Template(error) = error else { panic!("{error}") };
    let stack: Vec<String> =
        error.stack().iter().map(|frame| format!("{} in {}", frame.location, frame.executing)).collect();
    assert_eq!(
        stack,
        [
            "shop/templates/a.yaml:2:5 in shop/templates/a.yaml",
            "shop/templates/_h.tpl:2:5 in one",
            "shop/templates/_h.tpl:4:28 in two",
        ]
    );
    assert!(
        error.to_string().ends_with("at <.Values.x.y>: nil pointer evaluating interface {}.y"),
        "{error}"
    );
}

#[test]
fn values_against_the_schema_are_named_with_their_path() {
    let schema =
        ("values.schema.json", r#"{"properties":{"image":{"properties":{"port":{"type":"integer"}}}}}"#);
    check(
        &[schema],
        json!({"image": {"port": "http"}}),
        "values don't meet the specifications of the schema(s) in the following chart(s):\nshop:\n\
         - at '/image/port': got string, want integer",
    );
    let message = message(&[("values.schema.json", "{")], json!({}));
    assert!(message.starts_with("shop: failed to read values.schema.json: "), "{message}");
}

/// What is said of a value that does not fit a schema, below the line that names the chart.
#[track_caller]
fn check_fault(schema: &Value, value: &Value, expected: &str) {
    let schema = json!({ "properties": { "x": schema } }).to_string();
    let message = message(&[("values.schema.json", &schema)], json!({ "x": value }));
    let (_, faults) = message.split_once("shop:\n").unwrap();
    assert_eq!(faults, expected);
    assert!(!faults.contains("hunter2"), "{faults}");
}

#[test]
fn what_does_not_fit_the_schema_is_told_without_the_value() {
    let secret = &json!("hunter2");
    check_fault(&json!({"type": "integer"}), secret, "- at '/x': got string, want integer");
    check_fault(&json!({"type": ["object", "null"]}), secret, "- at '/x': got string, want null or object");
    check_fault(&json!({"type": "string"}), &json!(1), "- at '/x': got number, want string");
    check_fault(&json!({"enum": ["a'b", 1]}), secret, "- at '/x': value must be one of 'a\\'b', 1");
    check_fault(&json!({"enum": ["a"]}), secret, "- at '/x': value must be 'a'");
    check_fault(&json!({"enum": [["a"]]}), secret, "- at '/x': 'enum' failed");
    check_fault(&json!({"const": 1.5}), secret, "- at '/x': value must be 1.5");
    check_fault(&json!({"pattern": "^x"}), secret, "- at '/x': value does not match pattern '^x'");
    check_fault(&json!({"minLength": 8}), secret, "- at '/x': minLength: got 7, want 8");
    check_fault(&json!({"maximum": 1.5}), &json!(5), "- at '/x': maximum: got 5, want 1.5");
    check_fault(&json!({"multipleOf": 2}), &json!(3), "- at '/x': multipleOf: got 3, want 2");
    check_fault(&json!({"minItems": 2}), &json!(["hunter2"]), "- at '/x': minItems: got 1, want 2");
    check_fault(&json!({"uniqueItems": true}), &json!(["hunter2", "hunter2"]), "- at '/x': items are equal");
    check_fault(&json!({"not": {"type": "string"}}), secret, "- at '/x': 'not' failed");
    check_fault(&json!(false), secret, "- at '/x': false schema");
    check_fault(
        &json!({"contains": {"const": 1}}),
        &json!(["hunter2"]),
        "- at '/x': no items match contains schema",
    );
    let closed = json!({"properties": {"c": {}}, "additionalProperties": false});
    let names = json!({"a": "hunter2", "b": 1, "c": 2});
    check_fault(&closed, &names, "- at '/x': additional properties 'a', 'b' not allowed");
    let none = json!({"additionalProperties": false});
    check_fault(&none, &json!({"a": "hunter2"}), "- at '/x': additional properties not allowed");
    check_fault(&json!({"required": ["a"]}), &json!({}), "- at '/x': missing property 'a'");
    check_fault(&json!({"required": ["a", "b"]}), &json!({}), "- at '/x': missing properties 'a', 'b'");
}

#[test]
fn why_no_branch_of_a_schema_fits_stands_below() {
    let branches = json!([{"type": "integer"}, {"type": "object", "required": ["k"]}, {"minLength": 9, "pattern": "^x"}]);
    check_fault(
        &json!({"anyOf": branches}),
        &json!("hunter2"),
        "- at '/x': 'anyOf' failed\n  - at '/x': got string, want integer\n  - at '/x': got string, want object\n  \
         - at '/x': validation failed\n    - at '/x': minLength: got 7, want 9\n    \
         - at '/x': value does not match pattern '^x'",
    );
    check_fault(
        &json!({"oneOf": [{"type": "integer"}, {"type": "boolean"}]}),
        &json!({"password": "hunter2"}),
        "- at '/x': 'oneOf' failed, none matched\n  - at '/x': got object, want integer\n  \
         - at '/x': got object, want boolean",
    );
    let both = json!({"oneOf": [{"type": "string"}, {"type": "integer"}, {"minLength": 1}]});
    check_fault(&both, &json!("hunter2"), "- at '/x': 'oneOf' failed, subschemas 0, 2 matched");
}

#[test]
fn charts_inside_are_held_against_their_schemas_too() {
    let schema = r#"{"properties":{"port":{"type":"integer"}}}"#;
    check(
        &[
            ("values.schema.json", schema),
            ("charts/cart/Chart.yaml", "apiVersion: v2\nname: cart\nversion: 1.0.0\n"),
            ("charts/cart/values.schema.json", schema),
        ],
        json!({"port": "http", "cart": {"port": true}}),
        "values don't meet the specifications of the schema(s) in the following chart(s):\nshop:\n\
         - at '/port': got string, want integer\ncart:\n- at '/port': got boolean, want integer",
    );
}

#[test]
fn a_schema_with_many_faults_is_told_in_few_lines() {
    let schema = r#"{"properties":{"x":{"items":{"type":"integer"}}}}"#;
    let message = message(&[("values.schema.json", schema)], json!({"x": vec!["a"; 150]}));
    assert!(message.ends_with("- at '/x/99': got string, want integer\nand 50 more lines"), "{message}");
}

#[test]
fn unknown_functions_and_templates_are_named() {
    check(
        &[("templates/a.yaml", "a: 1\nb: {{ upcase \"x\" }}\n")],
        json!({}),
        "parse error at (shop/templates/a.yaml:2): function \"upcase\" not defined",
    );
    check(
        &[("templates/a.yaml", "b: {{ include \"shop.none\" . }}\n")],
        json!({}),
        "template: shop/templates/a.yaml:1:6: executing \"shop/templates/a.yaml\" at <include \"shop.none\" .>: error calling \
         include: template: no template \"shop.none\" associated with template \"gotpl\"",
    );
    check(
        &[("templates/a.yaml", "a: {{ if }}\n")],
        json!({}),
        "parse error at (shop/templates/a.yaml:1): missing value for if",
    );
}

#[test]
fn a_circle_of_includes_is_stopped_and_told_in_few_words() {
    let helpers =
        "{{ define \"a\" }}{{ include \"b\" . }}{{ end }}{{ define \"b\" }}{{ include \"a\" . }}{{ end }}";
    check(
        &[("templates/_h.tpl", helpers), ("templates/a.yaml", "{{ include \"a\" . }}")],
        json!({}),
        "template: shop/templates/a.yaml:1:3: executing \"shop/templates/a.yaml\" at <include \"a\" .>: in 1200 templates \
         inside of each other, \"a\" the innermost: template: b: exceeded maximum template depth (1200)",
    );
    let itself = "{{ define \"a\" }}{{ include \"a\" . }}{{ end }}";
    let message =
        message(&[("templates/_h.tpl", itself), ("templates/a.yaml", "{{ include \"a\" . }}")], json!({}));
    assert!(
        message.ends_with("rendering template has a nested reference name: a: unable to execute template"),
        "{message}"
    );
    assert!(message.len() < 500, "{message}");
}

#[test]
fn a_chart_that_reaches_out_of_its_folder_gets_nothing() {
    let all = [
        CHART,
        (
            "templates/a.yaml",
            "a: {{ .Files.Get \"../../etc/passwd\" | quote }}\nb: {{ .Files.Glob \"/etc/*\" | len }}\n",
        ),
    ];
    let texts = texts_of(&chart(&all), json!({})).unwrap();
    assert_eq!(texts["shop/templates/a.yaml"], "a: \"\"\nb: 0\n");
}

#[test]
fn a_bomb_is_stopped_within_its_budget() {
    let limits = Limits { steps_max: 10_000, bytes_max: 1 << 16, depth_max: 50 };
    let stopped = |template: &str| {
        let chart = chart(&[CHART, ("templates/a.yaml", template)]);
        let values = crate::set::UserValues::default();
        render(&super::world::request(&chart, &values), limits).unwrap_err().to_string()
    };
    let bytes = stopped("a: {{ repeat 1000000 \"x\" }}");
    assert!(bytes.ends_with("the templates make more than 65536 bytes"), "{bytes}");
    let steps = stopped("a: {{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}");
    assert!(steps.ends_with("the templates take more than 10000 steps"), "{steps}");
    let error =
        Chart::from_files(files(&[CHART]), ArchiveLimits { bytes_max: 10, files_max: 10 }).unwrap_err();
    assert_eq!(error.to_string(), "the chart is larger than 10 bytes");
}

#[test]
fn what_is_no_manifest_is_named_with_its_file_and_line() {
    check(
        &[("templates/a.yaml", "a: 1\nb: [\n")],
        json!({}),
        "shop/templates/a.yaml: what the template gives is no manifest: line 3, column 1: while parsing a node, did not \
         find expected node content",
    );
}
