//! Settings of the host: read once from `config.yaml`, resolved, and passed down as values.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::layout::Layout;

const SETTINGS_BYTES_MAX: u64 = 1024 * 1024;

/// The file as it is written. Every field has a default, and an unknown one is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct RawSettings {
    domain: Option<String>,
    node_name: Option<String>,
    pod_network: Option<String>,
    service_network: Option<String>,
    /// Ports by listener name: `api`, and the names that the parts declare.
    ports: BTreeMap<String, u16>,
    /// Filter of the log, for example `info` or `bythos_node=debug`.
    log: Option<String>,
}

/// What holds for this engine on this host.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) layout: Layout,
    pub(crate) domain: String,
    pub(crate) node_name: String,
    pub(crate) pod_network: String,
    pub(crate) service_network: String,
    pub(crate) log: Option<String>,
    ports: BTreeMap<String, u16>,
}

/// The gateway of the pods and the address on which pods reach the host: first of the pod network.
pub(crate) const GATEWAY_OFFSET: u32 = 1;
/// The cluster's DNS in the service network, where Kubernetes distributions put it.
pub(crate) const DNS_OFFSET: u32 = 10;
/// Name of the API server's own listener in `ports`.
pub(crate) const API_LISTENER: &str = "api";
const API_PORT: u16 = 6443;
/// Port of the forge's listener `git`.
pub(crate) const GIT_PORT: u16 = 9443;
const HTTPS_PORT: u16 = 443;

impl Settings {
    /// Reads the settings of the engine below `root`. A file that is not there means defaults.
    pub(crate) fn load(root: &Path) -> Result<Settings> {
        let root = absolute(root)?;
        let layout = Layout::new(&root);
        let raw = read(&layout.settings())?;
        Settings::resolve(layout, raw)
    }

    /// As [`Settings::load`], with defaults in place of a file that cannot be read: what runs must be stopped also
    /// where somebody broke the settings.
    pub(crate) fn load_to_stop(root: &Path) -> Result<Settings> {
        let layout = Layout::new(&absolute(root)?);
        let resolved = read(&layout.settings()).and_then(|raw| Settings::resolve(layout.clone(), raw));
        resolved.or_else(|_| Settings::resolve(layout, RawSettings::default()))
    }

    fn resolve(layout: Layout, raw: RawSettings) -> Result<Settings> {
        let node_name = match raw.node_name {
            Some(name) => name,
            None => host_name()?,
        };
        let domain = raw.domain.unwrap_or_else(|| "bythos.localhost".to_owned());
        check_name("nodeName", &node_name)?;
        check_name("domain", &domain)?;
        Ok(Settings {
            domain,
            node_name,
            pod_network: raw.pod_network.unwrap_or_else(|| "10.42.0.0/16".to_owned()),
            service_network: raw.service_network.unwrap_or_else(|| "10.43.0.0/16".to_owned()),
            log: raw.log,
            ports: raw.ports,
            layout,
        })
    }

    /// Refuses ports for listeners that do not exist: a misspelt name would otherwise do nothing.
    pub(crate) fn check_listeners(&self, known: &[&str]) -> Result<()> {
        let unknown = self.ports.keys().find(|name| *name != API_LISTENER && !known.contains(&name.as_str()));
        match unknown {
            Some(name) => bail!(
                "ports.{name}: there is no such listener; expected {API_LISTENER}, {}",
                known.join(", ")
            ),
            None => Ok(()),
        }
    }

    /// The port of a listener: the configured one, else its own.
    pub(crate) fn port(&self, listener: &str, otherwise: u16) -> u16 {
        self.ports.get(listener).copied().unwrap_or(otherwise)
    }

    /// The platform's repository, as this machine reaches it.
    pub(crate) fn git_url(&self) -> String {
        format!("https://localhost:{}/platform.git", self.port("git", GIT_PORT))
    }

    /// What has to follow a host name in an address of the ingress: nothing, or `:8443`.
    pub(crate) fn https_suffix(&self) -> String {
        match self.port("https", HTTPS_PORT) {
            HTTPS_PORT => String::new(),
            other => format!(":{other}"),
        }
    }

    pub(crate) fn api_port(&self) -> u16 {
        self.port(API_LISTENER, API_PORT)
    }

    pub(crate) fn gateway(&self) -> Result<IpAddr> {
        nth_address(&self.pod_network, GATEWAY_OFFSET).context("podNetwork")
    }

    pub(crate) fn dns_address(&self) -> Result<IpAddr> {
        nth_address(&self.service_network, DNS_OFFSET).context("serviceNetwork")
    }

    /// The cluster IP of Service `default/kubernetes`.
    pub(crate) fn kubernetes_address(&self) -> Result<IpAddr> {
        nth_address(&self.service_network, 1).context("serviceNetwork")
    }
}

/// `root` without links. What does not exist yet is appended to its nearest ancestor that does, so that the folder
/// has one name before and after it is made.
fn absolute(root: &Path) -> Result<PathBuf> {
    let root = std::path::absolute(root).with_context(|| format!("failed to resolve {root:?}"))?;
    for ancestor in root.ancestors() {
        match ancestor.canonicalize() {
            // Made of its components again: a joined empty remainder would leave a slash at the end.
            Ok(existing) => return Ok(existing.join(root.strip_prefix(ancestor)?).components().collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("failed to resolve {root:?}")),
        }
    }
    Ok(root)
}

fn read(file: &Path) -> Result<RawSettings> {
    let size = match std::fs::metadata(file) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(RawSettings::default()),
        Err(error) => return Err(error).with_context(|| format!("failed to read {file:?}")),
    };
    if size > SETTINGS_BYTES_MAX {
        bail!("{file:?} has {size} bytes; settings have at most {SETTINGS_BYTES_MAX}");
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {file:?}"))?;
    let value = bythos_yaml::parse(&text, bythos_yaml::Limits::MANIFESTS)
        .with_context(|| format!("failed to read {file:?}"))?;
    if value.is_null() {
        return Ok(RawSettings::default());
    }
    if !value.is_object() {
        bail!("{file:?}: expected settings such as \"domain: example.org\", found {value}");
    }
    serde_json::from_value(value).with_context(|| format!("failed to read {file:?}"))
}

/// The host's name as a node's name: lower case, as Kubernetes demands.
fn host_name() -> Result<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    check_name("nodeName", &name)
        .context("the host's own name cannot name a node; set nodeName in config.yaml")?;
    Ok(name)
}

/// Refuses what is not a DNS name in lower case: labels of letters, digits and dashes, with dots between.
fn check_name(field: &str, name: &str) -> Result<()> {
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        bail!("{field}: {name:?} is not a DNS name in lower case, such as \"example.org\"");
    }
    Ok(())
}

/// The address at `offset` from the start of `network`, for example `10.43.0.0/16` and 10.
fn nth_address(network: &str, offset: u32) -> Result<IpAddr> {
    let expected = || format!("{network:?} is not a network; expected for example \"10.42.0.0/16\"");
    let (address, length) = network.split_once('/').with_context(expected)?;
    let address: Ipv4Addr = address.parse().with_context(expected)?;
    let length: u32 = length.parse().with_context(expected)?;
    if !(8..=24).contains(&length) {
        bail!("{network:?} has a prefix of {length} bits; expected 8 to 24");
    }
    let first = u32::from(address) & (u32::MAX << (32 - length));
    Ok(IpAddr::V4(Ipv4Addr::from(first + offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("etc"))?;
        std::fs::write(folder.path().join("etc/config.yaml"), text)?;
        Settings::load(folder.path())
    }

    #[test]
    fn without_a_file_the_defaults_hold() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(folder.path()).unwrap();
        assert_eq!(settings.domain, "bythos.localhost");
        assert_eq!(settings.api_port(), 6443);
        assert_eq!(settings.gateway().unwrap().to_string(), "10.42.0.1");
        assert_eq!(settings.dns_address().unwrap().to_string(), "10.43.0.10");
    }

    #[test]
    fn the_file_moves_ports_and_networks() {
        let settings = load("ports: {api: 16443, https: 10443}\nserviceNetwork: 10.99.0.0/20\n").unwrap();
        assert_eq!(settings.api_port(), 16443);
        assert_eq!(settings.port("https", 443), 10443);
        assert_eq!(settings.kubernetes_address().unwrap().to_string(), "10.99.0.1");
    }

    #[test]
    fn what_is_no_name_is_refused_but_what_runs_can_still_be_stopped() {
        for text in ["domain: bad domain!", "nodeName: Upper", "- a"] {
            assert!(load(text).is_err(), "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("etc/config.yaml"), "domain: [").unwrap();
        assert!(Settings::load(folder.path()).is_err());
        assert_eq!(Settings::load_to_stop(folder.path()).unwrap().domain, "bythos.localhost");
    }

    #[test]
    fn a_port_for_no_listener_is_named() {
        let settings = load("ports: {htps: 8443}").unwrap();
        let error = settings.check_listeners(&["http", "https"]).unwrap_err().to_string();
        assert_eq!(error, "ports.htps: there is no such listener; expected api, http, https");
    }

    #[test]
    fn a_root_has_one_name_before_and_after_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        let root = folder.path().join("link/cloud");
        let before = absolute(&root).unwrap();
        std::fs::create_dir(&root).unwrap();
        // As text: the id is made of it.
        assert_eq!(absolute(&root).unwrap().as_os_str(), before.as_os_str());
    }

    #[test]
    fn a_field_that_does_not_exist_is_named() {
        let error = format!("{:#}", load("domian: example.org\n").unwrap_err());
        assert!(error.contains("domian") && error.contains("expected"), "{error}");
    }

    #[test]
    fn what_is_not_a_network_is_named() {
        for network in ["10.42.0.0", "ten/16", "10.0.0.0/31"] {
            let error = format!("{:#}", nth_address(network, 1).unwrap_err());
            assert!(error.contains(network), "{error}");
        }
    }
}
