//! A manifest of a static pod becomes a pod of this node: pure.

use k8s_openapi::api::core::v1::Pod;
use sha2::{Digest as _, Sha256};

use super::mirror::{HASH, SOURCE, SOURCE_FILE};

const LIMITS: bythos_yaml::Limits =
    bythos_yaml::Limits { bytes_max: 1 << 20, depth_max: 64, values_max: 100_000 };

/// The text is no manifest of a pod.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("it is no YAML")]
    Syntax(#[source] bythos_yaml::Error),
    #[error("expected a Pod of v1")]
    Pod(#[source] serde_json::Error),
    #[error("found apiVersion {version:?} and kind {kind:?}, expected v1 and Pod")]
    Kind { version: String, kind: String },
    #[error("metadata.name: expected a name")]
    NoName,
    #[error("spec: expected a specification")]
    NoSpec,
}

/// The pod as it runs on `node`: its name is followed by the node's, and its uid is the hash of the text.
pub(super) fn parse(text: &str, node: &str) -> Result<Pod, ManifestError> {
    let value = bythos_yaml::parse(text, LIMITS).map_err(ManifestError::Syntax)?;
    let field = |name: &str| value.get(name).and_then(|field| field.as_str()).unwrap_or_default().to_owned();
    let (version, kind) = (field("apiVersion"), field("kind"));
    if (version.as_str(), kind.as_str()) != ("v1", "Pod") {
        return Err(ManifestError::Kind { version, kind });
    }
    let mut pod: Pod = serde_json::from_value(value).map_err(ManifestError::Pod)?;
    let name = pod.metadata.name.filter(|name| !name.is_empty()).ok_or(ManifestError::NoName)?;
    let spec = pod.spec.as_mut().ok_or(ManifestError::NoSpec)?;
    spec.node_name = Some(node.to_owned());
    let hash = hash(text, node);
    pod.metadata.name = Some(format!("{name}-{node}"));
    pod.metadata.namespace = pod.metadata.namespace.or_else(|| Some("default".to_owned()));
    pod.metadata.uid = Some(hash.clone());
    let annotations = pod.metadata.annotations.get_or_insert_default();
    annotations.insert(HASH.to_owned(), hash);
    annotations.insert(SOURCE.to_owned(), SOURCE_FILE.to_owned());
    pod.status = None;
    Ok(pod)
}

fn hash(text: &str, node: &str) -> String {
    let digest = Sha256::new().chain_update(node).chain_update([0]).chain_update(text).finalize();
    digest.iter().take(16).fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use bythos_operator::error_chain;

    use super::*;

    const TEXT: &str =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: dns}\nspec: {containers: [{name: dns}]}\n";

    #[test]
    fn a_static_pod_goes_by_its_text_and_its_node() {
        let pod = parse(TEXT, "host").unwrap();
        assert_eq!(pod.metadata.name.as_deref(), Some("dns-host"));
        assert_eq!(pod.metadata.namespace.as_deref(), Some("default"));
        assert_eq!(pod.spec.unwrap().node_name.as_deref(), Some("host"));
        let other = parse(&TEXT.replace("name: dns}]", "name: other}]"), "host").unwrap();
        assert_ne!(other.metadata.uid, pod.metadata.uid);
        assert_eq!(parse(TEXT, "host").unwrap().metadata.uid, pod.metadata.uid);
    }

    #[test]
    fn what_is_no_pod_is_refused_with_the_reason() {
        let refused = |text: &str| error_chain(&parse(text, "host").unwrap_err());
        let kind = "found apiVersion \"v1\" and kind \"Service\", expected v1 and Pod";
        assert_eq!(refused("apiVersion: v1\nkind: Service\n"), kind);
        assert_eq!(refused("apiVersion: v1\nkind: Pod\nmetadata: {}\n"), "metadata.name: expected a name");
        assert!(refused("a: [").starts_with("it is no YAML"));
    }
}
