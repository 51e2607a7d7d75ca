//! What Go refuses whatever the text means, and what the parser must not see.

use serde_json::json;

use super::{check, check_error};

#[test]
fn control_characters_are_refused_anywhere() {
    check_error("# ä\u{1}\na: b", "line 1, column 4: control characters are not allowed, found '\\u{1}'");
    for character in ['\0', '\u{8}', '\u{c}', '\u{1b}', '\u{7f}', '\u{80}', '\u{9f}', '\u{fffe}', '\u{ffff}']
    {
        let expected = format!("line 2, column 4: control characters are not allowed, found {character:?}");
        check_error(&format!("a: b\nc: {character}"), &expected);
    }
    check("a: \"\\x01\\x7f\\ufffe\"", json!({"a": "\u{1}\u{7f}\u{fffe}"}));
    check("a: x\u{a0}\u{fffd}\u{10ffff}", json!({"a": "x\u{a0}\u{fffd}\u{10ffff}"}));
}

#[test]
fn only_yaml_1_1_is_read() {
    check("# c\n%YAML 1.1\n%TAG !e! tag:x,2000:\n---\na: !e!b c", json!({"a": "c"}));
    check_error("%YAML 1.2\n---\na: b", "line 1, column 1: expected YAML 1.1, found version \"1.2\"");
    check_error("\n%FOO bar\n---\na: b", "line 2, column 1: unknown directive \"FOO\"");
    check("a: |\n %FOO\n", json!({"a": "%FOO\n"}));
}

#[test]
fn a_byte_order_mark_inside_of_a_text_is_part_of_it() {
    check("\u{feff}a: b", json!({"a": "b"}));
    check("\u{feff}\u{feff}a: b", json!({"a": "b"}));
    check("a: |\n  \u{feff}x\n", json!({"a": "\u{feff}x\n"}));
    check("a: \"\u{feff}x\\ny\"", json!({"a": "\u{feff}x\ny"}));
    check("a: b\n\u{feff}c: d \u{feff}\n", json!({"a": "b", "\u{feff}c": "d \u{feff}"}));
    check("# \u{feff}\na: b # \u{feff}\n", json!({"a": "b"}));
}

#[test]
fn tabs_are_no_indentation_outside_of_brackets() {
    for (text, place) in [
        ("\ta: b", "line 1, column 2"),
        ("a:\n \tb: c", "line 2, column 3"),
        ("-\ta", "line 1, column 3"),
        ("a:\n- \tb: c", "line 2, column 4"),
        ("? a\n:\tb", "line 2, column 3"),
        ("[a]\n---\n-\tb", "line 3, column 3"),
    ] {
        check_error(text, &format!("{place}: a tab cannot be used as indentation"));
    }
    check("[\n\ta, {\n\tb: 1}]", json!(["a", { "b": 1 }]));
    check("a: |\n  x\n  \ty\nb: \"\n \tz\"\n", json!({"a": "x\n\ty\n", "b": " z"}));
    check("a: b\tc\t# d\n", json!({"a": "b\tc"}));
}
