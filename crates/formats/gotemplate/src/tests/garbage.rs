use std::rc::Rc;

use proptest::prelude::*;

use crate::{Budget, Limits, NoLibrary, Scope, Templates, Value, print};

const LIMITS: Limits = Limits { steps_max: 20_000, bytes_max: 1 << 20, depth_max: 20 };

fn run(text: &str) {
    let mut templates = Templates::new();
    if templates.add("t", text, &NoLibrary).is_err() {
        return;
    }
    let budget = Budget::new(LIMITS);
    let data = Value::map([
        ("a", Value::list(vec![Value::Int(1), Value::from("x"), Value::Nil, Value::Float(1.5)])),
        ("b", Value::map([("c", Value::Bool(true))])),
        ("s", Value::from("text")),
    ]);
    let mut scope = Scope::new(Rc::new(templates), &NoLibrary, &budget, &());
    // Whether it fails does not matter here: it ends, and nothing panics.
    drop(scope.execute("t", data));
}

/// Words that mean something, so that more than the lexer is reached.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        " - ",
        "\n",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "nil",
        "true",
        ".",
        "$",
        "$x",
        ":=",
        "=",
        "|",
        "(",
        ")",
        ",",
        ".a",
        ".b.c",
        ".s",
        "\"t\"",
        "`raw`",
        "'c'",
        "1",
        "-2",
        "1.5",
        "0x1F",
        "printf",
        "\"%d %v\"",
        "index",
        "slice",
        "len",
        "eq",
        "lt",
        "and",
        "or",
        "not",
        "call",
        "html",
        "js",
        "/*",
        "*/",
        "\"",
        "\\",
        "ü",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

/// A whole action, from words.
fn actions() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        ".", "$", ".a", ".b", ".b.c", ".s", "nil", "true", "1", "-1", "9", "1.5", "\"x\"", "'c'", "|", "(",
        ")", "index", "slice", "len", "eq", "ne", "lt", "ge", "and", "or", "not", "print", "printf", "html",
        "urlquery", "call", "range", "if", "with", "end", "else",
    ]);
    let action = prop::collection::vec(word, 1..6).prop_map(|words| format!("{{{{ {} }}}}", words.join(" ")));
    prop::collection::vec(action, 1..6).prop_map(|actions| actions.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends(text in any::<String>()) {
        run(&text);
        run(&format!("{{{{{text}}}}}"));
    }

    #[test]
    fn any_words_end(text in words()) {
        run(&text);
    }

    #[test]
    fn any_actions_end(text in actions()) {
        run(&text);
    }

    #[test]
    fn any_format_ends(format in "[%a-zA-Z0-9.*+# \\[\\]-]{0,20}", number in any::<i64>(), float in any::<f64>()) {
        let budget = Budget::new(LIMITS);
        let values = [Value::Int(number), Value::Float(float), Value::from("x"), Value::Nil, Value::list(vec![])];
        drop(print::sprintf(format.as_bytes(), &values, &budget));
    }

    #[test]
    fn any_layout_ends(layout in any::<String>(), text in any::<String>(), seconds in -4_000_000_000i64..9_000_000_000) {
        let time = crate::time::Time::from_unix(seconds, jiff::tz::TimeZone::UTC).unwrap();
        let written = time.format(&layout);
        drop(crate::time::Time::parse(&layout, &written, &jiff::tz::TimeZone::UTC));
        drop(crate::time::Time::parse(&layout, &text, &jiff::tz::TimeZone::UTC));
        drop(crate::time::parse_duration(&text));
    }

    #[test]
    fn a_quoted_text_is_read_back(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
        prop_assert_eq!(crate::unquote(&print::quote(&bytes)), Ok(bytes));
    }

    #[test]
    fn a_float_is_read_back(number in any::<f64>()) {
        prop_assume!(number.is_finite());
        prop_assert_eq!(print::format_float(number, 'g', None).parse::<f64>(), Ok(number));
        prop_assert_eq!(print::json_float(number).parse::<f64>(), Ok(number));
    }
}
