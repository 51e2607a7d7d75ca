//! Go's `fmt`: values as text.

mod float;
pub(crate) mod quote;
mod value;
mod verb;

pub use float::{format_float, json_float};
pub use quote::{double as quote, is_printable};

use crate::budget::{Budget, Limits, Spent};
use crate::text::Text;
use crate::value::Value;
use value::Printer;
use verb::Flags;

/// As `fmt.Sprint`: a space between two operands if neither is a string.
///
/// # Errors
/// The budget is spent.
pub fn sprint(values: &[Value], budget: &Budget) -> Result<Text, Spent> {
    let mut printer = Printer::new(budget);
    for (index, value) in values.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| values.get(before));
        let is_text = |value: &Value| matches!(value, Value::String(_));
        if before.is_some_and(|before| !is_text(before) && !is_text(value)) {
            printer.push(b" ")?;
        }
        printer.value(value, 'v', &Flags::default())?;
    }
    Ok(printer.end())
}

/// As `fmt.Sprintln`: a space between all operands, and a line break.
///
/// # Errors
/// The budget is spent.
pub fn sprintln(values: &[Value], budget: &Budget) -> Result<Text, Spent> {
    let mut printer = Printer::new(budget);
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            printer.push(b" ")?;
        }
        printer.value(value, 'v', &Flags::default())?;
    }
    printer.push(b"\n")?;
    Ok(printer.end())
}

/// As `fmt.Sprintf`; what is wrong stands in the text: `%!d(string=x)`.
///
/// # Errors
/// The budget is spent.
pub fn sprintf(format: &[u8], values: &[Value], budget: &Budget) -> Result<Text, Spent> {
    let mut printer = Printer::new(budget);
    verb::format(&mut printer, format, values)?;
    Ok(printer.end())
}

/// Writes a value as a template prints it.
pub(crate) fn write(output: &mut Vec<u8>, value: &Value, budget: &Budget) -> Result<(), Spent> {
    if let Value::String(text) = value {
        budget.spend_bytes(text.len())?;
        output.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    output.extend_from_slice(sprint(std::slice::from_ref(value), budget)?.as_bytes());
    Ok(())
}

/// As `%#v`, for debugging.
pub(crate) fn go_syntax(value: &Value) -> Result<Text, Spent> {
    let budget = Budget::new(Limits { steps_max: 100_000, bytes_max: 1 << 20, depth_max: 0 });
    let mut printer = Printer::new(&budget);
    printer.value(value, 'v', &Flags { sharp: true, ..Flags::default() })?;
    Ok(printer.end())
}
