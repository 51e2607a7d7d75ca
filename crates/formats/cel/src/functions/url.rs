//! `url("https://example.com/path")`: absolute URLs and absolute paths, as Go's `url.ParseRequestURI` reads them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::convert::made;
use super::{Function, global, library, method, mismatch};
use crate::price::Price;
use crate::types::Library::Url as Kind;
use crate::types::Pattern::{Bool, Library, List, Map, String};
use crate::value::{Key, LibraryValue, Map as Entries, Text, Value};
use crate::{Fault, Meter};

const ONE: Price = Price::Fixed(1);
const TRAVERSE: Price = Price::Text(0, 1);
const URL: crate::types::Pattern = Library(Kind);

pub(super) const FUNCTIONS: &[Function] = &[
    global("url", &[String], URL, TRAVERSE, url),
    global("isURL", &[String], Bool, ONE, is_url),
    method("getScheme", &[URL], String, ONE, |arguments, _| {
        part("getScheme", arguments, |url| url.scheme.clone())
    }),
    method("getHost", &[URL], String, ONE, |arguments, _| part("getHost", arguments, |url| url.host.clone())),
    method("getHostname", &[URL], String, ONE, |arguments, _| {
        part("getHostname", arguments, |url| url.host_name())
    }),
    method("getPort", &[URL], String, ONE, |arguments, _| part("getPort", arguments, |url| url.port())),
    method("getEscapedPath", &[URL], String, ONE, |arguments, _| {
        part("getEscapedPath", arguments, |url| url.path.clone())
    }),
    method("getQuery", &[URL], Map(&String, &List(&String)), ONE, query),
];

/// A URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    scheme: std::string::String,
    /// With its port.
    host: std::string::String,
    path: std::string::String,
    query: std::string::String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Option<Url> {
        let is_clean = !text.is_empty() && text.chars().all(|c| !c.is_control() && c != ' ');
        if !is_clean {
            return None;
        }
        let (before, query) = text.split_once('?').unwrap_or((text, ""));
        let (scheme, rest) = match before.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
            _ if before.starts_with('/') => ("", before),
            _ => return None,
        };
        let (host, path) = match rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                (authority.rsplit_once('@').map_or(authority, |(_, host)| host), path)
            }
            // What is behind the scheme must begin at the root, or it is opaque.
            None if rest.starts_with('/') || !scheme.is_empty() => {
                ("", if rest.starts_with('/') { rest } else { "" })
            }
            None => return None,
        };
        let is_valid = escapes_are_whole(path) && port_is_number(host);
        is_valid.then(|| Url {
            scheme: scheme.to_ascii_lowercase(),
            host: host.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }

    fn host_name(&self) -> std::string::String {
        let (name, _) = split_port(&self.host);
        name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name).to_owned()
    }

    fn port(&self) -> std::string::String {
        split_port(&self.host).1.to_owned()
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// A host and its port; an IPv6 address stands in brackets.
fn split_port(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, ""),
    }
}

fn port_is_number(host: &str) -> bool {
    split_port(host).1.bytes().all(|byte| byte.is_ascii_digit())
}

fn escapes_are_whole(path: &str) -> bool {
    path.split('%')
        .skip(1)
        .all(|after| after.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())))
}

fn url<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text)] = arguments else { return Err(mismatch("url", arguments)) };
    let parsed = Url::parse(text).ok_or_else(|| {
        Fault::failed(format!(
            "URL parse error during conversion from string: parse {:?}: invalid URI for request",
            &**text
        ))
    })?;
    library(LibraryValue::Url(Rc::new(parsed)))
}

fn is_url<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text)] = arguments else { return Err(mismatch("isURL", arguments)) };
    meter.work(text.len())?;
    Ok(Value::Bool(Url::parse(text).is_some()))
}

fn part<'a>(
    name: &str,
    arguments: &[Value<'a>],
    part: fn(&Url) -> std::string::String,
) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Library(LibraryValue::Url(url))] => Ok(made(part(url))),
        _ => Err(mismatch(name, arguments)),
    }
}

fn query<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::Library(LibraryValue::Url(url))] = arguments else {
        return Err(mismatch("getQuery", arguments));
    };
    meter.work(url.query.len())?;
    let mut values: BTreeMap<std::string::String, Vec<Value<'a>>> = BTreeMap::new();
    for pair in url.query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        values.entry(unescaped(name)).or_default().push(made(unescaped(value)));
    }
    let entries = values
        .into_iter()
        .map(|(name, values)| (Key::String(Text::Shared(name.into())), Value::list(values)));
    Ok(Value::Map(Entries::Made(Rc::new(entries.collect()))))
}

fn unescaped(text: &str) -> std::string::String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code =
            after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    std::string::String::from_utf8_lossy(&bytes).into_owned()
}
