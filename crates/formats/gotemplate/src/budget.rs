//! How much a template may ask for, and how much of it is spent.

use std::cell::Cell;

/// How much the work on templates may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Actions carried out, functions called, items visited.
    pub steps_max: u64,
    /// Bytes written and made, those that are thrown away again included.
    pub bytes_max: u64,
    /// Templates inside of templates while they are carried out. One level takes up to 12 KiB of the stack
    /// in a build for development, 4 KiB in a release build.
    pub depth_max: usize,
}

impl Limits {
    /// For charts that people write: two seconds of plain steps at about 100 nanoseconds, some hundred megabytes passing
    /// through.
    pub const CHARTS: Limits = Limits { steps_max: 20_000_000, bytes_max: 512 << 20, depth_max: 1_200 };
}

/// How deep lists and maps may be nested when they are printed, compared, copied or merged. This also stops what
/// contains itself.
pub const NESTING_MAX: usize = 200;

/// What is left of [`Limits`] while templates are carried out.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    steps: Cell<u64>,
    bytes: Cell<u64>,
}

/// A limit is reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    /// Steps.
    #[error("the templates take more than {0} steps")]
    Steps(u64),
    /// Bytes.
    #[error("the templates make more than {0} bytes")]
    Bytes(u64),
    /// Lists and maps.
    #[error("lists and maps are nested deeper than {NESTING_MAX}, or one contains itself")]
    Nesting,
    /// A text with a cost that grows beyond measure with its length.
    #[error("{what} is limited to {max}")]
    Size {
        /// What would be too large.
        what: &'static str,
        /// How large it may be.
        max: u64,
    },
}

impl Budget {
    /// Nothing is spent yet.
    pub fn new(limits: Limits) -> Budget {
        Budget { limits, steps: Cell::new(0), bytes: Cell::new(0) }
    }

    /// What was allowed at first.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts work.
    ///
    /// # Errors
    /// It is too much.
    pub fn spend_steps(&self, steps: usize) -> Result<(), Spent> {
        let spent = self.steps.get().saturating_add(steps as u64);
        self.steps.set(spent);
        if spent > self.limits.steps_max { Err(Spent::Steps(self.limits.steps_max)) } else { Ok(()) }
    }

    /// Counts bytes, before they are made.
    ///
    /// # Errors
    /// They are too many.
    pub fn spend_bytes(&self, bytes: usize) -> Result<(), Spent> {
        let spent = self.bytes.get().saturating_add(bytes as u64);
        self.bytes.set(spent);
        if spent > self.limits.bytes_max { Err(Spent::Bytes(self.limits.bytes_max)) } else { Ok(()) }
    }

    /// Counts items of a list, before it is made.
    ///
    /// # Errors
    /// They are too many.
    pub fn spend_items(&self, items: usize) -> Result<(), Spent> {
        self.spend_bytes(items.saturating_mul(size_of::<crate::Value>()))
    }
}

/// One level of lists and maps further in.
///
/// # Errors
/// It is too deep.
pub fn deeper(depth: usize) -> Result<usize, Spent> {
    if depth >= NESTING_MAX { Err(Spent::Nesting) } else { Ok(depth + 1) }
}
