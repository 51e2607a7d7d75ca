//! Kubernetes' quantities (`500m`, `1.5Gi`, `2e3`), exactly.
//!
//! Kept as billionths in an integer: nothing finer exists in Kubernetes, which rounds up what is. What is too large
//! to be kept is the largest there is.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const BILLIONTHS: i128 = 1_000_000_000;
/// More digits than any amount of anything has.
const DIGITS_MAX: usize = 30;

/// An amount of a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amount {
    billionths: i128,
}

/// A text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a quantity: expected a number with an optional suffix, such as 500m, 1.5 or 2Gi")]
pub(crate) struct ParseQuantity {
    text: String,
}

impl Amount {
    /// A whole number.
    pub(crate) fn whole(number: i64) -> Amount {
        Amount { billionths: i128::from(number) * BILLIONTHS }
    }

    pub(crate) fn plus(self, other: Amount) -> Amount {
        Amount { billionths: self.billionths.saturating_add(other.billionths) }
    }

    pub(crate) fn minus(self, other: Amount) -> Amount {
        Amount { billionths: self.billionths.saturating_sub(other.billionths) }
    }

    pub(crate) fn is_zero(self) -> bool {
        self.billionths == 0
    }

    /// This amount as a part of `whole`, between 0 and 1; 0 of nothing.
    pub(crate) fn fraction_of(self, whole: Amount) -> f64 {
        if whole.billionths <= 0 {
            return 0.0;
        }
        (self.billionths as f64 / whole.billionths as f64).clamp(0.0, 1.0)
    }

    /// Reads what an object says.
    pub(crate) fn parse(quantity: &Quantity) -> Result<Amount, ParseQuantity> {
        let text = quantity.0.as_str();
        parse(text).ok_or_else(|| ParseQuantity { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Amount> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > DIGITS_MAX || fraction.contains('.') {
        return None;
    }
    let mantissa: i128 = digits.parse().ok()?;
    let scale = Scale::of(suffix)?;
    let fraction_digits = i32::try_from(fraction.len()).ok()?;
    Some(Amount { billionths: sign * scale.billionths(mantissa, fraction_digits) })
}

/// What a suffix multiplies by.
enum Scale {
    Decimal { exponent: i32 },
    Binary { shift: u32 },
}

impl Scale {
    fn of(suffix: &str) -> Option<Scale> {
        Some(match suffix {
            "" => Scale::Decimal { exponent: 0 },
            "n" => Scale::Decimal { exponent: -9 },
            "u" => Scale::Decimal { exponent: -6 },
            "m" => Scale::Decimal { exponent: -3 },
            "k" => Scale::Decimal { exponent: 3 },
            "M" => Scale::Decimal { exponent: 6 },
            "G" => Scale::Decimal { exponent: 9 },
            "T" => Scale::Decimal { exponent: 12 },
            "P" => Scale::Decimal { exponent: 15 },
            "E" => Scale::Decimal { exponent: 18 },
            "Ki" => Scale::Binary { shift: 10 },
            "Mi" => Scale::Binary { shift: 20 },
            "Gi" => Scale::Binary { shift: 30 },
            "Ti" => Scale::Binary { shift: 40 },
            "Pi" => Scale::Binary { shift: 50 },
            "Ei" => Scale::Binary { shift: 60 },
            _ => {
                let exponent = suffix.strip_prefix(['e', 'E'])?;
                Scale::Decimal { exponent: exponent.parse::<i16>().ok()?.into() }
            }
        })
    }

    /// `mantissa` with so many digits behind the point, times the scale, in billionths, rounded up.
    fn billionths(&self, mantissa: i128, fraction_digits: i32) -> i128 {
        match self {
            Scale::Decimal { exponent } => shifted(mantissa, exponent + 9 - fraction_digits),
            Scale::Binary { shift } => {
                let scaled = mantissa.checked_mul(1_i128 << shift).unwrap_or(i128::MAX);
                shifted(scaled, 9 - fraction_digits)
            }
        }
    }
}

/// `number` times ten to the power of `exponent`, rounded up.
fn shifted(number: i128, exponent: i32) -> i128 {
    let power = 10_i128.checked_pow(exponent.unsigned_abs());
    match power {
        _ if number == 0 => 0,
        Some(power) if exponent >= 0 => number.checked_mul(power).unwrap_or(i128::MAX),
        Some(power) => number / power + i128::from(number % power != 0),
        None if exponent >= 0 => i128::MAX,
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, billionths: Option<i128>) {
        assert_eq!(parse(text).map(|amount| amount.billionths), billionths, "{text:?}");
    }

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        check("0", Some(0));
        check("1", Some(BILLIONTHS));
        check("500m", Some(BILLIONTHS / 2));
        check("0.5", Some(BILLIONTHS / 2));
        check(".5", Some(BILLIONTHS / 2));
        check("1.", Some(BILLIONTHS));
        check("-2k", Some(-2000 * BILLIONTHS));
        check("+1n", Some(1));
        check("1.5Gi", Some(3 * 512 * 1024 * 1024 * BILLIONTHS));
        check("1e3", Some(1000 * BILLIONTHS));
        check("1E3", Some(1000 * BILLIONTHS));
        check("12e-1", Some(12 * BILLIONTHS / 10));
        check("2E", Some(2_000_000_000_000_000_000 * BILLIONTHS));
        check("0.1n", Some(1));
        check("1e-40", Some(1));
        check("9e300", Some(i128::MAX));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "m", ".", "1.2.3", "1 Gi", "1gi", "1K", "e3", "1e", "0x1", "--1", "1e1.5"] {
            check(text, None);
        }
    }
}
