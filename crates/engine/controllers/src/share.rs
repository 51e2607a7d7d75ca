//! Numbers that may be written as a share of a whole: `3`, `25%`. Pure.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// What to do with the part of a share that is no whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    Up,
    Down,
}

/// The number itself, or that share of `total`; never negative.
pub(crate) fn of(bound: &IntOrString, total: i32, rounding: Rounding) -> i32 {
    match bound {
        IntOrString::Int(count) => (*count).max(0),
        IntOrString::String(text) => {
            let percent: i64 =
                text.strip_suffix('%').and_then(|number| number.parse().ok()).unwrap_or_default();
            let hundredths = percent.clamp(0, i64::from(i32::MAX)) * i64::from(total);
            let share = match rounding {
                Rounding::Up => (hundredths + 99) / 100,
                Rounding::Down => hundredths / 100,
            };
            i32::try_from(share).unwrap_or(i32::MAX)
        }
    }
}
