//! Quantities of resources: `100m`, `1.5Gi`, `2e3`.
//!
//! Pure: a [`Quantity`] is read, compared, added and written in the one form that Kubernetes stores.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// An amount, exact to a billionth; finer amounts are rounded up, as upstream does, and amounts beyond `10000000000E`
/// are taken for that. Quantities are equal by their
/// amounts, however they are written.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    billionths: i128,
    notation: Notation,
}

/// How a quantity was written, and is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    /// `k`, `M`, `m`: powers of a thousand.
    Decimal,
    /// `Ki`, `Mi`: powers of 1024.
    Binary,
    /// `e3`
    Exponent,
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.billionths == other.billionths
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        self.billionths.cmp(&other.billionths)
    }
}

/// A text that is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
pub struct QuantityError;

const ONE: i128 = 1_000_000_000;
/// Larger amounts are taken for this one, which leaves room to reckon with: ten thousand million times `1E`.
const BILLIONTHS_MAX: i128 = 10i128.pow(37);

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity { billionths: 0, notation: Notation::Decimal };

    /// The quantity in a value of an object: a string, or a number that a client wrote without quotes.
    ///
    /// # Errors
    /// It is neither.
    pub fn from_value(value: &Value) -> Result<Quantity, QuantityError> {
        match value {
            Value::String(text) => text.parse(),
            Value::Number(number) => number.to_string().parse(),
            _ => Err(QuantityError),
        }
    }

    /// So many pieces.
    pub fn pieces(count: usize) -> Quantity {
        let count = i128::try_from(count).unwrap_or(i128::MAX);
        Quantity { billionths: bounded(count.saturating_mul(ONE)), notation: Notation::Decimal }
    }

    /// In whole units, rounded up: bytes, cores, pieces.
    pub fn units(self) -> i128 {
        div_up(self.billionths, ONE)
    }

    /// In thousandths, rounded up: millicores.
    pub fn thousandths(self) -> i128 {
        div_up(self.billionths, ONE / 1000)
    }

    /// Whether it is a whole number of units.
    pub fn is_whole(self) -> bool {
        self.billionths % ONE == 0
    }
}

impl std::ops::Add for Quantity {
    type Output = Quantity;

    fn add(self, other: Quantity) -> Quantity {
        // The first amount says how sums are written, as upstream's do; nothing says nothing.
        let notation = if self.billionths == 0 { other.notation } else { self.notation };
        Quantity { billionths: bounded(self.billionths + other.billionths), notation }
    }
}

impl std::ops::Sub for Quantity {
    type Output = Quantity;

    fn sub(self, other: Quantity) -> Quantity {
        Quantity { billionths: bounded(self.billionths - other.billionths), ..self }
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Quantity>>(all: I) -> Quantity {
        all.fold(Quantity::ZERO, |sum, one| sum + one)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Quantity, QuantityError> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let number_end = unsigned
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_end);
        let (numerator, denominator) = scale(suffix).ok_or(QuantityError)?;
        let (digits, decimals) = decimal(number).ok_or(QuantityError)?;
        let (numerator, denominator) = reduced(
            numerator.saturating_mul(ONE),
            denominator.saturating_mul(10i128.saturating_pow(decimals)),
        );
        let amount = bounded(div_up(digits.saturating_mul(numerator), denominator));
        let notation = match suffix {
            _ if suffix.ends_with('i') => Notation::Binary,
            "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" => Notation::Decimal,
            _ => Notation::Exponent,
        };
        Ok(Quantity { billionths: if is_negative { -amount } else { amount }, notation })
    }
}

impl fmt::Display for Quantity {
    /// In the canonical form: no fraction, and the largest suffix with which there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_small = self.billionths.abs() < 1024 * ONE;
        if self.notation == Notation::Binary && !is_small && self.is_whole() {
            const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
            let (amount, power) = reduce(self.billionths / ONE, 1024, SUFFIXES.len() - 1);
            return write!(f, "{amount}{}", SUFFIXES.get(power).copied().unwrap_or_default());
        }
        const SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let (amount, power) = match self.billionths {
            0 => (0, 3),
            billionths => reduce(billionths, 1000, SUFFIXES.len() - 1),
        };
        match self.notation {
            Notation::Exponent if power != 3 => {
                let exponent = i64::try_from(power).unwrap_or_default() * 3 - 9;
                write!(f, "{amount}e{exponent}")
            }
            _ => write!(f, "{amount}{}", SUFFIXES.get(power).copied().unwrap_or_default()),
        }
    }
}

/// Divides as often as nothing is left over; gives the amount and how often.
fn reduce(mut amount: i128, base: i128, power_max: usize) -> (i128, usize) {
    let mut power = 0;
    while amount != 0 && amount % base == 0 && power < power_max {
        amount /= base;
        power += 1;
    }
    (amount, power)
}

/// The digits of a decimal number, and how many of them stand behind its point.
fn decimal(number: &str) -> Option<(i128, u32)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // More than 18 places behind the point are beyond a billionth, whatever the suffix; they would only overflow.
    let fraction = fraction.get(..18.min(fraction.len()))?;
    let digits = format!("{whole}{fraction}");
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let amount = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(i128::MAX) };
    Some((amount, u32::try_from(fraction.len()).ok()?))
}

/// What a suffix multiplies with, as a fraction.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let thousand = |power: u32| 1000i128.pow(power);
    let binary = |power: u32| 1024i128.pow(power);
    Some(match suffix {
        "n" => (1, thousand(3)),
        "u" => (1, thousand(2)),
        "m" => (1, thousand(1)),
        "" => (1, 1),
        "k" => (thousand(1), 1),
        "M" => (thousand(2), 1),
        "G" => (thousand(3), 1),
        "T" => (thousand(4), 1),
        "P" => (thousand(5), 1),
        "E" => (thousand(6), 1),
        "Ki" => (binary(1), 1),
        "Mi" => (binary(2), 1),
        "Gi" => (binary(3), 1),
        "Ti" => (binary(4), 1),
        "Pi" => (binary(5), 1),
        "Ei" => (binary(6), 1),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10i128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 { (1, power) } else { (power, 1) }
        }
    })
}

fn bounded(billionths: i128) -> i128 {
    billionths.clamp(-BILLIONTHS_MAX, BILLIONTHS_MAX)
}

/// The same fraction in the smallest numbers, so that what is multiplied with it stays small.
fn reduced(numerator: i128, denominator: i128) -> (i128, i128) {
    let (mut divisor, mut rest) = (numerator, denominator);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (numerator / divisor, denominator / divisor)
}

fn div_up(number: i128, divisor: i128) -> i128 {
    let quotient = number / divisor;
    match (number % divisor).cmp(&0) {
        Ordering::Greater => quotient + 1,
        _ => quotient,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, thousandths: i128) {
        assert_eq!(text.parse::<Quantity>().unwrap().thousandths(), thousandths, "{text}");
    }

    #[test]
    fn quantities_are_read_as_upstream_reads_them() {
        check("0", 0);
        check("100m", 100);
        check("1", 1000);
        check("0.5", 500);
        check(".5", 500);
        check("5.", 5000);
        check("1.5Gi", 1_610_612_736_000);
        check("1k", 1_000_000);
        check("2e3", 2_000_000);
        check("2E-1", 200);
        check("1n", 1);
        check("-1500m", -1500);
        check("+1", 1000);
        check("8Ei", 9_223_372_036_854_775_808_000);
        check("0.0001", 1);
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "m", "1Z", "1 Gi", "1..2", "one", "1mi", "1e", ".", "--1", "1e999"] {
            assert_eq!(text.parse::<Quantity>(), Err(QuantityError), "{text:?}");
        }
    }

    #[test]
    fn quantities_are_written_as_upstream_writes_them() {
        let cases = [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1.5", "1500m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("1023Ki", "1023Ki"),
            ("1000Ki", "1000Ki"),
            ("1000k", "1M"),
            ("1024", "1024"),
            ("12e6", "12e6"),
            ("12000e3", "12e6"),
            ("100e-3", "100e-3"),
            ("2E3", "2e3"),
            ("5e0", "5"),
            ("0Gi", "0"),
            ("-1.5Gi", "-1536Mi"),
            ("0.1Gi", "107374182400m"),
            ("1n", "1n"),
        ];
        for (text, canonical) in cases {
            assert_eq!(text.parse::<Quantity>().unwrap().to_string(), canonical, "{text}");
            assert_eq!(canonical.parse::<Quantity>().unwrap().to_string(), canonical, "{canonical}");
        }
    }

    #[test]
    fn amounts_beyond_measure_are_the_largest_and_are_read_as_they_are_written() {
        let largest: Quantity = "10000000000E".parse().unwrap();
        for text in ["1e38", "99999999999999999999999999999999999999999", "10000000001E", "9999999999999Ei"] {
            let quantity: Quantity = text.parse().unwrap();
            assert_eq!(quantity, largest, "{text}");
            assert_eq!(quantity.to_string().parse::<Quantity>().unwrap(), largest, "{text}");
        }
        let smallest = Quantity::ZERO - largest - largest;
        assert_eq!(smallest.to_string(), "-10000000000E");
        assert_eq!((largest + largest).to_string(), "10000000000E");
        let fine = "9999999999999999999999999999999999999n";
        assert_eq!(fine.parse::<Quantity>().unwrap().to_string(), fine);
    }

    #[test]
    fn quantities_compare_by_amount() {
        let of = |value: Value| Quantity::from_value(&value).unwrap();
        assert_eq!(of(json!("1000m")), of(json!(1)));
        assert!(of(json!("1Gi")) > of(json!("1G")));
        assert_eq!(of(json!(0.25)).thousandths(), 250);
        assert!(!of(json!("100m")).is_whole() && of(json!("2k")).is_whole());
        assert_eq!([of(json!("1")), of(json!("500m"))].into_iter().sum::<Quantity>().units(), 2);
    }
}
