//! The formats that are checked: those that apiextensions knows (its `SupportedFormats`), but for numbers of books and cards
//! and colours in words. All others pass, as formats that nobody knows do upstream. Where Go's parsers take more than a
//! standard allows, more is taken: an object that a cluster has must not be refused here.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use serde_json::Value;

/// Our own name for the format of `resource.Quantity`, which upstream checks in code.
pub(super) const QUANTITY: &str = "quantity";

pub(super) fn matches(format: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => text_matches(format, text),
        Value::Number(number) => match format {
            "int32" => number.as_f64().is_some_and(|n| f64::from(i32::MIN) <= n && n <= f64::from(i32::MAX)),
            _ => true,
        },
        _ => true,
    }
}

fn text_matches(format: &str, text: &str) -> bool {
    match format {
        QUANTITY => is_quantity(text),
        "date-time" | "datetime" => is_time(text),
        "date" => text.parse::<jiff::civil::Date>().is_ok() && text.len() == "2006-01-02".len(),
        "byte" => is_base64(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_network(text),
        "uuid" => is_uuid(text),
        "uuid3" => is_uuid(text) && is_uuid_of_version(text, b'3'),
        "uuid4" => is_uuid(text) && is_uuid_of_version(text, b'4'),
        "uuid5" => is_uuid(text) && is_uuid_of_version(text, b'5'),
        "uri" => is_request_uri(text),
        "email" => is_address(text),
        "hostname" => is_host_name(text),
        "mac" => is_hardware_address(text),
        "duration" => is_duration(text),
        "bsonobjectid" => text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "hexcolor" => is_color(text),
        "k8s-short-name" => text.len() <= 63 && is_label(text),
        "k8s-long-name" => text.len() <= 253 && text.split('.').all(is_label),
        _ => true,
    }
}

/// RFC 3339, which is stricter than what jiff reads: with `T`, seconds and an offset.
fn is_time(text: &str) -> bool {
    static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^[0-9-]{10}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$").ok()
    });
    SHAPE.as_ref().is_some_and(|shape| shape.is_match(text)) && text.parse::<jiff::Timestamp>().is_ok()
}

/// Sign, digits with at most one point, then a binary or decimal suffix or an exponent.
fn is_quantity(text: &str) -> bool {
    static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$").ok()
    });
    SHAPE.as_ref().is_some_and(|shape| shape.is_match(text))
}

/// As Go's decoder, which skips line breaks.
fn is_base64(text: &str) -> bool {
    if text.contains(['\r', '\n']) {
        return is_base64(&text.replace(['\r', '\n'], ""));
    }
    STANDARD.decode(text).is_ok()
}

fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u8>() else { return false };
    (address.parse::<Ipv4Addr>().is_ok() && bits <= 32)
        || (address.parse::<Ipv6Addr>().is_ok() && bits <= 128)
}

fn is_uuid(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes_in_place =
        text.bytes().enumerate().all(|(at, byte)| byte != b'-' || [8, 13, 18, 23].contains(&at));
    let dashes = text.len() - digits;
    digits == 32
        && text.bytes().filter(|byte| *byte == b'-').count() == dashes
        && (dashes == 0 || dashes_in_place)
}

/// The version stands in the thirteenth digit; the layout (RFC 9562) of versions 4 and 5 in the seventeenth.
fn is_uuid_of_version(text: &str, version: u8) -> bool {
    let digits: Vec<u8> =
        text.bytes().filter(u8::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect();
    let has_layout = version == b'3' || digits.get(16).is_some_and(|digit| b"89ab".contains(digit));
    digits.get(12) == Some(&version) && has_layout
}

/// What can stand in a request: a path from the root, or an address with its scheme.
fn is_request_uri(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let has_scheme = text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty());
    (text.starts_with('/') || has_scheme) && !text.contains(|it: char| it.is_ascii_control() || it == ' ')
}

/// `name@host`, also as `Name <name@host>`.
fn is_address(text: &str) -> bool {
    let address = match text.trim().strip_suffix('>') {
        Some(named) => named.rsplit_once('<').map_or("", |(_, address)| address),
        None => text.trim(),
    };
    let Some((name, host)) = address.rsplit_once('@') else { return false };
    !name.is_empty() && !host.is_empty() && !host.contains([' ', '@', ',', ';'])
}

/// RFC 1034 with the letters of all languages.
fn is_host_name(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=63).contains(&part.len())
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|it| it.is_alphanumeric() || it == '-' || it == '_')
    };
    text.len() <= 255 && text.strip_suffix('.').unwrap_or(text).split('.').all(is_part)
}

/// 6, 8 or 20 bytes, divided by `:` or `-`, or two by two by `.`.
fn is_hardware_address(text: &str) -> bool {
    let (divider, digits) = if text.contains('.') {
        ('.', 4)
    } else if text.contains('-') {
        ('-', 2)
    } else {
        (':', 2)
    };
    let parts: Vec<&str> = text.split(divider).collect();
    let is_part = |part: &&str| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    [6, 8, 20].contains(&(parts.len() * digits / 2)) && parts.iter().all(is_part)
}

/// As Go writes it, also with days and weeks and the units in words.
fn is_duration(text: &str) -> bool {
    static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r"^[+-]?(0|(\s*([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*",
            r"(ns|us|\u{b5}s|\u{3bc}s|ms|s|m|h|d|w|nanos?|nanoseconds?|micros?|microseconds?|millis?|milliseconds?",
            r"|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|wks?|weeks?))+)$"
        ))
        .ok()
    });
    SHAPE.as_ref().is_some_and(|shape| shape.is_match(text))
}

fn is_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    [3, 6].contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A part of a DNS name, as Kubernetes writes names (RFC 1123).
fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().all(|byte| is_inner(byte) || byte == b'-')
        && text.bytes().next().is_some_and(is_inner)
        && text.bytes().next_back().is_some_and(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_accept_and_refuse_what_upstream_does() {
        let cases = [
            (QUANTITY, "100m", true),
            (QUANTITY, "1.5Gi", true),
            (QUANTITY, "1e3", true),
            (QUANTITY, "-.5", true),
            (QUANTITY, "1 Gi", false),
            (QUANTITY, "Gi", false),
            (QUANTITY, "", false),
            ("date-time", "2026-01-02T03:04:05Z", true),
            ("date-time", "2026-01-02T03:04:05.000001+01:00", true),
            ("date-time", "2026-01-02 03:04:05Z", false),
            ("date-time", "2026-13-02T03:04:05Z", false),
            ("date", "2026-01-02", true),
            ("date", "2026-02-30", false),
            ("byte", "aGVsbG8=", true),
            ("byte", "aGVs\nbG8=", true),
            ("byte", "hello", false),
            ("ipv4", "10.0.0.1", true),
            ("ipv4", "::1", false),
            ("ipv6", "::1", true),
            ("cidr", "10.0.0.0/8", true),
            ("cidr", "10.0.0.0/33", false),
            ("uuid", "123e4567-e89b-12d3-a456-426614174000", true),
            ("uuid", "123e4567e89b12d3a456426614174000", true),
            ("uuid", "123e4567-e89b", false),
            ("uuid4", "123e4567-e89b-42d3-a456-426614174000", true),
            ("uuid4", "123e4567-e89b-12d3-a456-426614174000", false),
            ("uuid5", "123e4567-e89b-52d3-c456-426614174000", false),
            ("uri", "https://example.org/a?b=c", true),
            ("uri", "/a/b", true),
            ("uri", "urn:isbn:12", true),
            ("uri", "example.org/a", false),
            ("uri", "https://example.org/a b", false),
            ("email", "a.b+c@example.org", true),
            ("email", "Ann <ann@example.org>", true),
            ("email", "example.org", false),
            ("email", "@example.org", false),
            ("hostname", "a-1.example.org", true),
            ("hostname", "m\u{fc}nchen.example", true),
            ("hostname", "-a.example.org", false),
            ("hostname", "a..b", false),
            ("mac", "00:1b:44:11:3a:b7", true),
            ("mac", "001b.4411.3ab7", true),
            ("mac", "00:1b:44:11:3a", false),
            ("duration", "1h30m", true),
            ("duration", "0.5s", true),
            ("duration", "2 days", true),
            ("duration", "0", true),
            ("duration", "10", false),
            ("duration", "", false),
            ("bsonobjectid", "507f1f77bcf86cd799439011", true),
            ("bsonobjectid", "507f1f77", false),
            ("hexcolor", "#0af", true),
            ("hexcolor", "#0aff", false),
            ("k8s-short-name", "my-name", true),
            ("k8s-short-name", "my.name", false),
            ("k8s-long-name", "my.name", true),
            ("k8s-long-name", "My.name", false),
            ("of-our-own", "anything", true),
        ];
        for (format, text, expected) in cases {
            assert_eq!(text_matches(format, text), expected, "{format} {text:?}");
        }
    }

    #[test]
    fn an_int32_has_bounds() {
        assert!(matches("int32", &Value::from(i32::MAX)));
        assert!(!matches("int32", &Value::from(i64::from(i32::MAX) + 1)));
        assert!(matches("int64", &Value::from(i64::MAX)));
    }
}
