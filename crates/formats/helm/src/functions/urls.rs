//! `urlParse`, `urlJoin` and `getHostByName`.

use bythos_gotemplate::{Failure, Function, Map, Scope, Text, Value};

use super::rendering;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("urlParse", |text: Text| parse(&text.to_str())),
        Function::new("urlJoin", join),
        Function::new("getHostByName", |scope: &mut Scope<'_>, name: Text| {
            let addresses = rendering(scope)?.world.host_addresses(&name.to_str());
            Ok::<_, Failure>(addresses.into_iter().next().unwrap_or_default())
        }),
    ]
}

fn unable(text: &str, why: &str) -> Failure {
    Failure::new(format!("unable to parse url: parse {text:?}: {why}"))
}

fn parse(text: &str) -> Result<Value, Failure> {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err(unable(text, "net/url: invalid control character in URL"));
    }
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (scheme, rest) = scheme(rest).map_err(|why| unable(text, why))?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let is_opaque = !scheme.is_empty() && !rest.starts_with('/') && !rest.is_empty();
    let (opaque, rest) = if is_opaque { (rest, "") } else { ("", rest) };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    check_host(host).map_err(|why| unable(text, &why))?;
    let decoded = |part: &str| unescape(part).map_err(|why| unable(text, &why));
    let fields = [
        ("scheme", scheme.to_ascii_lowercase()),
        ("host", host.to_owned()),
        ("hostname", host_name(host).to_owned()),
        ("path", decoded(path)?),
        ("query", query.to_owned()),
        ("opaque", opaque.to_owned()),
        ("fragment", decoded(fragment)?),
        ("userinfo", user.to_owned()),
    ];
    Ok(Value::map(fields.map(|(name, field)| (name, Value::from(field)))))
}

fn scheme(text: &str) -> Result<(&str, &str), &'static str> {
    for (index, character) in text.char_indices() {
        match character {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if index > 0 => {}
            ':' if index == 0 => return Err("missing protocol scheme"),
            ':' => return Ok(text.split_once(':').unwrap_or(("", text))),
            _ => break,
        }
    }
    let first = text.split('/').next().unwrap_or_default();
    if first.contains(':') && !text.starts_with('/') {
        return Err("first path segment in URL cannot contain colon");
    }
    Ok(("", text))
}

fn check_host(host: &str) -> Result<(), String> {
    let after_address = host.rfind(']').map_or(host, |end| host.get(end + 1..).unwrap_or_default());
    let port = after_address.rsplit_once(':').map(|(_, port)| port);
    if let Some(wrong) = port.filter(|port| !port.bytes().all(|digit| digit.is_ascii_digit())) {
        return Err(format!("invalid port {:?} after host", format!(":{wrong}")));
    }
    match host
        .chars()
        .find(|character| matches!(character, ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '}'))
    {
        Some(wrong) => Err(format!("invalid character {:?} in host name", wrong.to_string())),
        None => Ok(()),
    }
}

/// Without port and brackets.
fn host_name(host: &str) -> &str {
    if let Some(inside) = host.strip_prefix('[') {
        return inside.split(']').next().unwrap_or(inside);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let wrong =
            || format!("invalid URL escape {:?}", format!("%{}", after.chars().take(2).collect::<String>()));
        bytes.push(byte.ok_or_else(wrong)?);
        rest = after.get(2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn escape(text: &str, kept: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn part(map: &Map, name: &str) -> Result<String, Failure> {
    match map.get(name.as_bytes()) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.to_str().into_owned()),
        Some(other) => {
            let kind = other.kind().name();
            Err(Failure::new(format!("unable to parse {name} key, must be of type string, but {kind} found")))
        }
    }
}

fn join(map: Map) -> Result<String, Failure> {
    const PATH: &[u8] = b"$&+,/:;=@";
    const FRAGMENT: &[u8] = b"!$&'()*+,/:;=?@";
    let (scheme, host, path) = (part(&map, "scheme")?, part(&map, "host")?, part(&map, "path")?);
    let (opaque, user) = (part(&map, "opaque")?, part(&map, "userinfo")?);
    let mut text = String::new();
    if !scheme.is_empty() {
        text.push_str(&format!("{scheme}:"));
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !user.is_empty() {
            let at = if user.is_empty() { "" } else { "@" };
            if !host.is_empty() || !path.is_empty() || !user.is_empty() {
                text.push_str(&format!("//{user}{at}{host}"));
            }
        }
        let needs_slash = !path.is_empty() && !path.starts_with('/') && !host.is_empty();
        text.push_str(if needs_slash { "/" } else { "" });
        text.push_str(&escape(&path, PATH));
    } else {
        text.push_str(&opaque);
    }
    let (query, fragment) = (part(&map, "query")?, part(&map, "fragment")?);
    if !query.is_empty() {
        text.push_str(&format!("?{query}"));
    }
    if !fragment.is_empty() {
        text.push_str(&format!("#{}", escape(&fragment, FRAGMENT)));
    }
    Ok(text)
}
