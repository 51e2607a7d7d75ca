//! Amounts of resources that are summed up and printed again: `1500m`, `2Gi`, `3`.

use std::collections::BTreeMap;

use bythos_kinds::Quantity;
use serde_json::{Map, Value};

/// An amount, exact to a thousandth, in the form in which its first part was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amount {
    thousandths: i128,
    /// Printed in powers of 1024.
    is_binary: bool,
}

/// Amounts by the name of their resource.
pub(crate) type Amounts = BTreeMap<String, Amount>;

impl Amount {
    /// The amount in a value of an object; `None` if it is none.
    pub(crate) fn of(value: &Value) -> Option<Amount> {
        let thousandths = Quantity::from_value(value).ok()?.thousandths();
        Some(Amount { thousandths, is_binary: value.as_str().is_some_and(|text| text.ends_with('i')) })
    }

    /// So many pieces.
    pub(crate) fn pieces(count: usize) -> Amount {
        Amount {
            thousandths: i128::try_from(count).unwrap_or(i128::MAX).saturating_mul(1000),
            is_binary: false,
        }
    }

    pub(crate) fn thousandths(self) -> i128 {
        self.thousandths
    }

    pub(crate) fn is_zero(self) -> bool {
        self.thousandths == 0
    }

    pub(crate) fn plus(self, other: Amount) -> Amount {
        let is_binary = if self.is_zero() { other.is_binary } else { self.is_binary };
        Amount { thousandths: self.thousandths.saturating_add(other.thousandths), is_binary }
    }

    pub(crate) fn minus(self, other: Amount) -> Amount {
        Amount { thousandths: self.thousandths.saturating_sub(other.thousandths), ..self }
    }
}

impl std::fmt::Display for Amount {
    /// As upstream prints quantities: the largest unit in which the number is whole.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const DECIMAL: [&str; 8] = ["m", "", "k", "M", "G", "T", "P", "E"];
        const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        let is_binary =
            self.is_binary && self.thousandths % 1000 == 0 && self.thousandths.abs() >= 1024 * 1000;
        let (mut number, base, units) = match is_binary {
            true => (self.thousandths / 1000, 1024, BINARY.as_slice()),
            false => (self.thousandths, 1000, DECIMAL.as_slice()),
        };
        if number == 0 {
            return f.write_str("0");
        }
        let mut unit = 0;
        while number % base == 0 && unit + 1 < units.len() {
            number /= base;
            unit += 1;
        }
        write!(f, "{number}{}", units.get(unit).copied().unwrap_or_default())
    }
}

/// The amounts in a map of an object, such as `requests`.
pub(crate) fn amounts(map: Option<&Value>) -> Amounts {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), Amount::of(value)?))).collect()
}

/// Adds to each amount the one of the same name.
pub(crate) fn add(sums: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = sums.get(name).map_or(*amount, |sum| sum.plus(*amount));
        sums.insert(name.clone(), sum);
    }
}

/// Raises each amount to the one of the same name.
pub(crate) fn raise(tops: &mut Amounts, others: &Amounts) {
    for (name, amount) in others {
        let top = tops.entry(name.clone()).or_insert(*amount);
        if top.thousandths < amount.thousandths {
            *top = *amount;
        }
    }
}

/// As an object holds them.
pub(crate) fn to_value(amounts: &Amounts) -> Value {
    let entries = amounts.iter().map(|(name, amount)| (name.clone(), Value::String(amount.to_string())));
    Value::Object(entries.collect::<Map<String, Value>>())
}

/// `cpu=1,memory=2Gi`
pub(crate) fn listed(amounts: &Amounts) -> String {
    let parts: Vec<String> = amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(parts: &[&str], expected: &str) {
        let sum = parts.iter().filter_map(|part| Amount::of(&json!(part))).reduce(Amount::plus);
        assert_eq!(sum.map(|sum| sum.to_string()).as_deref(), Some(expected), "{parts:?}");
    }

    #[test]
    fn sums_are_printed_as_upstream_prints_them() {
        check(&["500m", "500m"], "1");
        check(&["1", "250m"], "1250m");
        check(&["1Gi", "1Gi"], "2Gi");
        check(&["1Gi", "512Mi"], "1536Mi");
        check(&["1G", "1Gi"], "2073741824");
        check(&["1024", "976"], "2k");
        check(&["1Ki"], "1Ki");
        check(&["0", "1Mi"], "1Mi");
        check(&["512Ki", "512Ki"], "1Mi");
        check(&["0"], "0");
        check(&["3e3"], "3k");
    }
}
