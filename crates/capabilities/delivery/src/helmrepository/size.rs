//! Bytes in words, as Flux' events have them.

/// `1.234kB`: four digits, in steps of a thousand.
#[allow(clippy::cast_precision_loss, reason = "four digits are printed")]
pub(super) fn in_words(bytes: i64) -> String {
    let mut size = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while size >= 1000.0
        && let Some(larger) = units.next()
    {
        size /= 1000.0;
        unit = larger;
    }
    let decimals = 3_usize.saturating_sub(format!("{size:.0}").len() - 1);
    let number = format!("{size:.decimals$}");
    let number = if decimals == 0 { &number } else { number.trim_end_matches('0').trim_end_matches('.') };
    format!("{number}{unit}")
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn sizes_have_four_digits() {
        let cases = [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1_234, "1.234kB"),
            (12_300, "12.3kB"),
            (12_345_678, "12.35MB"),
            (5_000_000_000_000, "5000GB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(in_words(bytes), expected);
        }
    }
}
