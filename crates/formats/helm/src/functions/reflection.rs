//! Types and kinds as Go names them, and equality.

use bythos_gotemplate::{Failure, Function, Scope, Text, Value, deep_equal};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("typeOf", |value: Value| value.type_name()),
        Function::new("typeIs", |name: Text, value: Value| name.to_str() == value.type_name()),
        Function::new("typeIsLike", |name: Text, value: Value| {
            let (name, found) = (name.to_str(), value.type_name());
            name == found || found.strip_prefix('*') == Some(&*name)
        }),
        Function::new("kindOf", |value: Value| value.kind().name()),
        Function::new("kindIs", |name: Text, value: Value| name.to_str() == value.kind().name()),
        Function::new("deepEqual", |scope: &mut Scope<'_>, left: Value, right: Value| {
            deep_equal(&left, &right, scope.budget()).map_err(Failure::from)
        }),
    ]
}
