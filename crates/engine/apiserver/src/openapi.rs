//! What clients read about fields before they send them.
//!
//! Version 2 is a valid document without definitions: clients that validate by it (kubectl up to 1.23) then leave
//! validation to the server. Version 3 has the paths by which newer clients find that the server validates fields.

mod schema;
pub(crate) mod v2;
pub(crate) mod v3;
