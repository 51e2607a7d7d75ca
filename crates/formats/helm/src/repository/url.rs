//! Addresses of charts in an index: absolute, or as seen from the repository.

use super::RepositoryError;

/// The parts of an absolute address.
struct Parts<'u> {
    scheme: &'u str,
    /// Host and port, and whatever stands before `@`.
    authority: &'u str,
    path: &'u str,
    query: &'u str,
}

fn scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter);
    let is_scheme =
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic()) && scheme.bytes().all(is_letter);
    is_scheme.then_some((scheme, rest))
}

fn parts(url: &str) -> Result<Parts<'_>, RepositoryError> {
    let wrong = |message| RepositoryError::Url { url: url.to_owned(), message };
    let (scheme, rest) =
        scheme(url).ok_or_else(|| wrong("expected an absolute URL, as in https://host/path"))?;
    let rest = rest.strip_prefix("//").ok_or_else(|| wrong("expected // after the scheme"))?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.is_empty() && scheme != "file" {
        return Err(wrong("expected a host"));
    }
    Ok(Parts { scheme, authority, path, query })
}

/// The address of something that a repository names. The repository's own query, a token perhaps, goes along.
///
/// # Errors
/// The repository's address is not absolute.
pub fn resolve_reference(repository: &str, reference: &str) -> Result<String, RepositoryError> {
    if scheme(reference).is_some() {
        return Ok(reference.to_owned());
    }
    let Parts { scheme, authority, path, query } = parts(repository)?;
    let reference = reference.split('#').next().unwrap_or(reference);
    let reference = reference.split('?').next().unwrap_or(reference);
    let (authority, path) = match reference.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (authority, path.to_owned())
        }
        None if reference.starts_with('/') => (authority, reference.to_owned()),
        None => (authority, format!("{}/{reference}", path.trim_end_matches('/'))),
    };
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    Ok(format!("{scheme}://{authority}{}{query}", without_dots(&path)))
}

/// `.` and `..` carried out, without leaving the root.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for part in path.split('/').skip(1) {
        ends_in_folder = matches!(part, "." | "..");
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if ends_in_folder {
        parts.push("");
    }
    format!("/{}", parts.join("/"))
}

/// Whether both addresses are of the same scheme, host and port: only then do credentials of one go to the other.
pub fn same_host(left: &str, right: &str) -> bool {
    let host = |url: &str| {
        let Parts { scheme, authority, .. } = parts(url).ok()?;
        let host = authority.rsplit('@').next().unwrap_or(authority).to_lowercase();
        let default = if scheme == "http" { ":80" } else { ":443" };
        let has_port = host.rsplit(']').next().unwrap_or(&host).contains(':');
        Some((scheme.to_lowercase(), if has_port { host } else { format!("{host}{default}") }))
    };
    host(left).is_some() && host(left) == host(right)
}
