//! The formats that are checked. All others pass, as formats that nobody knows do upstream.

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
