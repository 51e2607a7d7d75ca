//! Chart.yaml.

use bythos_yaml::Limits;
use serde_json::{Map, Value};

use super::{LintRequest, Messages, Severity, text};
use crate::chart::Metadata;
use crate::semver::Version;

const PATH: &str = "Chart.yaml";
const FIELDS: [&str; 17] = [
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
];
const MAINTAINER_FIELDS: [&str; 3] = ["name", "email", "url"];
const DEPENDENCY_FIELDS: [&str; 8] =
    ["name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"];

pub(super) fn check(request: &LintRequest<'_>, messages: &mut Messages) {
    let unreadable = |error: String| format!("unable to parse YAML\n\t{error}");
    let fields = match request.file(PATH).map(|file| bythos_yaml::parse(&text(file), Limits::MANIFESTS)) {
        Some(Ok(Value::Object(fields))) => fields,
        Some(Ok(_)) => {
            return messages.wrong(
                Severity::Error,
                PATH,
                unreadable("expected fields (`name: value`)".to_owned()),
            );
        }
        Some(Err(error)) => return messages.wrong(Severity::Error, PATH, unreadable(error.to_string())),
        None => return messages.wrong(Severity::Error, PATH, unreadable("the file is missing".to_owned())),
    };
    let metadata = match Metadata::read_loosely(&fields) {
        Ok(metadata) => metadata,
        Err(error) => return messages.wrong(Severity::Error, PATH, unreadable(error.to_string())),
    };
    if let Some(unknown) = unknown_field(&fields) {
        let text = format!(
            "failed to strictly parse chart metadata file\n\terror unmarshaling JSON: while decoding JSON: json: \
             unknown field {unknown:?}"
        );
        messages.wrong(Severity::Warning, PATH, text);
    }
    let checks: [(Severity, Result<(), String>); 12] = [
        (Severity::Error, name(&metadata)),
        (Severity::Error, api_version(&metadata, &fields)),
        (Severity::Error, is_text(&fields, "version")),
        (Severity::Error, version(&metadata)),
        (Severity::Error, is_text(&fields, "appVersion")),
        (Severity::Error, maintainers(&metadata)),
        (Severity::Error, sources(&metadata)),
        (Severity::Info, icon(&metadata)),
        (Severity::Error, icon_address(&metadata)),
        (Severity::Error, chart_type(&metadata)),
        (Severity::Error, dependencies(&metadata)),
        (Severity::Warning, strict_version(&metadata)),
    ];
    for (severity, result) in checks {
        messages.check(severity, PATH, result);
    }
}

/// The first field that nobody reads, as Go finds it.
fn unknown_field(fields: &Map<String, Value>) -> Option<&str> {
    let inside = |name: &str, known: &[&str]| -> Option<&str> {
        let items = fields.get(name)?.as_array()?;
        let fields = items.iter().filter_map(Value::as_object).flat_map(Map::keys);
        fields.map(String::as_str).find(|field| !known.contains(field))
    };
    fields.keys().map(String::as_str).find_map(|field| match field {
        "maintainers" => inside(field, &MAINTAINER_FIELDS),
        "dependencies" => inside(field, &DEPENDENCY_FIELDS),
        field => (!FIELDS.contains(&field)).then_some(field),
    })
}

fn require(is_good: bool, text: impl FnOnce() -> String) -> Result<(), String> {
    if is_good { Ok(()) } else { Err(text()) }
}

fn name(metadata: &Metadata) -> Result<(), String> {
    require(!metadata.name.is_empty(), || "name is required".to_owned())?;
    require(!metadata.name.contains('/'), || format!("chart name {:?} is invalid", metadata.name))
}

fn api_version(metadata: &Metadata, fields: &Map<String, Value>) -> Result<(), String> {
    let must = "The value must be either \"v1\" or \"v2\"";
    let is_there = fields.get("apiVersion").is_some_and(|version| *version != "");
    require(is_there, || format!("apiVersion is required. {must}"))?;
    let version = &metadata.api_version_text;
    require(matches!(version.as_str(), "v1" | "v2"), || {
        format!("apiVersion '{version}' is not valid. {must}")
    })
}

fn is_text(fields: &Map<String, Value>, name: &str) -> Result<(), String> {
    let found = match fields.get(name) {
        None | Some(Value::String(_)) => return Ok(()),
        Some(Value::Null) => "<nil>",
        Some(Value::Bool(_)) => "bool",
        Some(Value::Number(_)) => "float64",
        Some(Value::Array(_)) => "[]interface {}",
        Some(Value::Object(_)) => "map[string]interface {}",
    };
    Err(format!("{name} should be of type string but it's of type {found}"))
}

fn version(metadata: &Metadata) -> Result<(), String> {
    let version = &metadata.version;
    require(!version.is_empty(), || "version is required".to_owned())?;
    require(Version::parse(version).is_ok(), || format!("version '{version}' is not a valid SemVer"))
}

fn strict_version(metadata: &Metadata) -> Result<(), String> {
    let version = &metadata.version;
    let numbers = version.split(['-', '+']).next().unwrap_or(version);
    let is_strict = |number: &str| number == "0" || !number.starts_with('0');
    let is_three = numbers.split('.').count() == 3 && numbers.split('.').all(is_strict);
    let is_good = Version::parse(version).is_ok() && is_three && !version.starts_with('v');
    require(is_good, || format!("version '{version}' is not a valid SemVerV2"))
}

fn maintainers(metadata: &Metadata) -> Result<(), String> {
    for maintainer in &metadata.maintainers {
        let name = &maintainer.name;
        require(!name.is_empty(), || "each maintainer requires a name".to_owned())?;
        let (email, url) = (&maintainer.email, &maintainer.url);
        require(email.is_empty() || is_email(email), || {
            format!("invalid email '{email}' for maintainer '{name}'")
        })?;
        require(url.is_empty() || is_page(url), || format!("invalid url '{url}' for maintainer '{name}'"))?;
    }
    Ok(())
}

fn sources(metadata: &Metadata) -> Result<(), String> {
    let wrong = metadata.sources.iter().find(|source| !is_address(source));
    wrong.map_or(Ok(()), |source| Err(format!("invalid source URL '{source}'")))
}

fn icon(metadata: &Metadata) -> Result<(), String> {
    require(!metadata.icon.is_empty(), || "icon is recommended".to_owned())
}

fn icon_address(metadata: &Metadata) -> Result<(), String> {
    let icon = &metadata.icon;
    require(icon.is_empty() || is_address(icon), || format!("invalid icon URL '{icon}'"))
}

fn chart_type(metadata: &Metadata) -> Result<(), String> {
    let version = &metadata.api_version_text;
    require(metadata.type_text.is_empty() || version == "v2", || {
        format!("chart type is not valid in apiVersion '{version}'. It is valid in apiVersion 'v2'")
    })
}

fn dependencies(metadata: &Metadata) -> Result<(), String> {
    let version = &metadata.api_version_text;
    require(metadata.dependencies.is_empty() || version == "v2", || {
        format!(
            "dependencies are not valid in the Chart file with apiVersion '{version}'. They are valid in apiVersion 'v2'"
        )
    })
}

fn is_email(text: &str) -> bool {
    let is_host = |host: &str| host.contains('.') && !host.split('.').any(str::is_empty);
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && is_host(host) && !text.contains(char::is_whitespace) && !host.contains('@')
    })
}

/// A page, with its scheme or without.
fn is_page(text: &str) -> bool {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or(host);
    !text.contains(char::is_whitespace) && (host.contains('.') || host.starts_with("localhost"))
}

/// An address that something can be asked for at.
fn is_address(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter))
    };
    let authority = |rest: &str| rest.trim_start_matches('/').split('/').next().map(str::to_owned);
    text.split_once(':').is_some_and(|(scheme, rest)| {
        is_scheme(scheme) && !authority(rest).is_some_and(|host| host.contains(char::is_whitespace))
    })
}
