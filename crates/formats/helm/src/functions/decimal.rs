//! Arithmetic on fractions in decimal, so that `addf 0.1 0.2` is `0.3`.

use bythos_gotemplate::{Failure, Function, Rest, Value};

use crate::cast::to_float;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("add1f", |value: Value| folded(Decimal::of(&value), &[Value::Int(1)], Decimal::add)),
        Function::new("addf", |values: Rest<Value>| folded(Decimal::ZERO, &values.0, Decimal::add)),
        Function::new("subf", |first: Value, values: Rest<Value>| {
            folded(Decimal::of(&first), &values.0, Decimal::subtract)
        }),
        Function::new("mulf", |first: Value, values: Rest<Value>| {
            folded(Decimal::of(&first), &values.0, Decimal::multiply)
        }),
        Function::new("divf", |first: Value, values: Rest<Value>| {
            folded(Decimal::of(&first), &values.0, Decimal::divide)
        }),
    ]
}

/// `digits * 10^exponent`. What does not fit is rounded to a float.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

/// Decimals that a quotient has.
const QUOTIENT_DECIMALS: i32 = 16;

fn folded(
    first: Decimal,
    values: &[Value],
    operate: fn(Decimal, Decimal) -> Option<Decimal>,
) -> Result<f64, Failure> {
    let mut result = first;
    for value in values {
        let overflow = || Failure::new("decimal division by 0");
        result = operate(result, Decimal::of(value)).ok_or_else(overflow)?;
    }
    Ok(result.to_float())
}

impl Decimal {
    const ZERO: Decimal = Decimal { digits: 0, exponent: 0 };

    fn of(value: &Value) -> Decimal {
        Decimal::from_float(to_float(value))
    }

    /// By the fewest digits that stand for the number.
    fn from_float(number: f64) -> Decimal {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}").parse().unwrap_or(0);
        let exponent: i32 = exponent.parse().unwrap_or(0);
        Decimal { digits, exponent: exponent - i32::try_from(fraction.len()).unwrap_or(0) }
    }

    fn to_float(self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// With a smaller exponent, if that fits.
    fn at_exponent(self, exponent: i32) -> Option<Decimal> {
        let shift = u32::try_from(self.exponent - exponent).ok()?;
        let digits = 10i128.checked_pow(shift).and_then(|scale| self.digits.checked_mul(scale))?;
        Some(Decimal { digits, exponent })
    }

    fn add(self, other: Decimal) -> Option<Decimal> {
        let exponent = self.exponent.min(other.exponent);
        let aligned = self.at_exponent(exponent).zip(other.at_exponent(exponent));
        let sum = aligned.and_then(|(left, right)| left.digits.checked_add(right.digits));
        let float = || Decimal::from_float(self.to_float() + other.to_float());
        Some(sum.map_or_else(float, |digits| Decimal { digits, exponent }))
    }

    fn subtract(self, other: Decimal) -> Option<Decimal> {
        self.add(Decimal { digits: -other.digits, ..other })
    }

    fn multiply(self, other: Decimal) -> Option<Decimal> {
        let exponent = self.exponent + other.exponent;
        let product = self.digits.checked_mul(other.digits);
        let float = || Decimal::from_float(self.to_float() * other.to_float());
        Some(product.map_or_else(float, |digits| Decimal { digits, exponent }))
    }

    /// To [`QUOTIENT_DECIMALS`], halves away from zero; nothing if it is by zero.
    fn divide(self, other: Decimal) -> Option<Decimal> {
        if other.digits == 0 {
            return None;
        }
        let float = || Decimal::from_float(self.to_float() / other.to_float());
        let wanted = other.exponent - QUOTIENT_DECIMALS;
        let quotient = match self.at_exponent(wanted) {
            Some(scaled) => rounded_quotient(scaled.digits, other.digits),
            None => None,
        };
        Some(quotient.map_or_else(float, |digits| Decimal { digits, exponent: -QUOTIENT_DECIMALS }))
    }
}

fn rounded_quotient(dividend: i128, divisor: i128) -> Option<i128> {
    let (quotient, rest) = (dividend.checked_div(divisor)?, dividend.checked_rem(divisor)?);
    let is_half = rest.unsigned_abs().checked_mul(2)? >= divisor.unsigned_abs();
    let away = if is_half { dividend.signum() * divisor.signum() } else { 0 };
    quotient.checked_add(away)
}
