//! How many results of one kind in a row make a verdict.

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Streak {
    successes_needed: u32,
    failures_needed: u32,
    last: Option<bool>,
    length: u32,
}

impl Streak {
    pub(super) fn new(successes_needed: u32, failures_needed: u32) -> Self {
        Streak { successes_needed, failures_needed, last: None, length: 0 }
    }

    /// Takes a result; the verdict is `None` while there are too few of its kind in a row.
    pub(super) fn record(&mut self, success: bool) -> Option<bool> {
        if self.last == Some(success) {
            self.length = self.length.saturating_add(1);
        } else {
            (self.last, self.length) = (Some(success), 1);
        }
        let needed = if success { self.successes_needed } else { self.failures_needed };
        (self.length >= needed).then_some(success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(needed: (u32, u32), results: &str, expected: &str) {
        let mut streak = Streak::new(needed.0, needed.1);
        let verdicts: String = results
            .chars()
            .map(|result| match streak.record(result == '+') {
                Some(true) => '+',
                Some(false) => '-',
                None => '.',
            })
            .collect();
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn enough_results_in_a_row_make_a_verdict() {
        check((1, 3), "+--+---+", "+..+..-+");
        check((2, 1), "+-++-", ".-.+-");
        check((1, 1), "+-+-", "+-+-");
        check((1, 3), "-----", "..---");
    }
}
