use proptest::prelude::*;
use serde_json::{Map, Number, Value};

use crate::{Limits, number, parse, parse_all, to_string};

/// Texts made of what has a meaning in YAML, and any others.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "b1",
        "0",
        "12",
        " ",
        "  ",
        "\n",
        "\t",
        ":",
        ": ",
        "-",
        "- ",
        "#",
        " #",
        "'",
        "\"",
        "\\",
        "|",
        ">",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&",
        "*",
        "!",
        "%",
        "@",
        "?",
        "? ",
        "<<",
        "---",
        "...",
        "yes",
        "null",
        "~",
        ".",
        "e",
        "_",
        "ä",
        "\u{a0}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\r",
        "😀",
        "\0",
        "long words that fill the line until it has to be wrapped",
    ];
    let woven = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..8)
        .prop_map(|pieces: Vec<&str>| pieces.concat());
    prop_oneof![4 => woven, 1 => any::<String>()]
}

fn finite() -> impl Strategy<Value = Value> {
    any::<f64>().prop_filter_map("JSON has only finite numbers", |value| {
        Number::from_f64(value).map(number::canonical).map(Value::Number)
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        finite(),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(value in value()) {
        let text = to_string(&value);
        prop_assert_eq!(parse(&text, Limits::MANIFESTS), Ok(value), "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        drop(parse_all(&text, Limits::MANIFESTS));
    }

    #[test]
    fn no_text_with_meaning_makes_the_reader_panic(lines in prop::collection::vec(text(), 0..6)) {
        drop(parse_all(&lines.join("\n"), Limits::MANIFESTS));
    }
}
