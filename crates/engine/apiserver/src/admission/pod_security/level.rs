//! What the labels of a namespace demand: a level, and the minor version whose rules are meant.

use bythos_schema::{FieldError, FieldPath, Refusal};
use serde_json::{Value, json};

const PREFIX: &str = "pod-security.kubernetes.io/";

/// The Pod Security Standards, from the one that allows everything on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

impl Level {
    fn parse(text: &str) -> Option<Level> {
        Some(match text {
            "privileged" => Level::Privileged,
            "baseline" => Level::Baseline,
            "restricted" => Level::Restricted,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        }
    }
}

/// Whose rules are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Latest,
    /// Those of Kubernetes 1.N.
    Minor(u32),
}

impl Version {
    fn parse(text: &str) -> Option<Version> {
        if text == "latest" {
            return Some(Version::Latest);
        }
        let minor = text.strip_prefix("v1.")?;
        let is_plain = minor == "0" || !minor.starts_with('0');
        minor
            .parse()
            .ok()
            .filter(|_| is_plain && minor.bytes().all(|byte| byte.is_ascii_digit()))
            .map(Version::Minor)
    }

    /// Whether what came with 1.`minor` holds.
    pub(super) fn has(self, minor: u32) -> bool {
        match self {
            Version::Latest => true,
            Version::Minor(own) => own >= minor,
        }
    }
}

/// What happens to who does not meet a demand. (`audit` is read, and noted nowhere yet.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Enforce,
    Audit,
    Warn,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Audit => "audit",
            Mode::Warn => "warn",
        }
    }
}

/// A level as it was in a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) level: Level,
    pub(super) version: Version,
}

impl std::fmt::Display for Demand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.version {
            Version::Latest => write!(f, "{}:latest", self.level.as_str()),
            Version::Minor(minor) => write!(f, "{}:v1.{minor}", self.level.as_str()),
        }
    }
}

impl Demand {
    /// What a namespace demands. A level that cannot be understood demands the most, as upstream.
    pub(super) fn of(namespace: &Value, mode: Mode) -> Demand {
        let level = match label(namespace, mode.as_str()) {
            None => Level::Privileged,
            Some(text) => Level::parse(text).unwrap_or(Level::Restricted),
        };
        let version = label(namespace, &format!("{}-version", mode.as_str())).and_then(Version::parse);
        Demand { level, version: version.unwrap_or(Version::Latest) }
    }
}

/// What is wrong with the labels that changed.
pub(super) fn problems(old: Option<&Value>, new: &Value) -> Vec<FieldError> {
    let labels = FieldPath::root().field("metadata").field("labels");
    let mut problems = Vec::new();
    let mut check = |key: String, is_good: fn(&str) -> bool, detail: &str| {
        let value = label(new, &key);
        let is_new = old.and_then(|old| label(old, &key)) != value;
        if let Some(value) = value.filter(|value| is_new && !is_good(value)) {
            let path = labels.key(&format!("{PREFIX}{key}"));
            problems.push(FieldError::of(path, Refusal::Invalid, &json!(value), detail));
        }
    };
    for mode in [Mode::Enforce, Mode::Audit, Mode::Warn] {
        let levels = "must be one of privileged, baseline, restricted";
        check(mode.as_str().to_owned(), |text| Level::parse(text).is_some(), levels);
        let versions = "must be \"latest\" or \"v1.x\"";
        check(format!("{}-version", mode.as_str()), |text| Version::parse(text).is_some(), versions);
    }
    problems
}

fn label<'a>(namespace: &'a Value, key: &str) -> Option<&'a str> {
    namespace.get("metadata")?.get("labels")?.get(format!("{PREFIX}{key}"))?.as_str()
}
