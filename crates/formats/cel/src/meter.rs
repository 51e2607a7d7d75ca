//! The budget of an evaluation: what it may still cost, and the regular expressions that it has at hand.

use std::collections::BTreeMap;

use bythos_schema::Pattern;
use regex::Regex;

use crate::Fault;
use crate::functions::regex::made;

/// Regular expressions that an expression makes while it runs are kept up to this many.
const KEPT_PATTERNS_MAX: usize = 16;
/// What making a regular expression while an expression runs costs.
const PATTERN_COST: u64 = 2000;
/// How much of the real work behind a function one unit of cost pays: items compared, bytes copied.
const WORK_PER_COST: u64 = 10;

/// Counts what an evaluation costs and stops it where its budget ends.
#[derive(Debug)]
pub(crate) struct Meter<'p> {
    left: u64,
    /// Work that is not paid yet.
    work: u64,
    known: &'p BTreeMap<Box<str>, Pattern>,
    made: BTreeMap<String, Regex>,
}

impl<'p> Meter<'p> {
    pub(crate) fn new(budget: u64, known: &'p BTreeMap<Box<str>, Pattern>) -> Self {
        Meter { left: budget, work: 0, known, made: BTreeMap::new() }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Pays what an operation costs by upstream's reckoning.
    pub(crate) fn pay(&mut self, cost: u64) -> Result<(), Fault> {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Fault::OverBudget)
            }
        }
    }

    /// Pays work that upstream's reckoning does not see, before it is done: nothing may be free.
    pub(crate) fn work(&mut self, amount: usize) -> Result<(), Fault> {
        self.work = self.work.saturating_add(u64::try_from(amount).unwrap_or(u64::MAX));
        if self.work < WORK_PER_COST {
            return Ok(());
        }
        let cost = self.work / WORK_PER_COST;
        self.work %= WORK_PER_COST;
        self.pay(cost)
    }

    /// The regular expression of this pattern.
    pub(crate) fn pattern(&mut self, pattern: &str) -> Result<Regex, Fault> {
        if let Some(regex) = self.known.get(pattern).and_then(Pattern::regex) {
            return Ok(regex.clone());
        }
        if let Some(regex) = self.made.get(pattern) {
            return Ok(regex.clone());
        }
        self.pay(PATTERN_COST)?;
        let regex = made(pattern).map_err(Fault::Failed)?;
        if self.made.len() < KEPT_PATTERNS_MAX {
            self.made.insert(pattern.to_owned(), regex.clone());
        }
        Ok(regex)
    }
}
