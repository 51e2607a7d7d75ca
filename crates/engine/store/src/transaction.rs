//! What a writer asks for.

use bytes::Bytes;

use crate::{Key, Revision};

/// What must hold for an operation to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The object is not there.
    Absent,
    /// The object is there, last written at this revision.
    At(Revision),
}

impl Expect {
    pub(crate) fn holds(self, found: Option<Revision>) -> bool {
        match self {
            Expect::Absent => found.is_none(),
            Expect::At(revision) => found == Some(revision),
        }
    }
}

/// Makes the bytes once the revision of the transaction is known, so that they can contain it.
///
/// It runs on the store's writer and should only encode: every other writer waits for it. It may run for a
/// revision that is then not committed. A panic in it is the panic of the one who commits.
pub type Encode = Box<dyn FnOnce(Revision) -> Bytes + Send>;

/// What an operation does.
pub enum Change {
    /// The object is from now on these bytes.
    Put(Encode),
    /// The object is gone; watchers get these bytes as its last state.
    Delete(Encode),
}

/// One part of a transaction.
pub struct Operation {
    /// On which object.
    pub key: Key,
    /// On what condition.
    pub expect: Expect,
    /// What it does.
    pub change: Change,
}
