//! `default`, `empty`, `coalesce`, `ternary`, `all`, `any`. Empty are zero, `false`, `""`, empty lists and maps, `nil`.

use bythos_gotemplate::{Function, Rest, Value};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("default", |default: Value, given: Rest<Value>| {
            given.0.into_iter().next().filter(Value::is_true).unwrap_or(default)
        }),
        Function::new("empty", |value: Value| !value.is_true()),
        Function::new("coalesce", |values: Rest<Value>| {
            values.0.into_iter().find(Value::is_true).unwrap_or_default()
        }),
        Function::new("all", |values: Rest<Value>| values.0.iter().all(Value::is_true)),
        Function::new("any", |values: Rest<Value>| values.0.iter().any(Value::is_true)),
        Function::new("ternary", |yes: Value, no: Value, decides: bool| if decides { yes } else { no }),
    ]
}
