//! The CNI configuration that containerd gives every pod: `ptp` with `host-local` addresses.
//!
//! Upstream: the CNI specification 1.0.0, and the documentation of the plugins `ptp` and `host-local`.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::config::NetworkConfig;

const FILE_NAME: &str = "10-bythos.conflist";

/// The configuration of the pods' network could not be written or removed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} the CNI configuration {path:?}")]
pub struct ConflistError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Where the configuration lies.
pub(crate) fn conflist_path(config: &NetworkConfig) -> PathBuf {
    config.cni_conf_dir.join(FILE_NAME)
}

/// Writes the configuration, so that a reader finds the old or the new one, never half of it.
pub(crate) fn write_conflist(config: &NetworkConfig) -> Result<PathBuf, ConflistError> {
    let path = conflist_path(config);
    let text = format!("{:#}\n", conflist(config));
    replace_file(&path, &text).map_err(|source| ConflistError {
        action: "write",
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// Removes the configuration, if it is there.
pub(crate) fn remove_conflist(config: &NetworkConfig) -> Result<(), ConflistError> {
    let path = conflist_path(config);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ConflistError { action: "remove", path, source })
        }
        _ => Ok(()),
    }
}

/// Replaces a file as a whole. Its folder is made where it is missing.
pub(crate) fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // containerd reads files that end in `.conflist`, `.conf` or `.json` only.
    let unfinished = path.with_extension("new");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(&unfinished, path)
}

/// `ipMasq` is off because masquerading is in our own table. `host-local` never hands out the gateway's address.
/// The addresses in use lie under the state folder: after a reboot there are no pods that hold one.
fn conflist(config: &NetworkConfig) -> Value {
    let range = json!({ "subnet": config.pod_network, "gateway": config.gateway });
    json!({
        "cniVersion": "1.0.0",
        "name": format!("bythos-{}", config.id),
        "plugins": [{
            "type": "ptp",
            "ipMasq": false,
            "ipam": {
                "type": "host-local",
                "dataDir": config.state_dir.join("addresses"),
                "ranges": [[range]],
                "routes": [{ "dst": "0.0.0.0/0" }],
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::config::NetworkSettings;

    #[test]
    fn pods_get_a_routed_link_and_an_address_without_masquerading() {
        let settings = NetworkSettings::usual("1a2b3c4d", "/etc/cni".into(), "/run/network".into());
        let text = format!("{:#}", conflist(&NetworkConfig::new(settings).unwrap()));
        expect![[r#"
            {
              "cniVersion": "1.0.0",
              "name": "bythos-1a2b3c4d",
              "plugins": [
                {
                  "ipMasq": false,
                  "ipam": {
                    "dataDir": "/run/network/addresses",
                    "ranges": [
                      [
                        {
                          "gateway": "10.42.0.1",
                          "subnet": "10.42.0.0/16"
                        }
                      ]
                    ],
                    "routes": [
                      {
                        "dst": "0.0.0.0/0"
                      }
                    ],
                    "type": "host-local"
                  },
                  "type": "ptp"
                }
              ]
            }"#]]
        .assert_eq(&text);
    }

    #[test]
    fn writing_and_removing_may_be_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            NetworkSettings::usual("1a2b3c4d", folder.path().join("net.d"), folder.path().to_owned());
        let config = NetworkConfig::new(settings).unwrap();
        for _ in 0..2 {
            let path = write_conflist(&config).unwrap();
            assert!(path.is_file());
            assert_eq!(std::fs::read_dir(folder.path().join("net.d")).unwrap().count(), 1);
        }
        for _ in 0..2 {
            remove_conflist(&config).unwrap();
            assert!(!conflist_path(&config).exists());
        }
    }
}
