//! Namespaces.

use super::{age, column, text_at};
use crate::Column;

pub(crate) fn columns() -> Vec<Column> {
    vec![column("Status", |namespace| text_at(namespace, "status.phase")), age()]
}
