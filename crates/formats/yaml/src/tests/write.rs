use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::to_string;

#[track_caller]
fn check(value: &Value, expected: &Expect) {
    expected.assert_eq(&to_string(value));
}

#[track_caller]
fn check_scalar(value: impl Into<Value>, expected: &str) {
    let value = value.into();
    assert_eq!(to_string(&json!({ "a": value })), format!("a: {expected}\n"));
}

#[test]
fn a_manifest_is_printed_as_kubectl_prints_it() {
    let manifest = json!({
        "metadata": { "name": "web", "labels": {}, "annotations": { "text": "one\ntwo\n" } },
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "spec": {
            "replicas": 2,
            "template": { "spec": { "containers": [
                { "name": "web", "image": "web:1.0", "args": ["--port", "8080", "-v=yes"], "env": [] },
                { "name": "side" },
            ] } },
            "matrix": [[1, 2], [], [[3]], {}],
        },
    });
    check(
        &manifest,
        &expect![[r#"
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              annotations:
                text: |
                  one
                  two
              labels: {}
              name: web
            spec:
              matrix:
              - - 1
                - 2
              - []
              - - - 3
              - {}
              replicas: 2
              template:
                spec:
                  containers:
                  - args:
                    - --port
                    - "8080"
                    - -v=yes
                    env: []
                    image: web:1.0
                    name: web
                  - name: side
        "#]],
    );
}

#[test]
fn texts_are_quoted_only_where_go_would_read_something_else() {
    for text in [
        "text",
        "with space",
        "a:b",
        "a#b",
        "-a",
        "?a",
        ":a",
        "=",
        "1.2.3",
        "100m",
        "0x",
        "https://x/?a=b&c",
        "2001-01-02ä",
        "2001-02-30",
        "äöü",
    ] {
        check_scalar(text, text);
    }
    for text in [
        "",
        "yes",
        "Off",
        "y",
        "null",
        "~",
        "12",
        "0644",
        "1e3",
        "1_000",
        ".5",
        ".inf",
        "2001-12-14",
        "12:30:45",
    ] {
        check_scalar(text, &format!("\"{text}\""));
    }
    for text in [
        "a: b", "a:", "a #b", "- a", "-", "? a", "#a", "*a", "&a", "!a", "%a", "@a", "`a", "{a", "[a", "---a",
    ] {
        check_scalar(text, &format!("'{text}'"));
    }
    check_scalar("'a'", "'''a'''");
    check_scalar(" a", "' a'");
    check_scalar("a ", "'a '");
    check_scalar("<<", "<<");
    check_scalar("a\tb", "\"a\\tb\"");
    check_scalar("a\u{7f}\u{85}\u{2028}\u{feff}\"\\", "\"a\\x7F\\N\\L\\uFEFF\\\"\\\\\"");
    check_scalar("😀", "\"\\U0001F600\"");
}

#[test]
fn numbers_are_printed_as_go_prints_them() {
    check_scalar(1, "1");
    check_scalar(u64::MAX, "18446744073709551615");
    check_scalar(1.0, "1");
    check_scalar(-0.0, "0");
    check_scalar(1.5, "1.5");
    check_scalar(-123_456.75, "-123456.75");
    check_scalar(1_234_567.5, "1.2345675e+06");
    check_scalar(0.000_1, "0.0001");
    check_scalar(0.000_012, "1.2e-05");
    check_scalar(1e19, "10000000000000000000");
    check_scalar(1e20, "1e+20");
}

#[test]
fn texts_of_several_lines_are_literal() {
    check_scalar("a\nb", "|-\n  a\n  b");
    check_scalar("a\n", "|\n  a");
    assert_eq!(to_string(&json!({ "a": "b\n\n" })), "a: |+\n  b\n\n");
    check_scalar("\na", "|2-\n\n  a");
    check_scalar("  a\nb", "|2-\n    a\n  b");
    check_scalar("a \nb", "\"a \\nb\"");
    check_scalar("a\tb\nc", "\"a\\tb\\nc\"");
    check_scalar("a: #\n- b", "|-\n  a: #\n  - b");
    assert_eq!(to_string(&json!("a\nb")), "|-\n  a\n  b\n");
    assert_eq!(to_string(&json!(["a\nb"])), "- |-\n  a\n  b\n");
    assert_eq!(to_string(&json!({ "a": ["b\nc"] })), "a:\n- |-\n  b\n  c\n");
}

#[test]
fn long_texts_are_wrapped_at_a_space() {
    let long = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi, and more.";
    check(
        &json!({ "message": long, "plain": long.replace(':', ""), "special": format!("{long}\t") }),
        &expect![[r#"
            message: 'The node was low on resource: memory. Threshold quantity: 100Mi, available:
              90Mi, and more.'
            plain: The node was low on resource memory. Threshold quantity 100Mi, available 90Mi,
              and more.
            special: "The node was low on resource: memory. Threshold quantity: 100Mi, available:
              90Mi, and more.\t"
        "#]],
    );
}

#[test]
fn keys_are_sorted_as_go_sorts_them() {
    check(
        &json!({ "b": 1, "a10": 1, "a2": 1, "a": 1, "A": 1, "a-b": 1, "a/b": 1, "ab": 1, "1": 1, "12": 1, "on": 1, "a02": 1 }),
        &expect![[r#"
            "1": 1
            "12": 1
            A: 1
            a: 1
            a-b: 1
            a/b: 1
            a2: 1
            a02: 1
            a10: 1
            ab: 1
            b: 1
            "on": 1
        "#]],
    );
    check(
        &json!({ "12": 1, "1x": 1, "2": 1 }),
        &expect![[r#"
            "12": 1
            1x: 1
            "2": 1
        "#]],
    );
}

#[test]
fn keys_that_are_long_or_of_several_lines_are_marked() {
    let long = "k".repeat(129);
    assert_eq!(to_string(&json!({ &long: [1], "b": 1 })), format!("b: 1\n? {long}\n: - 1\n"));
    assert_eq!(to_string(&json!({ "a\nb": { "c": 1 } })), "? |-\n  a\n  b\n: c: 1\n");
}

#[test]
fn anything_can_stand_at_the_root() {
    for (value, text) in [
        (json!(null), "null\n"),
        (json!(true), "true\n"),
        (json!("text"), "text\n"),
        (json!({}), "{}\n"),
        (json!([]), "[]\n"),
        (json!([1]), "- 1\n"),
    ] {
        assert_eq!(to_string(&value), text);
    }
}

#[test]
fn a_pretty_text_indents_lists_and_keeps_floats_and_long_lines() {
    let long = "word ".repeat(30);
    let value = serde_json::json!({"a": [1, {"b": [2.0, 1e6]}], "c": long.trim_end(), "d": []});
    let expected = format!("a:\n  - 1\n  - b:\n      - 2\n      - 1e+06\nc: {}\nd: []\n", long.trim_end());
    assert_eq!(crate::to_string_pretty(&value), expected);
}
