//! The functions and operators of the language and of Kubernetes' libraries: one table per library.
//!
//! A row says what a function takes, what it gives, what it costs, and how it is carried out. The checker chooses the
//! rows that fit the types which it knows, the evaluator among those the first that fits the values.

use crate::price::Price;
use crate::types::Pattern;
use crate::value::{LibraryValue, Value};
use crate::{Fault, Meter};

mod address;
mod arithmetic;
mod compare;
mod convert;
pub(crate) mod format;
pub(crate) mod lists;
mod optional;
mod print;
pub(crate) mod quantity;
pub(crate) mod regex;
pub(crate) mod semver;
mod sets;
mod strings;
pub(crate) mod time;
pub(crate) mod url;

/// Carries out a function on its arguments; of a method the first one is what it is called on.
pub(crate) type Run = for<'a> fn(&[Value<'a>], &mut Meter<'_>) -> Result<Value<'a>, Fault>;

/// One way to call a function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) is_method: bool,
    pub(crate) arguments: &'static [Pattern],
    pub(crate) result: Pattern,
    pub(crate) price: Price,
    pub(crate) run: Run,
}

const fn global(
    name: &'static str,
    arguments: &'static [Pattern],
    result: Pattern,
    price: Price,
    run: Run,
) -> Function {
    Function { name, is_method: false, arguments, result, price, run }
}

const fn method(
    name: &'static str,
    arguments: &'static [Pattern],
    result: Pattern,
    price: Price,
    run: Run,
) -> Function {
    Function { name, is_method: true, arguments, result, price, run }
}

const LIBRARIES: [&[Function]; 15] = [
    arithmetic::FUNCTIONS,
    compare::FUNCTIONS,
    convert::FUNCTIONS,
    strings::FUNCTIONS,
    print::FUNCTIONS,
    regex::FUNCTIONS,
    lists::FUNCTIONS,
    sets::FUNCTIONS,
    time::FUNCTIONS,
    optional::FUNCTIONS,
    quantity::FUNCTIONS,
    url::FUNCTIONS,
    address::FUNCTIONS,
    semver::FUNCTIONS,
    format::FUNCTIONS,
];

/// The rows of a function.
pub(crate) fn named(name: &str, is_method: bool) -> Vec<&'static Function> {
    let all = LIBRARIES.into_iter().flatten();
    all.filter(|function| function.is_method == is_method && function.name == name).collect()
}

/// Whether any function, method or not, has this name.
pub(crate) fn is_known(name: &str) -> bool {
    LIBRARIES.into_iter().flatten().any(|function| function.name == name)
}

/// Whether a value is what a pattern asks for.
pub(crate) fn fits(pattern: &Pattern, value: &Value<'_>) -> bool {
    match (pattern, value) {
        (Pattern::Dyn | Pattern::A | Pattern::B, _)
        | (Pattern::Bool, Value::Bool(_))
        | (Pattern::Int, Value::Int(_))
        | (Pattern::Uint, Value::Uint(_))
        | (Pattern::Double, Value::Double(_))
        | (Pattern::String, Value::String(_))
        | (Pattern::Bytes, Value::Bytes(_))
        | (Pattern::Timestamp, Value::Timestamp(_))
        | (Pattern::Duration, Value::Duration(_))
        | (Pattern::Type, Value::Type(_))
        | (Pattern::Map(..), Value::Map(_))
        | (Pattern::Optional(_), Value::Optional(_)) => true,
        (Pattern::List(item), Value::List(list)) => match list.get(0) {
            Ok(Some(first)) => fits(item, &first),
            _ => true,
        },
        (Pattern::Library(wanted), Value::Library(found)) => *wanted == found.library(),
        _ => false,
    }
}

/// What a function says to values that its row does not take.
fn mismatch(name: &str, arguments: &[Value<'_>]) -> Fault {
    let types: Vec<&str> = arguments.iter().map(Value::type_name).collect();
    Fault::NoSuchOverload(format!("{name}({})", types.join(", ")))
}

/// A value of a library, as a result.
fn library<'a>(value: LibraryValue) -> Result<Value<'a>, Fault> {
    Ok(Value::Library(value))
}
