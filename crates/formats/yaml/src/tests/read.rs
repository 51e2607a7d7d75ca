use serde_json::{Value, json};

use super::{check, check_error};
use crate::{Limits, parse, parse_all};

#[test]
fn unquoted_words_are_booleans_and_null_as_in_go() {
    for word in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
        check(word, json!(true));
    }
    for word in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
        check(word, json!(false));
    }
    for word in ["", "~", "null", "Null", "NULL"] {
        check(&format!("a: {word}"), json!({ "a": null }));
    }
    for word in ["yEs", "nULL", "tRUE", "oN", "none", "yess"] {
        check(word, json!(word));
    }
    for quoted in ["'yes'", "\"null\"", "!!str yes", "|-\n  yes"] {
        assert!(parse(quoted, Limits::MANIFESTS).expect(quoted).is_string(), "{quoted}");
    }
}

#[test]
fn unquoted_numbers_are_what_go_reads() {
    check("0", json!(0));
    check("-0", json!(0));
    check("+12", json!(12));
    check("0644", json!(420));
    check("0o644", json!(420));
    check("0x1F", json!(31));
    check("-0b101", json!(-5));
    check("1_000", json!(1000));
    check("08", json!(8));
    check("1e3", json!(1000));
    check("1.0", json!(1));
    check("1_000.5", json!(1000.5));
    check(".5", json!(0.5));
    check("-1.5E-3", json!(-0.0015));
    check("18446744073709551615", json!(u64::MAX));
    check("-9223372036854775808", json!(i64::MIN));
    check("18446744073709551616", json!(18_446_744_073_709_551_616.0));
    check("1e400", json!("1e400"));
}

#[test]
fn numbers_with_a_prefix_that_do_not_fit_are_texts_as_in_go() {
    check("0xffffffffffffffff", json!(u64::MAX));
    for text in ["0x10000000000000000", "-0x8000000000000001", "0o7777777777777777777777777"] {
        check(text, json!(text));
    }
    let bits = format!("0b{}", "1".repeat(65));
    check(&bits, json!(bits));
}

#[test]
fn large_floats_keep_only_the_digits_that_tell_them_apart() {
    check("12345678901234567890.0", json!(12_345_678_901_234_567_000_u64));
    check("-1234567890123456789.0", json!(-1_234_567_890_123_456_800_i64));
}

#[test]
fn what_only_looks_like_a_number_is_text() {
    for text in ["1.2.3", "1e", "0x", "_1", "1k", "100m", "12:30:45", "--1", "+", ".", "0b12", "1 2", "e3"] {
        check(text, json!(text));
    }
    for text in ["2001-12-14", "2001-12-14T21:59:43.10-05:00", "2001-12-14 21:59:43"] {
        check(text, json!(text));
    }
}

#[test]
fn tags_say_what_a_scalar_is() {
    check("!!str 123", json!("123"));
    check("!!int \"7\"", json!(7));
    check("!!float 3", json!(3));
    check("!!bool 'yes'", json!(true));
    check("!!null ''", json!(null));
    check("!!binary aGVs\n", json!("hel"));
    check("!!binary |\n  aGVs\n  bG8=\n", json!("hello"));
    check("!!timestamp 2001-12-14", json!("2001-12-14"));
    check("!Ref name", json!("name"));
    check("! 12", json!("12"));
    check("!!map {a: 1}", json!({ "a": 1 }));
    check_error("a: !!int x", "line 1, column 4: expected a value of type !!int, found \"x\"");
    check_error("!!int 1.5", "line 1, column 1: expected a value of type !!int, found \"1.5\"");
}

#[test]
fn keys_become_names() {
    check("on: push", json!({ "true": "push" }));
    check("1: a\n0x10: b\n1.5: c\n", json!({ "1": "a", "16": "b", "1.5": "c" }));
    check("'1': a", json!({ "1": "a" }));
    check("a: 1\na: 2\n", json!({ "a": 2 }));
    check_error("~: a", "line 1, column 1: expected a string, a number or a boolean as the key, found null");
    check_error(
        "? [a]\n: b",
        "line 1, column 5: expected a string, a number or a boolean as the key, found a list",
    );
}

#[test]
fn anchors_are_copied_and_merged() {
    check("a: &x {b: 1}\nc: *x\n", json!({ "a": { "b": 1 }, "c": { "b": 1 } }));
    check(
        "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
        json!({ "a": { "b": 1, "c": 2 }, "d": { "b": 1, "c": 3 } }),
    );
    check("<<: [{a: 1, b: 1}, {b: 2, c: 2}]", json!({ "a": 1, "b": 1, "c": 2 }));
    check("a: 1\n<<: {a: 2}", json!({ "a": 2 }));
    check("'<<': {a: 2}", json!({ "<<": { "a": 2 } }));
    check("a: <<", json!({ "a": "<<" }));
    check_error("<<: 1", "line 1, column 5: expected a map or a list of maps after the merge key <<");
    check_error(
        "a: &x [*x]",
        "line 1, column 8: the alias stands inside of what it names, or names nothing in this document",
    );
}

#[test]
fn a_stream_is_its_documents_without_the_empty_ones() {
    let read = |text| parse_all(text, Limits::MANIFESTS);
    assert_eq!(read(""), Ok(vec![]));
    assert_eq!(read("# nothing\n---\n---\n# still\n"), Ok(vec![]));
    assert_eq!(read("---\na: 1\n---\n\n---\nb: 2\n...\n"), Ok(vec![json!({ "a": 1 }), json!({ "b": 2 })]));
    assert_eq!(parse("# nothing", Limits::MANIFESTS), Ok(Value::Null));
    check_error("a: 1\n---\nb: 2\n", "line 1, column 1: expected one document, found 2");
    check_error(
        "a: &x 1\n---\nb: *x\n",
        "line 3, column 4: the alias stands inside of what it names, or names nothing in this document",
    );
}

#[test]
fn json_is_read_with_its_own_escapes() {
    check(
        r#"{"a": "\ud83d\ude00\/", "b": [1, 1.0, 1e3, -2.5, null]}"#,
        json!({ "a": "😀/", "b": [1, 1, 1000, -2.5, null] }),
    );
    check("\u{feff}{\"a\":\t1}\n", json!({ "a": 1 }));
    check("{a: 1, b: [x, y: 2]}", json!({ "a": 1, "b": ["x", { "true": 2 }] }));
}

#[test]
fn comments_and_blocks_are_read_as_people_write_them() {
    let head = "# a comment\n".repeat(200);
    check(
        &format!("{head}a: |\n  one\n   two\n\n  three\nb: >-\n  one\n  two\n"),
        json!({ "a": "one\n two\n\nthree\n", "b": "one two" }),
    );
    check("a: # why\n- b # c\n- d#e\n", json!({ "a": ["b", "d#e"] }));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    check_error("a: b: c", "line 1, column 5: mapping values are not allowed in this context");
    check_error("a: .inf", "line 1, column 4: \".inf\" is a number that JSON has not");
    let error = parse("a:\n  - b\n c: d", Limits::MANIFESTS).expect_err("the indentation is wrong");
    assert_eq!(error.line, 3);
}

#[test]
fn limits_hold() {
    let limits = Limits { bytes_max: 200, depth_max: 3, values_max: 20 };
    let check = |text: &str, expected: Result<(), &str>| {
        let outcome = parse(text, limits).map(drop).map_err(|error| error.message);
        assert_eq!(outcome, expected.map_err(str::to_owned), "{text:?}");
    };
    check(&"a".repeat(200), Ok(()));
    check(&"a".repeat(201), Err("the text has 201 bytes; at most 200 are read"));
    check("[[[a]]]", Ok(()));
    check("[[[[a]]]]", Err("lists and maps are nested deeper than 3"));
    check("[[[[]]]]", Err("lists and maps are nested deeper than 3"));
    check("[\"a\", [[[1]]]]", Err("lists and maps are nested deeper than 3"));
    check("- &x [[a]]\n- [*x]", Err("lists and maps are nested deeper than 3"));
    check("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]", Ok(()));
    check(
        "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]",
        Err("more than 20 values, those that aliases repeat included"),
    );
    check(
        "- &x [a, b, c]\n- [*x, *x, *x, *x]",
        Err("more than 20 values, those that aliases repeat included"),
    );
    let long = format!("- &x {}\n- [*x, *x]", "a".repeat(90));
    check(&long, Err("aliases repeat more than 200 bytes of text"));
}

#[test]
fn a_billion_laughs_end_early() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip("abcdefgh".chars()) {
        let aliases = vec![format!("*{of}"); 9].join(", ");
        text.push_str(&format!("{name}: &{name} [{aliases}]\n"));
    }
    let error = parse(&text, Limits::MANIFESTS).expect_err("too many values");
    assert_eq!(error.message, "more than 1000000 values, those that aliases repeat included");
}

#[track_caller]
fn check_go3(text: &str, expected: Value) {
    let read = crate::parse_all_by(text, Limits::MANIFESTS, crate::Rules::Go3);
    assert_eq!(read, Ok(vec![expected]), "{text:?}");
}

#[test]
fn by_the_third_rules_words_are_texts_and_dates_are_points_in_time() {
    check_go3("a: [yes, no, on, off, y, n]", json!({"a": ["yes", "no", "on", "off", "y", "n"]}));
    check_go3("yes: [true, False]", json!({"yes": [true, false]}));
    check_go3("a: 2020-01-02", json!({"a": "2020-01-02T00:00:00Z"}));
    check_go3("a: 2001-1-4t1:59:43.10-05:00", json!({"a": "2001-01-04T01:59:43.1-05:00"}));
    check_go3("a: [0644, 0o17, 0x1F, 1_000, 1.0]", json!({"a": [420, 15, 31, 1000, 1]}));
}

#[test]
fn by_the_third_rules_a_merge_key_fills_only_what_is_missing() {
    check_go3("x: &x {a: 1, b: 1}\ny: {a: 2, <<: *x}", json!({"x": {"a": 1, "b": 1}, "y": {"a": 2, "b": 1}}));
    check_go3("x: &x {a: 1}\ny: {<<: *x, a: 2}", json!({"x": {"a": 1}, "y": {"a": 2}}));
}

#[test]
fn by_the_third_rules_keys_are_texts_and_there_once() {
    let refused =
        |text: &str| crate::parse_all_by(text, Limits::MANIFESTS, crate::Rules::Go3).expect_err(text).message;
    assert_eq!(refused("{a: 1, a: 2}"), "the key \"a\" is there twice");
    assert_eq!(refused("a: {1: x}"), "expected a text as the key, found 1; put it in quotes");
}

#[test]
fn of_a_text_only_what_is_wanted_is_built() {
    let text = "a: 1\nb:\n  c: [1, {d: 2}]\n  e: &x {f: [g]}\n  h: *x\ni: [{j: 1, k: 2}]\n";
    let only = |wanted: &[&str]| {
        let wants = |path: &[String]| wanted.contains(&path.join(".").as_str());
        crate::parse_only(text, Limits::MANIFESTS, &wants)
    };
    assert_eq!(only(&["b", "b.c", "b.c.d"]), Ok(json!({"b": {"c": [1, {"d": 2}]}})));
    assert_eq!(only(&["a", "i", "i.k"]), Ok(json!({"a": 1, "i": [{"k": 2}]})));
    assert_eq!(only(&[]), Ok(json!({})));
    assert_eq!(only(&["b", "b.e", "b.e.f", "b.h"]), Ok(json!({"b": {"e": {"f": ["g"]}, "h": {"f": ["g"]}}})));
    let error = only(&["b", "b.h"]).expect_err("the anchor was refused").to_string();
    assert!(error.contains("names nothing in this document"), "{error}");
}

#[test]
fn a_block_at_the_end_of_a_text_has_no_more_line_breaks_than_the_text() {
    for header in ["|", ">", "|+", "|-", ">+2", "&b |", "!!str |"] {
        check(&format!("a: {header}\n  x"), json!({"a": "x"}));
    }
    check("- |\n  x\n\n  y  ", json!(["x\n\ny  "]));
    check("a: |\n  x\n", json!({"a": "x\n"}));
    check("a: |\n  x\r\n", json!({"a": "x\n"}));
    check("a: |\n  x\n# c", json!({"a": "x\n"}));
}

#[test]
fn a_last_line_of_blanks_is_part_of_a_block_from_its_indentation_on() {
    for blanks in [" ", "  "] {
        check(&format!("a: |\n  x\n{blanks}"), json!({"a": "x\n"}));
        check(&format!("a: |+\n  x\n\n{blanks}"), json!({"a": "x\n\n"}));
    }
    check("a: |\n  x\n    ", json!({"a": "x\n  "}));
    check("a: |+\n  ", json!({"a": ""}));
    check("a: |+\n\n  ", json!({"a": "\n"}));
    check("a: |+\n  \n\n    ", json!({"a": "\n\n"}));
}
