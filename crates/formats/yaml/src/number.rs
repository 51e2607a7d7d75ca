//! Numbers as Go reads and prints them (`strconv`, `encoding/json`).

/// A number out of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// Fits 64 bits, signed or unsigned.
    Whole(i128),
    /// Whole, but larger.
    Large(f64),
    /// Written with a point or an exponent, or not finite.
    Real(f64),
}

impl Number {
    /// As in the JSON that Go makes of it; `None` for infinities and what is not a number.
    pub(crate) fn to_json(self) -> Option<serde_json::Number> {
        match self {
            Number::Whole(whole) => whole_json(whole),
            Number::Large(value) | Number::Real(value) => real_json(value),
        }
    }
}

/// The number with the whole value written as whole: Go prints `1.0` as `1`.
pub(crate) fn canonical(number: serde_json::Number) -> serde_json::Number {
    if number.is_f64() {
        return number.as_f64().and_then(real_json).unwrap_or(number);
    }
    number
}

/// What an unquoted text means, if it means a number.
pub(crate) fn parse(text: &str) -> Option<Number> {
    if let Some(special) = special(text) {
        return Some(Number::Real(special));
    }
    match text.bytes().next()? {
        b'.' => real(text),
        b'+' | b'-' | b'0'..=b'9' => {
            let digits = text.replace('_', "");
            match whole(&digits) {
                Some(Number::Large(large)) => real(&digits).or(Some(Number::Large(large))),
                Some(number) => Some(number),
                None => real(&digits),
            }
        }
        _ => None,
    }
}

/// As the name of a field.
pub(crate) fn key(number: &serde_json::Number) -> String {
    match number.as_f64() {
        // Go's library prints keys with the precision of 32 bits.
        #[expect(clippy::cast_possible_truncation, reason = "Go prints the nearest float32")]
        Some(value) if number.is_f64() => shortest(&format!("{:e}", value as f32)),
        _ => number.to_string(),
    }
}

/// As a value in YAML.
pub(crate) fn print(number: &serde_json::Number) -> String {
    let number = canonical(number.clone());
    match number.as_f64() {
        Some(value) if number.is_f64() => shortest(&format!("{value:e}")),
        _ => number.to_string(),
    }
}

/// As a value in YAML, a float as a float.
pub(crate) fn print_as_it_is(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => shortest(&format!("{value:e}")),
        _ => number.to_string(),
    }
}

fn special(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// `strconv.ParseInt` with base 0: the prefix says the base.
fn whole(text: &str) -> Option<Number> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = split_radix(unsigned);
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).map(|value| if negative { -value } else { value });
    match value {
        Ok(value) if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value) => {
            Some(Number::Whole(value))
        }
        // With a prefix (`0x`) it is a text to Go: an address or a hash, as a rule.
        _ if digits.len() + 1 < unsigned.len() => None,
        _ => Some(Number::Large(large(negative, radix, digits))),
    }
}

fn split_radix(text: &str) -> (u32, &str) {
    let Some(rest) = text.strip_prefix('0').filter(|rest| !rest.is_empty()) else { return (10, text) };
    for (prefixes, radix) in [(['x', 'X'], 16), (['o', 'O'], 8), (['b', 'B'], 2)] {
        if let Some(digits) = rest.strip_prefix(prefixes) {
            return (radix, digits);
        }
    }
    (8, rest)
}

fn large(negative: bool, radix: u32, digits: &str) -> f64 {
    let add = |sum: f64, digit: char| sum * f64::from(radix) + digit.to_digit(radix).map_or(0.0, f64::from);
    let value = digits.chars().fold(0.0, add);
    if negative { -value } else { value }
}

/// A decimal number with a point, an exponent, both or neither.
fn real(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = are_digits(before) && are_digits(after) && before.len() + after.len() > 0;
    let exponent_is_number = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && are_digits(digits)
    });
    if !is_number || !exponent_is_number {
        return None;
    }
    // Out of range is a text to Go, not infinity.
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Number::Real)
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_whole(value: f64) -> bool {
    value.fract() == 0.0
}

fn whole_json(whole: i128) -> Option<serde_json::Number> {
    let unsigned = u64::try_from(whole).map(serde_json::Number::from);
    unsigned.or_else(|_| i64::try_from(whole).map(serde_json::Number::from)).ok()
}

fn real_json(value: f64) -> Option<serde_json::Number> {
    // As Go's JSON: the fewest digits, and zeros up to the point. What does not fit stays what it was.
    let whole = is_whole(value).then(|| value.to_string().parse().ok()).flatten().and_then(whole_json);
    whole.or_else(|| serde_json::Number::from_f64(value))
}

/// Go's `%g` with the fewest digits, out of Rust's `1.2345e-7`.
fn shortest(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
        return format!("{sign}{}", positional(&mantissa.replace('.', ""), exponent));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// `digits` with the point after the first one moved by `exponent`.
fn positional(digits: &str, exponent: i32) -> String {
    let Ok(whole_digits) = usize::try_from(exponent + 1) else {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    };
    match digits.split_at_checked(whole_digits) {
        None | Some((_, "")) => format!("{digits:0<whole_digits$}"),
        Some(("", after)) => format!("0.{after}"),
        Some((before, after)) => format!("{before}.{after}"),
    }
}
