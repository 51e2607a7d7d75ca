//! Leases.

use super::{age, column, text_at};
use crate::Column;

pub(crate) fn columns() -> Vec<Column> {
    vec![column("Holder", |lease| text_at(lease, "spec.holderIdentity")), age()]
}
