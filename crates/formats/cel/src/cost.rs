//! Sizes and costs as ranges, in the units of cel-go: reading a variable or a field costs one, a character a tenth.

/// What reading one character, or comparing one item, costs.
pub(crate) const CHARACTER: f64 = 0.1;
/// What one character of a regular expression multiplies the cost of matching with.
pub(crate) const PATTERN_CHARACTER: f64 = 0.25;
pub(crate) const LIST: u64 = 10;
pub(crate) const MAP: u64 = 30;

/// From the least to the most; the most of what is not known is [`u64::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Range {
    /// The least.
    pub(crate) min: u64,
    /// The most.
    pub(crate) max: u64,
}

impl Range {
    pub(crate) const UNKNOWN: Range = Range { min: 0, max: u64::MAX };
    /// Where nothing was seen yet: any union with it is the other.
    pub(crate) const NONE: Range = Range { min: u64::MAX, max: 0 };

    pub(crate) const fn exactly(amount: u64) -> Range {
        Range { min: amount, max: amount }
    }

    pub(crate) const fn up_to(max: u64) -> Range {
        Range { min: 0, max }
    }

    pub(crate) fn plus(self, other: Range) -> Range {
        Range { min: self.min.saturating_add(other.min), max: self.max.saturating_add(other.max) }
    }

    pub(crate) fn times(self, other: Range) -> Range {
        Range { min: self.min.saturating_mul(other.min), max: self.max.saturating_mul(other.max) }
    }

    pub(crate) fn scaled(self, factor: f64) -> Range {
        Range { min: scaled(self.min, factor), max: scaled(self.max, factor) }
    }

    pub(crate) fn union(self, other: Range) -> Range {
        Range { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

impl std::iter::Sum for Range {
    fn sum<I: Iterator<Item = Range>>(all: I) -> Range {
        all.fold(Range::default(), Range::plus)
    }
}

/// An amount times a factor, rounded up; what is too large is the most there is.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "costs are estimates, and a cast from a float saturates"
)]
pub(crate) fn scaled(amount: u64, factor: f64) -> u64 {
    if amount == u64::MAX {
        return u64::MAX;
    }
    (amount as f64 * factor).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_never_wrap() {
        let most = Range::UNKNOWN;
        assert_eq!(most.plus(Range::exactly(1)).max, u64::MAX);
        assert_eq!(most.times(Range::exactly(2)), Range::UNKNOWN);
        assert_eq!(most.scaled(CHARACTER).max, u64::MAX);
        assert_eq!(Range::exactly(11).scaled(CHARACTER), Range::exactly(2));
        assert_eq!(Range::NONE.union(Range::exactly(3)), Range::exactly(3));
    }
}
