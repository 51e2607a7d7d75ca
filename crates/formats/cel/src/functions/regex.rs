//! Regular expressions: `matches`, `find` and `findAll`, with the syntax of Go's RE2.

use bythos_schema::Pattern;
use regex::Regex;

use super::{Function, global, method, mismatch};
use crate::price::Price;
use crate::types::Pattern::{Bool, Int, List, String};
use crate::value::Value;
use crate::{Fault, Meter};

pub(super) const FUNCTIONS: &[Function] = &[
    global("matches", &[String, String], Bool, Price::CalledMatches, matches),
    method("matches", &[String, String], Bool, Price::Matches, matches),
    method("find", &[String, String], String, Price::Find, find),
    method("findAll", &[String, String], List(&String), Price::Find, find_all),
    method("findAll", &[String, String, Int], List(&String), Price::Find, find_all),
];

/// The functions whose second argument is a pattern.
pub(crate) const WITH_PATTERN: [&str; 3] = ["matches", "find", "findAll"];

/// What a regular expression that is made while an expression runs may take, in bytes.
const MADE_SIZE_MAX: usize = 1 << 18;

/// A regular expression that is written out in an expression.
pub(crate) fn written(pattern: &str) -> Result<Pattern, std::string::String> {
    Pattern::new(pattern).map_err(|error| format!("error parsing regexp: {error}"))
}

/// A regular expression that is made while an expression runs.
pub(crate) fn made(pattern: &str) -> Result<Regex, std::string::String> {
    Pattern::compile(pattern, MADE_SIZE_MAX).map_err(|error| format!("error parsing regexp: {error}"))
}

fn matches<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text), Value::String(pattern)] = arguments else {
        return Err(mismatch("matches", arguments));
    };
    Ok(Value::Bool(meter.pattern(pattern)?.is_match(text)))
}

fn find<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text), Value::String(pattern)] = arguments else {
        return Err(mismatch("find", arguments));
    };
    let found = meter.pattern(pattern)?;
    Ok(Value::text(found.find(text).map_or("", |found| found.as_str())))
}

fn find_all<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let (text, pattern, limit) = match arguments {
        [Value::String(text), Value::String(pattern)] => (text, pattern, None),
        [Value::String(text), Value::String(pattern), Value::Int(limit)] => {
            (text, pattern, usize::try_from(*limit).ok())
        }
        _ => return Err(mismatch("findAll", arguments)),
    };
    meter.work(text.len())?;
    let pattern = meter.pattern(pattern)?;
    let found = pattern.find_iter(text).take(limit.unwrap_or(usize::MAX));
    Ok(Value::list(found.map(|found| Value::text(found.as_str())).collect()))
}
