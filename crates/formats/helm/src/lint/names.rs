//! Which names objects may have, by their kind.

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SERVICE_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// What is wrong with the name of an object.
pub(super) fn check(kind: &str, name: &str) -> Result<(), String> {
    let starts_with_letter = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    let fault = match kind.to_lowercase().as_str() {
        "certificatesigningrequest" => None,
        "role" | "clusterrole" | "rolebinding" | "clusterrolebinding" => path_segment(name),
        "namespace" => (name.len() > 63 || !is_label(name)).then(|| LABEL.to_owned()),
        "service" => {
            (name.len() > 63 || !is_label(name) || !starts_with_letter).then(|| SERVICE_LABEL.to_owned())
        }
        _ => (name.len() > 253 || !name.split('.').all(is_label)).then(|| SUBDOMAIN.to_owned()),
    };
    fault.map_or(Ok(()), |fault| {
        Err(format!(
            "object name does not conform to Kubernetes naming requirements: {name:?}: metadata.name: Invalid value: \
             {name:?}: {fault}"
        ))
    })
}

fn is_label(text: &str) -> bool {
    let is_plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let bytes = text.as_bytes();
    let has_ends =
        bytes.first().zip(bytes.last()).is_some_and(|(one, last)| is_plain(*one) && is_plain(*last));
    has_ends && bytes.iter().all(|letter| is_plain(*letter) || *letter == b'-')
}

fn path_segment(name: &str) -> Option<String> {
    if matches!(name, "." | "..") {
        return Some(format!("may not be '{name}'"));
    }
    let sign = ["/", "%"].into_iter().find(|sign| name.contains(sign));
    sign.map(|sign| format!("may not contain '{sign}'"))
}
