//! The downward API: fields of a pod by their path, as `fieldRef` names them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

/// What of a pod only the node knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Empty until the pod has a network.
    pub(crate) pod: Vec<IpAddr>,
    pub(crate) host: IpAddr,
}

/// There is no such field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "fieldRef {path:?} is not known; expected metadata.name, .namespace, .uid, .labels['key'], .annotations['key'], \
     spec.nodeName, .serviceAccountName, status.podIP, .podIPs, .hostIP or .hostIPs"
)]
pub(crate) struct UnknownField {
    path: String,
}

/// The text of the field at `path`. A label or an annotation that is not there is empty.
pub(crate) fn text(pod: &Pod, addresses: &Addresses, path: &str) -> Result<String, UnknownField> {
    let metadata = &pod.metadata;
    let spec = pod.spec.as_ref();
    let of_spec = |field: Option<&String>| field.cloned().unwrap_or_default();
    let found = match path {
        "metadata.name" => metadata.name.clone().unwrap_or_default(),
        "metadata.namespace" => metadata.namespace.clone().unwrap_or_default(),
        "metadata.uid" => metadata.uid.clone().unwrap_or_default(),
        "metadata.labels" => listed(metadata.labels.as_ref()),
        "metadata.annotations" => listed(metadata.annotations.as_ref()),
        "spec.nodeName" => of_spec(spec.and_then(|spec| spec.node_name.as_ref())),
        "spec.serviceAccountName" => of_spec(spec.and_then(|spec| spec.service_account_name.as_ref())),
        "status.podIP" => addresses.pod.first().map(IpAddr::to_string).unwrap_or_default(),
        "status.podIPs" => joined(&addresses.pod),
        "status.hostIP" | "status.hostIPs" => addresses.host.to_string(),
        _ => {
            let unknown = || UnknownField { path: path.to_owned() };
            let (map, rest) = if let Some(rest) = path.strip_prefix("metadata.labels['") {
                (metadata.labels.as_ref(), rest)
            } else if let Some(rest) = path.strip_prefix("metadata.annotations['") {
                (metadata.annotations.as_ref(), rest)
            } else {
                return Err(unknown());
            };
            let key = rest.strip_suffix("']").ok_or_else(unknown)?;
            map.and_then(|map| map.get(key)).cloned().unwrap_or_default()
        }
    };
    Ok(found)
}

fn joined(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(",")
}

/// `key="value"` in lines, quoted as Go does.
fn listed(map: Option<&BTreeMap<String, String>>) -> String {
    let lines = map.into_iter().flatten().map(|(key, value)| format!("{key}={}", quoted(value)));
    lines.collect::<Vec<_>>().join("\n")
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_ascii_control() => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Result<String, UnknownField> {
        let pod = serde_json::from_value(serde_json::json!({
            "metadata": {
                "name": "web-0", "namespace": "shop", "uid": "1-2",
                "labels": {"app": "web", "tier": "a \"b\"\n"}, "annotations": {"example.org/note": "hello"},
            },
            "spec": {"nodeName": "host", "serviceAccountName": "web", "containers": []},
        }))
        .unwrap();
        let addresses = Addresses {
            pod: vec![[10, 42, 0, 5].into(), [10, 42, 0, 6].into()],
            host: [192, 0, 2, 1].into(),
        };
        text(&pod, &addresses, path)
    }

    #[test]
    fn fields_are_found_by_their_path() {
        let cases = [
            ("metadata.name", "web-0"),
            ("metadata.namespace", "shop"),
            ("metadata.uid", "1-2"),
            ("metadata.labels['app']", "web"),
            ("metadata.labels['none']", ""),
            ("metadata.annotations['example.org/note']", "hello"),
            ("metadata.labels", "app=\"web\"\ntier=\"a \\\"b\\\"\\n\""),
            ("spec.nodeName", "host"),
            ("spec.serviceAccountName", "web"),
            ("status.podIP", "10.42.0.5"),
            ("status.podIPs", "10.42.0.5,10.42.0.6"),
            ("status.hostIP", "192.0.2.1"),
        ];
        for (path, expected) in cases {
            assert_eq!(read(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn an_unknown_path_is_named() {
        for path in ["metadata.generation", "metadata.labels['app'", "spec.containers"] {
            assert!(read(path).unwrap_err().to_string().starts_with(&format!("fieldRef {path:?}")), "{path}");
        }
    }
}
