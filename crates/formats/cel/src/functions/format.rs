//! `format.dns1123Label().validate(text)`: the named formats of Kubernetes.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

use super::url::Url;
use super::{Function, global, library, method, mismatch};
use crate::price::Price;
use crate::types::Library::Format as Kind;
use crate::types::Pattern::{Library, List, Optional, String};
use crate::value::{LibraryValue, Value};
use crate::{Fault, Meter};

const FORMAT: crate::types::Pattern = Library(Kind);

macro_rules! formats {
    ($($name:literal, $function:literal, $format:ident;)*) => {
        pub(super) const FUNCTIONS: &[Function] = &[
            $(global($function, &[], FORMAT, Price::Fixed(1), |_, _| library(LibraryValue::Format(Format::$format))),)*
            global("format.named", &[String], Optional(&FORMAT), Price::Fixed(1), named),
            method("validate", &[FORMAT, String], Optional(&List(&String)), Price::Validate(128), validate),
        ];

        /// A named format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the names are those of the formats")]
        pub enum Format {
            $($format,)*
        }

        fn by_name(name: &str) -> Option<Format> {
            match name {
                $($name => Some(Format::$format),)*
                _ => None,
            }
        }
    };
}

formats! {
    "dns1123Label", "format.dns1123Label", Dns1123Label;
    "dns1123Subdomain", "format.dns1123Subdomain", Dns1123Subdomain;
    "dns1035Label", "format.dns1035Label", Dns1035Label;
    "qualifiedName", "format.qualifiedName", QualifiedName;
    "dns1123LabelPrefix", "format.dns1123LabelPrefix", Dns1123LabelPrefix;
    "dns1123SubdomainPrefix", "format.dns1123SubdomainPrefix", Dns1123SubdomainPrefix;
    "dns1035LabelPrefix", "format.dns1035LabelPrefix", Dns1035LabelPrefix;
    "labelValue", "format.labelValue", LabelValue;
    "uri", "format.uri", Uri;
    "uuid", "format.uuid", Uuid;
    "byte", "format.byte", Byte;
    "date", "format.date", Date;
    "datetime", "format.datetime", DateTime;
}

/// A shape that a text must have, and what is said if it has not.
struct Shape {
    length_max: usize,
    pattern: LazyLock<Option<Regex>>,
    words: &'static str,
}

impl Shape {
    fn complaints(&self, text: &str) -> Vec<std::string::String> {
        let mut complaints = Vec::new();
        if text.len() > self.length_max {
            complaints.push(format!("must be no more than {} characters", self.length_max));
        }
        if !self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(text)) {
            complaints.push(self.words.to_owned());
        }
        complaints
    }
}

static LABEL: Shape = Shape {
    length_max: 63,
    pattern: LazyLock::new(|| Regex::new("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$").ok()),
    words: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and \
            end with an alphanumeric character",
};
static SUBDOMAIN: Shape = Shape {
    length_max: 253,
    pattern: LazyLock::new(|| {
        Regex::new(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$").ok()
    }),
    words: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
            start and end with an alphanumeric character",
};
static OLD_LABEL: Shape = Shape {
    length_max: 63,
    pattern: LazyLock::new(|| Regex::new("^[a-z]([-a-z0-9]*[a-z0-9])?$").ok()),
    words: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
            character, and end with an alphanumeric character",
};
static NAME_PART: Shape = Shape {
    length_max: 63,
    pattern: LazyLock::new(|| Regex::new("^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$").ok()),
    words: "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
            alphanumeric character",
};
static LABEL_VALUE: Shape = Shape {
    length_max: 63,
    pattern: LazyLock::new(|| Regex::new("^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$").ok()),
    words: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
            start and end with an alphanumeric character",
};
static UUID: Shape = Shape {
    length_max: usize::MAX,
    pattern: LazyLock::new(|| {
        Regex::new("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$").ok()
    }),
    words: "does not match the UUID format",
};

impl Format {
    /// What is wrong with a text; nothing if it is what the format says.
    fn complaints(self, text: &str) -> Vec<std::string::String> {
        let unless = |holds: bool, words: &str| if holds { Vec::new() } else { vec![words.to_owned()] };
        match self {
            Format::Dns1123Label => LABEL.complaints(text),
            Format::Dns1123Subdomain => SUBDOMAIN.complaints(text),
            Format::Dns1035Label => OLD_LABEL.complaints(text),
            Format::Dns1123LabelPrefix => LABEL.complaints(&whole(text)),
            Format::Dns1123SubdomainPrefix => SUBDOMAIN.complaints(&whole(text)),
            Format::Dns1035LabelPrefix => OLD_LABEL.complaints(&whole(text)),
            Format::QualifiedName => qualified_name(text),
            Format::LabelValue => LABEL_VALUE.complaints(text),
            Format::Uri => unless(Url::parse(text).is_some(), "invalid URI for request"),
            Format::Uuid => UUID.complaints(text),
            Format::Byte => unless(STANDARD.decode(text).is_ok(), "invalid base64"),
            Format::Date => {
                unless(text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(), "invalid date")
            }
            Format::DateTime => unless(super::time::parse_timestamp(text).is_ok(), "invalid datetime"),
        }
    }
}

/// A prefix may end with a dash, which something will follow.
fn whole(prefix: &str) -> std::string::String {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a"),
        _ => prefix.to_owned(),
    }
}

fn qualified_name(text: &str) -> Vec<std::string::String> {
    match text.split_once('/') {
        None => NAME_PART.complaints(text),
        Some((prefix, name)) => {
            let prefixed =
                SUBDOMAIN.complaints(prefix).into_iter().map(|words| format!("prefix part {words}"));
            prefixed.chain(NAME_PART.complaints(name)).collect()
        }
    }
}

fn named<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(name)] = arguments else { return Err(mismatch("format.named", arguments)) };
    let format = by_name(name).map(|format| Value::some(Value::Library(LibraryValue::Format(format))));
    Ok(format.unwrap_or(Value::Optional(None)))
}

fn validate<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::Library(LibraryValue::Format(format)), Value::String(text)] = arguments else {
        return Err(mismatch("validate", arguments));
    };
    let complaints = format.complaints(text);
    if complaints.is_empty() {
        return Ok(Value::Optional(None));
    }
    Ok(Value::some(Value::list(complaints.into_iter().map(Value::text).collect())))
}
