//! What a version must be: `>=1.20-0`, `^1.2 || ~2`, `1.2 - 1.4`.

use std::cmp::Ordering;

use super::{Error, Version, compare_prereleases};

const BYTES_MAX: usize = 512;
const GROUPS_MAX: usize = 32;

/// Groups of conditions: all of one group must hold.
#[derive(Debug, Clone)]
pub struct Constraint(Vec<Vec<Condition>>);

#[derive(Debug, Clone)]
struct Condition {
    operator: Operator,
    version: Version,
    given: Given,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// `=`, or none.
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    /// `~`
    SameMinor,
    /// `^`
    Compatible,
}

/// How much of the version was given: the rest is missing or `x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Given {
    Nothing,
    Major,
    Minor,
    Patch,
}

const OPERATORS: [(&str, Operator); 12] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::SameMinor),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::SameMinor),
    ("^", Operator::Compatible),
    ("", Operator::Equal),
];

impl Constraint {
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Constraint, Error> {
        if text.len() > BYTES_MAX {
            return Err(Error::ConstraintTooLong(BYTES_MAX));
        }
        let groups: Vec<&str> = text.split("||").collect();
        if groups.len() > GROUPS_MAX {
            return Err(Error::TooManyGroups(GROUPS_MAX));
        }
        let groups = groups.into_iter().map(|group| {
            let improper = || Error::Constraint(group.to_owned());
            parse_group(group).ok_or_else(improper)
        });
        groups.collect::<Result<_, _>>().map(Constraint)
    }

    /// Whether the version will do. Prereleases do only if a condition of the group names one.
    pub fn allows(&self, version: &Version) -> bool {
        self.0.iter().any(|group| {
            let takes_prereleases = group.iter().any(|condition| !condition.version.prerelease.is_empty());
            let is_taken = version.prerelease.is_empty() || takes_prereleases;
            is_taken && group.iter().all(|condition| condition.allows(version))
        })
    }
}

/// Conditions between spaces or commas; `a - b` is two.
fn parse_group(text: &str) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (condition, after) = parse_condition(rest)?;
        let spaceless = after.trim_start();
        let range = spaceless.strip_prefix('-').filter(|_| condition.operator == Operator::Equal);
        if let Some(end) =
            range.filter(|end| spaceless.len() < after.len() && end.starts_with(char::is_whitespace))
        {
            let (end, after) = parse_condition(end.trim_start())?;
            conditions.push(Condition { operator: Operator::GreaterEqual, ..condition });
            conditions.push(Condition { operator: Operator::LessEqual, ..end });
            rest = next_condition(after)?;
        } else {
            conditions.push(condition);
            rest = next_condition(after)?;
        }
    }
    (!conditions.is_empty()).then_some(conditions)
}

/// What follows the space or comma between two conditions.
fn next_condition(after: &str) -> Option<&str> {
    let rest = after.trim_start();
    if let Some(rest) = rest.strip_prefix(',') {
        return Some(rest.trim_start()).filter(|rest| !rest.is_empty());
    }
    (rest.is_empty() || rest.len() < after.len()).then_some(rest)
}

fn parse_condition(text: &str) -> Option<(Condition, &str)> {
    let (sign, operator) = OPERATORS.iter().find(|(sign, _)| text.starts_with(sign))?;
    let rest = text.get(sign.len()..)?.trim_start();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || ".*-+".contains(letter);
    let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
    let (version, after) = rest.split_at(end);
    let (version, given) = parse_partial(version)?;
    Some((Condition { operator: *operator, version, given }, after))
}

/// A version of which parts may be missing or `x`.
fn parse_partial(text: &str) -> Option<(Version, Given)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let tail_start = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, tail) = text.split_at(tail_start);
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_any = |part: &str| matches!(part, "x" | "X" | "*");
    let is_valid = parts.len() <= 3 && parts.iter().all(|part| is_any(part) || super::is_number(part));
    if !is_valid {
        return None;
    }
    let count = parts.iter().take_while(|part| !is_any(part)).count();
    let given = match count {
        0 => Given::Nothing,
        1 => Given::Major,
        2 => Given::Minor,
        _ => Given::Patch,
    };
    let number = |index: usize| parts.get(index).filter(|_| index < count).copied().unwrap_or("0");
    let full = format!("{}.{}.{}{}", number(0), number(1), number(2), tail);
    let version = Version::parse(&full).ok()?;
    Some((version, given))
}

impl Condition {
    fn allows(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        match self.operator {
            Operator::Equal if self.given < Given::Patch => self.is_same_minor(version),
            Operator::Equal => order == Ordering::Equal,
            Operator::NotEqual => self.differs(version),
            Operator::Greater => self.is_less_than(version),
            Operator::Less => order == Ordering::Less,
            Operator::GreaterEqual => order != Ordering::Less,
            Operator::LessEqual => self.is_not_less_than(version),
            Operator::SameMinor => self.is_same_minor(version),
            Operator::Compatible => self.is_compatible(version),
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.given {
            _ if self.given < Given::Patch && wanted.major != version.major => true,
            Given::Nothing | Given::Major => false,
            Given::Minor if wanted.minor != version.minor => true,
            Given::Minor => compare_prereleases(&version.prerelease, &wanted.prerelease) != Ordering::Equal,
            Given::Patch => version.compare(wanted) != Ordering::Equal,
        }
    }

    /// `>11` asks for 12.
    fn is_less_than(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.given {
            Given::Patch => version.compare(wanted) == Ordering::Greater,
            _ if version.major != wanted.major => version.major > wanted.major,
            Given::Minor => version.minor > wanted.minor,
            Given::Nothing => version.compare(wanted) == Ordering::Greater,
            Given::Major => false,
        }
    }

    fn is_not_less_than(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.given {
            Given::Patch => version.compare(wanted) != Ordering::Greater,
            _ if version.major > wanted.major => false,
            Given::Major => true,
            _ => !(version.major == wanted.major && version.minor > wanted.minor),
        }
    }

    fn is_same_minor(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted) == Ordering::Less {
            return false;
        }
        let is_zero = wanted.major == 0 && wanted.minor == 0 && wanted.patch == 0;
        if is_zero && matches!(self.given, Given::Nothing | Given::Patch) {
            return true;
        }
        version.major == wanted.major && (version.minor == wanted.minor || self.given == Given::Major)
    }

    fn is_compatible(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted) == Ordering::Less {
            return false;
        }
        if wanted.major > 0 || self.given == Given::Major {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.given == Given::Minor {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}
