//! What names, labels and keys may look like, with upstream's words for those that do not.
//!
//! The rules are those of `k8s.io/apimachinery/pkg/util/validation`; each returns its complaints, none if all is
//! well. They are written out by hand, since they run on every write.

/// A rule about a text; returns what is wrong with it.
pub(crate) type Rule = fn(&str) -> Vec<String>;

/// RFC 1123 label: DNS names of one part.
pub(crate) fn rfc1123_label(value: &str) -> Vec<String> {
    let mut complaints = too_long(value, 63);
    if !is_rfc1123_label(value) {
        complaints.push(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
             and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    complaints
}

/// RFC 1123 subdomain: labels joined by dots.
pub(crate) fn rfc1123_subdomain(value: &str) -> Vec<String> {
    let mut complaints = too_long(value, 253);
    if !value.split('.').all(is_rfc1123_label) {
        complaints.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
             must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    complaints
}

/// RFC 1035 label: as [`rfc1123_label`], but beginning with a letter.
pub(crate) fn rfc1035_label(value: &str) -> Vec<String> {
    let mut complaints = too_long(value, 63);
    if !is_rfc1123_label(value) || !value.starts_with(|first: char| first.is_ascii_lowercase()) {
        complaints.push(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
             character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
             validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    complaints
}

/// A host name whose first part may be `*`.
pub(crate) fn wildcard_subdomain(value: &str) -> Vec<String> {
    let mut complaints = too_long(value, 253);
    if !value.strip_prefix("*.").is_some_and(|rest| rest.split('.').all(is_rfc1123_label)) {
        complaints.push(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must \
             consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character \
             (e.g. '*.example.com', regex used for validation is \
             '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    complaints
}

/// A segment of a URL's path.
pub(crate) fn path_segment(value: &str) -> Vec<String> {
    if matches!(value, "." | "..") {
        return vec![format!("may not be '{value}'")];
    }
    ["/", "%"]
        .iter()
        .filter(|part| value.contains(**part))
        .map(|part| format!("may not contain '{part}'"))
        .collect()
}

/// The key of a label: an optional prefix and a name.
pub(crate) fn qualified_name(value: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let name = match value.split_once('/') {
        None => value,
        Some((_, name)) if name.contains('/') => {
            return vec![format!(
                "a qualified name {QUALIFIED_NAME_WORDS} with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')"
            )];
        }
        Some((prefix, name)) => {
            if prefix.is_empty() {
                complaints.push("prefix part must be non-empty".to_owned());
            } else {
                complaints.extend(
                    rfc1123_subdomain(prefix).into_iter().map(|words| format!("prefix part {words}")),
                );
            }
            name
        }
    };
    if name.is_empty() {
        complaints.push("name part must be non-empty".to_owned());
    }
    complaints.extend(too_long(name, 63).into_iter().map(|words| format!("name part {words}")));
    if !is_label_text(name) {
        complaints.push(format!("name part {QUALIFIED_NAME_WORDS}"));
    }
    complaints
}

const QUALIFIED_NAME_WORDS: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character \
     (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// The value of a label.
pub(crate) fn label_value(value: &str) -> Vec<String> {
    let mut complaints = too_long(value, 63);
    if !value.is_empty() && !is_label_text(value) {
        complaints.push(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
             start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
             for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
                .to_owned(),
        );
    }
    complaints
}

/// The key of a ConfigMap or Secret.
pub(crate) fn config_key(value: &str) -> Vec<String> {
    let mut complaints = too_long(value, 253);
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if value.is_empty() || !value.bytes().all(is_key) {
        complaints.push(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
             'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                .to_owned(),
        );
    }
    match value {
        "." | ".." => complaints.push(format!("must not be '{value}'")),
        _ if value.starts_with("..") => complaints.push("must not start with '..'".to_owned()),
        _ => {}
    }
    complaints
}

/// The name of an environment variable.
pub(crate) fn environment_variable(value: &str) -> Vec<String> {
    let is_printable = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
    match value {
        "" => vec!["environment variable name must be non-empty".to_owned()],
        _ if value.bytes().all(is_printable) => Vec::new(),
        _ => vec![
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
                .to_owned(),
        ],
    }
}

/// The name of a port of a container, by which others refer to it.
pub(crate) fn port_name(value: &str) -> Vec<String> {
    let mut complaints = too_long(value, 15);
    let is_port_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !value.bytes().all(is_port_name) {
        complaints.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !value.bytes().any(|byte| byte.is_ascii_lowercase()) {
        complaints.push("must contain at least one letter (a-z)".to_owned());
    }
    if value.contains("--") {
        complaints.push("must not contain consecutive hyphens".to_owned());
    }
    if value.starts_with('-') || value.ends_with('-') {
        complaints.push("must not begin or end with a hyphen".to_owned());
    }
    complaints
}

/// A domain, a `/` and a path behind it, as controllers are named.
pub(crate) fn domain_prefixed_path(value: &str) -> Vec<String> {
    let is_of_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
    match value.split_once('/') {
        Some((domain, path)) if !domain.is_empty() && !path.is_empty() => {
            let mut complaints = rfc1123_subdomain(domain);
            if !path.bytes().all(is_of_path) {
                complaints.push(format!(
                    "Invalid path (e.g. 'my/path', regex used for validation is '{HTTP_PATH}')"
                ));
            }
            complaints
        }
        _ => vec!["must be a domain-prefixed path (such as \"acme.io/foo\")".to_owned()],
    }
}

const HTTP_PATH: &str = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+";

/// A domain of at least three parts, as webhooks are named.
pub(crate) fn fully_qualified_name(value: &str) -> Vec<String> {
    let mut complaints = rfc1123_subdomain(value);
    if complaints.is_empty() && value.split('.').count() < 3 {
        complaints.push("should be a domain with at least three segments separated by dots".to_owned());
    }
    complaints
}

/// Who signs certificates: a domain of at least two parts, a `/`, and a name.
pub(crate) fn signer_name(value: &str) -> Vec<String> {
    let Some((domain, name)) = value.split_once('/').filter(|(_, name)| !name.contains('/')) else {
        return vec![
            "must be a fully qualified domain and path of the form 'example.com/signer-name'".to_owned(),
        ];
    };
    let mut complaints = rfc1123_subdomain(domain);
    if !domain.contains('.') {
        complaints.push("should be a domain with at least two segments separated by dots".to_owned());
    }
    complaints.extend(rfc1123_subdomain(name));
    complaints
}

/// A driver of volumes.
pub(crate) fn driver_name(value: &str) -> Vec<String> {
    let mut complaints = too_long(value, 63);
    complaints.extend(rfc1123_subdomain(&value.to_lowercase()));
    complaints
}

fn too_long(value: &str, bytes_max: usize) -> Vec<String> {
    if value.len() > bytes_max { vec![format!("must be no more than {bytes_max} bytes")] } else { Vec::new() }
}

fn is_rfc1123_label(value: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !value.is_empty() && value.bytes().all(inside) && !value.starts_with('-') && !value.ends_with('-')
}

fn is_label_text(value: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    value.bytes().all(inside) && ends(value.bytes().next()) && ends(value.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&str) -> Vec<String>, good: &[&str], bad: &[(&str, &str)]) {
        for value in good {
            assert_eq!(rule(value), Vec::<String>::new(), "{value:?}");
        }
        for (value, words) in bad {
            let complaints = rule(value);
            assert!(complaints.iter().any(|found| found.contains(words)), "{value:?}: {complaints:?}");
        }
    }

    #[test]
    fn names_follow_their_rules() {
        let long = "a".repeat(64);
        check(
            rfc1123_label,
            &["a", "a-b", "1a"],
            &[("", "RFC 1123 label"), ("A", "RFC 1123 label"), (&long, "63 bytes")],
        );
        check(
            rfc1123_subdomain,
            &["a.b", "a", &long],
            &[("a..b", "subdomain"), (".a", "subdomain"), ("a_b", "subdomain")],
        );
        check(rfc1035_label, &["a1"], &[("1a", "DNS-1035"), ("a-", "DNS-1035")]);
        check(
            wildcard_subdomain,
            &["*.a.b"],
            &[("*", "wildcard"), ("a.b", "wildcard"), ("*.*.a", "wildcard")],
        );
        check(
            path_segment,
            &["system:node", "a b"],
            &[("..", "may not be '..'"), ("a/b", "may not contain '/'")],
        );
    }

    #[test]
    fn names_of_controllers_webhooks_and_signers_begin_with_a_domain() {
        check(
            domain_prefixed_path,
            &["k8s.io/ingress-nginx", "a/b/c"],
            &[
                ("", "domain-prefixed"),
                ("a", "domain-prefixed"),
                ("A/b", "subdomain"),
                ("a/b c", "Invalid path"),
            ],
        );
        check(
            fully_qualified_name,
            &["pods.example.com"],
            &[("example.com", "at least three segments"), ("a..b", "subdomain")],
        );
        check(
            signer_name,
            &["kubernetes.io/kube-apiserver-client"],
            &[
                ("example.com", "of the form"),
                ("a.b/c/d", "of the form"),
                ("a/b", "at least two segments"),
                ("a.b/C", "subdomain"),
            ],
        );
        check(driver_name, &["CSI.example.com"], &[("a b", "subdomain")]);
    }

    #[test]
    fn labels_and_keys_follow_their_rules() {
        check(
            qualified_name,
            &["app", "app.kubernetes.io/name", "A_b.c"],
            &[
                ("", "name part must be non-empty"),
                ("/a", "prefix part must be non-empty"),
                ("a/b/c", "a qualified name must consist"),
                ("A.b/c", "prefix part a lowercase RFC 1123 subdomain"),
                ("-a", "name part must consist"),
            ],
        );
        check(label_value, &["", "a", "1.0_x"], &[("a b", "a valid label"), ("a.", "a valid label")]);
        check(
            config_key,
            &["a.b", ".hidden"],
            &[("", "config key"), ("a/b", "config key"), ("..a", "start with '..'")],
        );
        check(
            environment_variable,
            &["A", "my.name", "a b"],
            &[("", "non-empty"), ("a=b", "printable ASCII")],
        );
        check(
            port_name,
            &["http", "a-1"],
            &[("80", "one letter"), ("a--b", "consecutive"), ("HTTP", "alpha-numeric")],
        );
    }
}
