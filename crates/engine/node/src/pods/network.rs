//! Names and addresses as a pod sees them: its host name, its resolver, its hosts file.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::spec::uses_host_network;
use crate::config::NodeConfig;
use crate::cri::v1;

const HOSTNAME_BYTES_MAX: usize = 63;
const FULL_NAME_BYTES_MAX: usize = 64;

/// The pod's full name is longer than a host name may be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "setHostnameAsFQDN: {name:?} has {bytes} characters, and a host name has at most {FULL_NAME_BYTES_MAX}; choose a \
     shorter hostname or subdomain"
)]
pub(crate) struct HostnameError {
    name: String,
    bytes: usize,
}

/// The pod's host name as its programs see it; on the host's network it is the host's.
pub(crate) fn hostname(config: &NodeConfig, pod: &Pod, spec: &PodSpec) -> Result<String, HostnameError> {
    let short = short_name(config, pod, spec);
    if spec.set_hostname_as_fqdn != Some(true) || spec.hostname_override.is_some() {
        return Ok(short);
    }
    let name = full_name(config, pod, spec, &short).unwrap_or(short);
    let bytes = name.len();
    if bytes > FULL_NAME_BYTES_MAX { Err(HostnameError { name, bytes }) } else { Ok(name) }
}

fn short_name(config: &NodeConfig, pod: &Pod, spec: &PodSpec) -> String {
    if let Some(name) = &spec.hostname_override {
        return name.clone();
    }
    if uses_host_network(spec) {
        return config.node_name.clone();
    }
    let name = spec.hostname.as_deref().or(pod.metadata.name.as_deref()).unwrap_or_default();
    let short = name.get(..HOSTNAME_BYTES_MAX).unwrap_or(name);
    short.trim_end_matches(['-', '.']).to_owned()
}

/// The pod's name in the cluster's DNS, which it has only below a subdomain.
fn full_name(config: &NodeConfig, pod: &Pod, spec: &PodSpec, short: &str) -> Option<String> {
    let subdomain = spec.subdomain.as_ref().filter(|_| spec.hostname_override.is_none())?;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    Some(format!("{short}.{subdomain}.{namespace}.svc.{}", config.cluster_domain))
}

/// The pod's resolver; `None` means the host's own. `host_resolver` is the host's `resolv.conf`.
pub(crate) fn resolver(
    config: &NodeConfig,
    namespace: &str,
    spec: &PodSpec,
    host_resolver: &str,
) -> Option<v1::DnsConfig> {
    let is_cluster = match spec.dns_policy.as_deref() {
        None | Some("ClusterFirst") => !uses_host_network(spec),
        Some("ClusterFirstWithHostNet") => true,
        _ => false,
    };
    let has_own = spec.dns_policy.as_deref() == Some("None");
    let mut resolver = if is_cluster {
        let domain = &config.cluster_domain;
        let own = [format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
        v1::DnsConfig {
            servers: vec![config.cluster_dns.to_string()],
            searches: own.to_vec(),
            options: vec!["ndots:5".to_owned()],
        }
    } else if has_own {
        v1::DnsConfig::default()
    } else if spec.dns_config.is_some() {
        of_host(host_resolver)
    } else {
        return None;
    };
    if let Some(added) = &spec.dns_config {
        add_new(&mut resolver.servers, added.nameservers.as_deref());
        add_new(&mut resolver.searches, added.searches.as_deref());
        for option in added.options.iter().flatten() {
            let name = option.name.as_deref().unwrap_or_default();
            resolver.options.retain(|known| known.split(':').next() != Some(name));
            resolver.options.push(match &option.value {
                Some(value) => format!("{name}:{value}"),
                None => name.to_owned(),
            });
        }
    }
    Some(resolver)
}

fn add_new(known: &mut Vec<String>, added: Option<&[String]>) {
    for entry in added.unwrap_or_default() {
        if !known.contains(entry) {
            known.push(entry.clone());
        }
    }
}

fn of_host(text: &str) -> v1::DnsConfig {
    let mut resolver = v1::DnsConfig::default();
    for line in text.lines() {
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => resolver.servers.extend(words.next()),
            Some("search" | "domain") => resolver.searches = words.collect(),
            Some("options") => resolver.options = words.collect(),
            _ => {}
        }
    }
    resolver
}

/// The pod's `/etc/hosts`; `host_file` is what the host's own says, for pods on its network.
pub(crate) fn hosts_file(
    config: &NodeConfig,
    pod: &Pod,
    spec: &PodSpec,
    addresses: &[IpAddr],
    host_file: &str,
) -> String {
    let mut text = String::from("# Written by Bythos; changes made here are lost.\n");
    if uses_host_network(spec) {
        text.push_str(host_file);
        if !host_file.ends_with('\n') {
            text.push('\n');
        }
    } else {
        text.push_str("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
        text.push_str("fe00::\tip6-localnet\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
        let name = short_name(config, pod, spec);
        let names = match full_name(config, pod, spec, &name) {
            Some(full_name) => format!("{full_name}\t{name}"),
            None => name,
        };
        for address in addresses {
            text.push_str(&format!("{address}\t{names}\n"));
        }
    }
    for alias in spec.host_aliases.iter().flatten() {
        let names = alias.hostnames.as_deref().unwrap_or_default().join("\t");
        text.push_str(&format!("{}\t{names}\n", alias.ip));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(mut spec: Value) -> PodSpec {
        spec["containers"] = json!([]);
        serde_json::from_value(spec).unwrap()
    }

    fn pod(name: &str) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "shop"}})).unwrap()
    }

    fn resolver_of(value: Value) -> Option<v1::DnsConfig> {
        resolver(&crate::config::example(), "shop", &spec(value), "nameserver 192.0.2.1\nsearch a b\n")
    }

    #[test]
    fn pods_ask_the_cluster_unless_they_say_otherwise() {
        let cluster = resolver_of(json!({})).unwrap();
        assert_eq!(cluster.servers, ["10.43.0.10"]);
        assert_eq!(cluster.searches, ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]);
        assert_eq!(cluster.options, ["ndots:5"]);
        assert_eq!(resolver_of(json!({"dnsPolicy": "Default"})), None);
        assert_eq!(resolver_of(json!({"hostNetwork": true})), None);
        let on_host = json!({"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"});
        assert_eq!(resolver_of(on_host), Some(cluster));
    }

    #[test]
    fn own_settings_are_added_and_options_replaced() {
        let added = json!({"nameservers": ["192.0.2.53"], "searches": ["example.org"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]});
        let cluster = resolver_of(json!({"dnsConfig": added})).unwrap();
        assert_eq!(cluster.servers, ["10.43.0.10", "192.0.2.53"]);
        assert_eq!(cluster.options, ["ndots:2", "edns0"]);
        let own = resolver_of(json!({"dnsPolicy": "None", "dnsConfig": added})).unwrap();
        assert_eq!(own.servers, ["192.0.2.53"]);
        assert_eq!(own.searches, ["example.org"]);
        let of_host = resolver_of(json!({"dnsPolicy": "Default", "dnsConfig": added})).unwrap();
        assert_eq!(of_host.servers, ["192.0.2.1", "192.0.2.53"]);
        assert_eq!(of_host.searches, ["a", "b", "example.org"]);
    }

    #[test]
    fn a_host_name_fits_into_a_label() {
        let config = crate::config::example();
        let long = format!("{}-x", "a".repeat(62));
        let name = |pod_name: &str, value: Value| hostname(&config, &pod(pod_name), &spec(value));
        assert_eq!(name(&long, json!({})).unwrap(), "a".repeat(62));
        assert_eq!(name("web-0", json!({"hostname": "own"})).unwrap(), "own");
        assert_eq!(name("web-0", json!({"hostNetwork": true})).unwrap(), "host");
        assert_eq!(name("web-0", json!({"hostnameOverride": "a.example.org"})).unwrap(), "a.example.org");
    }

    #[test]
    fn the_full_name_becomes_the_host_name_where_it_fits() {
        let config = crate::config::example();
        let full = |subdomain: &str| {
            let asked = json!({"subdomain": subdomain, "setHostnameAsFQDN": true});
            hostname(&config, &pod("web-0"), &spec(asked))
        };
        assert_eq!(full("db").unwrap(), "web-0.db.shop.svc.cluster.local");
        let refused = full(&"b".repeat(60)).unwrap_err().to_string();
        assert!(refused.contains("at most 64"), "{refused}");
        let without = json!({"setHostnameAsFQDN": true});
        assert_eq!(hostname(&config, &pod("web-0"), &spec(without)).unwrap(), "web-0");
    }

    #[test]
    fn the_hosts_file_names_the_pod_and_its_aliases() {
        let config = crate::config::example();
        let spec =
            spec(json!({"subdomain": "db", "hostAliases": [{"ip": "192.0.2.9", "hostnames": ["a", "b"]}]}));
        let text = hosts_file(&config, &pod("web-0"), &spec, &[[10, 42, 0, 5].into()], "");
        assert!(text.contains("127.0.0.1\tlocalhost\n"));
        assert!(text.contains("10.42.0.5\tweb-0.db.shop.svc.cluster.local\tweb-0\n"));
        assert!(text.ends_with("192.0.2.9\ta\tb\n"));
    }
}
