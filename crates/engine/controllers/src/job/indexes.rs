//! Sets of completion indexes, written as `1,3-5,7`. Pure.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use k8s_openapi::api::core::v1::Pod;

/// On each pod of an Indexed Job.
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// A set of indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Indexes(BTreeSet<i32>);

impl Indexes {
    /// Reads what `Display` writes. What is not below `end`, or cannot be read, is left out: `completions` may have
    /// been lowered since.
    pub(super) fn parse(text: &str, end: i32) -> Indexes {
        let ranges = text.split(',').filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.parse::<i32>().ok()?.max(0), last.parse::<i32>().ok()?.min(end.saturating_sub(1))))
        });
        Indexes(ranges.flat_map(|(first, last)| first..=last).collect())
    }

    pub(super) fn insert(&mut self, index: i32) -> bool {
        self.0.insert(index)
    }

    pub(super) fn has(&self, index: i32) -> bool {
        self.0.contains(&index)
    }

    pub(super) fn len(&self) -> i32 {
        i32::try_from(self.0.len()).unwrap_or(i32::MAX)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many of these are in `other` too.
    pub(super) fn count_in(&self, other: &Indexes) -> i32 {
        i32::try_from(self.0.intersection(&other.0).count()).unwrap_or(i32::MAX)
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.iter().copied().peekable();
        let mut is_first = true;
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if(|next| *next == last + 1) {
                last = next;
            }
            if !std::mem::take(&mut is_first) {
                f.write_char(',')?;
            }
            match last - first {
                0 => write!(f, "{first}")?,
                1 => write!(f, "{first},{last}")?,
                _ => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// The index of a pod, if it has one that the Job has too.
pub(super) fn of(pod: &Pod, completions: i32) -> Option<i32> {
    let index = pod.metadata.annotations.as_ref()?.get(INDEX)?.parse().ok()?;
    (0..completions).contains(&index).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_print_as_they_are_read() {
        for text in ["", "0", "0,1", "1,3-5,7", "0-9"] {
            assert_eq!(Indexes::parse(text, 10).to_string(), text);
        }
        assert_eq!(Indexes::parse("1,3-5,7", 5).to_string(), "1,3,4");
        assert_eq!(Indexes::parse("x,2,-", 5).to_string(), "2");
        assert_eq!(Indexes::parse("0-2147483647", 3).len(), 3);
    }
}
