//! `1h30m`: a length of time as Go writes it.

use std::time::Duration;

/// The length, in whole seconds and at least one; `None` if the text is none.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number_end = rest.find(|one: char| !one.is_ascii_digit() && one != '.')?;
        let (number, behind) = rest.split_at(number_end);
        let unit_end = behind.find(|one: char| one.is_ascii_digit() || one == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_end);
        let amount: f64 = number.parse().ok()?;
        let length = Duration::try_from_secs_f64(amount * seconds(unit)?).ok()?;
        total = total.checked_add(length)?;
        rest = behind;
    }
    Some(Duration::from_secs(total.as_secs().max(1)))
}

fn seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}
