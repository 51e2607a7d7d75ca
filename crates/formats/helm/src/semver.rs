//! Versions and constraints, as Helm's library takes them: looser than the standard.

mod constraint;

use std::cmp::Ordering;
use std::fmt;

pub use constraint::Constraint;

const BYTES_MAX: usize = 256;

/// A version: `v1.2` is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number; 0 if there is none.
    pub minor: u64,
    /// The third number; 0 if there is none.
    pub patch: u64,
    /// `rc.1`, or nothing.
    pub prerelease: String,
    /// What follows `+`, or nothing. It takes no part in comparisons.
    pub metadata: String,
    original: String,
}

/// Why a text is no version or constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no version.
    #[error("invalid semantic version")]
    Version,
    /// A part of it is longer than a number can be.
    #[error("error parsing version segment: strconv.ParseUint: parsing {0:?}: value out of range")]
    Number(String),
    /// Numbers in a prerelease must not begin with zero.
    #[error("version segment starts with 0")]
    LeadingZero,
    /// It is too long.
    #[error("version string is too long (max {BYTES_MAX} bytes)")]
    TooLong,
    /// It is no constraint.
    #[error("improper constraint: {0:?}")]
    Constraint(String),
    /// It is too long.
    #[error("constraint string is too long (max {0} bytes)")]
    ConstraintTooLong(usize),
    /// It has too many parts.
    #[error("too many constraint groups (max {0})")]
    TooManyGroups(usize),
}

impl Version {
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Version, Error> {
        if text.len() > BYTES_MAX {
            return Err(Error::TooLong);
        }
        let numbers_and_rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, metadata) = split_tail(numbers_and_rest, '+')?;
        let (numbers, prerelease) = split_tail(rest, '-')?;
        if prerelease.split('.').any(|part| part.len() > 1 && part.starts_with('0') && is_number(part)) {
            return Err(Error::LeadingZero);
        }
        let mut parts = numbers.split('.');
        let mut next = || match parts.next() {
            None => Ok(0),
            Some(part) if !is_number(part) => Err(Error::Version),
            Some(part) => part.parse().map_err(|_| Error::Number(part.to_owned())),
        };
        let (major, minor, patch) = (next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(Error::Version);
        }
        Ok(Version { major, minor, patch, prerelease, metadata, original: text.to_owned() })
    }

    /// As it was written.
    pub fn original(&self) -> &str {
        &self.original
    }

    pub(crate) fn of(major: u64, minor: u64, patch: u64, prerelease: &str, metadata: &str) -> Version {
        let (prerelease, metadata) = (prerelease.to_owned(), metadata.to_owned());
        let version = Version { major, minor, patch, prerelease, metadata, original: String::new() };
        Version { original: version.to_string(), ..version }
    }

    /// By precedence: a prerelease comes before its release.
    pub fn compare(&self, other: &Version) -> Ordering {
        let numbers = |version: &Version| (version.major, version.minor, version.patch);
        numbers(self)
            .cmp(&numbers(other))
            .then_with(|| compare_prereleases(&self.prerelease, &other.prerelease))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        let tail =
            |sign: &str, text: &str| if text.is_empty() { String::new() } else { format!("{sign}{text}") };
        write!(formatter, "{}{}", tail("-", &self.prerelease), tail("+", &self.metadata))
    }
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// What follows the first sign: letters, digits and hyphens between dots.
fn split_tail(text: &str, sign: char) -> Result<(&str, String), Error> {
    let Some((front, tail)) = text.split_once(sign) else { return Ok((text, String::new())) };
    let is_valid = |part: &str| {
        !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-')
    };
    if tail.split('.').all(is_valid) { Ok((front, tail.to_owned())) } else { Err(Error::Version) }
}

pub(super) fn compare_prereleases(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let (mut left, mut right) = (left.split('.'), right.split('.'));
            loop {
                match (left.next(), right.next()) {
                    (None, None) => return Ordering::Equal,
                    (None, Some(_)) => return Ordering::Less,
                    (Some(_), None) => return Ordering::Greater,
                    (Some(left), Some(right)) if left == right => {}
                    (Some(left), Some(right)) => return compare_parts(left, right),
                }
            }
        }
    }
}

/// Numbers come before words.
fn compare_parts(left: &str, right: &str) -> Ordering {
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

#[cfg(test)]
mod tests;
