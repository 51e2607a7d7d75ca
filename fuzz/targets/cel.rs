//! Any text as an expression: reading, checking and evaluating it ends, within its budget.

#![no_main]

use bythos_cel::{Binding, Environment, Program, Type, Value};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|source: &str| {
    let environment = Environment::new().with("object", Type::Dyn);
    let Ok(program) = Program::compile(source, &environment) else { return };
    let object = json!({"l": [1, 2, 3], "m": {"a": 1}, "s": "text", "n": 7});
    let Ok(value) = Value::from_json(&object, None) else { return };
    let mut budget = 10_000;
    let outcome = program.evaluate(&[Binding::Value(value)], &mut budget);
    assert!(budget <= 10_000, "{outcome:?}");
});
