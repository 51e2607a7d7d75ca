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
        "template: shop/templates/a.yaml:1:6: executing \"shop/templates/a.yaml\" at <required \"image.tag is needed\" \
         .Values.tag>: error calling required: image.tag is needed",
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
        "the values do not fit values.schema.json of shop:\n- at '/image/port': \"http\" is not of type \"integer\"",
    );
    let message = message(&[("values.schema.json", "{")], json!({}));
    assert!(message.starts_with("shop: failed to read values.schema.json: "), "{message}");
}

#[test]
fn unknown_functions_and_templates_are_named() {
    check(
        &[("templates/a.yaml", "a: 1\nb: {{ upcase \"x\" }}\n")],
        json!({}),
        "template: shop/templates/a.yaml:2: function \"upcase\" not defined",
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
        "template: shop/templates/a.yaml:1: missing value for if",
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
