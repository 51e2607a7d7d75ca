//! What the parser refuses and Go reads.

use serde_json::json;

use super::{check, check_error};
use crate::{Limits, parse};

#[test]
fn lines_in_brackets_may_begin_anywhere_as_in_go() {
    check("a: [\n  x,\n]", json!({"a": ["x"]}));
    check("a:\n  b: [\n    x\n  ]\n  c: {\n    d: 1\n  }\n", json!({"a": {"b": ["x"], "c": {"d": 1}}}));
    check("a:\n  b: [\nx,\n 'y y',\n{z: 1}\n]\nc: 1\n", json!({"a": {"b": ["x", "y y", {"z": 1}]}, "c": 1}));
    check("- a: {\n  b: [\n1,\n2\n]\n}\n- c\n", json!([{"a": {"b": [1, 2]}}, "c"]));
    check("a:\n  b: [ # one\n# two\n  1\n  ] # three\n", json!({"a": {"b": [1]}}));
}

#[test]
fn what_is_wrong_in_brackets_keeps_its_place() {
    check_error("a:\n  b: [\n  ]\n  c: }\n", "line 4, column 6: misplaced bracket");
    let many = format!("a:\n  b: [\n{}]\n", "1,\n".repeat(3000));
    let limits = Limits { bytes_max: 20_000, ..Limits::MANIFESTS };
    let error = parse(&many, limits).expect_err("it takes too many readings").to_string();
    assert!(error.contains("invalid indentation"), "{error}");
}

#[test]
fn quoted_texts_go_on_anywhere_as_in_go() {
    check("a: \"b\nc\"\n", json!({"a": "b c"}));
    check("a:\n  b: 'x\n y\nz\n\n w'\n  c: 1\n", json!({"a": {"b": "x y z\nw", "c": 1}}));
    check("- \"x\ny\"\n- a: 'it''s\nb'''\n", json!(["x y", { "a": "it's b'" }]));
    check("a: \"x\n\\\"y\nz\\\\\" # c\nb: \"q\\\nr\"\n", json!({"a": "x \"y z\\", "b": "qr"}));
    check("- {a: \"b\nc\"}\n", json!([{"a": "b c"}]));
    check("ä: {ö: ü, a: \"b\nc\"}\n", json!({"ä": {"ö": "ü", "a": "b c"}}));
}

#[test]
fn lines_of_quoted_texts_may_begin_with_tabs_as_in_go() {
    check("a: \"b\n\tc\"\n", json!({"a": "b c"}));
    check("a:\n  b: 'x\n\ty\n \tit''s\n\n\tz'\n", json!({"a": {"b": "x y it's\nz"}}));
}

#[test]
fn the_border_of_a_document_ends_no_quoted_text() {
    check("a: \"b\n---c\"\n", json!({"a": "b ---c"}));
    for text in ["a: \"b\n--- c\"\n", "a: \"b\nc\n...\nd\"\n"] {
        let error = parse(text, Limits::MANIFESTS).expect_err(text);
        assert_eq!(error.line, 1, "{error}");
    }
}

#[test]
fn a_tab_may_part_a_name_from_its_value_as_in_go() {
    check("b:\tc\nd: \t e\n", json!({"b": "c", "d": "e"}));
    check("{b:\t1, ä:\tx}", json!({"b": 1, "ä": "x"}));
    check("a:\n  b:\t\tc\n  d: \"x:\ty\"\n", json!({"a": {"b": "c", "d": "x:\ty"}}));
    let error = parse("b:\t- c", Limits::MANIFESTS).expect_err("a list cannot begin here").to_string();
    assert!(error.contains("not allowed"), "{error}");
}

#[test]
fn all_lines_of_a_quoted_text_are_moved_at_once() {
    let lines = "x\n".repeat(10_000);
    let value = parse(&format!("a: \"{lines}\"\n"), Limits::MANIFESTS);
    assert_eq!(value, Ok(json!({"a": "x ".repeat(10_000)})));
}

#[test]
fn faults_beyond_the_budget_end_the_reading() {
    let faults = |text: String| {
        let limits = Limits { bytes_max: 200_000, ..Limits::MANIFESTS };
        parse(&text, limits).expect_err("it takes too many readings").message
    };
    assert_eq!(faults("a: 'x\ny'\n".repeat(5000)), "invalid indentation in quoted scalar");
    assert_eq!(faults("a:\tb\n".repeat(20_000)), "':' must be followed by a valid YAML whitespace");
    // What moving adds counts before it is added.
    let far = " ".repeat(1000);
    let moved = format!("- b:\n{far}- c\n- - \"x\n{}\"\n", "y\n".repeat(1000));
    assert_eq!(faults(moved), "invalid indentation in quoted scalar");
}
