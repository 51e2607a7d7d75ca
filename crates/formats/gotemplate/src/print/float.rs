//! Floating point numbers as Go's `strconv` writes them.

/// As `strconv.FormatFloat(number, form, precision, 64)`; without a precision, the fewest digits that read back the same.
/// `form` is one of `eEfFgG`.
pub fn format_float(number: f64, form: char, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match form {
        'e' | 'E' => exponential(number, form, precision),
        'g' | 'G' => general(number, form, precision),
        _ => match precision {
            Some(precision) => format!("{number:.precision$}"),
            None => plain(number),
        },
    }
}

/// As `encoding/json` writes a number.
pub fn json_float(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = exponential(number, 'e', None);
        return text.replace("e-0", "e-");
    }
    plain(number)
}

fn plain(number: f64) -> String {
    let text = format!("{number}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The digits, without a point, and the power of ten of the first.
fn digits(number: f64, precision: Option<usize>) -> (String, i32) {
    let text = match precision {
        Some(precision) => format!("{number:.precision$e}"),
        None => format!("{number:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.chars().filter(char::is_ascii_digit).collect();
    (digits, exponent.parse().unwrap_or(0))
}

fn exponential(number: f64, form: char, precision: Option<usize>) -> String {
    let (digits, exponent) = digits(number, precision);
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
    let point = if rest.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}{form}{exponent_sign}{:02}", exponent.unsigned_abs())
}

/// Exponential if the exponent is very small, or not smaller than the precision; without trailing zeros.
fn general(number: f64, form: char, precision: Option<usize>) -> String {
    const SHORTEST_PRECISION: i32 = 6;
    let significant = precision.map(|precision| precision.max(1));
    let (digits, exponent) = digits(number, significant.map(|significant| significant - 1));
    let trimmed = digits.trim_end_matches('0').len().max(1);
    let point = exponent + 1;
    let threshold = match significant {
        None => SHORTEST_PRECISION,
        Some(significant) => {
            let significant = i32::try_from(significant).unwrap_or(i32::MAX);
            let length = i32::try_from(trimmed).unwrap_or(i32::MAX);
            if significant > length && length >= point { length } else { significant }
        }
    };
    if exponent < -4 || exponent >= threshold {
        let exponential_form = if form == 'G' { 'E' } else { 'e' };
        return exponential(number, exponential_form, Some(trimmed - 1));
    }
    let decimals = i32::try_from(trimmed).unwrap_or(i32::MAX) - point;
    let decimals = usize::try_from(decimals).unwrap_or(0);
    format!("{number:.decimals$}")
}
