//! Quantities, and lists of them.

use bythos_schema::FieldError;

use crate::Quantity;
use crate::spot::Spot;

/// Checks that this is a quantity, and not a negative one.
pub(crate) fn check_quantity(amount: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    match Quantity::from_value(amount.value()) {
        Err(error) => errors.push(amount.invalid(error.to_string())),
        Ok(quantity) if quantity < Quantity::ZERO => {
            errors.push(amount.invalid("must be greater than or equal to 0"));
        }
        Ok(_) => {}
    }
}
