//! `semver("1.2.3")`

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Function, global, library, method, mismatch};
use crate::price::Price;
use crate::types::Library::Semver as Kind;
use crate::types::Pattern::{Bool, Int, Library, String};
use crate::value::{LibraryValue, Value};
use crate::{Fault, Meter};

const ONE: Price = Price::Fixed(1);
const TRAVERSE: Price = Price::Text(0, 1);
const SEMVER: crate::types::Pattern = Library(Kind);

pub(super) const FUNCTIONS: &[Function] = &[
    global("semver", &[String], SEMVER, TRAVERSE, semver),
    global("semver", &[String, Bool], SEMVER, TRAVERSE, semver),
    global("isSemver", &[String], Bool, TRAVERSE, is_semver),
    global("isSemver", &[String, Bool], Bool, TRAVERSE, is_semver),
    method("isGreaterThan", &[SEMVER, SEMVER], Bool, ONE, |arguments, _| {
        compare("isGreaterThan", arguments).map(|order| Value::Bool(order.is_gt()))
    }),
    method("isLessThan", &[SEMVER, SEMVER], Bool, ONE, |arguments, _| {
        compare("isLessThan", arguments).map(|order| Value::Bool(order.is_lt()))
    }),
    method("compareTo", &[SEMVER, SEMVER], Int, ONE, |arguments, _| {
        compare("compareTo", arguments).map(|order| Value::Int(order as i64))
    }),
    method("major", &[SEMVER], Int, ONE, |arguments, _| number("major", arguments, |version| version.major)),
    method("minor", &[SEMVER], Int, ONE, |arguments, _| number("minor", arguments, |version| version.minor)),
    method("patch", &[SEMVER], Int, ONE, |arguments, _| number("patch", arguments, |version| version.patch)),
];

/// A semantic version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    pre: Vec<Part>,
    build: std::string::String,
}

/// A piece of a pre-release: numbers come before words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(std::string::String),
}

impl Version {
    fn parse(text: &str, is_lenient: bool) -> Option<Version> {
        let text = if is_lenient { text.strip_prefix('v').unwrap_or(text) } else { text };
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (text, pre) = text.split_once('-').map_or((text, None), |(text, pre)| (text, Some(pre)));
        let mut numbers = Vec::new();
        for digits in text.split('.') {
            numbers.push(number_of(digits, is_lenient)?);
        }
        if is_lenient {
            numbers.resize(numbers.len().max(3), 0);
        }
        let [major, minor, patch] = numbers.as_slice() else { return None };
        let pre = pre.map_or(Some(Vec::new()), |pre| pre.split('.').map(part).collect())?;
        let build_is_valid = build.is_none_or(|build| build.split('.').all(is_word));
        build_is_valid.then(|| Version {
            major: *major,
            minor: *minor,
            patch: *patch,
            pre,
            build: build.unwrap_or_default().to_owned(),
        })
    }

    fn order(&self, other: &Version) -> Ordering {
        let numbers = |version: &Version| (version.major, version.minor, version.patch);
        // A release comes after its pre-releases.
        let by_release = self.pre.is_empty().cmp(&other.pre.is_empty());
        numbers(self).cmp(&numbers(other)).then(by_release).then_with(|| self.pre.cmp(&other.pre))
    }
}

fn number_of(digits: &str, is_lenient: bool) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let leads_with_zero = digits.len() > 1 && digits.starts_with('0');
    if !is_number || (leads_with_zero && !is_lenient) { None } else { digits.parse().ok() }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn part(text: &str) -> Option<Part> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return number_of(text, false).map(Part::Number);
    }
    is_word(text).then(|| Part::Word(text.to_owned()))
}

fn read(name: &str, arguments: &[Value<'_>]) -> Result<Option<Version>, Fault> {
    match arguments {
        [Value::String(text)] => Ok(Version::parse(text, false)),
        [Value::String(text), Value::Bool(is_lenient)] => Ok(Version::parse(text, *is_lenient)),
        _ => Err(mismatch(name, arguments)),
    }
}

fn semver<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let version = read("semver", arguments)?
        .ok_or_else(|| Fault::failed("invalid semantic version: expected for example 1.2.3"))?;
    library(LibraryValue::Semver(Rc::new(version)))
}

fn is_semver<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    read("isSemver", arguments).map(|version| Value::Bool(version.is_some()))
}

fn compare(name: &str, arguments: &[Value<'_>]) -> Result<Ordering, Fault> {
    match arguments {
        [Value::Library(LibraryValue::Semver(one)), Value::Library(LibraryValue::Semver(two))] => {
            Ok(one.order(two))
        }
        _ => Err(mismatch(name, arguments)),
    }
}

fn number<'a>(name: &str, arguments: &[Value<'a>], number: fn(&Version) -> u64) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Library(LibraryValue::Semver(version))] => {
            Ok(Value::Int(i64::try_from(number(version)).unwrap_or(i64::MAX)))
        }
        _ => Err(mismatch(name, arguments)),
    }
}
