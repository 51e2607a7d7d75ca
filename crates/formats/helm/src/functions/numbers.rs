//! Arithmetic on whole numbers, and rounding. Anything is taken for a number; see [`crate::cast`].

use bythos_gotemplate::{Failure, Function, Rest, Scope, Text, Value, print};

use crate::cast::{to_float, to_int};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("int", |value: Value| Value::Int(to_int(&value))),
        Function::new("int64", |value: Value| to_int(&value)),
        Function::new("float64", |value: Value| to_float(&value)),
        Function::new("atoi", |text: Text| Value::Int(atoi(&text.to_str()))),
        Function::new("toDecimal", to_decimal),
        Function::new("add1", |value: Value| to_int(&value).wrapping_add(1)),
        Function::new("add", |values: Rest<Value>| values.0.iter().map(to_int).fold(0, i64::wrapping_add)),
        Function::new("sub", |left: Value, right: Value| to_int(&left).wrapping_sub(to_int(&right))),
        Function::new("mul", |first: Value, values: Rest<Value>| {
            values.0.iter().map(to_int).fold(to_int(&first), i64::wrapping_mul)
        }),
        Function::new("div", |left: Value, right: Value| divide(&left, &right, i64::wrapping_div)),
        Function::new("mod", |left: Value, right: Value| divide(&left, &right, i64::wrapping_rem)),
        Function::new("max", |first: Value, values: Rest<Value>| folded(&first, &values.0, i64::max)),
        Function::new("biggest", |first: Value, values: Rest<Value>| folded(&first, &values.0, i64::max)),
        Function::new("min", |first: Value, values: Rest<Value>| folded(&first, &values.0, i64::min)),
        Function::new("maxf", |first: Value, values: Rest<Value>| {
            values.0.iter().map(to_float).fold(to_float(&first), f64::max)
        }),
        Function::new("minf", |first: Value, values: Rest<Value>| {
            values.0.iter().map(to_float).fold(to_float(&first), f64::min)
        }),
        Function::new("ceil", |value: Value| to_float(&value).ceil()),
        Function::new("floor", |value: Value| to_float(&value).floor()),
        Function::new("round", round),
    ]
}

/// As `strconv.Atoi` without its error: what is too large becomes the largest.
fn atoi(text: &str) -> i64 {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })
}

/// From octal, as file modes are written.
fn to_decimal(scope: &mut Scope<'_>, value: Value) -> Result<i64, Failure> {
    let text = print::sprint(&[value], scope.budget())?;
    Ok(i64::from_str_radix(&text.to_str(), 8).unwrap_or(0))
}

fn divide(left: &Value, right: &Value, divide: fn(i64, i64) -> i64) -> Result<i64, Failure> {
    match to_int(right) {
        0 => Err(Failure::new("runtime error: integer divide by zero")),
        divisor => Ok(divide(to_int(left), divisor)),
    }
}

fn folded(first: &Value, values: &[Value], choose: fn(i64, i64) -> i64) -> i64 {
    values.iter().map(to_int).fold(to_int(first), choose)
}

/// To so many decimals; from which fraction on it goes up can be given.
fn round(value: Value, places: i64, fraction: Rest<f64>) -> f64 {
    const USUAL_FRACTION: f64 = 0.5;
    let from = fraction.0.first().copied().unwrap_or(USUAL_FRACTION);
    let scale = 10f64.powi(i32::try_from(places).unwrap_or(i32::MAX));
    let scaled = scale * to_float(&value);
    let rounded = if scaled.fract() >= from { scaled.ceil() } else { scaled.floor() };
    rounded / scale
}
