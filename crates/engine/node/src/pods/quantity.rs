//! Quantities of Kubernetes: `500m`, `1.5`, `128Mi`, `2e3`.

/// The value in thousandths, rounded up; `None` if it is not a quantity or too large.
pub(crate) fn thousandths(text: &str) -> Option<i64> {
    scaled(text, 1000)
}

/// The value, rounded up.
pub(crate) fn whole(text: &str) -> Option<i64> {
    scaled(text, 1)
}

fn scaled(text: &str, by: i128) -> Option<i64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || ".+-".contains(c))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (numerator, denominator) = multiplier(suffix)?;
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{integer}{fraction}").parse::<i128>().ok()?;
    let fraction_scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let scaled = digits.checked_mul(numerator)?.checked_mul(by)?;
    let divisor = fraction_scale.checked_mul(denominator)?;
    let rounded_up = scaled.div_euclid(divisor) + i128::from(scaled.rem_euclid(divisor) != 0);
    i64::try_from(rounded_up).ok()
}

fn multiplier(suffix: &str) -> Option<(i128, i128)> {
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if let Some(power) = binary.iter().position(|known| *known == suffix) {
        return Some((1 << (10 * (power + 1)), 1));
    }
    match suffix {
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1000)),
        "" => Some((1, 1)),
        "k" => Some((1_000, 1)),
        "M" => Some((1_000_000, 1)),
        "G" => Some((1_000_000_000, 1)),
        "T" => Some((1_000_000_000_000, 1)),
        "P" => Some((1_000_000_000_000_000, 1)),
        "E" => Some((1_000_000_000_000_000_000, 1)),
        exponent => {
            let exponent = exponent.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
            let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
            Some(if exponent < 0 { (1, power) } else { (power, 1) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_does() {
        let cases = [
            ("1", Some(1000)),
            ("500m", Some(500)),
            ("1.5", Some(1500)),
            ("0.1", Some(100)),
            ("1500u", Some(2)),
            ("2k", Some(2_000_000)),
            ("", None),
            ("one", None),
            ("1Q", None),
            ("9E", None),
        ];
        for (text, expected) in cases {
            assert_eq!(thousandths(text), expected, "{text}");
        }
        let cases = [
            ("128Mi", Some(134_217_728)),
            ("1Gi", Some(1_073_741_824)),
            ("1.5Ki", Some(1536)),
            ("2e3", Some(2000)),
            ("1E3", Some(1000)),
            ("100m", Some(1)),
            ("1G", Some(1_000_000_000)),
        ];
        for (text, expected) in cases {
            assert_eq!(whole(text), expected, "{text}");
        }
    }
}
