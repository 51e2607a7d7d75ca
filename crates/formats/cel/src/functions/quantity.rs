//! `quantity("1.5Gi")`

use std::fmt;

use super::{Function, global, library, method, mismatch};
use crate::price::Price;
use crate::types::Library::Quantity as Kind;
use crate::types::Pattern::{Bool, Double, Int, Library, String};
use crate::value::{LibraryValue, Value};
use crate::{Fault, Meter};

const ONE: Price = Price::Fixed(1);
const TRAVERSE: Price = Price::Text(0, 1);
const QUANTITY: crate::types::Pattern = Library(Kind);

pub(super) const FUNCTIONS: &[Function] = &[
    global("quantity", &[String], QUANTITY, TRAVERSE, quantity),
    global("isQuantity", &[String], Bool, TRAVERSE, is_quantity),
    method("sign", &[QUANTITY], Int, ONE, sign),
    method("isInteger", &[QUANTITY], Bool, ONE, is_integer),
    method("asInteger", &[QUANTITY], Int, ONE, as_integer),
    method("asApproximateFloat", &[QUANTITY], Double, ONE, as_float),
    method("add", &[QUANTITY, QUANTITY], QUANTITY, ONE, add),
    method("add", &[QUANTITY, Int], QUANTITY, ONE, add),
    method("sub", &[QUANTITY, QUANTITY], QUANTITY, ONE, subtract),
    method("sub", &[QUANTITY, Int], QUANTITY, ONE, subtract),
    method("isGreaterThan", &[QUANTITY, QUANTITY], Bool, ONE, |arguments, _| {
        compare("isGreaterThan", arguments, |one, two| Value::Bool(one > two))
    }),
    method("isLessThan", &[QUANTITY, QUANTITY], Bool, ONE, |arguments, _| {
        compare("isLessThan", arguments, |one, two| Value::Bool(one < two))
    }),
    method("compareTo", &[QUANTITY, QUANTITY], Int, ONE, |arguments, _| {
        compare("compareTo", arguments, |one, two| Value::Int(one.cmp(&two) as i64))
    }),
];

/// An amount, exact to a billionth; finer ones are rounded up, as upstream does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    billionths: i128,
}

const ONE_WHOLE: i128 = 1_000_000_000;

impl Quantity {
    /// Reads digits with a suffix, such as `100m`, `1.5Gi` or `2e3`.
    fn parse(text: &str) -> Option<Quantity> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (numerator, denominator) = scale(suffix)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let fraction = fraction.get(..fraction.len().min(9))?;
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let places = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let billionths = digits.checked_mul(numerator)?.checked_mul(ONE_WHOLE)?;
        let divisor = denominator.checked_mul(places)?;
        let amount = billionths / divisor + i128::from(billionths % divisor != 0);
        Some(Quantity { billionths: if is_negative { -amount } else { amount } })
    }
}

/// What a suffix multiplies with, as a fraction.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let decimal = ["", "k", "M", "G", "T", "P", "E"];
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let small = ["m", "u", "n"];
    let place =
        |names: &[&str]| names.iter().position(|name| *name == suffix).and_then(|at| u32::try_from(at).ok());
    if let Some(power) = place(&decimal) {
        return Some((1000_i128.pow(power), 1));
    }
    if let Some(power) = place(&binary) {
        return Some((1024_i128.pow(power + 1), 1));
    }
    if let Some(power) = place(&small) {
        return Some((1, 1000_i128.pow(power + 1)));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    Some(if exponent < 0 { (1, power) } else { (power, 1) })
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1, ""), (1000, "m"), (1_000_000, "u"), (ONE_WHOLE, "n")];
        for (per_whole, suffix) in units {
            let size = ONE_WHOLE / per_whole;
            if self.billionths % size == 0 {
                return write!(f, "{}{suffix}", self.billionths / size);
            }
        }
        Ok(())
    }
}

fn made<'a>(billionths: Option<i128>) -> Result<Value<'a>, Fault> {
    let billionths = billionths.ok_or(Fault::Overflow("quantity"))?;
    library(LibraryValue::Quantity(Quantity { billionths }))
}

fn quantity<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text)] = arguments else { return Err(mismatch("quantity", arguments)) };
    let parsed = Quantity::parse(text);
    let wrong = || {
        Fault::failed(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        )
    };
    library(LibraryValue::Quantity(parsed.ok_or_else(wrong)?))
}

fn is_quantity<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text)] = arguments else { return Err(mismatch("isQuantity", arguments)) };
    Ok(Value::Bool(Quantity::parse(text).is_some()))
}

fn of(name: &str, arguments: &[Value<'_>]) -> Result<i128, Fault> {
    match arguments.first() {
        Some(Value::Library(LibraryValue::Quantity(quantity))) => Ok(quantity.billionths),
        _ => Err(mismatch(name, arguments)),
    }
}

fn sign<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    Ok(Value::Int(of("sign", arguments)?.signum() as i64))
}

fn is_integer<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let billionths = of("isInteger", arguments)?;
    Ok(Value::Bool(billionths % ONE_WHOLE == 0 && i64::try_from(billionths / ONE_WHOLE).is_ok()))
}

fn as_integer<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let billionths = of("asInteger", arguments)?;
    let whole = (billionths % ONE_WHOLE == 0).then_some(billionths / ONE_WHOLE);
    let whole = whole.and_then(|whole| i64::try_from(whole).ok());
    whole.map(Value::Int).ok_or_else(|| Fault::failed("cannot convert value to integer"))
}

#[allow(clippy::cast_precision_loss, reason = "the function promises an approximation")]
fn as_float<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    Ok(Value::Double(of("asApproximateFloat", arguments)? as f64 / ONE_WHOLE as f64))
}

/// The second argument: a quantity, or a number of whole units.
fn second(name: &str, arguments: &[Value<'_>]) -> Result<i128, Fault> {
    match arguments.get(1) {
        Some(Value::Int(whole)) => Ok(i128::from(*whole) * ONE_WHOLE),
        Some(other) => of(name, std::slice::from_ref(other)),
        None => Err(mismatch(name, arguments)),
    }
}

fn add<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    made(of("add", arguments)?.checked_add(second("add", arguments)?))
}

fn subtract<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    made(of("sub", arguments)?.checked_sub(second("sub", arguments)?))
}

fn compare<'a>(
    name: &str,
    arguments: &[Value<'a>],
    outcome: fn(i128, i128) -> Value<'a>,
) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Library(LibraryValue::Quantity(one)), Value::Library(LibraryValue::Quantity(two))] => {
            Ok(outcome(one.billionths, two.billionths))
        }
        _ => Err(mismatch(name, arguments)),
    }
}
