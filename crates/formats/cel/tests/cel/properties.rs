//! Whatever is written, reading, checking and evaluating it ends, within its budget and without a panic.

use bythos_cel::{Binding, Environment, Fault, Program, Type, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Pieces of which expressions are put together: more of them make sense than of random characters.
const PIECES: &[&str] = &[
    "object",
    "object.l",
    "object.m",
    "object.s",
    "object.l[0]",
    "x",
    "y",
    "1",
    "0",
    "-1",
    "9223372036854775807",
    "2u",
    "1.5",
    "'a'",
    "''",
    "'ä\\n'",
    "b'\\xff'",
    "r'[a-z]+'",
    "true",
    "false",
    "null",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    ":",
    "?",
    ".",
    ".?",
    "[?",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " == ",
    " != ",
    " < ",
    " >= ",
    " && ",
    " || ",
    " in ",
    "!",
    "-",
    ".all(x, ",
    ".exists(x, ",
    ".map(x, ",
    ".filter(x, ",
    ".exists_one(x, ",
    ".all(x, y, ",
    ".transformMap(x, y, ",
    ".sortBy(x, ",
    "has(",
    "size(",
    "int(",
    "string(",
    "double(",
    "duration('1h')",
    "timestamp('2024-01-01T00:00:00Z')",
    ".size()",
    ".matches(",
    ".split('')",
    ".replace('', ",
    ".join()",
    ".format([",
    "])",
    ".sum()",
    ".sort()",
    ".reverse()",
    ".distinct()",
    ".flatten()",
    "lists.range(",
    "quantity('1Gi')",
    "ip('::1')",
    "cidr('10.0.0.0/8')",
    "url('https://a/b')",
    "semver('1.2.3')",
    "optional.of(",
    "optional.none()",
    ".orValue(",
    ".optMap(x, ",
    "type(",
    "dyn(",
    "sets.contains(",
    "format.dns1123Label()",
    ".validate(",
    ".substring(",
    ".getHours()",
    ".indexOf(",
    "//",
    "\n",
];

fn object() -> Json {
    let list: Vec<u32> = (0..40).collect();
    json!({"l": list, "m": {"a": 1, "b": [true, null]}, "s": "text with words ".repeat(20), "n": 7})
}

/// Evaluates an expression with a small budget.
fn run(source: &str) {
    const BUDGET: u64 = 20_000;
    let environment = Environment::new().with("object", Type::Dyn).with("variables.v", Type::Int);
    let Ok(program) = Program::compile(source, &environment) else { return };
    let object = object();
    let Ok(value) = Value::from_json(&object, None) else { panic!("JSON without a schema is always read") };
    let mut left = BUDGET;
    let outcome = program.evaluate(&[Binding::Value(value), Binding::Value(Value::Int(1))], &mut left);
    match outcome {
        Err(Fault::OverBudget) => assert_eq!(left, 0),
        _ => assert!(left <= BUDGET),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_end(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        run(&pieces.concat());
    }

    #[test]
    fn any_text_ends(text in "\\PC{0,60}") {
        run(&text);
    }

    #[test]
    fn an_error_points_into_its_source(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..20)) {
        let source = pieces.concat();
        if let Err(error) = Program::compile(&source, &Environment::new()) {
            prop_assert!(error.line <= source.matches('\n').count() + 1);
            prop_assert!(error.column <= source.chars().count() + 1);
            prop_assert!(error.to_string().starts_with("ERROR: <input>:"));
        }
    }
}
