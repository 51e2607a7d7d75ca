//! What a rule says of hosts and paths, and what it matches.

use std::cmp::Reverse;
use std::fmt;

/// The hosts that a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HostPattern {
    /// This one.
    Exact(String),
    /// Those with one label before this domain.
    Wildcard(String),
    /// All.
    Any,
}

impl HostPattern {
    pub(crate) fn parse(host: Option<&str>) -> Self {
        match host.map(normalize_host).as_deref() {
            None | Some("") => HostPattern::Any,
            Some(host) => match host.strip_prefix("*.") {
                Some(domain) => HostPattern::Wildcard(domain.to_owned()),
                None => HostPattern::Exact(host.to_owned()),
            },
        }
    }

    /// The patterns that match a host, the most specific first.
    pub(crate) fn matching(host: &str) -> impl Iterator<Item = HostPattern> {
        let wildcard = host.split_once('.').map(|(_, domain)| HostPattern::Wildcard(domain.to_owned()));
        [Some(HostPattern::Exact(host.to_owned())), wildcard, Some(HostPattern::Any)].into_iter().flatten()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Exact(host) => f.write_str(host),
            HostPattern::Wildcard(domain) => write!(f, "*.{domain}"),
            HostPattern::Any => f.write_str("*"),
        }
    }
}

/// A host as it is compared: in lower case, without port and without the dot of the root.
pub(crate) fn normalize_host(host: &str) -> String {
    let port = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let bare = match port {
        Some((bare, _)) => bare,
        None => host,
    };
    bare.trim_end_matches('.').to_ascii_lowercase()
}

/// The paths that a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathPattern {
    /// This one.
    Exact(String),
    /// This one and those below it. Without the slash at its end, so that all paths are below the empty one.
    Prefix(String),
}

impl PathPattern {
    /// `ImplementationSpecific`, too, is a prefix here.
    pub(crate) fn parse(path_type: &str, path: Option<&str>) -> Self {
        let path = path.unwrap_or("/");
        if path_type == "Exact" {
            PathPattern::Exact(path.to_owned())
        } else {
            PathPattern::Prefix(path.trim_end_matches('/').to_owned())
        }
    }

    pub(crate) fn everything() -> Self {
        PathPattern::Prefix(String::new())
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        match self {
            PathPattern::Exact(exact) => path == exact,
            PathPattern::Prefix(prefix) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }

    /// Longest first, and an exact path before a prefix of the same length.
    pub(crate) fn precedence(&self) -> (Reverse<usize>, bool) {
        match self {
            PathPattern::Exact(path) => (Reverse(path.len()), false),
            PathPattern::Prefix(path) => (Reverse(path.len()), true),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathPattern::Exact(path) => f.write_str(path),
            PathPattern::Prefix(path) if path.is_empty() => f.write_str("/"),
            PathPattern::Prefix(path) => f.write_str(path),
        }
    }
}
