//! Amounts of several resources, as `requests` and the like hold them.

use std::collections::BTreeMap;

use bythos_kinds::Quantity;
use serde_json::{Map, Value};

/// Amounts by the name of their resource.
pub(crate) type Amounts = BTreeMap<String, Quantity>;

/// The amounts in a map of an object, such as `requests`.
pub(crate) fn amounts(map: Option<&Value>) -> Amounts {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), Quantity::from_value(value).ok()?))).collect()
}

/// Adds to each amount the one of the same name.
pub(crate) fn add(sums: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = sums.get(name).map_or(*amount, |sum| *sum + *amount);
        sums.insert(name.clone(), sum);
    }
}

/// Raises each amount to the one of the same name.
pub(crate) fn raise(tops: &mut Amounts, others: &Amounts) {
    for (name, amount) in others {
        let top = tops.entry(name.clone()).or_insert(*amount);
        *top = (*top).max(*amount);
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
