//! Charts in registries: references, tags, and the manifest of a chart.
//!
//! <https://helm.sh/docs/topics/registries/>, <https://github.com/opencontainers/image-spec>

use serde_json::Value;

use super::RepositoryError;
use crate::semver::{Constraint, Version};

/// Of the manifest.
pub const MEDIA_TYPE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Of the config: what Chart.yaml says, as JSON.
pub const MEDIA_TYPE_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// Of the layer that is the archive.
pub const MEDIA_TYPE_CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// Of the archive, as it was called at first.
pub const MEDIA_TYPE_CHART_OLD: &str = "application/tar+gzip";
/// Of the layer that is the signature.
pub const MEDIA_TYPE_PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

const SCHEME: &str = "oci://";
const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// What a registry has under a name: `oci://registry.example:5000/charts/web:1.2.3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Host and port.
    pub registry: String,
    /// `charts/web`
    pub repository: String,
    /// `1.2.3`; in tags `_` stands for the `+` of versions.
    pub tag: Option<String>,
    /// `sha256:...`
    pub digest: Option<String>,
}

/// A blob of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// `sha256:...`
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What the manifest of a chart says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartManifest {
    /// What Chart.yaml says, as JSON.
    pub config: Descriptor,
    /// The archive.
    pub chart: Descriptor,
    /// The signature, if there is one.
    pub provenance: Option<Descriptor>,
}

/// The tag of a version.
pub fn chart_tag(version: &str) -> String {
    version.replace('+', "_")
}

impl Reference {
    /// With `oci://` in front or without.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Reference, RepositoryError> {
        let wrong = |message| RepositoryError::Reference { reference: text.to_owned(), message };
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        let (rest, digest) = match rest.rsplit_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (registry, path) =
            rest.split_once('/').ok_or_else(|| wrong("expected host/name, as in oci://host/charts/web"))?;
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(chart_tag(tag))),
            None => (path, None),
        };
        if !is_registry(registry) {
            return Err(wrong("expected a host, or host:port"));
        }
        if !repository.split('/').all(is_name) {
            return Err(wrong(
                "expected names of small letters and digits with `.`, `_` and `-` between them",
            ));
        }
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("expected a tag of at most 128 letters, digits, `.`, `_` and `-`"));
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(wrong("expected a digest as sha256: and 64 hexadecimal digits"));
        }
        Ok(Reference {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag,
            digest: digest.map(str::to_owned),
        })
    }

    /// What to ask the registry for: the digest if there is one, else the tag.
    pub fn wanted(&self) -> Option<&str> {
        self.digest.as_deref().or(self.tag.as_deref())
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{SCHEME}{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(formatter, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(formatter, "@{digest}"))
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_host = |letter: u8| letter.is_ascii_alphanumeric() || b".-[]:".contains(&letter);
    !host.is_empty() && host.bytes().all(is_host) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_name(text: &str) -> bool {
    let is_plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let bytes = text.as_bytes();
    let has_ends =
        bytes.first().zip(bytes.last()).is_some_and(|(one, last)| is_plain(*one) && is_plain(*last));
    has_ends && bytes.iter().all(|letter| is_plain(*letter) || b"._-".contains(letter))
}

fn is_tag(text: &str) -> bool {
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || b"._-".contains(&letter);
    (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(is_letter)
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:");
    hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// The versions among the tags of a registry, the newest first, as versions are written.
pub fn versions_of_tags(tags: &[String]) -> Vec<String> {
    let is_strict = |text: &str| {
        let numbers = text.split(['-', '+']).next().unwrap_or(text);
        numbers.split('.').count() == 3 && !text.starts_with('v')
    };
    let versions = tags.iter().map(|tag| tag.replace('_', "+")).filter(|text| is_strict(text));
    let mut versions: Vec<Version> = versions.filter_map(|text| Version::parse(&text).ok()).collect();
    versions.sort_by(|left, right| right.compare(left));
    versions.iter().map(ToString::to_string).collect()
}

/// The version that will do, of those that a registry has.
pub(super) fn best_version(tags: &[String], wanted: &str) -> Option<String> {
    let versions = versions_of_tags(tags);
    let constraint = Constraint::parse(if wanted.is_empty() { "*" } else { wanted }).ok()?;
    let fits = |text: &&String| Version::parse(text).is_ok_and(|version| constraint.allows(&version));
    let exact = versions.iter().find(|version| *version == wanted);
    exact.or_else(|| versions.iter().find(fits)).cloned()
}

impl ChartManifest {
    /// Reads the manifest of a chart.
    ///
    /// # Errors
    /// It is none, is too large, or lacks the config or the archive.
    pub fn read(data: &[u8]) -> Result<ChartManifest, RepositoryError> {
        let wrong = |message: String| RepositoryError::Manifest(message);
        if data.len() > MANIFEST_BYTES_MAX {
            return Err(wrong(format!("it is larger than {MANIFEST_BYTES_MAX} bytes")));
        }
        let manifest: Value =
            serde_json::from_slice(data).map_err(|error| wrong(format!("no JSON: {error}")))?;
        if manifest.get("manifests").is_some() {
            return Err(wrong("expected the manifest of a chart, found an index of several".to_owned()));
        }
        let config = manifest.get("config").map(|config| descriptor(config, "config")).transpose()?;
        let config = config.filter(|config| config.media_type == MEDIA_TYPE_CONFIG);
        let config = config
            .ok_or_else(|| wrong(format!("could not load config with mediatype {MEDIA_TYPE_CONFIG}")))?;
        let layers = manifest.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let layers =
            layers.iter().enumerate().map(|(index, layer)| descriptor(layer, &format!("layers[{index}]")));
        let layers: Vec<Descriptor> = layers.collect::<Result<_, _>>()?;
        let find = |media_type: &str| layers.iter().find(|layer| layer.media_type == media_type).cloned();
        let chart = find(MEDIA_TYPE_CHART).or_else(|| find(MEDIA_TYPE_CHART_OLD));
        let chart = chart.ok_or_else(|| {
            wrong(format!("manifest does not contain a layer with mediatype {MEDIA_TYPE_CHART}"))
        })?;
        Ok(ChartManifest { config, chart, provenance: find(MEDIA_TYPE_PROVENANCE) })
    }
}

fn descriptor(value: &Value, path: &str) -> Result<Descriptor, RepositoryError> {
    let wrong = |field: &str, expected: &str| {
        let found = value.get(field).unwrap_or(&Value::Null);
        RepositoryError::Manifest(format!("{path}.{field}: expected {expected}, found {found}"))
    };
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    let digest = text("digest").filter(|digest| is_digest(digest));
    Ok(Descriptor {
        media_type: text("mediaType").ok_or_else(|| wrong("mediaType", "a media type"))?.to_owned(),
        digest: digest.ok_or_else(|| wrong("digest", "sha256: and 64 hexadecimal digits"))?.to_owned(),
        size: value.get("size").and_then(Value::as_u64).ok_or_else(|| wrong("size", "a number of bytes"))?,
    })
}
